//! The program that plays the test card, and tcctl.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use e2e::{Running, Said, soon, wait_until};

use crate::shim::{driver_of, file, node_of};

/// The card's daemon; killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    pub(crate) address: String,
}

impl Daemon {
    /// Starts it and waits until the card has its address.
    #[track_caller]
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(file("testcard"));
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut daemon = Self { child, stdin, lines, address: String::new() };
        let line = daemon.line();
        daemon.address = line.strip_prefix("card ").unwrap_or_else(|| panic!("{line}")).into();
        daemon
    }

    /// The same, and waits until the test driver is bound.
    #[track_caller]
    pub(crate) fn driven(arguments: &[&str]) -> Self {
        let daemon = Self::start(arguments);
        daemon.wait_driver("testcard");
        daemon
    }

    #[track_caller]
    pub(crate) fn wait_driver(&self, driver: &str) {
        wait_until(&format!("the driver {driver}"), soon(), || {
            driver_of(&self.address).is_some_and(|name| name == driver)
        });
    }

    /// The driver's device node, when it is bound.
    #[track_caller]
    pub(crate) fn device(&self) -> String {
        wait_until("the driver's device", soon(), || node_of(&self.address))
    }

    #[track_caller]
    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.stdin.as_ref().unwrap(), "{line}").unwrap();
    }

    #[track_caller]
    fn line(&self) -> String {
        self.lines.recv_timeout(soon()).expect("a line from the card's daemon")
    }

    /// What it has counted, by name.
    #[track_caller]
    pub(crate) fn stats(&mut self) -> BTreeMap<String, u64> {
        self.tell("stats");
        let line = self.line();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[0], "stats", "{line}");
        let pairs = words[1..].chunks_exact(2);
        pairs.map(|pair| (pair[0].to_owned(), pair[1].parse().unwrap())).collect()
    }

    /// Kills it and waits until it has ended: its file is closed, and the card's removal has begun.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Lets it end by itself.
    #[track_caller]
    pub(crate) fn end(mut self) {
        self.stdin = None;
        let status =
            wait_until("the end of the card's daemon", soon(), || self.child.try_wait().unwrap());
        assert!(status.success(), "{status}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail only when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tcctl_command(device: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(file("tcctl"));
    command.arg(device).args(arguments);
    command
}

/// Runs tcctl to its end.
#[track_caller]
pub(crate) fn tcctl(device: &str, arguments: &[&str]) -> Said {
    Said::of(&mut tcctl_command(device, arguments))
}

/// Runs it beside the test.
#[track_caller]
pub(crate) fn tcctl_beside(device: &str, arguments: &[&str]) -> Running {
    Running::start(&mut tcctl_command(device, arguments))
}
