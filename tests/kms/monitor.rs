//! QEMU's own monitor, through a port of the guest, and the screens it has.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Its port, found by its name: there is no udev here.
fn port() -> PathBuf {
    let ports = std::fs::read_dir("/sys/class/virtio-ports").unwrap().flatten();
    let ours = ports.map(|port| port.path()).find(|port| {
        std::fs::read_to_string(port.join("name")).is_ok_and(|name| name.trim() == "qmp")
    });
    Path::new("/dev").join(ours.expect("a port to QEMU's monitor").file_name().unwrap())
}

/// The monitor.
pub(crate) struct Monitor {
    port: File,
    lines: BufReader<File>,
}

impl Monitor {
    pub(crate) fn connect() -> Self {
        let port = OpenOptions::new().read(true).write(true).open(port()).unwrap();
        let lines = BufReader::new(port.try_clone().unwrap());
        let mut monitor = Self { port, lines };
        // It greets once; whoever comes later finds it ready.
        monitor.send(&json!({"execute": "qmp_capabilities"}));
        while monitor.read().get("QMP").is_some() {}
        monitor
    }

    fn send(&mut self, call: &Value) {
        writeln!(self.port, "{call}").unwrap();
    }

    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    fn call(&mut self, command: &str, arguments: Value) {
        self.send(&json!({"execute": command, "arguments": arguments}));
        loop {
            let answer = self.read();
            assert!(answer.get("error").is_none(), "{command}: {answer}");
            if answer.get("return").is_some() {
                return;
            }
        }
    }

    /// What a monitor at a screen would show: width, height, pixels.
    pub(crate) fn screen(&mut self, device: &str) -> (usize, usize, Vec<u32>) {
        let file = Path::new(&std::env::var_os("VPT_LAB_OUT").unwrap()).join("screen.ppm");
        self.call("screendump", json!({"filename": file, "device": device}));
        let bytes = std::fs::read(&file).unwrap();
        let mut words = Vec::new();
        let mut at = 0;
        while words.len() < 4 {
            let end = at + bytes[at..].iter().position(u8::is_ascii_whitespace).unwrap();
            words.push(std::str::from_utf8(&bytes[at..end]).unwrap());
            at = end + 1;
        }
        assert_eq!((words[0], words[3]), ("P6", "255"));
        let pixels = bytes[at..].as_chunks::<3>().0.iter();
        let pixels = pixels.map(|[r, g, b]| u32::from_be_bytes([0, *r, *g, *b])).collect();
        (words[1].parse().unwrap(), words[2].parse().unwrap(), pixels)
    }
}
