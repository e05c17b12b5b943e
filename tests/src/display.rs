//! The kernel lab's displays: their devices inside, and through QEMU's own monitor, which one of the
//! guest's ports reaches, what somebody in front of them would see.

#![allow(clippy::unwrap_used)] // in a test that is what shall happen

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::{soon, tool, wait_until};

/// Module, driver, and the name in QEMU, of a display that reads pictures from its own memory.
pub const BOCHS: [&str; 3] = ["bochs", "bochs-drm", "bochs"];
/// The same of one that is told what changes. Its kernel device is the PCI function.
pub const VIRTIO: [&str; 3] = ["virtio-gpu", "virtio-pci", "virtio"];

/// Its port, found by its name: there is no udev here.
fn port() -> PathBuf {
    let ports = std::fs::read_dir("/sys/class/virtio-ports").unwrap().flatten();
    let ours = ports.map(|port| port.path()).find(|port| {
        std::fs::read_to_string(port.join("name")).is_ok_and(|name| name.trim() == "qmp")
    });
    Path::new("/dev").join(ours.expect("a port to QEMU's monitor").file_name().unwrap())
}

/// What a display shows, or shall show.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `0x00rrggbb`, row after row from the top.
    pub pixels: Vec<u32>,
}

impl Shown {
    /// From bytes of red, green and blue.
    pub fn rgb(width: usize, height: usize, bytes: &[u8]) -> Self {
        let pixels = bytes.as_chunks::<3>().0.iter();
        let pixels = pixels.map(|[r, g, b]| u32::from_be_bytes([0, *r, *g, *b])).collect();
        Self { width, height, pixels }
    }
}

/// A picture of RGB in a file: its width, its height, its bytes.
#[track_caller]
pub fn read_png(path: &Path) -> (u32, u32, Vec<u8>) {
    let mut reader =
        png::Decoder::new(BufReader::new(File::open(path).unwrap())).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    bytes.truncate(info.buffer_size());
    (info.width, info.height, bytes)
}

/// QEMU's monitor.
pub struct Monitor {
    port: File,
    lines: BufReader<File>,
}

impl Monitor {
    /// Opens the port, which one program at a time can do.
    pub fn connect() -> Self {
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

    /// What a display shows.
    #[track_caller]
    pub fn screen(&mut self, device: &str) -> Shown {
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
        Shown::rgb(words[1].parse().unwrap(), words[2].parse().unwrap(), &bytes[at..])
    }
}

/// The DRM device of a driver, whose module is loaded for it.
#[track_caller]
pub fn drm_device(module: &str, driver: &str) -> PathBuf {
    tool("modprobe", &[module]);
    wait_until(&format!("a screen of {driver}"), soon(), || {
        std::fs::read_dir("/sys/class/drm").ok()?.flatten().find_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let link = std::fs::read_link(entry.path().join("device/driver")).ok()?;
            let card = name.starts_with("card") && !name.contains('-');
            let ours = link.file_name()? == driver;
            (card && ours).then(|| Path::new("/dev/dri").join(name))
        })
    })
}

/// Whether the console that is shown draws: KDGETMODE.
pub fn console_draws() -> bool {
    const GET_MODE: rustix::ioctl::Opcode = 0x4b3b;
    let tty = File::open("/dev/tty0").unwrap();
    // SAFETY: KDGETMODE writes one int.
    #[allow(unsafe_code)]
    let mode: i32 =
        unsafe { rustix::ioctl::ioctl(tty.as_fd(), rustix::ioctl::Getter::<GET_MODE, i32>::new()) }
            .unwrap();
    mode == 0
}
