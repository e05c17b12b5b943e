//! From the card that has everything to one semester's card.
//!
//! ```text
//!   description --select--> what was chosen --rename--relocate--repack--revalue--> other card, same ids
//! ```
//!
//! Each pass takes a card and touches no id, so the program that plays the first card plays the last.
//! All are pure. Chance comes from one [`chance`] stream for each seed, pass and id: what happens to
//! one register does not depend on which others there are, but where two want the same place.
//!
//! | file | changes |
//! | --- | --- |
//! | [`select`] | leaves out what was not chosen |
//! | [`rename`] | names, also where docs mention them, and the prefix |
//! | [`relocate`] | offsets of registers, tags |
//! | [`repack`] | places of fields |
//! | [`revalue`] | numbers of values, bits of features |

pub mod chance;
pub mod relocate;
pub mod rename;
pub mod repack;
pub mod revalue;
pub mod select;
mod words;

use crate::diagnostics::{Diagnostics, Report};
use crate::model::{Card, Place, Reference};
use crate::validate;

/// What a semester's card is made by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Semester {
    /// Names the card.
    pub id: String,
    /// For people, one line.
    pub title: String,
    /// The description it is made from, a path beside the file's own; empty: the base card's.
    pub card: String,
    /// Another seed gives another card.
    pub seed: u32,
    /// Begins all names; without it, one is drawn.
    pub prefix: Option<Reference>,
    /// Ids of the features that were chosen.
    pub features: Vec<Reference>,
    /// Where it is described.
    pub place: Place,
}

/// Reads a semester's file.
///
/// # Errors
/// Everything that is wrong with the text, by place.
pub fn parse_semester(file: &str, text: &str) -> Result<Semester, Diagnostics> {
    let report = Report::new(file, text);
    let semester = crate::read::semester(&report, text);
    match semester {
        Some(semester) => report.finish().map(|()| semester),
        None => Err(report.into_diagnostics()),
    }
}

/// Makes a semester's card. `file` and `text` are those of the semester, for messages.
///
/// # Errors
/// Features that are not there or not possible together, or a card that cannot be: a description with
/// more registers than there is room for, say.
pub fn make(
    template: &Card,
    semester: &Semester,
    file: &str,
    text: &str,
) -> Result<Card, Diagnostics> {
    let report = Report::new(file, text);
    select::check(template, semester, &report);
    if !report.is_clean() {
        return Err(report.into_diagnostics());
    }
    let chosen: Vec<&str> = semester.features.iter().map(|one| one.id.as_str()).collect();
    let selected = select::select(template, &chosen);
    let card = transform(&selected, semester, &report);
    report.finish()?;
    // What the passes have made is judged as what people write.
    let report = Report::new(file, text);
    validate::validate(&card, &report);
    report.finish().map(|()| card)
}

/// What is complained about from here on is the semester's: its text is not the description's.
fn place_all(card: &mut Card, place: Place) {
    card.place = place;
    card.features.iter_mut().for_each(|one| one.place = place);
    card.commands.iter_mut().for_each(|one| one.place = place);
    for block in &mut card.blocks {
        block.place = place;
        for register in &mut block.registers {
            register.place = place;
            for field in &mut register.fields {
                field.place = place;
                field.values.iter_mut().for_each(|value| value.place = place);
            }
        }
    }
}

/// All passes behind [`select`]; what they cannot do is complained about.
fn transform(selected: &Card, semester: &Semester, report: &Report<'_>) -> Card {
    let seed = semester.seed;
    let prefix = semester.prefix.as_ref().map(|prefix| prefix.id.as_str());
    let mut card = rename::rename(selected, seed, prefix);
    place_all(&mut card, semester.place);
    card.id = semester.id.clone();
    card.title = semester.title.clone();
    let card = relocate::relocate(&card, seed, semester.place, report);
    let card = repack::repack(&card, seed);
    revalue::revalue(&card, seed)
}
