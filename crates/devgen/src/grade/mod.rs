//! Grading a student's driver: it is built against the semester's header, loaded in the kernel lab, and
//! bound to a card that is played there to find its mistakes.
//!
//! ```text
//!   devgen grade DRIVER_DIR --card out/            in the lab: devgen grade-inside FOLDER
//!     build: driver, program, modules                one check after the other, each in a process
//!     run the lab's command ------------------->     of its own: load, play a card, ask programs
//!     read lines, boot again after an oops <----     "begin CHECK", "end {...}", "fresh WHY", "done"
//!     report.json, report.html
//! ```
//!
//! Races are not hoped for. The card is played by the check itself, so it does nothing before it is meant
//! to; and a module, `vgpu_hold`, stops a program's call just where an interrupt hurts most.
//!
//! - [`sheet`]: checks, their parts, points
//! - [`build`]: what is built, on this machine
//! - [`outside`]: driving the lab
//! - [`inside`]: in the lab, all checks
//! - [`bench`]: in the lab, a card that a check plays
//! - [`program`]: in the lab, a program on that card
//! - [`kernel`]: in the lab, what the kernel tells
//! - [`stream`]: commands, and the picture they should give
//! - [`checks`]: what is checked
//! - [`report`]: JSON, HTML, and a few lines

pub mod bench;
pub mod build;
pub mod checks;
pub mod inside;
pub mod kernel;
pub mod outside;
pub mod program;
pub mod report;
pub mod sheet;
pub mod stream;
