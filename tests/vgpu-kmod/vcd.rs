//! The card's daemon, as a user starts it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use e2e::display::read_png;
use e2e::{Said, soon, wait_until};

use crate::shim::{driver_of, file, node_of};

/// `vcd run`; killed when dropped.
pub(crate) struct Vcd {
    child: Child,
    pub(crate) address: String,
    socket: PathBuf,
    folder: tempfile::TempDir,
}

impl Vcd {
    #[track_caller]
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("vcd.sock");
        let mut command = Command::new(file("vcd"));
        command.arg("run").arg("--socket").arg(&socket).args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        // card 0 at 10000:00:00.0, control socket ...
        let words: Vec<&str> = line.split_whitespace().collect();
        assert!(line.starts_with("card "), "{line}");
        let address = words[3].trim_end_matches(',').to_owned();
        Self { child, address, socket, folder }
    }

    #[track_caller]
    pub(crate) fn wait_driver(&self) {
        self.wait_driver_named("bgc");
    }

    /// Waits until it is bound and can be opened.
    #[track_caller]
    pub(crate) fn wait_driver_named(&self, driver: &str) {
        wait_until(&format!("the driver {driver}"), soon(), || {
            driver_of(&self.address).is_some_and(|name| name == driver)
        });
        wait_until(&format!("the device of {driver}"), soon(), || node_of(&self.address));
    }

    pub(crate) fn signal(&self, name: &str) {
        e2e::send_signal(self.child.id(), name);
    }

    pub(crate) fn command(&self, what: &str) -> Command {
        let mut command = Command::new(file("vcd"));
        command.arg(what).arg("--socket").arg(&self.socket);
        command
    }

    #[track_caller]
    pub(crate) fn stats(&self) -> serde_json::Value {
        let said = Said::of(self.command("stats").arg("--json")).ok();
        serde_json::from_str(&said).unwrap()
    }

    /// The screen's picture, as RGB.
    #[track_caller]
    pub(crate) fn shot(&self) -> (u32, u32, Vec<u8>) {
        let path = self.folder.path().join("shot.png");
        Said::of(self.command("shot").arg(&path)).ok();
        read_png(&path)
    }

    /// Ends it as Ctrl-C does.
    #[track_caller]
    pub(crate) fn end(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let status = wait_until("the end of vcd", soon(), || self.child.try_wait().unwrap());
        assert!(status.success(), "{status}");
        assert!(!self.socket.exists(), "the control socket is left");
    }
}

impl Drop for Vcd {
    fn drop(&mut self) {
        // Both fail only when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
