//! Just enough of Rust's grammar to know which paths a file mentions: comments, texts and test
//! modules are blanked, `use` trees are written out.

/// A path a file names, as `std::time::Instant`; a glob ends in `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Line, from 1.
    pub line: usize,
    /// The full path.
    pub path: String,
}

/// The source with comments and the content of texts and characters replaced by spaces; lines stay
/// where they were.
pub fn blank(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => line_end(&chars, at),
            '/' if chars.get(at + 1) == Some(&'*') => comment_end(&chars, at),
            '"' => text_end(&chars, at),
            'r' if !continues_word(&chars, at) => raw_end(&chars, at).unwrap_or(at),
            '\'' => char_end(&chars, at).unwrap_or(at),
            _ => at,
        };
        if end == at {
            out.push(chars[at]);
            at += 1;
        }
        while at < end {
            out.push(if chars[at] == '\n' { '\n' } else { ' ' });
            at += 1;
        }
    }
    out
}

/// Blanked source without its `#[cfg(test)]` modules.
pub fn without_tests(blanked: &str) -> String {
    let mut out = String::with_capacity(blanked.len());
    let mut rest = blanked;
    while let Some(start) = rest.find("#[cfg(test)]") {
        let after = &rest[start..];
        let body = after.find('{').filter(|open| !after[..*open].contains(';'));
        let head = after[..body.unwrap_or(0)].split_whitespace().any(|word| word == "mod");
        let end = match body {
            Some(open) if head => start + block_end(after, open),
            _ => start + "#[cfg(test)]".len(),
        };
        out.push_str(&rest[..start]);
        out.extend(rest[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// Every path in blanked source: those of `use` trees written out, and those in the code as written.
pub fn mentions(blanked: &str) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut line = 1;
    while at < blanked.len() {
        let rest = &blanked[at..];
        let word_start = at == 0 || !blanked[..at].ends_with(is_word);
        let end = if let (true, Some(tree)) = (word_start, use_tree(rest)) {
            write_out("", tree, line, &mut found);
            at + "use ".len() + tree.len()
        } else if let (true, Some(length)) = (word_start, path_length(rest)) {
            let path: String = rest[..length].split_whitespace().collect();
            if path.contains("::") {
                found.push(Mention { line, path });
            }
            at + length
        } else {
            at + rest.chars().next().map_or(1, char::len_utf8)
        };
        line += blanked[at..end].matches('\n').count();
        at = end;
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What stands between `use` and `;`.
fn use_tree(text: &str) -> Option<&str> {
    let tree = text.strip_prefix("use ")?;
    tree.find(';').map(|end| &tree[..end])
}

/// Length of a word followed by any number of `::word`.
fn path_length(text: &str) -> Option<usize> {
    let word = |text: &str| text.find(|c| !is_word(c)).unwrap_or(text.len());
    let mut length = word(text);
    if length == 0 {
        return None;
    }
    while let Some(rest) = text[length..].strip_prefix("::") {
        match word(rest) {
            0 => break,
            next => length += 2 + next,
        }
    }
    Some(length)
}

/// Writes out `a::{b, c::d as e}`; every leaf keeps the line it stands on.
fn write_out(prefix: &str, tree: &str, line: usize, found: &mut Vec<Mention>) {
    let skipped = tree.len() - tree.trim_start().len();
    let line = line + tree[..skipped].matches('\n').count();
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let name = tree.split(" as ").next().unwrap_or_default().trim();
        let name = name.trim_start_matches("::");
        if !name.is_empty() {
            let full = format!("{prefix}{name}");
            found.push(Mention { line, path: full.trim_end_matches("::self").to_owned() });
        }
        return;
    };
    let inner = format!("{prefix}{}", tree[..open].trim().trim_start_matches("::"));
    let body = &tree[open + 1..block_end(tree, open).saturating_sub(1).max(open + 1)];
    let mut depth = 0;
    let mut start = 0;
    let mut line = line;
    for (at, c) in body.char_indices().chain([(body.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                write_out(&inner, &body[start..at], line, found);
                line += body[start..at].matches('\n').count();
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// Just after the brace that closes the one at `open`, or the end.
fn block_end(text: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, c) in text[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + at + c.len_utf8();
        }
    }
    text.len()
}

fn line_end(chars: &[char], start: usize) -> usize {
    (start..chars.len()).find(|at| chars[*at] == '\n').unwrap_or(chars.len())
}

/// Comments nest.
fn comment_end(chars: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at.min(chars.len());
        }
    }
    chars.len()
}

fn text_end(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

fn continues_word(chars: &[char], at: usize) -> bool {
    // A byte text's b is a prefix, not a word.
    at > 0
        && is_word(chars[at - 1])
        && !(chars[at - 1] == 'b' && (at < 2 || !is_word(chars[at - 2])))
}

/// `r"..."` or `r#"..."#` with any number of `#`.
fn raw_end(chars: &[char], start: usize) -> Option<usize> {
    let hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    let open = start + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let closes = |at: &usize| {
        chars[*at] == '"'
            && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    Some((open + 1..chars.len()).find(closes).map_or(chars.len(), |at| at + 1 + hashes))
}

/// A character, told from a lifetime by its closing quote.
fn char_end(chars: &[char], start: usize) -> Option<usize> {
    if chars.get(start + 1) == Some(&'\\') {
        let close = (start + 3..chars.len().min(start + 14)).find(|at| chars[*at] == '\'')?;
        return Some(close + 1);
    }
    (chars.get(start + 2) == Some(&'\'')).then_some(start + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(source: &str) -> Vec<(usize, String)> {
        mentions(&without_tests(&blank(source))).into_iter().map(|m| (m.line, m.path)).collect()
    }

    #[test]
    fn blanks_comments_and_texts_only() {
        assert_eq!(blank("a // b\nc /* d /* e */ f */ g"), "a     \nc                   g");
        assert_eq!(blank("x(\"std::fs \\\" y\", 'z', '\\'', b\"q\") 'a"), {
            "x(              ,    ,     , b   ) 'a"
        });
        assert_eq!(blank("r#\"a\"b\"# c br\"d\" for"), "         c b     for");
        assert_eq!(blank("\"a\nb\""), "  \n  ");
    }

    #[test]
    fn writes_out_use_trees_with_their_lines() {
        let source = "use std::{\n    fmt,\n    time::{Duration, Instant as I},\n    io::{self},\n};\nuse a::*;";
        let expected = [
            (2, "std::fmt"),
            (3, "std::time::Duration"),
            (3, "std::time::Instant"),
            (4, "std::io"),
            (6, "a::*"),
        ];
        assert_eq!(paths(source), expected.map(|(line, path)| (line, path.to_owned())));
    }

    #[test]
    fn finds_paths_in_code_but_not_in_words() {
        let source = "fn f() {\n    let reuse = crate::front::X;\n    a.std::<u8>();\n}";
        assert_eq!(paths(source), [(2, "crate::front::X".to_owned())]);
    }

    #[test]
    fn leaves_out_test_modules() {
        let source = "#[cfg(test)]\nmod tests {\n    fn f() { std::fs::x() }\n}\nstd::net::y();";
        assert_eq!(paths(source), [(5, "std::net::y".to_owned())]);
        let source = "#[cfg(test)]\nuse std::fs;\nfn f() {}";
        assert_eq!(paths(source), [(2, "std::fs".to_owned())]);
    }

    #[test]
    fn survives_broken_source() {
        for source in [
            "use std::{fs, ",
            "use a::{b};}",
            "'",
            "\"\\",
            "r#\"",
            "/*",
            "use ;",
            "#[cfg(test)] mod x {",
        ] {
            paths(source);
        }
    }
}
