//! What was found: JSON for programs, a page for people, a few lines for the terminal.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use minijinja::value::Serde;
use minijinja::{Environment, Value};
use serde::Serialize;

use super::sheet::Found;

const PAGE: &str = include_str!("../../templates/grade/report.html.j2");

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The semester's card.
    pub card: String,
    /// Its layout's hash.
    pub layout: String,
    /// The student's folder.
    pub driver: String,
    /// The kernel's version.
    pub kernel: String,
    /// Starts of the machine.
    pub boots: u32,
    /// In the order of checking.
    pub checks: Vec<Found>,
}

impl Report {
    /// Begins with the build.
    pub fn new(card: &regmap::Card, driver: &Path, built: Found) -> Self {
        Self {
            card: card.id.clone(),
            layout: format!("{:#010x}", regmap::layout_hash(card)),
            driver: driver.display().to_string(),
            kernel: String::new(),
            boots: 0,
            checks: vec![built],
        }
    }

    /// Points given, and points there are.
    pub fn points(&self) -> (u32, u32) {
        let points = self.checks.iter().map(Found::points).sum();
        (points, self.checks.iter().map(Found::of).sum())
    }

    /// Whether there is nothing to be mended.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(Found::passed)
    }

    /// For programs.
    ///
    /// # Errors
    /// None that one would expect.
    pub fn json(&self) -> Result<String> {
        let mut value = serde_json::to_value(self)?;
        let (points, of) = self.points();
        value["points"] = points.into();
        value["of"] = of.into();
        let checks = value["checks"].as_array_mut().into_iter().flatten();
        for (check, found) in checks.zip(&self.checks) {
            check["points"] = found.points().into();
            check["of"] = found.of().into();
            check["result"] = found.verdict().into();
        }
        Ok(serde_json::to_string_pretty(&value)? + "\n")
    }

    /// For people: one page that needs nothing else.
    ///
    /// # Errors
    /// None that one would expect.
    pub fn html(&self) -> Result<String> {
        let environment = Environment::new();
        let value: serde_json::Value = serde_json::from_str(&self.json()?)?;
        Ok(environment.render_str(PAGE, Value::from(Serde(value)))?)
    }

    /// For the terminal.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for found in &self.checks {
            // Writing to a text does not fail.
            let _ = writeln!(
                text,
                "{:<8}{:>3} of {:<3} {}",
                found.verdict(),
                found.points(),
                found.of(),
                found.title
            );
            for part in found.parts.iter().filter(|part| !part.ok) {
                let _ = writeln!(text, "            {}: {}", part.what, part.evidence);
            }
        }
        let (points, of) = self.points();
        let _ = writeln!(text, "{points} of {of} points");
        text
    }

    /// Writes both files; where they are.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<[PathBuf; 2]> {
        let files = [folder.join("report.json"), folder.join("report.html")];
        for (file, text) in files.iter().zip([self.json()?, self.html()?]) {
            fs::write(file, text).with_context(|| file.display().to_string())?;
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::{BUILD, CHECKS};
    use super::*;

    #[test]
    fn what_a_driver_says_is_text_on_the_page() {
        let card = crate::source::base().expect("the base card");
        let mut report = Report::new(&card, Path::new("/home/a"), BUILD.untried("error: <script>"));
        report.checks.extend(CHECKS.iter().map(|(check, _)| check.untried("not tried")));
        report.checks[1].trace.push("BUG: <b>".into());
        let page = report.html().expect("a page");
        assert!(page.contains("error: &lt;script&gt;") && !page.contains("<script"), "{page}");
        assert!(page.contains("BUG: &lt;b&gt;") && page.contains("0 of 100"), "{page}");
        let json: serde_json::Value =
            serde_json::from_str(&report.json().expect("JSON")).expect("JSON");
        assert_eq!((&json["points"], &json["of"]), (&0.into(), &100.into()));
        assert_eq!(json["checks"][0]["result"], "fail");
        assert!(report.text().ends_with("0 of 100 points\n"));
    }
}
