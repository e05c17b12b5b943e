//! `cargo xtask vm`: the kernel lab. Runs a command on a stock Debian kernel in QEMU, with this
//! machine's file tree as the guest's root, and brings out what it printed and how it ended.
//!
//! - [`run_in_lab`]: one boot, one command; what `cargo xtask vm`, `test` and `bench` use
//! - [`options`]: the command line's values
//! - [`place`]: the folders under target/lab, and the lock around filling them
//! - [`sources`], [`apt`], [`release`], [`kernel`]: from the machine's own Debian mirror to a kernel
//! - [`virtme`]: virtme-ng in an environment of its own, and the command line that boots
//! - [`debug_kernel`]: one built here, with the kernel's checkers on
//! - [`rootfs`], [`cpio`], [`initramfs`]: a root of its own, with systemd
//! - [`qemu`]: QEMU's command line
//! - [`guest`]: the script that prepares the guest and runs the command
//! - [`watch`]: waiting, the watchdog, the end
//! - [`log`]: what in the kernel's log fails a run
//!
//! See docs/kernel-lab.md.

pub mod apt;
pub mod cpio;
pub mod debug_kernel;
pub mod guest;
pub mod initramfs;
pub mod kernel;
pub mod log;
pub mod options;
pub mod place;
pub mod qemu;
pub mod release;
pub mod rootfs;
pub mod sources;
pub mod virtme;
pub mod watch;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

pub use self::kernel::Choice;
pub use self::options::Options;
use self::place::{Place, RunFolder};
pub use self::rootfs::Root;
pub use self::watch::Channel;
use crate::deps;
use crate::run::Interrupt;

/// The statuses of `cargo xtask vm` that are not the command's own.
pub mod status {
    /// The lab could not be set up or started.
    pub const NOT_STARTED: u8 = 121;
    /// The guest ended without a status of the command.
    pub const NO_RESULT: u8 = 122;
    /// The command ended, but the kernel's log holds a warning or worse.
    pub const KERNEL_TROUBLE: u8 = 123;
    /// The watchdog ended the guest.
    pub const WATCHDOG: u8 = 124;
    /// Interrupted by a signal.
    pub const INTERRUPTED: u8 = 130;
}

/// One run: a kernel, a command, and what it may use.
#[derive(Clone, Debug)]
pub struct LabRun {
    /// Which kernel.
    pub kernel: Choice,
    /// What the guest has as its root.
    pub root: Root,
    /// The command and its arguments; empty for a shell at the terminal.
    pub command: Vec<String>,
    /// Environment of the command, beside the guest's own.
    pub env: Vec<(String, String)>,
    /// Until when there must be a result, from the start of the boot.
    pub timeout: Duration,
    /// The guest's memory in MiB.
    pub memory_mib: u64,
    /// The guest's processors.
    pub cpus: u32,
    /// Size of a scratch disk in bytes, if one is wanted.
    pub disk_bytes: Option<u64>,
    /// What runs the guest's instructions.
    pub accel: Accel,
    /// More arguments for QEMU.
    pub qemu: Vec<String>,
}

impl LabRun {
    /// A run of a command with the usual size: Linux 6.12, two processors, 2 GiB, ten minutes.
    pub fn new<S: Into<String>>(command: impl IntoIterator<Item = S>) -> Self {
        Self {
            kernel: Choice::default(),
            root: Root::Host,
            command: command.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            timeout: Duration::from_secs(600),
            memory_mib: 2048,
            cpus: 2,
            disk_bytes: None,
            accel: Accel::default(),
            qemu: Vec::new(),
        }
    }
}

/// What runs a guest's instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accel {
    /// The emulator, with a thread for each of the guest's processors.
    #[default]
    Emulated,
    /// The emulator, with a clock that counts instructions: what takes how long in the guest does not
    /// depend on what else the machine is doing.
    Counted,
    /// Hardware virtualisation.
    Kvm,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The command ended with this status.
    Exited(u8),
    /// The guest ended without saying how the command did.
    NoResult,
    /// There was no result in time.
    Watchdog,
    /// There was a result, but the guest did not power off.
    NoPowerOff,
    /// A signal reached us.
    Interrupted,
}

/// What a run brought out.
#[derive(Clone, Debug)]
pub struct LabResult {
    /// How it ended.
    pub end: End,
    /// Lines of the kernel's log that fail the run, in order.
    pub trouble: Vec<String>,
    /// The kernel's log.
    pub console: PathBuf,
    /// The files that the command put into VPT_LAB_OUT.
    pub out: PathBuf,
}

impl LabResult {
    /// Whether the command succeeded and the kernel had nothing to complain about.
    pub fn passed(&self) -> bool {
        self.end == End::Exited(0) && self.trouble.is_empty()
    }

    /// The exit status for it; trouble of the kernel covers the command's own status.
    pub fn status(&self) -> u8 {
        match self.end {
            End::Interrupted => status::INTERRUPTED,
            End::Watchdog | End::NoPowerOff => status::WATCHDOG,
            _ if !self.trouble.is_empty() => status::KERNEL_TROUBLE,
            End::NoResult => status::NO_RESULT,
            End::Exited(code) => code,
        }
    }

