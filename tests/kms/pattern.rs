//! The program that shows a test pattern, and the screens it can show it on.

use std::fs::File;
use std::io::{BufReader, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use e2e::{Said, send_signal, soon, tool, wait_until};

/// The DRM device of a driver, whose module is loaded for it.
pub(crate) fn device(module: &str, driver: &str) -> PathBuf {
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

/// A picture in a file, as [`crate::monitor::Monitor::screen`] tells one.
pub(crate) fn read(path: &Path) -> (usize, usize, Vec<u32>) {
    let mut reader =
        png::Decoder::new(BufReader::new(File::open(path).unwrap())).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    let pixels = bytes[..info.buffer_size()].as_chunks::<3>().0.iter();
    let pixels = pixels.map(|[r, g, b]| u32::from_be_bytes([0, *r, *g, *b])).collect();
    (info.width as usize, info.height as usize, pixels)
}

/// Whether the console that is shown draws: KDGETMODE.
pub(crate) fn console_draws() -> bool {
    const GET_MODE: rustix::ioctl::Opcode = 0x4b3b;
    let tty = File::open("/dev/tty0").unwrap();
    // SAFETY: KDGETMODE writes one int.
    #[allow(unsafe_code)]
    let mode: i32 =
        unsafe { rustix::ioctl::ioctl(tty.as_fd(), rustix::ioctl::Getter::<GET_MODE, i32>::new()) }
            .unwrap();
    mode == 0
}

/// Gives what shall not happen some time to happen.
pub(crate) fn a_while() {
    std::thread::sleep(Duration::from_millis(500));
}
