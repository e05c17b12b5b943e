//! What is generated from a card: the C header, Rust, the manual's register chapter.
//!
//! Each is a template of its own (`templates/`), filled with the [`view`] of a card. [`render`] takes any
//! text as a template, so others can be had without a change here.

mod filters;
mod names;
pub mod view;

pub use filters::one_line;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use thiserror::Error;

use crate::model::Card;
pub(crate) use names::c_names;

/// What says that a file is generated; it stands in the file's first lines.
pub const MARK: &str = "Generated from ";

/// What can be generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// `regs.h`: macros for C, in the kernel and outside.
    CHeader,
    /// `regs.rs`: typed constants, for programs that drive the card.
    RustConstants,
    /// `ids.rs`: ids as types, for the program that plays the card.
    RustIds,
    /// `registers.md`: the manual's chapter.
    Chapter,
    /// `card.toml`: the card as a description, with the ids.
    Description,
    /// `card.rdl`: registers in SystemRDL.
    SystemRdl,
    /// `card.svd`: registers in CMSIS-SVD.
    Svd,
}

impl Output {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::CHeader,
        Self::RustConstants,
        Self::RustIds,
        Self::Chapter,
        Self::Description,
        Self::SystemRdl,
        Self::Svd,
    ];

    /// Its template.
    pub fn template(self) -> &'static str {
        match self {
            Self::CHeader => include_str!("templates/regs.h.j2"),
            Self::RustConstants => include_str!("templates/regs.rs.j2"),
            Self::RustIds => include_str!("templates/ids.rs.j2"),
            Self::Chapter => include_str!("templates/registers.md.j2"),
            Self::Description => include_str!("templates/card.toml.j2"),
            Self::SystemRdl => include_str!("templates/card.rdl.j2"),
            Self::Svd => include_str!("templates/card.svd.j2"),
        }
    }
}

/// Why a template cannot be filled.
#[derive(Debug, Error)]
#[error("cannot fill the template: {reason}")]
pub struct EmitError {
    /// With its line, and what the template asked for.
    reason: String,
}

/// Fills one of the templates that come with this crate. `source` is what the card was read from, as
/// the generated file is to name it.
///
/// # Errors
/// When the template is wrong, which the tests exclude.
pub fn emit(card: &Card, output: Output, source: &str) -> Result<String, EmitError> {
    let origin = format!("{MARK}{source}: change that, then run: cargo xtask regs");
    render(card, output.template(), &origin)
}

/// Fills a template. One that names something that is not there is refused, not left empty. `origin` is
/// a sentence about where the card comes from.
///
/// # Errors
/// What is wrong with the template.
pub fn render(card: &Card, template: &str, origin: &str) -> Result<String, EmitError> {
    fill(view::View::of(card, origin), template)
}

/// Fills a template with a view.
///
/// # Errors
/// What is wrong with the template.
pub fn fill(view: view::View, template: &str) -> Result<String, EmitError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // {:#} has the line and what stands there.
    let failed = |error: minijinja::Error| EmitError { reason: format!("{error:#}") };
    // A line with nothing but a tag leaves nothing.
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    environment.set_syntax(syntax.build().map_err(failed)?);
    filters::add(&mut environment);
    environment.render_str(template, Value::from(Serde(view))).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::samples::small;

    #[test]
    fn a_template_that_asks_for_too_much_is_refused() {
        let error = render(&small(), "a\n{{ nothing }}", "small.toml").expect_err("strict");
        assert!(error.to_string().contains("undefined"), "{error}");
        assert!(render(&small(), "{% for %}", "small.toml").is_err());
    }

    #[test]
    fn every_output_says_that_it_is_generated() {
        for output in Output::ALL {
            let text = emit(&small(), output, "small.toml").expect("the template is right");
            let head: Vec<&str> = text.lines().take(3).collect();
            assert!(head.join("\n").contains(MARK), "{output:?}: {head:?}");
            assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{output:?}");
        }
    }
}
