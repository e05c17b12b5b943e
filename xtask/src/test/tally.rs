//! Counting what passed, failed and was skipped.

use super::there;

/// What a machine may lack, and the device nodes that say it does not.
///
/// The kernel lab and Mesa need no device: where they cannot be had, something is wrong with the machine.
const RESOURCES: &[(&str, &[&str])] = &[
    ("fuse", &["/dev/fuse"]),
    ("loop", &["/dev/loop-control"]),
    ("kvm", &["/dev/kvm"]),
    ("lab", &[]),
    ("egl", &[]),
];

/// The result of a run, or of several together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tests that passed and did not skip themselves.
    pub passed: usize,
    /// Tests that failed, steps that could not run included.
    pub failed: usize,
    /// Tests that skipped themselves: name and reason.
    pub skipped: Vec<(String, String)>,
    /// Names of what failed, with what is known about it.
    pub failures: Vec<String>,
    /// What failed tests printed: name and text.
    pub said: Vec<(String, String)>,
    /// Other things worth a line.
    pub remarks: Vec<String>,
}

/// Most lines of a failed test that the summary shows again.
const MOST_LINES: usize = 40;

impl Tally {
    /// Adds another run's result.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped.extend(other.skipped);
        self.failures.extend(other.failures);
        self.said.extend(other.said);
        self.remarks.extend(other.remarks);
    }

    /// Counts a failure that no test reported.
    pub fn fail(&mut self, name: &str, why: &str) {
        self.failed += 1;
        self.failures.push(format!("{name}: {why}"));
    }

    /// All tests.
    pub fn total(&self) -> usize {
        self.passed + self.failed + self.skipped.len()
    }

    /// Turns skips for what this machine must have into failures.
    pub fn judge(&mut self, required: &[String]) {
        let (bad, good): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.skipped).into_iter().partition(|(_, reason)| {
                reason
                    .split_once(':')
                    .is_some_and(|(resource, _)| required.iter().any(|r| r == resource))
            });
        self.skipped = good;
        for (name, reason) in bad {
            self.fail(&name, &format!("skipped, but required here: {reason}"));
        }
    }

    /// The summary; its last line is `N passed, N failed, N skipped`. What failed tests said is shown
    /// once more, for it may be far up in the output, or cut out of it where only the end is kept.
    pub fn report(&self) -> String {
        let mut text = String::from("\n");
        for (name, said) in &self.said {
            let lines: Vec<&str> = said.lines().collect();
            let left_out = lines.len().saturating_sub(MOST_LINES);
            text.push_str(&format!("---- {name} ----\n"));
            if left_out > 0 {
                text.push_str(&format!("... {left_out} lines more, above\n"));
            }
            for line in &lines[left_out..] {
                text.push_str(&format!("{line}\n"));
            }
        }
        for remark in &self.remarks {
            text.push_str(&format!("note: {remark}\n"));
        }
        for (name, reason) in &self.skipped {
            text.push_str(&format!("skipped: {name}: {reason}\n"));
        }
        for failure in &self.failures {
            text.push_str(&format!("FAILED: {failure}\n"));
        }
        text.push_str(&format!(
            "{} passed, {} failed, {} skipped\n",
            self.passed,
            self.failed,
            self.skipped.len()
        ));
        text
    }
}

/// A line by which a test says that it skips itself: its name and the reason.
pub fn skip_line(line: &str) -> Option<(String, String)> {
    let (name, reason) = line.trim().strip_prefix("SKIP: ")?.split_once(": ")?;
    Some((name.to_owned(), reason.to_owned()))
}

/// What may not be missing: UBLK_VPT_REQUIRE (comma-separated) where it is set; in CI, everything
/// whose device node is there; else nothing.
pub fn required() -> Vec<String> {
    let set = |name| std::env::var(name).ok();
    required_by(set("UBLK_VPT_REQUIRE").as_deref(), set("CI").as_deref(), there)
}

/// Whether this is continuous integration, where nothing may be left out.
pub fn in_ci() -> bool {
    is_ci(std::env::var("CI").ok().as_deref())
}

fn is_ci(value: Option<&str>) -> bool {
    value.is_some_and(|value| !value.is_empty() && value != "false" && value != "0")
}

fn required_by(named: Option<&str>, ci: Option<&str>, there: impl Fn(&str) -> bool) -> Vec<String> {
    if let Some(named) = named {
        let names = named.split(',').map(str::trim).filter(|name| !name.is_empty());
        return names.map(str::to_owned).collect();
    }
    if !is_ci(ci) {
        return Vec::new();
    }
    let here = RESOURCES.iter().filter(|(_, nodes)| nodes.iter().all(|node| there(node)));
    here.map(|(name, _)| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_skip_lines() {
        let expected = Some(("a::b".to_owned(), "fuse: no /dev/fuse".to_owned()));
        assert_eq!(skip_line("  SKIP: a::b: fuse: no /dev/fuse\n"), expected);
        assert_eq!(skip_line("SKIP: no reason"), None);
        assert_eq!(skip_line("they SKIP: a: b"), None);
    }

    #[test]
    fn a_required_resource_makes_a_skip_a_failure() {
        let skips = [("a", "fuse: none"), ("b", "ublk: no module"), ("c", "fused bulb")];
        let skipped = skips.map(|(name, reason)| (name.to_owned(), reason.to_owned())).to_vec();
        let mut tally = Tally { passed: 3, skipped, ..Tally::default() };
        tally.judge(&["fuse".to_owned()]);
        assert_eq!((tally.passed, tally.failed, tally.skipped.len()), (3, 1, 2));
        assert!(tally.failures[0].starts_with("a: skipped, but required here: fuse"));
        assert!(tally.report().ends_with("\n3 passed, 1 failed, 2 skipped\n"));
    }

    #[test]
    fn the_end_of_what_a_failed_test_said_is_shown_again() {
        let text: String = (1..=50).map(|n| format!("line {n}\n")).collect();
        let tally = Tally { failed: 1, said: vec![("a".into(), text)], ..Tally::default() };
        let report = tally.report();
        assert!(report.contains("---- a ----\n... 10 lines more, above\nline 11\n"), "{report}");
        assert!(report.contains("line 50\n0 passed"), "{report}");
    }

    #[test]
    fn what_is_required() {
        let no_loop = |path: &str| path != "/dev/loop-control";
        assert_eq!(required_by(None, None, no_loop), Vec::<String>::new());
        assert_eq!(required_by(None, Some("false"), no_loop), Vec::<String>::new());
        assert_eq!(required_by(None, Some("true"), no_loop), ["fuse", "kvm", "lab", "egl"]);
        assert_eq!(required_by(Some("loop, ublk"), Some("true"), no_loop), ["loop", "ublk"]);
        assert_eq!(required_by(Some(""), Some("true"), no_loop), Vec::<String>::new());
    }
}
