//! What the modules of one part may not mention: directions inside a package, where cargo sees none.

use std::path::Path;

use super::rust_source::{blank, mentions, without_tests};
use super::{Finding, Source};

/// Paths that the files below some folders must not name.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Folders or files, relative to the root.
    pub below: &'static [&'static str],
    /// Forbidden paths with all that is below them.
    pub forbidden: &'static [&'static str],
    /// Why, for the one who meets it.
    pub why: &'static str,
}

/// The rules.
pub const RULES: &[Rule] = &[
    Rule {
        below: &[
            "crates/vpt-model/src",
            "crates/labplot/src",
            "crates/labstats/src",
            "crates/regmap/src",
            "crates/vgpu-card/src",
        ],
        forbidden: &[
            "std::env",
            "std::fs",
            "std::io",
            "std::net",
            "std::os",
            "std::process",
            "std::thread",
            "std::time::Instant",
            "std::time::SystemTime",
            "time::Instant",
            "time::SystemTime",
        ],
        why: "this crate is pure: time and data come in as arguments, programs do the I/O",
    },
    Rule {
        below: &["ublk-vpt/src/engine", "ublk-vpt/src/engine.rs"],
        forbidden: &["crate::front", "super::front", "super::super::front", "fuser"],
        why: "front ends know the engine, the engine knows no front end",
    },
    Rule {
        below: &["ublk-vpt/src/back", "ublk-vpt/src/back.rs"],
        forbidden: &["crate::front", "super::front", "super::super::front", "fuser"],
        why: "a back end stores bytes and knows no front end",
    },
    Rule {
        below: &["ublk-vpt/src/engine", "ublk-vpt/src/back", "ublk-vpt/src/front"],
        forbidden: &["crate::cli", "clap"],
        why: "the daemon's parts are given checked settings, never the command line",
    },
];

/// Checks every Rust source against the rules. Tests may do what they like, as a module or as a file
/// or folder of that name.
pub fn check(sources: &[Source], rules: &[Rule]) -> Vec<Finding> {
    let test = |path: &Path| path.with_extension("").iter().any(|part| part == "tests");
    let rust = sources.iter().filter(|source| source.extension() == "rs" && !test(&source.path));
    rust.flat_map(|source| check_one(source, rules)).collect()
}

fn check_one(source: &Source, rules: &[Rule]) -> Vec<Finding> {
    let rules: Vec<_> = rules
        .iter()
        .filter(|rule| rule.below.iter().any(|folder| source.path.starts_with(folder)))
        .collect();
    if rules.is_empty() {
        return Vec::new();
    }
    let mentions = mentions(&without_tests(&blank(&source.text)));
    let mut findings = Vec::new();
    for rule in rules {
        for mention in &mentions {
            if let Some(path) = rule.forbidden.iter().find(|path| names(&mention.path, path)) {
                let message = format!("mentions {path}: {}", rule.why);
                findings.push(Finding::new(&source.path, mention.line, message));
            }
        }
    }
    findings
}

/// Whether a path is the forbidden one, lies below it, or is a glob that brings it in. Only for the
/// standard library a glob above the path counts: `super::*` says nothing about what it brings.
fn names(path: &str, forbidden: &str) -> bool {
    let below = |path: &str, of: &str| {
        path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    match path.strip_suffix("::*") {
        Some(glob) => below(glob, forbidden) || (glob.starts_with("std") && below(forbidden, glob)),
        None => below(path, forbidden),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&[Source::new(path, text)], RULES).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn the_model_reads_no_clock() {
        let found =
            found("crates/vpt-model/src/a.rs", "//! x\nuse std::time::{Duration, Instant};\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/vpt-model/src/a.rs:2: mentions std::time::Instant: "));
    }

    #[test]
    fn other_ways_to_say_it() {
        for text in [
            "use std::time::*;",
            "fn f() { std::fs::read(\"x\"); }",
            "use std::time;\nfn f() { time::SystemTime::now(); }",
            "use std::{io::{self as i}};",
            "type T = std::thread::JoinHandle<()>;",
        ] {
            assert_eq!(found("crates/vpt-model/src/a.rs", text).len(), 1, "{text}");
        }
    }

    #[test]
    fn what_is_allowed_stays_allowed() {
        let text = "//! Not std::time::Instant.\nuse std::time::Duration;\nuse crate::units::Instant;\n\
                    fn f(now: Instant) { let _ = \"std::fs\"; }\n\
                    #[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
        assert_eq!(found("crates/vpt-model/src/a.rs", text), Vec::<String>::new());
        for path in ["ublk-vpt/src/main.rs", "crates/vpt-model/src/config/tests.rs"] {
            assert_eq!(found(path, "use std::fs;"), Vec::<String>::new(), "{path}");
        }
        assert_eq!(
            found("ublk-vpt/src/front/fuse.rs", "use crate::engine::E;"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn the_engine_knows_no_front_end() {
        for text in ["use crate::front::fuse;", "use crate::{front, back};", "use fuser::Request;"]
        {
            assert_eq!(found("ublk-vpt/src/engine/heap.rs", text).len(), 1, "{text}");
        }
        for text in ["use crate::frontier;", "use super::*;"] {
            assert_eq!(found("ublk-vpt/src/engine.rs", text), Vec::<String>::new(), "{text}");
        }
    }
}
