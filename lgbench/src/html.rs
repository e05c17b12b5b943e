//! A page in one file: no script, nothing loaded from elsewhere.

use labplot::Figure;

/// Colours and widths; figures shrink to narrow windows and wide tables scroll.
const STYLE: &str = "\
body{font:16px/1.5 Ubuntu,'DejaVu Sans',Helvetica,Arial,sans-serif;color:#222;background:#fff;\
max-width:64rem;margin:2rem auto;padding:0 1rem}\
h1{line-height:1.2}h2{margin-top:2.5rem;border-bottom:1px solid #ddd}\
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.875rem;margin:1rem 0}\
th,td{padding:.25rem .6rem;text-align:right;white-space:nowrap;border-bottom:1px solid #e4e4e4}\
th{border-bottom:2px solid #999}td.text,th.text{text-align:left}td.wrap{white-space:normal;min-width:14rem}\
figure{margin:1.5rem 0}figure img{max-width:100%;height:auto;border:1px solid #eee}\
figcaption{color:#555;font-size:.875rem}\
.warning{background:#fff4e0;border-left:4px solid #d55e00;padding:.5rem 1rem;margin:1rem 0}\
.slower{color:#b33c00;font-weight:bold}.faster{color:#00704f;font-weight:bold}\
.same{color:#555}.undecided{color:#777;font-style:italic}\
summary{cursor:pointer}";

/// A page being written.
#[derive(Clone, Debug)]
pub struct Page {
    out: String,
}

/// One cell of a table.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    class: &'static str,
}

impl Cell {
    /// A number, on the right.
    pub fn number(text: impl Into<String>) -> Self {
        Self { text: text.into(), class: "" }
    }

    /// Words, on the left.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), class: "text" }
    }

    /// Many words, in several lines if need be.
    pub fn long(text: impl Into<String>) -> Self {
        Self { text: text.into(), class: "text wrap" }
    }

    /// Words in a class of the page's style.
    pub fn classed(text: impl Into<String>, class: &'static str) -> Self {
        Self { text: text.into(), class }
    }
}

impl Page {
    /// Opens a page.
    pub fn new(title: &str) -> Self {
        let title = escape(title);
        Self {
            out: format!(
                "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                 <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
                 <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
            ),
        }
    }

    /// A heading of a section.
    pub fn heading(&mut self, text: &str) {
        self.out.push_str(&format!("<h2>{}</h2>\n", escape(text)));
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: &str) {
        self.out.push_str(&format!("<p>{}</p>\n", escape(text)));
    }

    /// A paragraph that must not be overlooked.
    pub fn warning(&mut self, text: &str) {
        self.out.push_str(&format!("<p class=\"warning\">{}</p>\n", escape(text)));
    }

    /// Points.
    pub fn list<'a>(&mut self, items: impl IntoIterator<Item = &'a str>) {
        self.out.push_str("<ul>\n");
        for item in items {
            self.out.push_str(&format!("<li>{}</li>\n", escape(item)));
        }
        self.out.push_str("</ul>\n");
    }

    /// A table; the classes of the first row's cells are those of the head as well.
    pub fn table(&mut self, head: &[&str], rows: &[Vec<Cell>]) {
        self.out.push_str("<div class=\"scroll\"><table>\n<tr>");
        for (n, name) in head.iter().enumerate() {
            let text = rows.first().and_then(|row| row.get(n)).is_some_and(|c| !c.class.is_empty());
            let class = if text { " class=\"text\"" } else { "" };
            self.out.push_str(&format!("<th{class}>{}</th>", escape(name)));
        }
        self.out.push_str("</tr>\n");
        for row in rows {
            self.out.push_str("<tr>");
            for cell in row {
                let class = match cell.class {
                    "" => String::new(),
                    "text" | "text wrap" => format!(" class=\"{}\"", cell.class),
                    other => format!(" class=\"text {other}\""),
                };
                self.out.push_str(&format!("<td{class}>{}</td>", escape(&cell.text)));
            }
            self.out.push_str("</tr>\n");
        }
        self.out.push_str("</table></div>\n");
    }

    /// A figure with words below it. It is put in as an image of its own, because the ids inside two SVG
    /// documents on one page would be taken for each other.
    pub fn figure(&mut self, figure: &Figure, caption: &str) {
        self.out.push_str(&format!(
            "<figure><img alt=\"{}\" width=\"{}\" height=\"{}\" src=\"data:image/svg+xml,{}\">\
             <figcaption>{}</figcaption></figure>\n",
            escape(&figure.title),
            figure.width,
            figure.height,
            percent(&figure.to_svg()),
            escape(caption),
        ));
    }

    /// Opens a part that the reader unfolds.
    pub fn fold(&mut self, summary: &str) {
        self.out.push_str(&format!("<details><summary>{}</summary>\n", escape(summary)));
    }

    /// Closes what [`Page::fold`] opened.
    pub fn unfold(&mut self) {
        self.out.push_str("</details>\n");
    }

    /// Closes the page.
    pub fn finish(mut self) -> String {
        self.out.push_str("</body>\n</html>\n");
        self.out
    }
}

/// Any text, safe inside an element or a quoted attribute.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push('\n'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// SVG as the rest of a data URL inside a quoted attribute: what has a meaning in either is encoded.
fn percent(svg: &str) -> String {
    let mut out = String::with_capacity(svg.len() + svg.len() / 3);
    for c in svg.chars() {
        match c {
            '%' => out.push_str("%25"),
            '#' => out.push_str("%23"),
            '<' => out.push_str("%3C"),
            '>' => out.push_str("%3E"),
            '"' => out.push_str("%22"),
            '&' => out.push_str("%26"),
            '\n' => out.push_str("%0A"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_text() {
        let mut page = Page::new("<script>\"x\"</script>");
        page.table(&["a<b"], &[vec![Cell::text("\u{1b}[31m & <b>")]]);
        let text = page.finish();
        assert!(!text.contains("<script>") && !text.contains("<b>") && !text.contains('\u{1b}'));
        assert!(text.ends_with("</html>\n"));
    }

    #[test]
    fn the_attribute_ends_where_it_should() {
        assert_eq!(percent("<a b=\"it's 5%\">#\n"), "%3Ca b=%22it's 5%25%22%3E%23%0A");
    }
}
