//! `ublk recover`.

use std::io::Write;
use std::time::Duration;

use super::eventfd::Caller;
use super::{Failure, Outcome, Program, complain, expect_living, reap, state_dir, surroundings};
use crate::cli::{RecoverArgs, format_size};
use crate::daemon::{Announcement, SpawnError, StartRequest, run_foreground, spawn};
use crate::state::{Record, StateDir};

pub(super) fn run(program: &Program, args: &RecoverArgs, out: &mut dyn Write) -> Outcome {
    let mut caller = Caller::new(args.eventfd)?;
    let outcome = recover_all(program, args, &mut caller, out);
    caller.ended(outcome)
}

fn recover_all(
    program: &Program,
    args: &RecoverArgs,
    caller: &mut Caller,
    out: &mut dyn Write,
) -> Outcome {
    let state = state_dir(program)?;
    let ids = match args.id {
        Some(id) => vec![id],
        None => state.ids()?,
    };
    // One that cannot be recovered must not keep the others.
    let mut failed = false;
    for id in ids {
        let waiting = state.waiting(id, &program.undo).map_err(Failure::Failed)?;
        let outcome = match waiting {
            Some(record) => recover(program, &state, args, &record, &mut |about| {
                caller.live(about.id)?;
                tell(about, args.json, out)
            }),
            None if args.all => Ok(()),
            None => Err(not_waiting(&state, id)?),
        };
        match outcome {
            Err(Failure::Failed(message)) if args.all => {
                complain(&message);
                failed = true;
            }
            other => other?,
        }
    }
    if failed { Err(Failure::Told) } else { Ok(()) }
}

/// Why there is nothing to recover.
fn not_waiting(state: &StateDir, id: u32) -> Result<Failure, Failure> {
    let pid = expect_living(state, id)?;
    Ok(Failure::Failed(format!("device {id} is served by process {pid}: nothing to recover")))
}

fn recover(
    program: &Program,
    state: &StateDir,
    args: &RecoverArgs,
    record: &Record,
    tell: &mut dyn FnMut(&Announcement) -> std::io::Result<()>,
) -> Outcome {
    let mut device = record.config.clone();
    device.recover = true;
    let request = StartRequest { id: Some(device.id), mount: None, device };
    if args.foreground {
        let surroundings = surroundings(program, state.clone());
        return run_foreground(&surroundings, request, tell).map_err(Failure::Failed);
    }
    match spawn(&request, Duration::from_secs(args.timeout)) {
        Ok(about) => Ok(tell(&about)?),
        Err(e) => {
            if !matches!(e, SpawnError::Failed(_)) {
                reap(state, program);
            }
            Err(Failure::Failed(e.to_string()))
        }
    }
}

fn tell(about: &Announcement, json: bool, out: &mut dyn Write) -> std::io::Result<()> {
    if json {
        writeln!(out, "{}", serde_json::to_string(about)?)?;
    } else {
        let (id, device, pid) = (about.id, about.device.display(), about.pid);
        let size = format_size(about.size_bytes);
        writeln!(
            out,
            "disk {id}: {device}  ({}, {size}) goes on, served by process {pid}",
            about.disk
        )?;
        for note in &about.notes {
            writeln!(out, "note: {note}")?;
        }
    }
    out.flush()
}
