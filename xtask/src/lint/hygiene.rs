//! File lengths and sizes, words that must not appear, test folders that cargo would overlook.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Finding, Source};

/// A file above this is two things.
const LINES: usize = 600;

/// Lines at a file's beginning that may say that it is generated.
const HEAD: usize = 3;

/// A file above this many bytes is an image or a build's output, and every clone has it for ever.
const BYTES: u64 = 1 << 20;

/// What a person writes and reads; data, traces and golden output may be long.
const WRITTEN: &[&str] = &["c", "css", "h", "html", "js", "md", "py", "rs", "sh", "toml"];

/// No file that a person writes is longer than [`LINES`]. What is generated says so at its beginning.
pub fn check_lengths(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let generated = |line: &str| line.contains(regmap::emit::MARK);
        let exempt = source.path == Path::new("CHANGELOG.md")
            || source.text.lines().take(HEAD).any(generated);
        let lines = source.text.lines().count();
        if WRITTEN.contains(&source.extension()) && !exempt && lines > LINES {
            let message = format!("{lines} lines (at most {LINES}): what are its two things?");
            findings.push(Finding::new(&source.path, 0, message));
        }
    }
    findings
}

/// No file, of whatever kind, is larger than [`BYTES`].
pub fn check_sizes(root: &Path, files: &[PathBuf]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        // Not what a link leads to: git keeps the link.
        let Ok(meta) = fs::symlink_metadata(root.join(file)) else { continue };
        if meta.len() > BYTES {
            let message = format!(
                "{} bytes (at most {BYTES}): take it out of git, or make it when it is needed",
                meta.len()
            );
            findings.push(Finding::new(file, 0, message));
        }
    }
    findings
}

/// Texts that must not appear in the repository, with the reason.
#[derive(Clone, Debug, Default)]
pub struct Words(Vec<(String, &'static str)>);

impl Words {
    /// The fixed ones, and the hosts this machine takes its packages from.
    ///
    /// Put together from parts, so that this file does not contain what it forbids.
    pub fn here() -> Self {
        let outside = "lies outside the repository: a clone has no such folder";
        let host =
            "names a package registry's host: packages come from where the machine is set up for";
        let mut words = vec![
            (["..", "shared"].join("/"), outside),
            (["", "work", "shared"].join("/"), outside),
            (["", "work", "main"].join("/"), outside),
        ];
        let mut hosts: BTreeSet<String> = [
            &["crates", "io"][..],
            &["deb", "debian", "org"],
            &["ftp", "debian", "org"],
            &["snapshot", "debian", "org"],
            &["security", "debian", "org"],
            &["pypi", "org"],
            &["files", "pythonhosted", "org"],
            &["registry", "npmjs", "org"],
            &["proxy", "golang", "org"],
            &["static", "rust-lang", "org"],
        ]
        .iter()
        .map(|parts| parts.join("."))
        .collect();
        for file in configuration() {
            hosts.extend(hosts_in(&fs::read_to_string(file).unwrap_or_default()));
        }
        words.extend(hosts.into_iter().map(|text| (text, host)));
        Self(words)
    }
}

/// Files in which this machine names its registries.
fn configuration() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        ["/etc/apt/sources.list", "/etc/pip.conf"].map(Into::into).to_vec();
    if let Ok(folder) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(folder.flatten().map(|entry| entry.path()));
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    files.extend(
        [".cargo/config.toml", ".cargo/config", ".config/pip/pip.conf", ".npmrc"]
            .map(|name| home.join(name)),
    );
    files
}

/// Host names in the addresses of a configuration file's uncommented lines.
fn hosts_in(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let rests = lines.flat_map(|line| line.split("://").skip(1));
    let hosts = rests.filter_map(|rest| {
        let authority = rest.split(['/', '"', '\'', ' ', '?']).next()?;
        let host = authority.rsplit('@').next()?.split(':').next()?;
        // The machine itself and hosts that many other things live on are no registries.
        let common = ["github.com", "gitlab.com", "localhost", "127.0.0.1"].contains(&host);
        (host.contains('.') && !common).then(|| host.to_owned())
    });
    hosts.collect()
}

/// None of the words appears; Cargo.lock is cargo's own and names its registry.
pub fn check_words(sources: &[Source], words: &Words) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| !source.path.ends_with("Cargo.lock")) {
        for (index, line) in source.text.lines().enumerate() {
            for (word, why) in &words.0 {
                if line.contains(word.as_str()) {
                    let message = format!("mentions {word}, which {why}");
                    findings.push(Finding::new(&source.path, index + 1, message));
                }
            }
        }
    }
    findings
}

