//! A process that outlives the daemon by a moment, to bring the console back.
//!
//! It is the daemon's own program, started again with [`ARGUMENT`]; its `main` has to begin with
//! [`run_if_asked`]. It waits for the end of a pipe, which comes with the daemon's end, however that
//! happens, and for the daemon's files to be closed. Then, unless the daemon has said that the console is
//! back already, it brings it back.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use daemonkit::signals::StopSignals;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{PidfdFlags, getppid, pidfd_open};

use super::console;

/// The first argument of a supervisor; the second is the console.
pub const ARGUMENT: &str = "--vcd-console-supervisor";

/// What a supervisor says when it is there.
const READY: &[u8] = b"watching the console\n";
/// What the daemon says when the console makes way, and when it is back.
const GRAPHICS: u8 = b'g';
const TEXT: u8 = b't';

/// The daemon's side of it. Dropped, it tells the supervisor that all is over, and waits for its end.
#[derive(Debug)]
pub struct Supervisor {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Supervisor {
    /// Starts it, and waits until it is there.
    ///
    /// # Errors
    /// One line: it cannot be started, or its program does not know what to do.
    pub fn start(console: &Path) -> Result<Self, String> {
        let mut command = Command::new("/proc/self/exe");
        command.arg(ARGUMENT).arg(console);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let mut said = vec![0; READY.len()];
        let heard = child.stdout.take().map(|mut out| out.read_exact(&mut said));
        let pipe = child.stdin.take();
        let mut supervisor = Self { child, pipe };
        if !matches!(heard, Some(Ok(()))) || said != READY {
            supervisor.pipe = None;
            let _ = supervisor.child.kill(); // it may have ended
            return Err("this program does not begin with supervisor::run_if_asked".into());
        }
        Ok(supervisor)
    }

    /// The console is about to make way.
    pub fn graphics(&mut self) {
        self.tell(GRAPHICS);
    }

    /// The console is back.
    pub fn text(&mut self) {
        self.tell(TEXT);
    }

    fn tell(&mut self, word: u8) {
        let told = self.pipe.as_mut().map(|pipe| pipe.write_all(&[word]));
        if !matches!(told, Some(Ok(()))) {
            tracing::warn!("kms: the console's supervisor is gone");
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.pipe = None;
        let _ = self.child.wait(); // there is nothing to be done about it
    }
}

/// Is the supervisor, if this process was started as one; then it does not return. Else it does nothing.
/// To be called before there is any thread.
pub fn run_if_asked() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|argument| argument != ARGUMENT) {
        return;
    }
    let console = arguments.next().unwrap_or_default();
    std::process::exit(i32::from(!supervise(Path::new(&console))));
}

fn supervise(path: &Path) -> bool {
    // Ctrl-C and the end of the service are for the daemon, which will tell. A session of its own, so
    // that the terminal's end does not reach it either.
    let _ = rustix::process::setsid();
    let Ok(_signals) = StopSignals::install(|_| {}) else { return false };
    let daemon = getppid().and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    let mut out = std::io::stdout();
    if out.write_all(READY).and_then(|()| out.flush()).is_err() {
        return false;
    }
    let mut graphics = false;
    let mut said = [0; 64];
    let mut pipe = std::io::stdin().lock();
    loop {
        match pipe.read(&mut said) {
            Ok(0) => break,
            Ok(count) => graphics = said[count - 1] == GRAPHICS,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    if !graphics {
        return true;
    }
    if let Some(daemon) = daemon {
        // Its pipe may be closed before its other files, and the screen's driver lets the console draw
        // only when nobody has it open.
        let mut fds = [PollFd::new(&daemon, PollFlags::IN)];
        while poll(&mut fds, None).is_err_and(|errno| errno == rustix::io::Errno::INTR) {}
    }
    match console::restore(path) {
        Ok(()) => true,
        Err(error) => {
            eprintln!("{error}");
            false
        }
    }
}
