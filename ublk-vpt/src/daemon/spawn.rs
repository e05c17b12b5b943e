//! Starting the daemon from `ublk add`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use daemonkit::ready::{self, Outcome};

use super::start::{Announcement, StartRequest};

/// The hidden command that is the daemon.
pub const DAEMON_COMMAND: &str = "__daemon";
/// How long a daemon that took too long may take to end by itself.
const GRACE: Duration = Duration::from_secs(2);

/// The device did not come up.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The daemon says why.
    #[error("{0}")]
    Failed(String),
    /// It ended without a word.
    #[error("the daemon (process {pid}) ended without saying why: {status}")]
    Silent {
        /// Its process.
        pid: u32,
        /// How it ended.
        status: String,
    },
    /// It took too long and was ended.
    #[error("the device did not come up within {} s; its daemon (process {pid}) was ended", .patience.as_secs_f64())]
    TimedOut {
        /// Its process.
        pid: u32,
        /// How long was waited.
        patience: Duration,
    },
    /// The process could not be started or spoken to.
    #[error("cannot start the daemon: {0}")]
    Io(#[from] io::Error),
}

/// Starts a daemon and waits for at most `patience` until its device works.
///
/// # Errors
/// See [`SpawnError`]; no daemon is left then.
pub fn spawn(request: &StartRequest, patience: Duration) -> Result<Announcement, SpawnError> {
    let mut child = Command::new(this_program())
        .arg(DAEMON_COMMAND)
        // Its working directory must not keep a file system of the user's busy.
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let outcome = converse(&mut child, request, patience);
    let pid = child.id();
    match outcome {
        Ok(Outcome::Ready(about)) => match serde_json::from_value(about) {
            Ok(about) => Ok(about),
            Err(e) => {
                end(&mut child)?;
                Err(SpawnError::Failed(format!("the daemon announced itself oddly: {e}")))
            }
        },
        Ok(Outcome::Failed(reason)) => {
            // It clears away what it began; only then is its number free again.
            child.wait()?;
            Err(SpawnError::Failed(reason))
        }
        Ok(Outcome::Silent) => {
            let status = child.wait()?.to_string();
            Err(SpawnError::Silent { pid, status })
        }
        Ok(Outcome::TimedOut) => {
            end(&mut child)?;
            Err(SpawnError::TimedOut { pid, patience })
        }
        Err(e) => {
            end(&mut child)?;
            Err(e.into())
        }
    }
}

fn converse(child: &mut Child, request: &StartRequest, patience: Duration) -> io::Result<Outcome> {
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("no pipe to it"));
    };
    match stdin.write_all(&serde_json::to_vec(request)?) {
        // It ended before it read this; what it has to say comes next.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {}
        other => other?,
    }
    drop(stdin);
    ready::wait_for(stdout, patience)
}

fn end(child: &mut Child) -> io::Result<()> {
    use rustix::process::{Pid, Signal, kill_process};
    // Not yet waited for, so the number cannot be another's.
    let _ = kill_process(Pid::from_child(child), Signal::TERM);
    let limit = Instant::now() + GRACE;
    while Instant::now() < limit {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill()?;
    child.wait().map(drop)
}

/// This executable, also when its file has been replaced since (a rebuild, an upgrade).
pub fn this_program() -> PathBuf {
    std::env::current_exe()
        .ok()
        .filter(|path| path.exists())
        .unwrap_or_else(|| "/proc/self/exe".into())
}
