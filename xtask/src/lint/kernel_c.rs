//! C in the kernel's style: the part of checkpatch that needs no kernel tree.

use super::{Finding, Source};

/// Longest line, as checkpatch has it.
const COLUMNS: usize = 100;

/// A tab reaches to the next multiple of this.
const TAB: usize = 8;

/// Words that want a space before their parenthesis.
const KEYWORDS: &[&str] = &["if", "for", "while", "switch"];

/// Checks every C source and header.
pub fn check_all(sources: &[Source]) -> Vec<Finding> {
    let c = sources.iter().filter(|source| matches!(source.extension(), "c" | "h"));
    c.flat_map(check).collect()
}

/// Checks one file.
pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |line: usize, message: &str| {
        findings.push(Finding::new(&source.path, line, message));
    };
    let spdx = match source.extension() {
        "h" => "/* SPDX-License-Identifier: ",
        _ => "// SPDX-License-Identifier: ",
    };
    if !source.text.starts_with(spdx) {
        say(1, &format!("the first line must be the licence: {spdx}..."));
    }
    if !source.text.ends_with('\n') {
        say(source.text.lines().count(), "no newline at the end of the file");
    }
    let code = blank(&source.text);
    let mut blank_before = false;
    for (index, (raw, code)) in source.text.split('\n').zip(code.split('\n')).enumerate() {
        let line = index + 1;
        for message in check_line(raw, code, line == 1) {
            say(line, message);
        }
        let empty = raw.trim().is_empty();
        if empty && blank_before && line <= source.text.lines().count() {
            say(line, "more than one empty line");
        }
        blank_before = empty;
    }
    findings
}

/// What is wrong with a line: `raw` as written, `code` with comments' and texts' content blanked.
fn check_line(raw: &str, code: &str, first: bool) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    if raw.ends_with([' ', '\t', '\r']) {
        wrong.push("white space at the end of the line");
    }
    if columns(raw) > COLUMNS && !raw.contains('"') {
        // A message split over lines cannot be searched for, so texts may be longer.
        wrong.push("longer than 100 columns");
    }
    let indent = &raw[..raw.len() - raw.trim_start_matches([' ', '\t']).len()];
    if indent.contains(" \t") {
        wrong.push("a space before a tab");
    } else if indent.contains(&" ".repeat(TAB))
        || (indent.starts_with(' ') && !code.trim().is_empty())
    {
        wrong.push("indent with tabs, not with spaces");
    }
    if code.contains("//") && !first {
        wrong.push("write comments as /* ... */");
    }
    for keyword in KEYWORDS {
        if words(code, keyword).any(|end| code[end..].starts_with('(')) {
            wrong.push("a space is wanted between if, for, while, switch and their parenthesis");
        }
    }
    if words(code, "return").any(|end| whole_value_in_parentheses(&code[end..])) {
        wrong.push("return is not a function: no parentheses around its value");
    }
    if words(code, "sizeof").any(|end| !code[end..].starts_with('(')) {
        wrong.push("write sizeof(x), with parentheses and no space");
    }
    let trimmed = code.trim();
    let opens = ["else", "else {", "else if"].iter().any(|form| match trimmed.strip_prefix(form) {
        Some(rest) => rest.is_empty() || *form == "else if",
        None => false,
    });
    if words(code, "else").next().is_some() && trimmed.starts_with("else") && !opens {
        wrong.push("what belongs to else goes on its own line");
    }
    let head = KEYWORDS.iter().any(|word| trimmed.starts_with(&format!("{word} (")));
    if (head && trimmed.ends_with("){")) || ["do{", "else{"].iter().any(|e| trimmed.ends_with(e)) {
        wrong.push("a space is wanted before {");
    }
    if code.contains(";;") && !code.contains("for (") {
        wrong.push("one ; too many");
    }
    wrong
}

/// `(a)` up to the `;`, as one group: `return (a);` but not `return (a) + (b);`.
fn whole_value_in_parentheses(rest: &str) -> bool {
    let value = rest.trim_start();
    let mut depth = 0;
    for (at, c) in value.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at > 0 && value[at + 1..].trim_start().starts_with(';');
        }
    }
    false
}