    /// What went wrong beside the command's own status, one line each.
    pub fn complaints(&self, timeout: Duration) -> Vec<String> {
        let mut lines = Vec::new();
        match self.end {
            End::Watchdog => {
                lines.push(format!("no result within {} s; the guest was ended", timeout.as_secs()))
            }
            End::NoPowerOff => lines.push(
                "the command ended, but the guest hung and was ended a minute later".to_owned(),
            ),
            End::NoResult => lines.push("the guest ended without a result".to_owned()),
            End::Interrupted => lines.push("interrupted; the guest was ended".to_owned()),
            End::Exited(_) => {}
        }
        lines.extend(self.trouble.iter().map(|line| format!("kernel: {line}")));
        if !lines.is_empty() {
            lines.push(format!("the kernel's log: {}", self.console.display()));
        }
        lines
    }
}

/// Brings a kernel and what boots it, so that modules can be built for it before a run.
pub fn bring(choice: &Choice) -> Result<kernel::Kernel> {
    deps::ensure(virtme::TOOLS)?;
    let place = Place::here()?;
    {
        let _filling = place.lock()?;
        virtme::ensure(&place)?;
    }
    kernel::ensure(&place, choice)
}

/// Boots, runs the command, and waits for its end. What it prints goes to `sink` as it comes.
///
/// Brings what is missing first: packages, virtme-ng, the kernel. Fails when it cannot, or when the
/// guest cannot be started; everything that happens after that is in the result.
pub fn run_in_lab(
    run: &LabRun,
    interrupt: &Interrupt,
    sink: &mut dyn FnMut(Channel, &[u8]),
) -> Result<LabResult> {
    deps::ensure(virtme::TOOLS)?;
    let place = Place::here()?;
    let image = {
        let _filling = place.lock()?;
        virtme::ensure(&place)?;
        rootfs::image(&place, &run.root)?
    };
    let kernel = kernel::ensure(&place, &run.kernel)?;
    interrupt.check()?;
    let folder = RunFolder::create(&place)?;
    guest::write(&place, &folder, &kernel, run)?;
    let disk = folder.scratch(run.disk_bytes)?;
    let mut command = if let Some(image) = image {
        initramfs::write(&kernel, &folder.initramfs())?;
        qemu::boot_image(&place, &folder, &kernel, run, &image, disk.as_deref())
    } else {
        virtme::boot(&place, &folder, &kernel, run, disk.as_deref())?
    };
    let end = watch::wait(&mut command, &folder, run, interrupt, sink)?;
    let console = folder.console();
    let text = fs::read(&console)
        .with_context(|| format!("there is no log of the kernel in {}", console.display()))?;
    let text = String::from_utf8_lossy(&text);
    folder.finish();
    if end == End::NoResult && !log::has_kernel(&text) {
        let said = text.lines().rfind(|line| !line.trim().is_empty());
        bail!("QEMU did not start the guest: {}", said.unwrap_or("it said nothing"));
    }
    let trouble = log::trouble(&text);
    Ok(LabResult { end, trouble, console, out: folder.out() })
}

/// `cargo xtask vm`: the exit status.
pub fn main(options: Options) -> u8 {
    match try_main(options) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("cargo xtask vm: {error:#}");
            status::NOT_STARTED
        }
    }
}

fn try_main(options: Options) -> Result<u8> {
    let interrupt = Interrupt::install()?;
    let run = options.run()?;
    let result = run_in_lab(&run, &interrupt, &mut show)?;
    for line in result.complaints(run.timeout) {
        eprintln!("lab: {line}");
    }
    Ok(result.status())
}

/// Passes on what the guest prints; a closed pipe of ours must not end the guest's run.
fn show(channel: Channel, bytes: &[u8]) {
    let _ = match channel {
        Channel::Out => {
            let mut out = std::io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        }
        Channel::Err => std::io::stderr().lock().write_all(bytes),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(end: End, trouble: &[&str]) -> LabResult {
        let trouble = trouble.iter().map(|line| (*line).to_owned()).collect();
        LabResult { end, trouble, console: "console.log".into(), out: "out".into() }
    }

    #[test]
    fn statuses_are_told_apart() {
        assert_eq!(result(End::Exited(7), &[]).status(), 7);
        assert_eq!(result(End::Exited(0), &["WARNING: x"]).status(), status::KERNEL_TROUBLE);
        assert_eq!(result(End::NoResult, &["BUG: x"]).status(), status::KERNEL_TROUBLE);
        assert_eq!(result(End::NoResult, &[]).status(), status::NO_RESULT);
        assert_eq!(result(End::Watchdog, &["BUG: x"]).status(), status::WATCHDOG);
        assert!(result(End::Exited(0), &[]).passed());
        assert!(!result(End::Exited(0), &["BUG: x"]).passed());
    }

    #[test]
    fn complaints_name_the_log() {
        let limit = Duration::from_secs(9);
        assert!(result(End::Exited(1), &[]).complaints(limit).is_empty());
        let lines = result(End::Watchdog, &["BUG: x"]).complaints(limit);
        assert_eq!(lines[0], "no result within 9 s; the guest was ended");
        assert_eq!(lines[1], "kernel: BUG: x");
        assert_eq!(lines[2], "the kernel's log: console.log");
    }
}
