//! The program that shows a test pattern: all sinks of a machine without a screen, and its end.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const LIMIT: Duration = Duration::from_secs(60);

fn program() -> PathBuf {
    // This test is in PROFILE/deps, examples are in PROFILE/examples.
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples/pattern");
    assert!(program.is_file(), "cargo builds examples with tests: {}", program.display());
    program
}

struct Pattern {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Pattern {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Pattern {
    fn drop(&mut self) {
        // Both fail only when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn picture(path: &Path) -> (u32, u32, Vec<u8>) {
    let file = BufReader::new(std::fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.width, info.height, pixels)
}

/// While a browser loads the page and a VNC viewer is greeted.
#[test]
fn ctrl_c_ends_everything() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.png");
    let png = file.to_str().unwrap();
    let anywhere = "127.0.0.1:0";
    let mut pattern = Pattern::start(&[
        "--browser",
        anywhere,
        "--rfb",
        anywhere,
        "--png",
        png,
        "--size",
        "80x60",
    ]);
    let (browser, rfb, png) = (pattern.line(), pattern.line(), pattern.line());
    assert_eq!(png, format!("png {}", file.display()));
    let address = browser.strip_prefix("browser http://").unwrap().trim_end_matches('/');
    let mut page = TcpStream::connect(address).unwrap();
    page.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut begin = [0; 15];
    page.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200 OK");
    let mut viewer = TcpStream::connect(rfb.strip_prefix("rfb vnc://").unwrap()).unwrap();
    let mut hello = [0; 12];
    viewer.read_exact(&mut hello).unwrap();
    assert_eq!(&hello, b"RFB 003.008\n");
    let pid = Pid::from_child(&pattern.child);
    kill_process(pid, Signal::INT).unwrap();
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = pattern.child.try_wait().unwrap() {
            break status;
        }
        assert!(begun.elapsed() < LIMIT, "it does not end");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "{status}");
    assert_eq!((picture(&file).0, picture(&file).1), (80, 60));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_same_frame_is_the_same_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.png");
    let draw = |frame: &str| {
        let png = path.to_str().unwrap();
        let mut pattern = Pattern::start(&["--png", png, "--still", frame, "--frames", "0"]);
        assert!(pattern.child.wait().unwrap().success());
        picture(&path)
    };
    let first = draw("5");
    assert_eq!(draw("5"), first);
    assert_ne!(draw("6"), first);
}

#[test]
fn what_cannot_be_is_told() {
    for (arguments, why) in [
        (&["--browser", "0.0.0.0:0"][..], "beyond loopback a token is required"),
        (&["--rfb", "0.0.0.0:0"], "beyond loopback a password is required"),
        (&["--png", "/no/such/folder/x.png"], "cannot write /no/such/folder/x.png"),
        (&["--kms", "/no/such/card"], "cannot open /no/such/card"),
    ] {
        let output = Command::new(program()).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(why), "{arguments:?}: {said}");
    }
}
