//! A process that undoes what a confined daemon no longer may: it is started before the daemon gives up
//! its rights, and waits.
//!
//! It does two things, with the names it was started with, and each only when told: detach the loop
//! device, unmount. Whoever takes over the daemon gains nothing by it but the end of this one device. It
//! ends with the daemon, by the end of the pipe; then it does nothing, and what is left is cleared away
//! by the next command.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::front::{FuseFront, loopdev};

/// The hidden command that is the helper.
pub const RELEASE_COMMAND: &str = "__release";

/// What it can be told.
const DETACH: &str = "detach";
const UNMOUNT: &str = "unmount";
/// Its answer when that is done; anything else says why not.
const DONE: &str = "done";

/// The daemon's side. One for the process, which serves one device: what is left when that has ended is
/// cleared away with its help too.
static HELPER: Mutex<Option<Helper>> = Mutex::new(None);

#[derive(Debug)]
struct Helper {
    device: Option<PathBuf>,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    // Not waited for: it ends with this process.
    _child: Child,
}

/// Starts it for the mount at `mount` and the loop device on the file there, if there is one.
///
/// # Errors
/// There is no process to be had.
pub(super) fn start(mount: &Path, on_loop: Option<(&Path, &Path)>) -> io::Result<()> {
    let mut command = Command::new(super::this_program());
    command.arg(RELEASE_COMMAND).arg(mount);
    if let Some((device, file)) = on_loop {
        command.arg("--loop").arg(device).arg("--file").arg(file);
    }
    let mut child = command
        // It must keep no file system busy, and is not meant by the terminal's Ctrl-C.
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let (Some(orders), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("no pipe to it"));
    };
    let answers = BufReader::new(answers);
    let device = on_loop.map(|(device, _)| device.to_owned());
    *lock() = Some(Helper { device, orders, answers, _child: child });
    Ok(())
}

/// Has the loop device detached. `None`: there is no helper for that one, or it is gone.
pub(super) fn detach(device: &Path) -> Option<Result<(), String>> {
    ask(DETACH, |helper| helper.device.as_deref() == Some(device))
}

/// Has the file system unmounted. `None`: there is no helper, or it is gone.
pub(super) fn unmount() -> Option<Result<(), String>> {
    ask(UNMOUNT, |_| true)
}

fn ask(order: &str, is_for: impl FnOnce(&Helper) -> bool) -> Option<Result<(), String>> {
    let mut helper = lock();
    let helper = helper.as_mut().filter(|helper| is_for(helper))?;
    writeln!(helper.orders, "{order}").ok()?;
    let mut answer = String::new();
    match helper.answers.read_line(&mut answer) {
        Ok(1..) if answer.trim_end() == DONE => Some(Ok(())),
        Ok(1..) => Some(Err(answer.trim_end().to_owned())),
        Ok(0) | Err(_) => None,
    }
}

fn lock() -> MutexGuard<'static, Option<Helper>> {
    HELPER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The helper's side: does what the lines of `orders` say until they end.
///
/// # Errors
/// The daemon cannot be told.
pub fn obey(
    orders: impl BufRead,
    mut answers: impl Write,
    mount: &Path,
    on_loop: Option<(&PathBuf, &PathBuf)>,
) -> io::Result<()> {
    for order in orders.lines() {
        let result = match (order?.as_str(), on_loop) {
            (DETACH, Some((device, file))) => loopdev::detach_if_backed_by(device, file),
            (UNMOUNT, _) => FuseFront::unmount(mount),
            (other, _) => Err(io::Error::other(format!("cannot {other}"))),
        };
        match result {
            Ok(()) => writeln!(answers, "{DONE}")?,
            Err(e) => writeln!(answers, "{}", e.to_string().replace('\n', " "))?,
        }
        answers.flush()?;
    }
    Ok(())
}
