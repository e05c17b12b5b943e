//! The manual's chapters as one page of HTML, and as one document for typst.
//!
//! Chapters are Markdown files that link to each other's headings; in one document each anchor has its
//! chapter's name before it.

use std::fmt::Write;

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// What the page looks like; it needs nothing from elsewhere.
const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
    table{border-collapse:collapse;margin:1rem 0}td,th{border:1px solid #bbb;padding:.2rem .6rem;\
    vertical-align:top;text-align:left}pre{background:#f4f4f4;padding:.8rem;overflow-x:auto}\
    h1{border-top:2px solid #888;padding-top:1rem}";

/// A chapter's events, with anchors of one document.
fn events<'t>(chapter: &'t str, text: &'t str) -> Vec<Event<'t>> {
    let mut events: Vec<Event<'t>> = Parser::new_ext(text, Options::ENABLE_TABLES).collect();
    let mut seen: Vec<String> = Vec::new();
    for at in 0..events.len() {
        let mut words = String::new();
        if matches!(events[at], Event::Start(Tag::Heading { .. })) {
            let inside = events[at..].iter();
            for event in inside.take_while(|one| !matches!(one, Event::End(TagEnd::Heading(_)))) {
                if let Event::Text(text) | Event::Code(text) = event {
                    words.push_str(text);
                }
            }
        }
        match &mut events[at] {
            Event::Start(Tag::Heading { id, .. }) => {
                // A second heading of the same words gets a number, as on GitHub.
                let anchor = anchor(&words);
                let before = seen.iter().filter(|one| **one == anchor).count();
                *id = Some(match before {
                    0 => format!("{chapter}-{anchor}").into(),
                    _ => format!("{chapter}-{anchor}-{before}").into(),
                });
                seen.push(anchor);
            }
            Event::Start(Tag::Link { dest_url, .. }) => {
                *dest_url = destination(chapter, dest_url).into();
            }
            _ => {}
        }
    }
    events
}

/// As GitHub makes anchors of headings.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

fn destination(chapter: &str, link: &str) -> String {
    match link.split_once('#') {
        Some(("", anchor)) => format!("#{chapter}-{anchor}"),
        Some((file, anchor)) => match file.strip_suffix(".md") {
            Some(other) => format!("#{other}-{anchor}"),
            None => link.to_owned(),
        },
        None => link.to_owned(),
    }
}

/// One page of all chapters: their names and texts.
pub fn html(title: &str, chapters: &[(&str, &str)]) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let title = escape(title);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style></head>\n<body>\n"
    );
    for (name, text) in chapters {
        html::push_html(&mut page, events(name, text).into_iter());
    }
    page.push_str("</body>\n</html>\n");
    page
}

/// The document for typst.
pub fn typst(title: &str, chapters: &[(&str, &str)]) -> String {
    let mut typst = Typst::default();
    // Writing to a text does not fail.
    let _ = writeln!(
        typst.text,
        "#set document(title: {})\n#set page(paper: \"a4\", numbering: \"1\")\n\
         #set text(size: 10pt)\n#show heading.where(level: 1): it => {{ pagebreak(weak: true); it }}\n\
         #outline()\n",
        quoted(title)
    );
    let mut anchors = Vec::new();
    for (name, text) in chapters {
        for event in events(name, text) {
            if let Event::Start(Tag::Heading { id: Some(id), .. }) = &event {
                anchors.push(id.to_string());
            }
        }
    }
    typst.anchors = anchors;
    for (name, text) in chapters {
        events(name, text).into_iter().for_each(|event| typst.take(event));
    }
    typst.text
}

/// A text in typst's quotes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[derive(Default)]
struct Typst {
    text: String,
    anchors: Vec<String>,
    /// Labels of headings that are open.
    labels: Vec<String>,
    /// Inside a block of code.
    code: bool,
    /// Ends of links that are open.
    links: Vec<&'static str>,
}

impl Typst {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.code => self.text.push_str(&text),
            Event::Text(text) => {
                let _ = write!(self.text, "#{};", quoted(&text));
            }
            Event::Code(text) => {
                let _ = write!(self.text, "#raw({});", quoted(&text));
            }
            Event::SoftBreak => self.text.push(' '),
            Event::HardBreak => self.text.push_str(" \\\n"),
            Event::InlineHtml(html) if html.starts_with("<br") => self.text.push_str(" \\\n"),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, id, .. } => {
                // Written as a call, so that the outline does not repeat the label.
                let _ = write!(self.text, "\n#heading(level: {})[", level as usize);
                self.labels.push(id.map(CowStr::into_string).unwrap_or_default());
            }
            Tag::CodeBlock(_) => {
                self.code = true;
                self.text.push_str("\n````\n");
            }
            Tag::List(_) => self.text.push('\n'),
            Tag::Item => self.text.push_str("\n- "),
            Tag::Emphasis => self.text.push_str("#emph["),
            Tag::Strong => self.text.push_str("#strong["),
            Tag::Link { dest_url, .. } => {
                let anchor = dest_url.strip_prefix('#');
                let known = anchor.filter(|anchor| self.anchors.iter().any(|one| one == anchor));
                match known {
                    Some(anchor) => {
                        let _ = write!(self.text, "#link(label({}))[", quoted(anchor));
                        self.links.push("];");
                    }
                    None => self.links.push(""),
                }
            }
            Tag::Table(columns) => {
                let _ = write!(self.text, "\n#table(columns: {},\n", columns.len());
            }
            Tag::TableCell => self.text.push('['),
            Tag::Paragraph => self.text.push('\n'),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                let label = self.labels.pop().unwrap_or_default();
                let _ = writeln!(self.text, "] #label({})\n", quoted(&label));
            }
            TagEnd::CodeBlock => {
                self.code = false;
                self.text.push_str("````\n");
            }
            TagEnd::Emphasis | TagEnd::Strong => self.text.push_str("];"),
            TagEnd::Link => self.text.push_str(self.links.pop().unwrap_or_default()),
            TagEnd::TableCell => self.text.push_str("], "),
            TagEnd::TableHead | TagEnd::TableRow => self.text.push('\n'),
            TagEnd::Table => self.text.push_str(")\n"),
            TagEnd::Paragraph | TagEnd::List(_) => self.text.push('\n'),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAPTERS: [(&str, &str); 2] = [
        (
            "one",
            "# A & b\n\n[there](two.md#c_d) and `x<y`\n\n| a | b |\n| --- | --- |\n| 1 | *2* |\n",
        ),
        ("two", "# C_D\n\n```c\nint a;\n```\n"),
    ];

    #[test]
    fn links_lead_to_headings_of_the_one_page() {
        let page = html("T", &CHAPTERS);
        assert!(page.contains("href=\"#two-c_d\"") && page.contains("id=\"two-c_d\""), "{page}");
        assert!(page.contains("<table>") && page.contains("x&lt;y"), "{page}");
    }

    #[test]
    fn typst_gets_labels_tables_and_code() {
        let text = typst("T", &CHAPTERS);
        assert!(text.contains("#link(label(\"two-c_d\"))[#\"there\";];"), "{text}");
        assert!(text.contains("#label(\"two-c_d\")") && text.contains("#table(columns: 2,"));
        assert!(text.contains("````\nint a;\n````"), "{text}");
    }
}
