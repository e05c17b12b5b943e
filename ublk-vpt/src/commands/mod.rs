//! The commands, one file each, and what they have in common: output, failure, clearing away.

mod add;
mod completions;
mod config;
mod daemon;
mod del;
mod eventfd;
mod features;
mod image;
mod list;
mod loop_helper;
mod man;
mod plots;
mod probe;
mod recover;
mod release;
mod replay;
mod serve;
mod set;
mod stats;
mod ublk_helper;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;
use vpt_model::config::DiskConfig;

use crate::cli::{Cli, Command};
use crate::control::ClientError;
use crate::daemon::Surroundings;
use crate::daemon::device::{DiskText, OpenDevice};
use crate::disks::DiskError;
use crate::state::{StateDir, StateError, Undo};

/// What the program is made of besides the commands here.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Opens devices.
    pub open_device: OpenDevice,
    /// Undoes what dead ones left.
    pub undo: Undo,
    /// The same for a daemon at its end, which may have given up rights.
    pub undo_at_end: Undo,
    /// Reads a disk's file; the error names file, line and column.
    pub check_disk: fn(&DiskText) -> Result<DiskConfig, String>,
}

/// What a command comes to.
pub type Outcome = Result<(), Failure>;

/// Why a command did not do what it should.
#[derive(Debug)]
pub enum Failure {
    /// It was asked wrongly: exit code 2.
    Usage(String),
    /// It could not: exit code 1. For people: what, where, what to do.
    Failed(String),
    /// What it should say has been said: exit code 1.
    Told,
    /// Whoever read the output has read enough: exit code 0.
    OutputClosed,
}

impl From<io::Error> for Failure {
    /// Errors of writing the output; others get their context where they come up.
    fn from(e: io::Error) -> Self {
        if e.kind() == io::ErrorKind::BrokenPipe {
            return Self::OutputClosed;
        }
        Self::Failed(format!("output: {e}"))
    }
}

impl From<StateError> for Failure {
    fn from(e: StateError) -> Self {
        Self::Failed(e.to_string())
    }
}

impl From<DiskError> for Failure {
    fn from(e: DiskError) -> Self {
        Self::Failed(e.to_string())
    }
}

impl From<ClientError> for Failure {
    fn from(e: ClientError) -> Self {
        Self::Failed(e.to_string())
    }
}

/// Runs the command that `args` (the program's name first) ask for.
pub fn main(program: &Program, args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = match Cli::read(for_plug_in(args.into_iter().collect())) {
        Ok(cli) => cli.command,
        Err(e) => {
            // Help and version too come this way. A closed output is no reason to fail.
            let _ = e.print();
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2));
        }
    };
    let mut out = io::stdout().lock();
    let outcome = run(program, &command, &mut out).and_then(|()| Ok(out.flush()?));
    match outcome {
        Ok(()) | Err(Failure::OutputClosed) => ExitCode::SUCCESS,
        Err(Failure::Told) => ExitCode::FAILURE,
        Err(Failure::Failed(message)) => {
            complain(&message);
            ExitCode::FAILURE
        }
        Err(Failure::Usage(message)) => {
            complain(&format!("{message}\n\nFor more information, try '--help'."));
            ExitCode::from(2)
        }
    }
}

/// Under the name of a plug-in of ublksrv's `ublk` this may be asked `help -t vpt`.
fn for_plug_in(args: Vec<OsString>) -> Vec<OsString> {
    let is_plug_in = args.first().is_some_and(|name| name.to_string_lossy().ends_with(".vpt"));
    match args.get(1) {
        Some(word) if is_plug_in && word == "help" => {
            ["ublk", "add", "--help"].map(Into::into).into()
        }
        _ => args,
    }
}

fn run(program: &Program, command: &Command, out: &mut dyn Write) -> Outcome {
    match command {
        Command::Add(args) => add::run(program, args, out),
        Command::Serve(args) => serve::run(program, args, out),
        Command::Del(args) => del::run(program, args, out),
        Command::Recover(args) => recover::run(program, args, out),
        Command::List(args) => list::run(program, args, out),
        Command::Stats(args) => stats::run(program, args, out),
        Command::Set(args) => set::run(program, args),
        Command::Top(args) => crate::top::run(args, &state_dir(program)?),
        Command::Image(args) => image::run(args, out),
        Command::Probe(args) => probe::run(program, args, out),
        Command::Replay(args) => replay::run(args, out),
        Command::Features(args) => features::run(args, out),
        Command::CheckConfig(args) => config::check(program, args, out),
        Command::DumpConfig(args) => config::dump(args, out),
        Command::Completions(args) => completions::run(args, Cli::command(), out),
        Command::Man(args) => man::run(args, Cli::command(), out),
        Command::Loop(args) => loop_helper::run(args, out),
        Command::Ublk(args) => ublk_helper::run(args, out),
        Command::Chown(args) => ublk_helper::chown(args),
        Command::Release(args) => release::run(args, out),
        Command::Daemon => daemon::run(&surroundings(program, StateDir::of_this_user()?)),
    }
}

/// One message on standard error; that it cannot be written is nobody's business.
fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "ublk: {message}");
}

/// The state directory, after what dead daemons left there has been cleared away.
fn state_dir(program: &Program) -> Result<StateDir, Failure> {
    let state = StateDir::of_this_user()?;
    reap(&state, program);
    Ok(state)
}

/// Clears away and says so. What does not work is said too, and does not keep the command from its
/// work: `list` shows such a device as DEAD.
fn reap(state: &StateDir, program: &Program) {
    let reaped = match state.reap(&program.undo) {
        Ok(reaped) => reaped,
        Err(e) => return complain(&format!("dead devices are not cleared away: {e}")),
    };
    for dead in reaped {
        let id = dead.id;
        for warning in &dead.warnings {
            complain(&format!("warning: {warning}"));
        }
        let who = dead.pid.map_or(String::new(), |pid| format!(" (process {pid})"));
        let done: String = dead.done.iter().map(|d| format!("; {d}")).collect();
        match dead.problem {
            None => complain(&format!("device {id}: its daemon{who} died; cleared away{done}")),
            Some(problem) => {
                complain(&format!("device {id}: its daemon{who} died{done}; {problem}"));
            }
        }
    }
}

fn surroundings(program: &Program, state: StateDir) -> Surroundings {
    Surroundings {
        state,
        open_device: program.open_device,
        undo: program.undo,
        undo_at_end: program.undo_at_end,
    }
}

/// The process of device `id`'s daemon.
///
/// # Errors
/// There is no such device; says which there are.
fn expect_living(state: &StateDir, id: u32) -> Result<u32, Failure> {
    if let Some(pid) = state.living(id)? {
        return Ok(pid);
    }
    let mut others = Vec::new();
    for other in state.ids()? {
        if state.living(other)?.is_some() {
            others.push(other.to_string());
        }
    }
    Err(Failure::Failed(if others.is_empty() {
        format!("no device {id}: there are none in {}", state.path().display())
    } else {
        format!("no device {id}; there are: {}", others.join(", "))
    }))
}
