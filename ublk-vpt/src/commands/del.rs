//! `ublk del`.

use std::io::Write;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::{Failure, Outcome, Program, complain, expect_living, reap, state_dir};
use crate::cli::DelArgs;
use crate::control::{Client, ClientError};
use crate::state::StateDir;

pub(super) fn run(program: &Program, args: &DelArgs, out: &mut dyn Write) -> Outcome {
    let state = state_dir(program)?;
    let ids = match args.id {
        Some(id) => {
            if state.waiting(id, &program.undo).map_err(Failure::Failed)?.is_none() {
                expect_living(&state, id)?;
            }
            vec![id]
        }
        None => state.ids()?,
    };
    // One that does not end must not keep the others.
    let mut failed = false;
    for id in ids {
        match delete(program, &state, args, id) {
            Ok(true) => writeln!(out, "disk {id}: stopped")?,
            Ok(false) => {} // gone by itself meanwhile
            Err(Failure::Failed(message)) => {
                complain(&message);
                failed = true;
            }
            Err(other) => return Err(other),
        }
    }
    if failed { Err(Failure::Told) } else { Ok(()) }
}

fn delete(program: &Program, state: &StateDir, args: &DelArgs, id: u32) -> Result<bool, Failure> {
    let Some(pid) = state.living(id)? else {
        // Without its daemon it may still be there, for the next one.
        let waits = state.waiting(id, &program.undo).map_err(Failure::Failed)?.is_some();
        if waits {
            state.give_up(id, &program.undo).map_err(Failure::Failed)?;
        }
        return Ok(waits);
    };
    let patience = Duration::from_secs(args.timeout);
    let asked = match Client::new(state, id).stop(args.force) {
        // Just starting: a signal is heeded as soon as the device is open.
        Err(ClientError::Absent { .. }) => signal(state, id, pid, Signal::TERM),
        other => other.map_err(Failure::from),
    };
    let ended = match asked {
        Ok(()) if wait_for_end(state, id, pid, patience)? => Ok(()),
        Ok(()) => Err(Failure::Failed(format!(
            "device {id}: its daemon, process {pid}, has not ended within {} s; \
             to end it by force: ublk del -n {id} --force",
            args.timeout
        ))),
        Err(e) => Err(e),
    };
    match ended {
        Err(Failure::Failed(reason)) if args.force => {
            complain(&format!("{reason}; killing it"));
            signal(state, id, pid, Signal::KILL)?;
            if !wait_for_end(state, id, pid, patience)? {
                return Err(Failure::Failed(format!(
                    "device {id}: process {pid} cannot be killed: it waits in the kernel"
                )));
            }
            reap(state, program);
            Ok(true)
        }
        Err(e) => Err(e),
        Ok(()) => Ok(true),
    }
}

/// Whether the daemon `pid` of device `id` let go of its lock within `patience`. Another `ublk add` may
/// take the number the next moment: that one is not waited for.
fn wait_for_end(state: &StateDir, id: u32, pid: u32, patience: Duration) -> Result<bool, Failure> {
    let end = Instant::now() + patience;
    // 0: somebody lives but does not say, or not yet, who it is.
    while state.living(id)?.is_some_and(|now| now == pid || now == 0 || pid == 0) {
        if Instant::now() >= end {
            return Ok(false);
        }
        // flock has no time limit, and there may be no permission to wait for the process itself.
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(true)
}

/// Signals the daemon `pid` of device `id`, and nobody else: a process id may be another's by now, but
/// not while the lock in which it stands is held.
fn signal(state: &StateDir, id: u32, pid: u32, signal: Signal) -> Result<(), Failure> {
    let tell = |reason: String| Failure::Failed(format!("device {id}: process {pid}: {reason}"));
    let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let raw = raw.ok_or_else(|| tell("its number is not known".into()))?;
    let handle = match pidfd_open(raw, PidfdFlags::empty()) {
        Ok(handle) => handle,
        Err(rustix::io::Errno::SRCH) => return Ok(()), // ended meanwhile
        Err(e) => return Err(tell(e.to_string())),
    };
    if state.living(id)? != Some(pid) {
        return Ok(());
    }
    match pidfd_send_signal(&handle, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(e) => Err(tell(e.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use daemonkit::lock::LockFile;

    use super::*;

    #[test]
    fn the_next_of_the_same_number_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::at(dir.path()).unwrap();
        let me = std::process::id();
        let ended = |pid| wait_for_end(&state, 3, pid, Duration::from_millis(20)).unwrap();
        assert!(ended(me), "nobody is there");
        let lock = LockFile::try_lock(&state.file(3, "lock")).unwrap();
        assert!(!ended(me), "it still lives");
        assert!(ended(me + 1), "another has the number");
        std::fs::write(lock.path(), "").unwrap();
        assert!(!ended(me + 1), "who it is, is not known yet");
    }
}
