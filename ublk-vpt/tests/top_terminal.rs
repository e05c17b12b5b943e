//! `ublk top` as a user has it: on a terminal that it gives back however it ends, and without one.

#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

const PATIENCE: Duration = Duration::from_secs(20);
const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";
/// Of what is said when there are no devices; between words the cursor jumps.
const A_WORD: &str = "barracuda-st32171w";
const SHOW_CURSOR: &str = "\x1b[?25h";

/// `ublk top` on a pseudo-terminal.
struct OnTerminal {
    child: Child,
    keyboard: File,
    terminal: OwnedFd,
    shown: Arc<Mutex<String>>,
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }
}

impl OnTerminal {
    fn start(state: &Path) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let terminal = rustix::fs::open(&name, flags, Mode::empty()).unwrap();
        tcsetwinsize(&terminal, size(80, 24)).unwrap();
        let end = || Stdio::from(terminal.try_clone().unwrap());
        let child = Command::new(env!("CARGO_BIN_EXE_ublk"))
            .args(["top", "--interval", "0.1"])
            .env("UBLK_STATE_DIR", state)
            .env("TERM", "xterm")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        let keyboard = File::from(master);
        let mut screen = keyboard.try_clone().unwrap();
        let shown = Arc::new(Mutex::new(String::new()));
        let collected = Arc::clone(&shown);
        // Ends with the test program.
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(n @ 1..) = screen.read(&mut chunk) {
                collected.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..n]));
            }
        });
        Self { child, keyboard, terminal, shown }
    }

    fn shows(&self, what: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.shown.lock().unwrap().contains(what) {
            assert!(Instant::now() < end, "no {what:?} in {:?}", self.shown.lock().unwrap());
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn is_raw(&self) -> bool {
        !tcgetattr(&self.terminal).unwrap().local_modes.contains(LocalModes::ICANON)
    }

    fn send(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Its exit, and that the terminal is as it was.
    fn ends_well(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "it does not end");
            thread::sleep(Duration::from_millis(10));
        };
        assert!(!self.is_raw(), "the terminal is left raw");
        self.shows(LEAVE);
        self.shows(SHOW_CURSOR);
        let shown = self.shown.lock().unwrap();
        assert!(shown.rfind(ENTER) < shown.rfind(LEAVE), "{shown:?}");
        status
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it has ended unless the test failed
        let _ = self.child.wait();
    }
}

#[test]
fn keys_end_it_and_give_the_terminal_back() {
    for key in ["q", "\x1b", "\x03"] {
        let state = tempfile::tempdir().unwrap();
        let mut top = OnTerminal::start(state.path());
        top.shows(ENTER);
        top.shows(A_WORD);
        assert!(top.is_raw());
        top.keyboard.write_all(key.as_bytes()).unwrap();
        assert!(top.ends_well().success(), "{key:?}");
    }
}

#[test]
fn signals_end_it_and_give_the_terminal_back() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let state = tempfile::tempdir().unwrap();
        let mut top = OnTerminal::start(state.path());
        top.shows(A_WORD);
        top.send(signal);
        assert!(top.ends_well().success(), "{signal:?}");
    }
}

#[test]
fn a_new_size_is_drawn() {
    let state = tempfile::tempdir().unwrap();
    let mut top = OnTerminal::start(state.path());
    top.shows(A_WORD);
    top.shown.lock().unwrap().clear();
    tcsetwinsize(&top.terminal, size(120, 40)).unwrap();
    top.send(Signal::WINCH);
    // The line of keys is now where there was nothing before.
    top.shows("\x1b[40;1H");
    top.shows("quit");
    top.keyboard.write_all(b"q").unwrap();
    assert!(top.ends_well().success());
}

fn without_terminal(state: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ublk"))
        .arg("top")
        .args(args)
        .env("UBLK_STATE_DIR", state)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn without_a_terminal_it_prints_frames() {
    let state = tempfile::tempdir().unwrap();
    let plain = without_terminal(state.path(), &[]);
    let (out, err) =
        (String::from_utf8(plain.stdout).unwrap(), String::from_utf8(plain.stderr).unwrap());
    assert!(plain.status.success() && out.contains("ublk add vpt"), "{out}");
    assert!(err.contains("no terminal") && err.lines().count() == 1, "{err}");
    let once = without_terminal(state.path(), &["--once"]);
    assert!(once.status.success() && once.stderr.is_empty() && !once.stdout.contains(&0x1b));
    let three = without_terminal(state.path(), &["--batch", "3", "--interval", "0.05", "--json"]);
    let lines = String::from_utf8(three.stdout).unwrap();
    assert_eq!(lines.lines().filter(|l| l.starts_with("{\"devices\":[]")).count(), 3, "{lines}");
    assert_eq!(without_terminal(state.path(), &["--once", "--batch", "3"]).status.code(), Some(2));
}
