//! Reading the JUnit report that nextest writes.

use super::tally::{Tally, skip_line};

/// Counts the test cases of a report.
pub fn read(xml: &str) -> Tally {
    let mut tally = Tally::default();
    for case in xml.split("<testcase ").skip(1) {
        let head = &case[..case.find('>').unwrap_or(case.len())];
        let body = if head.ends_with('/') {
            ""
        } else {
            &case[..case.find("</testcase>").unwrap_or(case.len())]
        };
        let name = attribute(head, "name").unwrap_or_default();
        let group = attribute(head, "classname").unwrap_or_default();
        let name = format!("{} {}", unescape(group), unescape(name));
        let text = unescape(body);
        if body.contains("<failure") || body.contains("<error") {
            tally.failed += 1;
            tally.said.push((name.clone(), unescape(&without_tags(body))));
            tally.failures.push(name);
        } else if let Some((_, reason)) = text.lines().find_map(skip_in) {
            tally.skipped.push((name, reason));
        } else {
            tally.passed += 1;
        }
    }
    tally
}

/// The first line of an output stands behind its element's tag.
fn skip_in(line: &str) -> Option<(String, String)> {
    let text = match line.split_once("<system-") {
        Some((_, rest)) => rest.split_once('>').map_or("", |(_, text)| text),
        None => line,
    };
    skip_line(text.split("</system-").next().unwrap_or_default())
}

/// What the elements of a case hold, a line after the other.
fn without_tags(body: &str) -> String {
    // What comes before the first of them is the rest of the case's own tag.
    let parts = body.split('<').skip(1).filter_map(|part| part.split_once('>'));
    let texts = parts.map(|(_, text)| text.trim()).filter(|text| !text.is_empty());
    texts.collect::<Vec<_>>().join("\n")
}

fn attribute<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    // The space tells name="..." from classname="...".
    let head_with_space = head.find(&format!(" {name}=\"")).map(|at| at + name.len() + 3);
    let start = head_with_space
        .or_else(|| head.starts_with(&format!("{name}=\"")).then_some(name.len() + 2))?;
    let rest = &head[start..];
    rest.find('"').map(|end| &rest[..end])
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="run" tests="5" failures="1" errors="0">
    <testsuite name="e2e::cli" tests="5" failures="1">
        <testcase name="a::one" classname="e2e::cli" time="0.1">
        </testcase>
        <testcase name="two" classname="e2e::cli" time="0.1"/>
        <testcase name="three" classname="e2e::cli" time="0.1">
            <failure message="boom" type="test failure">it SKIP: x: y</failure>
            <system-out>SKIP: three: before it failed</system-out>
        </testcase>
        <testcase name="four" classname="e2e::cli" time="0.1">
            <system-out>
running 1 test
SKIP: four: fuse: no &lt;/dev/fuse&gt; &amp; none
test four ... ok
</system-out>
        </testcase>
        <testcase name="five" classname="e2e::cli" time="0.1">
            <system-err>SKIP: five: loop: none</system-err>
        </testcase>
    </testsuite>
</testsuites>"#;

    #[test]
    fn counts_each_case_once() {
        let tally = read(REPORT);
        assert_eq!((tally.passed, tally.failed, tally.skipped.len()), (2, 1, 2));
        assert_eq!(tally.failures, ["e2e::cli three"]);
        let said = "it SKIP: x: y\nSKIP: three: before it failed";
        assert_eq!(tally.said[0], ("e2e::cli three".to_owned(), said.to_owned()));
        let expected =
            [("e2e::cli four", "fuse: no </dev/fuse> & none"), ("e2e::cli five", "loop: none")];
        assert_eq!(tally.skipped, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn survives_a_broken_report() {
        for text in ["", "<testcase ", "<testcase name=\"x", "<testcase name=\"x\"><failure"] {
            read(text);
        }
    }
}
