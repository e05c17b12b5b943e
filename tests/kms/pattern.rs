//! The program that shows a test pattern.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use e2e::display::{Shown, read_png};
use e2e::{Said, send_signal, soon, wait_until};

/// The program; killed when dropped.
pub(crate) struct Pattern {
    child: Child,
}

fn command(device: &Path, more: &[&str]) -> Command {
    let program = Path::new(&std::env::var_os("VCD_LAB").unwrap()).join("pattern");
    let mut command = Command::new(program);
    command.arg("--kms").arg(device).args(more);
    command
}

impl Pattern {
    /// Starts it, and waits until it says that its sinks are there.
    #[track_caller]
    pub(crate) fn start(device: &Path, more: &[&str]) -> Self {
        let child = command(device, more).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        let mut first = [0; 1];
        let said = child.stdout.as_mut().unwrap().read_exact(&mut first);
        assert!(said.is_ok(), "it has ended: {:?}", child.wait());
        Self { child }
    }

    /// Runs it to its end.
    pub(crate) fn run(device: &Path, more: &[&str]) -> Said {
        Said::of(&mut command(device, more))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ctrl-C.
    #[track_caller]
    pub(crate) fn end(mut self) {
        send_signal(self.pid(), "INT");
        let status =
            wait_until("the end of the pattern", soon(), || self.child.try_wait().unwrap());
        assert!(status.success(), "{status}");
    }
}

impl Drop for Pattern {
    fn drop(&mut self) {
        // Both fail only when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A picture in a file, as it shall be shown.
pub(crate) fn read(path: &Path) -> Shown {
    let (width, height, bytes) = read_png(path);
    Shown::rgb(width as usize, height as usize, &bytes)
}

/// Gives what shall not happen some time to happen.
pub(crate) fn a_while() {
    std::thread::sleep(Duration::from_millis(500));
}