/// Where each whole word ends in a line.
fn words<'a>(line: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .filter(move |(at, _)| {
            !line[..*at].ends_with(part) && !line[at + word.len()..].starts_with(part)
        })
        .map(move |(at, _)| at + word.len())
}

fn columns(line: &str) -> usize {
    line.chars().fold(0, |at, c| if c == '\t' { (at / TAB + 1) * TAB } else { at + 1 })
}

/// The source with the content of texts, characters and comments blanked; of a `//` comment the two
/// slashes stay.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (shown, length) = match first {
            '/' if rest.starts_with("//") => ("//", rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => {
                ("", rest[2..].find("*/").map_or(rest.len(), |at| at + 4))
            }
            '"' | '\'' => ("", quoted(rest, first)),
            _ => (&rest[..first.len_utf8()], first.len_utf8()),
        };
        out.push_str(shown);
        let hidden = rest[..length].chars().skip(shown.chars().count());
        out.extend(hidden.map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &rest[length..];
    }
    out
}

/// Length of a text or character at the beginning; it ends with its line at the latest.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\n' => return at,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "// SPDX-License-Identifier: GPL-2.0-only\n\
        /*\n * A card // that does not exist.\n */\n\
        #include <linux/pci.h>\n\
        \n\
        static int probe(struct pci_dev *pdev)\n\
        {\n\
        \tu32 size = sizeof(*pdev);\n\
        \n\
        \tfor (;;) {\n\
        \t\tif (size)\n\
        \t\t\tbreak;\n\
        \t\telse if (!size)\n\
        \t\t\tpr_info(\"see http://x ;; if(\\\" return (1);\\n\");\n\
        \t}\n\
        \treturn (size + 1) * (size - 1);\n\
        }\n";

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&Source::new(path, text)).iter().map(Finding::to_string).collect()
    }

    /// The findings for one line put into an otherwise good file.
    fn line(text: &str) -> Vec<String> {
        found("a.c", &format!("// SPDX-License-Identifier: GPL-2.0-only\n{text}\n"))
    }

    #[test]
    fn good_code_passes() {
        assert_eq!(found("a.c", GOOD), Vec::<String>::new());
        let header = GOOD.replacen("// SPDX", "/* SPDX", 1).replacen("only\n", "only */\n", 1);
        assert_eq!(found("a.h", &header), Vec::<String>::new());
    }

    #[test]
    fn every_rule_finds_its_mistake() {
        for (bad, message) in [
            ("\tint a; ", "white space at the end"),
            ("        int a;", "indent with tabs"),
            ("  int a;", "indent with tabs"),
            (" \tint a;", "a space before a tab"),
            ("\tint a; // why", "write comments as"),
            ("\tif(a)", "a space is wanted between"),
            ("\tif (a){", "a space is wanted before {"),
            ("\treturn (a);", "return is not a function"),
            ("\ta = sizeof b;", "write sizeof(x)"),
            ("\telse return;", "on its own line"),
            ("\ta = b;;", "one ; too many"),
            ("\n\n\tint a;", "more than one empty line"),
        ] {
            let found = line(bad);
            assert_eq!(found.len(), 1, "{bad:?}: {found:?}");
            assert!(found[0].contains(message), "{bad:?}: {found:?}");
        }
    }

    #[test]
    fn counts_columns_with_tabs_and_spares_texts() {
        let long = format!("\tint {};", "a".repeat(96));
        assert!(line(&long)[0].contains("a.c:2: longer than 100 columns"));
        assert!(line(&format!("\tint {};", "a".repeat(80))).is_empty());
        assert!(line(&format!("\tpr_info(\"{}\");", "a".repeat(100))).is_empty());
    }

    #[test]
    fn the_licence_comes_first() {
        assert!(found("a.c", "int a;\n")[0].starts_with("a.c:1: the first line must be"));
        assert_eq!(found("a.h", "// SPDX-License-Identifier: MIT\n").len(), 1);
        assert!(found("a.c", GOOD.trim_end())[0].contains("no newline"));
    }

    #[test]
    fn survives_broken_source() {
        for text in ["", "\"", "'\\", "/*", "/* *", "//", "/", "\treturn (", "sizeof"] {
            found("a.c", text);
        }
    }
}
