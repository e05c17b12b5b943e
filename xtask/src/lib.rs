//! The project's own commands, one module each: [`demo`], [`test`], [`vm`], [`lint`], [`fuzz`], [`bench`],
//! [`schedulers`], [`dist`], [`regs`].
//!
//! They drive programs as a user would (cargo, git, the built `ublk`), and bring what they need
//! ([`deps`]). Every command returns `Ok(true)` when all is well, `Ok(false)` when something failed
//! that has been printed already, and an error when it could not do its work.

pub mod bench;
pub mod demo;
pub mod deps;
pub mod device;
pub mod dist;
pub mod fuzz;
mod grade;
pub mod image;
mod lgbench_kmod;
pub mod lint;
pub mod machine;
pub mod regs;
pub mod run;
pub mod schedulers;
mod semesters;
pub mod table;
pub mod test;
pub mod vgpu;
pub mod vm;
pub mod workspace;
