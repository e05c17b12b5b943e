//! Attaching and detaching loop devices in a process of its own.
//!
//! Both have the kernel flush the file that the daemon serves, so the one who asks waits for the daemon.
//! A daemon that asked itself and was killed meanwhile would wait for its own answer for ever, beyond
//! the reach of any signal, and keep a lock that other loop devices need. As two processes, the daemon
//! ends, its file system with it, and the helper gets an error.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The hidden command that is the helper.
pub const LOOP_COMMAND: &str = "__loop";

/// Attaches a loop device to `file` and says which.
pub(super) fn attach(file: &Path, read_only: bool) -> Result<PathBuf, String> {
    let mut arguments = vec![file.as_os_str()];
    arguments.extend(read_only.then_some(OsStr::new("--read-only")));
    run(&arguments).map(PathBuf::from)
}

/// Detaches `device` if it is attached to `file`.
pub(super) fn detach(device: &Path, file: &Path) -> Result<(), String> {
    run(&[file.as_os_str(), OsStr::new("--detach"), device.as_os_str()]).map(drop)
}

fn run(arguments: &[&OsStr]) -> Result<String, String> {
    let output = Command::new(super::spawn::this_program())
        .arg(LOOP_COMMAND)
        .args(arguments)
        .stdin(Stdio::null())
        // The terminal's Ctrl-C is for the daemon; half an attachment would be nobody's.
        .process_group(0)
        .output()
        .map_err(|e| format!("no process for it can be started: {e}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim_end();
    if said.is_empty() {
        return Err(format!("the process for it ended with {}", output.status));
    }
    Err(said.strip_prefix("ublk: ").unwrap_or(said).to_owned())
}
