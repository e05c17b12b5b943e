//! From JSON to [`Results`]. Every complaint is one line: file, position, what is wrong, what to do.

use serde::Deserialize;
use serde_json::error::Category;

use super::{Results, SCHEMA, VERSION, check};

/// Why a file holds no results that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{position}: {message}")]
pub struct ReadError {
    /// The file, as the caller named it.
    pub file: String,
    /// `:line:column`, or `: path.in.the.document`, or nothing when it is the file as a whole.
    pub position: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// What must be known of a file before its other keys mean anything.
#[derive(Deserialize)]
struct Head {
    schema: Option<serde_json::Value>,
    version: Option<serde_json::Value>,
}

impl Results {
    /// Reads the results in `text`; `file` is used in messages only.
    ///
    /// # Errors
    /// What is wrong with the text first: not JSON, cut off, another schema or version, an unknown or
    /// missing key, a value that is no finite number, or a document that contradicts itself.
    pub fn from_json(file: &str, text: &[u8]) -> Result<Self, ReadError> {
        let error = |position: String, message: String| ReadError {
            file: file.to_owned(),
            position,
            message,
        };
        if text.iter().all(u8::is_ascii_whitespace) {
            let message = "is empty: the run that wrote it had no time to; run it again";
            return Err(error(String::new(), message.into()));
        }
        let refuse =
            |e: serde_json::Error| error(format!(":{}:{}", e.line(), e.column()), explain(&e));
        // A list would pass for a document: serde takes its elements for the keys in order.
        if text.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'[') {
            let message = "is a list, not results; name a file of lgbench run";
            return Err(error(String::new(), message.into()));
        }
        let head: Head = serde_json::from_slice(text).map_err(refuse)?;
        check_head(&head).map_err(|message| error(String::new(), message))?;
        let results: Self = serde_json::from_slice(text).map_err(refuse)?;
        check::results(&results)
            .map_err(|(place, message)| error(format!(": {place}"), message))?;
        Ok(results)
    }
}

fn check_head(head: &Head) -> Result<(), String> {
    match &head.schema {
        Some(schema) if schema == SCHEMA => {}
        Some(schema) => {
            return Err(format!("holds {schema}, not \"{SCHEMA}\"; name a file of lgbench run"));
        }
        None => return Err("has no key \"schema\"; name a file of lgbench run".into()),
    }
    match head.version.as_ref().map(|v| (v, v.as_u64())) {
        Some((_, Some(version))) if version == u64::from(VERSION) => Ok(()),
        Some((_, Some(version))) if version > u64::from(VERSION) => Err(format!(
            "has version {version} of the format, this program reads {VERSION}: use a newer lgbench"
        )),
        Some((_, Some(version))) => Err(format!(
            "has version {version} of the format, this program reads {VERSION}: \
             use the lgbench that wrote it, or run again"
        )),
        Some((version, None)) => Err(format!("has the version {version}, which is no number")),
        None => Err("has no key \"version\"; name a file of lgbench run".into()),
    }
}

/// What the parser says, in one line and with what to do.
fn explain(e: &serde_json::Error) -> String {
    let what = e.to_string();
    let position = format!(" at line {} column {}", e.line(), e.column());
    let what = what.strip_suffix(&position).unwrap_or(&what).replace(['\n', '\r'], " ");
    match e.classify() {
        Category::Eof => "is cut off here: the run was killed while it wrote, or the copy is not \
                          complete; copy again, or run again"
            .into(),
        Category::Syntax if what.contains("number out of range") => {
            "a number too large to be one; no sample is infinite".into()
        }
        Category::Syntax => format!("is no JSON here: {what}; JSON has no NaN and no infinity"),
        Category::Data if what.contains("null") => {
            format!("{what}; what is not known is left out, and no sample is NaN")
        }
        Category::Data | Category::Io => {
            format!("{what}; docs/lgbench-results.md lists every key")
        }
    }
}
