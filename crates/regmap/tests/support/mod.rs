//! Files with expected content.

use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Compares with files; `UPDATE_EXPECT=1` writes them anew.
pub(crate) struct Golden {
    accept: bool,
    wrong: String,
}

impl Golden {
    pub(crate) fn new() -> Self {
        let accept = std::env::var_os("UPDATE_EXPECT").is_some_and(|v| v == "1");
        Self { accept, wrong: String::new() }
    }

    pub(crate) fn compare(&mut self, file: &Path, got: &str) {
        if self.accept {
            fs::write(file, got).expect("the golden file");
            return;
        }
        let wanted = fs::read_to_string(file).unwrap_or_default();
        if got == wanted {
            return;
        }
        let at = got.lines().zip(wanted.lines()).take_while(|(a, b)| a == b).count();
        let line = |text: &str| text.lines().nth(at).unwrap_or("(the end)").to_owned();
        let name = file.display();
        let (wanted, got) = (line(&wanted), line(got));
        writeln!(self.wrong, "{name}:{}\n  expected: {wanted}\n  got:      {got}", at + 1)
            .expect("a text takes it");
    }

    pub(crate) fn finish(self) {
        assert!(self.wrong.is_empty(), "{}UPDATE_EXPECT=1 accepts all of these", self.wrong);
    }
}
