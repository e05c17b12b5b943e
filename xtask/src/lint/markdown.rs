//! Links of Markdown files that point into the repository lead somewhere, headings included.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::{Finding, Source};

/// Checks the links of every Markdown file.
pub fn check(sources: &[Source]) -> Vec<Finding> {
    let mut there = BTreeSet::new();
    for source in sources {
        there.extend(source.path.ancestors().map(Path::to_path_buf));
    }
    let anchors: BTreeMap<&Path, BTreeSet<String>> = pages(sources)
        .map(|source| (source.path.as_path(), headings(&source.text).map(|h| anchor(&h)).collect()))
        .collect();
    let mut findings = Vec::new();
    for page in pages(sources) {
        for (line, link) in links(&page.text) {
            if let Some(message) = wrong(&page.path, &link, &there, &anchors) {
                findings.push(Finding::new(&page.path, line, message));
            }
        }
    }
    findings
}

fn pages(sources: &[Source]) -> impl Iterator<Item = &Source> {
    sources.iter().filter(|source| source.extension() == "md")
}

fn wrong(
    page: &Path,
    link: &str,
    there: &BTreeSet<PathBuf>,
    anchors: &BTreeMap<&Path, BTreeSet<String>>,
) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() {
        page.to_owned()
    } else {
        let folder = page.parent().unwrap_or(Path::new(""));
        match resolve(folder, file) {
            Some(target) => target,
            None => return Some(format!("the link {link} leads out of the repository")),
        }
    };
    if !there.contains(&target) {
        return Some(format!("the link {link} leads nowhere: there is no {}", target.display()));
    }
    let known = anchors.get(target.as_path())?;
    let missing = !heading.is_empty() && !known.contains(heading);
    missing.then(|| format!("the link {link} leads to no heading of {}", target.display()))
}

/// A relative path from a folder, without `..`; `None` above the root.
fn resolve(folder: &Path, file: &str) -> Option<PathBuf> {
    let mut target = folder.to_owned();
    for part in Path::new(file).components() {
        match part {
            Component::Normal(name) => target.push(name),
            Component::ParentDir => {
                if !target.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(target)
}

/// Lines outside fenced blocks, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        fenced ^= fence;
        (!fence && !fenced).then_some((index + 1, line))
    })
}

/// `[text](target)` and `[name]: target`, code spans left out.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code(line);
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            let Some(end) = rest.find(')') else { continue };
            // A title may follow the target.
            if let Some(target) = rest[..end].split_whitespace().next() {
                found.push((number, target.trim_matches(['<', '>']).to_owned()));
            }
        }
        if let Some((_, target)) = line.split_once("]: ")
            && line.starts_with('[')
            && let Some(target) = target.split_whitespace().next()
        {
            found.push((number, target.to_owned()));
        }
    }
    found
}

fn without_code(line: &str) -> String {
    let mut parts = line.split('`');
    let mut text = parts.next().unwrap_or_default().to_owned();
    while let (Some(_code), Some(after)) = (parts.next(), parts.next()) {
        text.push_str(after);
    }
    text
}

fn headings(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter_map(|(_, line)| {
        let title = line.trim_start_matches('#');
        (title.len() < line.len() && title.starts_with(' ')).then(|| title.trim().to_owned())
    })
}

/// The name a heading gets in rendered pages.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let sources = [
            Source::new("docs/page.md", text),
            Source::new("README.md", "# What it is: `ublk`\n```\n# no heading\n```\n"),
            Source::new("configs/disks/a.toml", ""),
        ];
        check(&sources).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn good_links_pass() {
        let text = "# Own\n[a](../README.md) [b](../README.md#what-it-is-ublk \"t\") [c](#own)\n\
                    [d](../configs/disks) [e](https://example.org/x) `[f](g)` [h]\n\n\
                    ```\n[i](j)\n```\n[h]: ../configs/disks/a.toml\n";
        assert_eq!(found(text), Vec::<String>::new());
    }

    #[test]
    fn bad_links_are_found_with_their_line() {
        for (text, message) in [
            ("x\n[a](gone.md)", "docs/page.md:2: the link gone.md leads nowhere"),
            ("[a](../README.md#no-heading)", "leads to no heading of README.md"),
            ("[a](#nope)", "leads to no heading of docs/page.md"),
            ("[a](../../other/x.md)", "leads out of the repository"),
            ("[a]: gone.md", "docs/page.md:1: the link gone.md"),
        ] {
            let found = found(text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(found[0].contains(message), "{text}: {found:?}");
        }
    }
}
