//! The program `lgbench` as its user has it: experiments, bad input, interruptions.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

mod lguest;
mod penalty;
mod refusals;
mod running;
mod support;
