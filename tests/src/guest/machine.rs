//! The virtual machine: started, listened to, killed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::Kernel;
use super::archive::Archive;

/// How long a guest may take for anything: an emulated processor, and others on the machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a guest is made of.
#[derive(Clone, Debug)]
pub struct Machine {
    kernel: Kernel,
    folder: PathBuf,
    disks: Vec<(PathBuf, String)>,
}

impl Machine {
    /// One without disks, which keeps its files in `folder`.
    pub fn new(kernel: &Kernel, folder: &Path) -> Self {
        Self { kernel: kernel.clone(), folder: folder.to_owned(), disks: Vec::new() }
    }

    /// Adds a vhost-user-blk disk: its socket, and options of the device.
    #[must_use]
    pub fn disk(mut self, socket: &Path, options: &str) -> Self {
        self.disks.push((socket.to_owned(), options.to_owned()));
        self
    }

    /// Starts it. The script runs as its first process, in a busybox shell, with the disks there; when
    /// it ends, the machine goes off.
    ///
    /// # Panics
    /// When QEMU cannot be started.
    #[track_caller]
    pub fn boot(&self, script: &str) -> Guest {
        let initrd = self.folder.join("initrd");
        fs::write(&initrd, self.archive(script)).expect("an initrd");
        let mut command = Command::new("qemu-system-x86_64");
        command
            .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
            .args(["-machine", "pc,accel=tcg,memory-backend=mem", "-smp", "2"])
            .args(["-object", "memory-backend-memfd,id=mem,size=256M,share=on"])
            .args(["-serial", "stdio", "-append", "console=ttyS0 panic=-1 loglevel=4"])
            .arg("-kernel")
            .arg(self.kernel.image().expect("a kernel"))
            .arg("-initrd")
            .arg(&initrd);
        for ((socket, options), index) in self.disks.iter().zip(0..) {
            let socket = socket.display();
            command
                .args(["-chardev", &format!("socket,id=c{index},path={socket},reconnect=1")])
                .args(["-device", &format!("vhost-user-blk-pci,chardev=c{index}{options}")]);
        }
        Guest::start(command)
    }

    fn archive(&self, script: &str) -> Vec<u8> {
        let mut archive = Archive::default();
        for folder in ["bin", "dev", "proc", "sys", "tmp", "root", "modules"] {
            archive.folder(folder);
        }
        let busybox = fs::read("/bin/busybox").or_else(|_| fs::read("/usr/bin/busybox"));
        archive.file("bin/busybox", 0o755, &busybox.expect("a busybox"));
        archive.link("bin/sh", "busybox");
        let mut load = String::new();
        for (name, content) in self.kernel.modules().expect("modules") {
            archive.file(&format!("modules/{name}"), 0o644, &content);
            load.push_str(&format!("insmod /modules/{name}\n"));
        }
        let init = format!(
            "#!/bin/busybox sh\n\
             /bin/busybox --install -s /bin\n\
             export PATH=/bin\n\
             mount -t devtmpfs dev /dev\nmount -t proc proc /proc\nmount -t sysfs sys /sys\n\
             mount -t tmpfs tmp /tmp\n\
             {load}{script}\n\
             echo; echo GUEST-ENDS\nsync\npoweroff -f\n"
        );
        archive.file("init", 0o755, init.as_bytes());
        archive.finish()
    }
}

/// A guest that runs. Dropping it kills it.
#[derive(Debug)]
pub struct Guest {
    child: Child,
    lines: Receiver<String>,
    /// All it said so far.
    pub said: Vec<String>,
}

impl Guest {
    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("QEMU");
        let (send, lines) = channel();
        let out = child.stdout.take().expect("a pipe");
        std::thread::spawn(move || {
            for line in BufReader::new(out).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                if send.send(line).is_err() {
                    return; // the test has ended
                }
            }
        });
        Self { child, lines, said: Vec::new() }
    }

    /// QEMU's process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that holds this, and returns it.
    ///
    /// # Panics
    /// When it does not come, with what came instead.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.said.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no {text:?} in {PATIENCE:?}: {self}"),
                Err(RecvTimeoutError::Disconnected) => panic!("no {text:?}, the end: {self}"),
            }
        }
    }

    /// Waits for its end, and checks that the kernel had nothing to complain of.
    ///
    /// # Panics
    /// When it had.
    #[track_caller]
    pub fn ends(&mut self) {
        self.expect("GUEST-ENDS");
        let _ = self.child.wait();
        let said = self.said.join("\n");
        for complaint in ["I/O error", "EXT4-fs error", "blocked for more than", "Oops", "BUG:"] {
            assert!(!said.contains(complaint), "{complaint}: {self}");
        }
    }

    /// As a power failure does.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl std::fmt::Display for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the guest said:\n{}", self.said.join("\n"))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
