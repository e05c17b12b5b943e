//! A new card every semester: what students, teachers and `vcd` get of one, out of one description.
//!
//! ```text
//!   base.toml + semester.toml --regmap's passes--> Card
//!        Card --regmap's templates--> regs.h, regs.rs, card.toml, card.rdl, card.svd
//!        Card --own templates, in the base card's names--> tell --> driver/, app/, manual
//! ```
//!
//! | module | duty |
//! | --- | --- |
//! | [`source`] | reading a semester, or a card |
//! | [`templates`] | the driver's, the programs' and the manual's |
//! | [`folder`] | what is written where |
//! | [`manual`] | Markdown as one page of HTML, and for typst |
//! | [`compare`] | two cards beside each other, and one register explained |
//! | [`import`] | cards from CMSIS-SVD |
//! | [`grade`] | students' drivers, in the kernel lab |
#![forbid(unsafe_code)]

pub mod compare;
pub mod folder;
pub mod grade;
pub mod import;
pub mod manual;
pub mod source;
pub mod templates;
