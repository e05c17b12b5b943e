//! The commands of `vcd`.
//!
//! - [`cli`]: what can be typed
//! - [`card`]: a card's description
//! - `looks`: where the picture is to be shown, as typed
//! - `demo`, `run`, `shot`, `stats`, `trace`: one command each

pub mod card;
pub mod cli;
mod demo;
mod looks;
mod run;
mod shot;
mod stats;
mod trace;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use self::cli::{Cli, Command};

/// Runs what was typed, the program's name first.
pub fn main(line: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(line) {
        Ok(cli) => cli,
        Err(error) => {
            // Help comes this way, too. If it cannot be printed there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(&cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With its causes; several lines of one are kept: a description may have many mistakes.
            eprintln!("vcd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<()> {
    match command {
        Command::Run(args) => run::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Shot(args) => shot::run(args),
        Command::Stats(args) => stats::run(args),
        Command::Trace(args) => trace::run(args),
    }
}
