//! Reading the machine's own apt sources, and writing the lab's from them.
//!
//! Only Debian's own suites of the machine's release are taken, and its backports added at the same
//! address; the mirror is whatever the machine is set up for.

use anyhow::{Result, bail};

/// One source of packages: a mirror with some of its suites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The mirror's addresses.
    pub uris: Vec<String>,
    /// Its suites.
    pub suites: Vec<String>,
    /// Its components.
    pub components: Vec<String>,
    /// The value of Signed-By, with the line breaks of an embedded key; empty for apt's default.
    pub signed_by: String,
}

/// Reads a file in the one-line style (`*.list`).
pub fn one_line(text: &str) -> Vec<Source> {
    text.lines().filter_map(one_line_source).collect()
}

fn one_line_source(line: &str) -> Option<Source> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let rest = line.strip_prefix("deb")?;
    // Not deb-src.
    let rest = rest.starts_with([' ', '\t', '[']).then(|| rest.trim_start())?;
    let (options, rest) = match rest.strip_prefix('[') {
        Some(inside) => inside.split_once(']')?,
        None => ("", rest),
    };
    let signed_by = options
        .split_whitespace()
        .find_map(|option| option.strip_prefix("signed-by="))
        .unwrap_or_default();
    let mut words = rest.split_whitespace().map(str::to_owned);
    let (uri, suite) = (words.next()?, words.next()?);
    Some(Source {
        uris: vec![uri],
        suites: vec![suite],
        components: words.collect(),
        signed_by: signed_by.to_owned(),
    })
}

/// Reads a file in the deb822 style (`*.sources`).
pub fn deb822(text: &str) -> Vec<Source> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines.split(|line| line.trim().is_empty()).filter_map(stanza).collect()
}

fn stanza(lines: &[&str]) -> Option<Source> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            let (_, value) = fields.last_mut()?;
            value.push('\n');
            value.push_str(line);
        } else {
            let (name, value) = line.split_once(':')?;
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let field = |name: &str| {
        fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    };
    let words = |name: &str| field(name).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let off = ["no", "false", "0", "off"].contains(&field("enabled").to_ascii_lowercase().as_str());
    if off || !words("types").iter().any(|kind| kind == "deb") {
        return None;
    }
    Some(Source {
        uris: words("uris"),
        suites: words("suites"),
        components: words("components"),
        signed_by: field("signed-by").to_owned(),
    })
}

/// The lab's sources in deb822 style: the release's own suites, and its backports at the address
/// from which the machine takes the release itself.
///
/// Fails when the machine takes the release from nowhere.
pub fn lab(sources: &[Source], codename: &str) -> Result<String> {
    let own = |suite: &str| {
        suite.strip_prefix(codename).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let backports = format!("{codename}-backports");
    let mut text = String::new();
    let mut written: Vec<(String, String)> = Vec::new();
    let mut stanza = |source: &Source, uri: &str, suite: &str| {
        // apt complains when it is told the same twice.
        let key = (uri.trim_end_matches('/').to_owned(), suite.trim_end_matches('/').to_owned());
        if written.contains(&key) {
            return;
        }
        written.push(key);
        text.push_str(&format!("Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: main\n"));
        if !source.signed_by.is_empty() {
            let gap = if source.signed_by.starts_with('\n') { "" } else { " " };
            text.push_str(&format!("Signed-By:{gap}{}\n", source.signed_by));
        }
        text.push('\n');
    };
    let mut mirror = None;
    for source in sources.iter().filter(|source| source.components.iter().any(|c| c == "main")) {
        for uri in &source.uris {
            for suite in source.suites.iter().filter(|suite| own(suite)) {
                stanza(source, uri, suite);
                if suite == codename && mirror.is_none() {
                    mirror = Some((source, uri.clone()));
                }
            }
        }
    }
    let Some((source, uri)) = mirror else {
        bail!(
            "apt on this machine has no source for Debian's suite {codename}; the lab takes its \
             kernels from there: add it to /etc/apt/sources.list"
        );
    };
    stanza(source, &uri, &backports);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEB822: &str = "Types: deb\n# a comment\nURIs: http://mirror.example/debian\n\
        Suites: bookworm bookworm-updates\nComponents: main contrib\n\
        Signed-By: /usr/share/keyrings/d.gpg\n\n\
        Types: deb deb-src\nURIs: http://mirror.example/debian-security/\n\
        Suites: bookworm-security\nComponents: main\nSigned-By:\n -----BEGIN-----\n .\n abc\n\n\n\
        Types: deb-src\nURIs: http://source.example/\nSuites: bookworm\nComponents: main\n\n\
        Enabled: no\nTypes: deb\nURIs: http://off.example/\nSuites: bookworm\nComponents: main\n";

    #[test]
    fn reads_both_styles() {
        let read = deb822(DEB822);
        assert_eq!(read.len(), 2, "{read:?}");
        assert_eq!(read[0].suites, ["bookworm", "bookworm-updates"]);
        assert_eq!(read[1].signed_by, "\n -----BEGIN-----\n .\n abc");

        let text = "# deb http://a.example/ x main\ndeb-src http://a.example/ bookworm main\n\
                    deb [arch=amd64 signed-by=/k.gpg] http://a.example/debian bookworm main # why\n\
                    deb\thttp://b.example/debian bookworm-updates main non-free\nnonsense\ndeb\n";
        let read = one_line(text);
        assert_eq!(read.len(), 2, "{read:?}");
        assert_eq!(read[0].signed_by, "/k.gpg");
        assert_eq!(
            (&*read[1].uris[0], &*read[1].suites[0]),
            ("http://b.example/debian", "bookworm-updates")
        );
    }

    #[test]
    fn adds_backports_at_the_same_address() {
        let text = lab(&deb822(DEB822), "bookworm").expect("sources");
        let again = deb822(&text);
        let suites: Vec<_> = again.iter().map(|source| source.suites[0].as_str()).collect();
        assert_eq!(
            suites,
            ["bookworm", "bookworm-updates", "bookworm-security", "bookworm-backports"]
        );
        assert_eq!(again[3].uris, ["http://mirror.example/debian"]);
        assert_eq!(again[3].signed_by, "/usr/share/keyrings/d.gpg");
        assert_eq!(again[2].signed_by, "\n -----BEGIN-----\n .\n abc");
        assert!(again.iter().all(|source| source.components == ["main"]));
    }

    #[test]
    fn backports_that_are_there_are_not_told_twice() {
        let text = "deb http://a.example/debian bookworm main\n\
                    deb http://a.example/debian/ bookworm-backports main\n\
                    deb http://other.example/ stable main\n\
                    deb http://a.example/debian bookwormish main\n";
        let made = lab(&one_line(text), "bookworm").expect("sources");
        assert_eq!(made.matches("bookworm-backports").count(), 1);
        assert!(!made.contains("other.example") && !made.contains("bookwormish"));
    }

    #[test]
    fn a_machine_without_the_release_is_told_so() {
        let error =
            lab(&one_line("deb http://a.example/ jammy main"), "bookworm").expect_err("none");
        assert!(error.to_string().contains("no source for Debian's suite bookworm"), "{error}");
    }
}
