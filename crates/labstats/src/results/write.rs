//! From [`Results`] to JSON.

use super::{Results, check};

/// Why results cannot be written. A reader would refuse them.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// They contradict themselves or hold what JSON cannot.
    #[error("{place} {message}")]
    Contents {
        /// Path into the document.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// They cannot be put into JSON.
    #[error("cannot write the results as JSON")]
    Json(#[source] serde_json::Error),
}

impl Results {
    /// One line of JSON with a line feed at its end; whole numbers without a fraction, so that a million
    /// samples take some megabytes.
    ///
    /// # Errors
    /// [`WriteError::Contents`] when [`Results::from_json`] would refuse the text.
    pub fn to_json(&self) -> Result<String, WriteError> {
        check::results(self).map_err(|(place, message)| WriteError::Contents { place, message })?;
        let mut text = serde_json::to_string(self).map_err(WriteError::Json)?;
        text.push('\n');
        Ok(text)
    }
}
