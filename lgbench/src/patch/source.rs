//! As much of C as hooks need: comments and texts do not count, functions have a beginning and an end,
//! and a place is found whatever space and comments are between its words.

use std::ops::Range;

/// A word or a sign, and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Token<'a> {
    text: &'a str,
    line: usize,
}

/// A file of C.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name within the tree.
    pub file: String,
    text: String,
    code: String,
}

/// A function's definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Where its name is, from 1.
    pub line: usize,
    /// The tokens of its body, without the braces.
    body: Range<usize>,
}

impl Source {
    /// A file's content. What is not UTF-8 can only be in comments and texts.
    pub fn new(file: &str, bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let code = blank(&text);
        Self { file: file.to_owned(), text, code }
    }

    /// Its lines as they are.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.split('\n')
    }

    /// Lines, from 1, that include a header in quotation marks.
    pub fn includes(&self, header: &str) -> Vec<usize> {
        let wanted = format!("#include\"{header}\"");
        let compact = |line: &str| line.split_whitespace().collect::<String>();
        let lines = self.lines().enumerate();
        let found = lines.filter(|(_, line)| compact(line).starts_with(&wanted));
        found.map(|(index, _)| index + 1).collect()
    }

    /// Words that begin so, with their lines.
    pub fn words_with(&self, beginning: &str) -> Vec<(usize, &str)> {
        let tokens = tokens(&self.code).into_iter();
        let found = tokens.filter(|token| token.text.starts_with(beginning));
        found.map(|token| (token.line, token.text)).collect()
    }

    /// The definitions of a function; there should be one.
    pub fn functions(&self, name: &str) -> Vec<Function> {
        let tokens = tokens(&self.code);
        let mut found = Vec::new();
        let (mut at, mut depth) = (0, 0usize);
        while at < tokens.len() {
            match tokens[at].text {
                "{" => depth += 1,
                "}" => depth = depth.saturating_sub(1),
                text if depth == 0 && text == name => {
                    let after = closing(&tokens, at + 1, "(", ")");
                    let end = after.and_then(|after| closing(&tokens, after, "{", "}"));
                    if let (Some(after), Some(end)) = (after, end) {
                        let body = after + 1..end - 1;
                        found.push(Function { line: tokens[at].line, body });
                        at = end;
                        continue;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        found
    }

    /// Lines, from 1, in which a function has a piece of C.
    pub fn find(&self, function: &Function, piece: &str) -> Vec<usize> {
        let tokens = tokens(&self.code);
        let piece = tokens_of(piece);
        let Some(body) = tokens.get(function.body.clone()) else { return Vec::new() };
        let same = |window: &&[Token<'_>]| {
            window.iter().zip(&piece).all(|(token, wanted)| token.text == *wanted)
        };
        let windows = body.windows(piece.len().max(1));
        windows.filter(same).filter_map(|window| Some(window.first()?.line)).collect()
    }
}

/// The index behind what closes the parenthesis or brace that is at `at`.
fn closing(tokens: &[Token<'_>], at: usize, open: &str, close: &str) -> Option<usize> {
    if tokens.get(at)?.text != open {
        return None;
    }
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        if token.text == open {
            depth += 1;
        } else if token.text == close {
            depth -= 1;
            if depth == 0 {
                return Some(index + 1);
            }
        }
    }
    None
}

fn tokens_of(piece: &str) -> Vec<&str> {
    tokens(piece).into_iter().map(|token| token.text).collect()
}

/// Words whole, signs one by one.
fn tokens(code: &str) -> Vec<Token<'_>> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let (mut rest, mut line) = (code, 1);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            c if part(c) => rest.find(|c| !part(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (text, after) = rest.split_at(length);
        if first == '\n' {
            line += 1;
        } else if !first.is_whitespace() {
            found.push(Token { text, line });
        }
        rest = after;
    }
    found
}

/// The same with comments, texts and characters blanked; what is left stays on its line.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest[2..].find("*/").map_or(rest.len(), |at| at + 4),
            '"' | '\'' => quoted(rest, first),
            _ => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
                continue;
            }
        };
        let (hidden, after) = rest.split_at(length);
        out.extend(hidden.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = after;
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

    const TEXT: &str = "#include \"lg.h\"\n\
        int run(int a);\n\
        /* run() { if (x) } */\n\
        static int run(int a)\n\
        {\n\
        \tputs(\"} if (x) {\");\n\
        \tif ( x ) /* here */ {\n\
        \t\tchar c = '}';\n\
        \t}\n\
        }\n\
        int other(void) { run(1); if (x) { } return 0; }\n";

    #[test]
    fn functions_and_places_are_found_by_line() {
        let source = Source::new("a.c", TEXT.as_bytes());
        let functions = source.functions("run");
        let [run] = &functions[..] else { panic!("{functions:?}") };
        assert_eq!(run.line, 4);
        assert_eq!(source.find(run, "if (x) {"), [7]);
        assert_eq!(source.find(run, "return"), [0usize; 0]);
        assert_eq!(source.functions("nothing"), []);
        assert_eq!(source.includes("lg.h"), [1]);
        assert_eq!(source.words_with("oth"), [(11, "other")]);
    }

    #[test]
    fn anything_is_read_without_a_panic() {
        for text in
            ["", "\"", "'\\", "/*", "run(", "run(){", "}}}", "run(){{}", "\u{fc}run(){\u{fc}}"]
        {
            let source = Source::new("a.c", text.as_bytes());
            for function in source.functions("run") {
                assert!(source.find(&function, "x").is_empty());
                assert!(source.find(&function, "").len() < 9);
            }
        }
    }
}
