//! What can be typed after `cargo xtask vm`.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;

use super::{Accel, Choice, LabRun, Root};

/// Options of `cargo xtask vm`.
#[derive(Args, Debug)]
pub struct Options {
    /// Which kernel: the newest of this version that the machine's Debian mirror has
    #[arg(long, value_name = "VERSION", default_value = super::kernel::DEFAULT)]
    kernel: String,
    /// A 6.12 with KASAN, lockdep and other checkers, built at its first use; that takes long
    #[arg(long, conflicts_with = "kernel")]
    debug_kernel: bool,
    /// What the guest has as its root: this machine's files; "debian", a small one with systemd, made
    /// once; or an ext4 image with a system in it, which is not changed
    #[arg(long, value_name = "host|debian|IMAGE", default_value = "host")]
    root: String,
    /// An interactive shell instead of a command; leave it with exit or Ctrl-D
    #[arg(long, conflicts_with = "command")]
    shell: bool,
    /// The guest's memory: 512M, 4G
    #[arg(long, value_name = "SIZE", default_value = "2G", value_parser = size)]
    memory: u64,
    /// The guest's processors
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    cpus: u32,
    /// Give up when there is no result by then [default: 600; 2400 with --debug-kernel]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    timeout: Option<u64>,
    /// A scratch disk of this size; the command finds its path in VPT_LAB_DISK
    #[arg(long, value_name = "SIZE", value_parser = size)]
    disk: Option<u64>,
    /// What runs the guest: the emulator; the emulator with a clock that counts instructions; or the
    /// processor where /dev/kvm can boot a stock kernel
    #[arg(long, value_name = "WHICH", default_value = "tcg", value_parser = ["tcg", "count", "kvm"])]
    accel: String,
    /// One more argument for QEMU; may be given several times
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    qemu: Vec<String>,
    /// The command and its arguments
    #[arg(last = true, value_name = "CMD", required_unless_present = "shell")]
    command: Vec<String>,
}

impl Options {
    /// The run they ask for.
    pub fn run(self) -> Result<LabRun> {
        if self.shell && !rustix::termios::isatty(rustix::stdio::stdin()) {
            bail!("--shell needs a terminal; give a command instead: cargo xtask vm -- CMD");
        }
        let root = match self.root.as_str() {
            "host" => Root::Host,
            "debian" => Root::Debian,
            path => Root::Image(path.into()),
        };
        if self.shell && root != Root::Host {
            bail!("--shell works with --root host only; give a command instead");
        }
        let memory_mib = self.memory >> 20;
        if memory_mib < 256 {
            bail!("--memory: the guest needs 256M at least");
        }
        let patience = if self.debug_kernel { 2400 } else { 600 };
        Ok(LabRun {
            root,
            kernel: if self.debug_kernel { Choice::Debug } else { Choice::stock(&self.kernel)? },
            timeout: Duration::from_secs(self.timeout.unwrap_or(patience)),
            memory_mib,
            cpus: self.cpus,
            disk_bytes: self.disk,
            accel: match self.accel.as_str() {
                "kvm" => Accel::Kvm,
                "count" => Accel::Counted,
                _ => Accel::Emulated,
            },
            qemu: self.qemu,
            ..LabRun::new(self.command)
        })
    }
}

/// A size in bytes, with K, M, G or T for powers of 1024.
fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no size: a number with K, M, G or T, like 512M");
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let factor: u64 = match &text[digits.len()..] {
        "" => 1,
        "K" | "k" => 1 << 10,
        "M" | "m" => 1 << 20,
        "G" | "g" => 1 << 30,
        "T" | "t" => 1 << 40,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(factor).filter(|bytes| *bytes > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size("2G"), Ok(2 << 30));
        assert_eq!(size("4096"), Ok(4096));
        for wrong in ["", "G", "1X", "0", "-1M", "1.5G", "99999999T", "1GB"] {
            assert!(size(wrong).is_err_and(|error| error.contains("is no size")), "{wrong}");
        }
    }
}
