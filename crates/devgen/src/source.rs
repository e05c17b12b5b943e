//! Where cards come from: a semester's file with the description it names, or a card's file.

use std::fs;
use std::path::{Path, PathBuf};

use regmap::passes::{self, Semester, select};
use regmap::{Card, Diagnostics};
use thiserror::Error;

/// The base card's description, as it was when this program was built.
const BASE: &str = include_str!("../../../configs/cards/base.toml");
const BASE_NAME: &str = "base.toml";

/// Why there is no card.
#[derive(Debug, Error)]
pub enum SourceError {
    /// A file cannot be read.
    #[error("cannot read {}; name a semester's or a card's file", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Its content is wrong.
    #[error(transparent)]
    Content(#[from] Diagnostics),
}

/// A semester's card, and what it was made of.
#[derive(Clone, Debug)]
pub struct Made {
    /// The card.
    pub card: Card,
    /// Before its names and places were changed.
    pub selected: Card,
    /// With all that could have been chosen.
    pub template: Card,
    /// What it was made by.
    pub semester: Semester,
}

fn read(path: &Path) -> Result<String, SourceError> {
    fs::read_to_string(path).map_err(|source| SourceError::Read { path: path.to_owned(), source })
}

/// The base card.
///
/// # Errors
/// None, as tests see to.
pub fn base() -> Result<Card, SourceError> {
    Ok(regmap::parse(BASE_NAME, BASE)?)
}

/// All that can be chosen for a card of the base card's kind.
///
/// # Errors
/// None, as tests see to.
pub fn template() -> Result<Card, SourceError> {
    Ok(regmap::parse_template(BASE_NAME, BASE)?)
}

/// Makes the card of a semester's file.
///
/// # Errors
/// What is wrong with that file, or with the description that it names.
pub fn semester(path: &Path) -> Result<Made, SourceError> {
    let text = read(path)?;
    let name = path.display().to_string();
    let semester = passes::parse_semester(&name, &text)?;
    let template = match &*semester.card {
        "" => self::template()?,
        card => {
            let beside = path.parent().unwrap_or(Path::new("")).join(card);
            regmap::parse_template(&beside.display().to_string(), &read(&beside)?)?
        }
    };
    made(template, semester, &name, &text)
}

/// Makes a semester's card of a description.
///
/// # Errors
/// What is wrong with the semester.
pub fn made(
    template: Card,
    semester: Semester,
    name: &str,
    text: &str,
) -> Result<Made, SourceError> {
    let card = passes::make(&template, &semester, name, text)?;
    let chosen: Vec<&str> = semester.features.iter().map(|one| one.id.as_str()).collect();
    let selected = select::select(&template, &chosen);
    Ok(Made { card, selected, template, semester })
}

/// A card from a semester's file, a card's file, or a folder that was made.
///
/// # Errors
/// What cannot be read, or is wrong.
pub fn any(path: &Path) -> Result<Card, SourceError> {
    let file = if path.is_dir() { path.join(crate::folder::CARD) } else { path.to_owned() };
    let text = read(&file)?;
    if text.lines().any(|line| line.trim() == "[semester]") {
        return Ok(semester(&file)?.card);
    }
    Ok(regmap::parse(&file.display().to_string(), &text)?)
}