/// Every folder of tests/ with a main.rs is a test of tests/Cargo.toml, and no test is left out by
/// `#[ignore]`, which would skip it without a printed reason.
pub fn check_test_folders(sources: &[Source]) -> Vec<Finding> {
    let manifest = sources.iter().find(|source| source.path == Path::new("tests/Cargo.toml"));
    let declared = manifest.map_or("", |source| source.text.as_str());
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.extension() == "rs") {
        if let Ok(inside) = source.path.strip_prefix("tests")
            && inside.components().count() == 2
            && inside.ends_with("main.rs")
            && !declared.contains(&format!("path = \"{}\"", inside.display()))
        {
            let message =
                "not in tests/Cargo.toml: add a [[test]] with this path, or it never runs";
            findings.push(Finding::new(&source.path, 0, message));
        }
        for (index, line) in source.text.lines().enumerate() {
            let line = line.trim();
            if line.starts_with("#[ignore") {
                let message =
                    "an ignored test is skipped in silence: skip it with a printed reason";
                findings.push(Finding::new(&source.path, index + 1, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_are_found() {
        let long = "x\n".repeat(LINES + 1);
        let sources = [
            Source::new("a.rs", &long),
            Source::new("b.rs", &"x\n".repeat(LINES)),
            Source::new("trace.csv", &long),
            Source::new("CHANGELOG.md", &long),
            Source::new(
                "regs.rs",
                &format!("//! Registers.\n//!\n//! Generated from a.toml\n{long}"),
            ),
            Source::new("c.rs", &format!("{long}//! Generated from a.toml\n")),
        ];
        let found = check_lengths(&sources);
        assert_eq!(found.len(), 2);
        assert!(found[0].to_string().starts_with("a.rs: 601 lines (at most 600)"));
    }

    #[test]
    fn large_files_are_found_whatever_they_hold() {
        let folder = tempfile::tempdir().expect("temp folder");
        for (name, bytes) in [("lab.img", BYTES + 1), ("curve.png", BYTES)] {
            let file = fs::File::create(folder.path().join(name)).expect("file");
            file.set_len(bytes).expect("sparse");
        }
        std::os::unix::fs::symlink("lab.img", folder.path().join("link")).expect("link");
        let files = ["lab.img", "curve.png", "link", "gone"].map(PathBuf::from);
        let found = check_sizes(folder.path(), &files);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].to_string().starts_with("lab.img: 1048577 bytes (at most 1048576)"));
    }

    #[test]
    fn forbidden_words_are_found_except_in_the_lock_file() {
        let host = ["crates", "io"].join(".");
        let text = format!("fine\nsee {host} or {}\n", ["..", "shared"].join("/"));
        let sources = [Source::new("a.md", &text), Source::new("Cargo.lock", &text)];
        let found = check_words(&sources, &Words::here());
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|finding| finding.to_string().starts_with("a.md:2: mentions ")));
    }

    #[test]
    fn reads_hosts_out_of_configuration() {
        let text = "# http://no.example/\nURIs: http://mirror.example:80/debian\n\
                    index = \"sparse+https://user:pw@reg.example/index/\"\nx = \"http://localhost/\"\n";
        assert_eq!(hosts_in(text), ["mirror.example", "reg.example"]);
    }

    #[test]
    fn overlooked_and_ignored_tests_are_found() {
        let attribute = ["#[ign", "ore]"].concat();
        let sources = [
            Source::new("tests/Cargo.toml", "[[test]]\npath = \"cli/main.rs\"\n"),
            Source::new("tests/cli/main.rs", &format!("#[test]\n{attribute}\nfn f() {{}}\n")),
            Source::new("tests/cli/deep/main.rs", ""),
            Source::new("tests/fuse/main.rs", ""),
        ];
        let found: Vec<_> = check_test_folders(&sources).iter().map(Finding::to_string).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("tests/cli/main.rs:2: an ignored test"));
        assert!(found[1].starts_with("tests/fuse/main.rs: not in tests/Cargo.toml"));
    }
}
