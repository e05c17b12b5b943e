//! Asking the ublk driver about devices of dead daemons, and deleting them, in a process of its own.
//!
//! The driver may never answer: then the process is left behind, not the command that asked. And
//! libublk talks on standard error about a file it cannot read, which is of no interest here.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::front::ublk::{KernelDevice, PATIENCE, is_surely_absent};

/// The hidden command that is the helper.
pub const UBLK_COMMAND: &str = "__ublk";
/// How long it is waited for: as long as the driver is, and the time to start a process.
const LIMIT: Duration = PATIENCE.saturating_add(Duration::from_secs(5));

/// What the driver says about device `id`; nothing if it has none of that number, or there is no driver.
///
/// # Errors
/// One line.
pub(super) fn query(id: u32) -> Result<Option<KernelDevice>, String> {
    if is_surely_absent(id) {
        return Ok(None);
    }
    ask(id)
}

/// Whether the driver has given the number away, also to a device that was deleted and is still open,
/// which sysfs does not show.
///
/// # Errors
/// One line.
pub(super) fn has_number(id: u32) -> Result<bool, String> {
    Ok(!is_surely_absent(id) || ask(id)?.is_some())
}

fn ask(id: u32) -> Result<Option<KernelDevice>, String> {
    let said = run("query", id)?;
    serde_json::from_str(&said).map_err(|e| format!("ublk device {id}: said oddly {said:?}: {e}"))
}

/// Stops and deletes device `id`; that there is none is success.
///
/// # Errors
/// One line.
pub(super) fn delete(id: u32) -> Result<(), String> {
    run("delete", id).map(drop)
}

fn run(what: &str, id: u32) -> Result<String, String> {
    let failed = |e: std::io::Error| format!("ublk device {id}: no process to {what} it: {e}");
    let mut child = Command::new(super::spawn::this_program())
        .args([UBLK_COMMAND, what, &id.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // The terminal's Ctrl-C is for who asked; a deletion goes on.
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let pidfd =
        pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).map_err(|e| failed(e.into()))?;
    let mut ended = [PollFd::new(&pidfd, PollFlags::IN)];
    let limit = Timespec { tv_sec: LIMIT.as_secs() as i64, tv_nsec: 0 };
    if poll(&mut ended, Some(&limit)) == Ok(0) {
        // It may be beyond the reach of any signal, so it is not waited for.
        let _ = child.kill();
        return Err(format!(
            "ublk device {id}: the kernel has not answered within {} s: see `dmesg`",
            LIMIT.as_secs()
        ));
    }
    let mut said = String::new();
    let mut complaints = String::new();
    // A line or two each: they fit into the pipes, whatever the order.
    child.stdout.take().map(|mut out| out.read_to_string(&mut said));
    child.stderr.take().map(|mut err| err.read_to_string(&mut complaints));
    if child.wait().map_err(failed)?.success() {
        return Ok(said);
    }
    let last = complaints.lines().last().unwrap_or("it ended without saying why");
    Err(last.strip_prefix("ublk: ").unwrap_or(last).to_owned())
}
