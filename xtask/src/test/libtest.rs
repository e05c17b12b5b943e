//! Reading what `cargo test` prints.

use super::tally::{Tally, skip_line};

/// Counts the results of all test programs in an output.
pub fn read(output: &str) -> Tally {
    let mut tally = Tally::default();
    let mut returned_early = 0;
    let mut output_of: Option<(String, String)> = None;
    for line in output.lines() {
        if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" ----")) {
            tally.said.extend(output_of.take());
            let name = name.strip_suffix(" stdout").unwrap_or(name);
            output_of = Some((name.to_owned(), String::new()));
        } else if matches!(line, "failures:" | "successes:") || line.starts_with("test result: ") {
            tally.said.extend(output_of.take());
        } else if let Some((_, text)) = &mut output_of {
            text.push_str(line);
            text.push('\n');
        }
        if let Some(rest) = line.strip_prefix("test result: ") {
            let number = |what: &str| {
                let words: Vec<_> = rest.split([' ', '.', ';']).filter(|w| !w.is_empty()).collect();
                let pair = words.windows(2).find(|pair| pair[1] == what);
                pair.and_then(|pair| pair[0].parse::<usize>().ok()).unwrap_or(0)
            };
            tally.passed += number("passed");
            tally.failed += number("failed");
            for _ in 0..number("ignored") {
                tally.skipped.push(("ignored".into(), "marked so in its source".into()));
            }
        } else if let Some(name) =
            line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            tally.failures.push(name.to_owned());
        } else if let Some(skip) = skip_line(line)
            && !tally.skipped.contains(&skip)
        {
            tally.skipped.push(skip);
            returned_early += 1;
        }
    }
    tally.said.extend(output_of);
    // With --show-output, those that passed say what they say too.
    tally.said.retain(|(name, _)| tally.failures.contains(name));
    // libtest counts a test that returned early as passed.
    tally.passed = tally.passed.saturating_sub(returned_early);
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_programs_and_takes_skips_from_the_passed() {
        let output = "running 3 tests\ntest a ... ok\ntest b ... ok\ntest c ... FAILED\n\
                      ---- b stdout ----\nSKIP: b: fuse: none\n\
                      test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out\n\
                      test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let tally = read(output);
        assert_eq!((tally.passed, tally.failed, tally.skipped.len()), (5, 1, 2));
        assert_eq!(tally.failures, ["c"]);
        assert_eq!(tally.skipped[0], ("b".to_owned(), "fuse: none".to_owned()));
    }

    #[test]
    fn keeps_what_failed_tests_said() {
        let output = "test a ... ok\ntest b ... FAILED\n\nsuccesses:\n\n---- a stdout ----\nfine\n\n\
                      successes:\n    a\n\nfailures:\n\n---- b stdout ----\nboom\nat b.rs\n\n\
                      failures:\n    b\n\n\
                      test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured\n";
        assert_eq!(read(output).said, [("b".to_owned(), "boom\nat b.rs\n\n".to_owned())]);
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(read("warning: x\n"), Tally::default());
    }
}
