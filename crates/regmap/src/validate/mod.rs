//! Whether a card makes sense: everything that a description, or a pass that changed a card, can get
//! wrong. All of it is found in one run.
//!
//! | file | checks |
//! | --- | --- |
//! | [`names`] | identifiers of C and Rust, reserved words, two of one name, stable ids given twice |
//! | [`space`] | sizes of BARs; registers aligned, inside, not on top of each other |
//! | [`fields`] | fields inside their register and not on top of each other; values and resets that fit |
//! | [`ownership`] | every register written by one side; what a command register and a tag may be |
//! | [`references`] | ids that name something; tags and bits given twice; features that exclude themselves |
//! | [`docs`] | everything a reader of the manual would ask about is described |

pub mod docs;
pub mod fields;
pub mod names;
pub mod ownership;
pub mod references;
pub mod space;

#[cfg(test)]
pub(crate) mod samples;

use crate::diagnostics::Report;
use crate::model::Card;

/// One check.
type Check = fn(&Card, &Report<'_>);

/// All of them, in no particular order: none relies on another.
const CHECKS: &[Check] =
    &[names::check, space::check, fields::check, ownership::check, references::check, docs::check];

/// Adds everything that is wrong with the card to the report.
pub fn validate(card: &Card, report: &Report<'_>) {
    for check in CHECKS {
        check(card, report);
    }
}

/// `register NAME`, as complaints call it.
pub(crate) fn item(register: &crate::Register) -> String {
    format!("register {}", register.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_card_passes() {
        let report = Report::new("small", "");
        validate(&samples::small(), &report);
        assert_eq!(report.finish(), Ok(()));
    }
}
