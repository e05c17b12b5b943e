//! The commands of `lgbench`.
//!
//! - [`cli`]: what can be typed
//! - `run`, `ctl`, `env`, `penalty`, `probe`, `skew`, `lguest`: one command each
//! - `control`: the running experiment's side of `ctl`
//! - `summary`: results in a few lines
//! - `interrupt`: Ctrl-C
//! - `kept`: what experiments leave, and the exit code
//! - `place`: what runs guests, and where

pub mod cli;
mod control;
mod ctl;
mod env;
mod interrupt;
mod kept;
mod lguest;
mod penalty;
mod place;
mod probe;
mod run;
#[cfg(target_arch = "x86_64")]
mod skew;
mod summary;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use self::cli::{Cli, Command};
#[cfg(target_arch = "x86_64")]
use crate::backend::native::child;

/// Runs what was typed, the program's name first.
pub fn main(line: impl IntoIterator<Item = OsString>) -> ExitCode {
    let line: Vec<OsString> = line.into_iter().collect();
    #[cfg(target_arch = "x86_64")]
    if let [_, first, rest @ ..] = &line[..]
        && first == child::COMMAND
    {
        return child::main(rest);
    }
    let cli = match Cli::try_parse_from(line) {
        Ok(cli) => cli,
        Err(error) => {
            // Help comes this way, too. If it cannot be printed there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(&cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("lgbench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Run(args) => run::run(args),
        Command::Ctl(args) => ctl::run(args),
        Command::Report(args) => crate::report::run(args),
        Command::Compare(args) => crate::compare::run(args),
        Command::Env(args) => env::run(args),
        Command::Probe(args) => probe::run(args),
        Command::Lguest(args) => lguest::run(args),
        Command::Penalty(args) => penalty::run(args),
        #[cfg(target_arch = "x86_64")]
        Command::Skew(args) => skew::run(args),
        #[cfg(not(target_arch = "x86_64"))]
        Command::Skew(_) => Err(crate::backend::only_lguest().into()),
    }
}
