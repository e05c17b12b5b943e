//! The initramfs for a root of its own: loads the modules for disk and shares, mounts both, and
//! hands over to the root's init.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::cpio::Archive;
use super::kernel::Kernel;
use crate::run;

/// What is loaded before the root can be mounted; what is built in is not in the tables.
const MODULES: &[&str] = &[
    "virtio_pci",
    "virtio_blk",
    "virtio_console",
    "9pnet_virtio",
    "9p",
    "crc32c_generic",
    "crc32c-intel",
    "ext4",
];

/// Mounts, and the change of root. Everything for the guest is below /run/lab, because systemd
/// leaves /run as it finds it, and empties /tmp.
const INIT: &str = r#"#!/bin/busybox sh
# Made by `cargo xtask vm`.
/bin/busybox --install -s /bin
export PATH=/bin
stop() {
	echo "lab: $*" >/dev/console
	poweroff -f
}
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
while read -r module; do
	insmod "/modules/$module" || echo "lab: cannot load $module" >/dev/console
done </modules/order
mount -t ext4 /dev/vda /new || stop "cannot mount the root image"
[ -d /new/lib ] || stop "the root image has no /lib"
mount -t tmpfs -o mode=755 run /new/run || stop "the root image has no /run"
share() {
	mkdir -p "$2" && mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,$3" "$1" "$2" ||
		stop "cannot mount the share $1"
}
mkdir -p /new/lib/modules
mount -t tmpfs -o mode=755 modules /new/lib/modules
share labmodules "/new/lib/modules/$(uname -r)" ro,cache=loose
share labtree /new/run/lab/tree ro
share labtarget /new/run/lab/target ro
share labrun /new/run/lab/run rw
units=/new/run/systemd/system
mkdir -p "$units/multi-user.target.wants"
cat >"$units/lab.service" <<'UNIT'
[Unit]
Description=The command of cargo xtask vm
After=multi-user.target
[Service]
Type=exec
ExecStart=/bin/sh /run/lab/run/guest.sh
UNIT
ln -s ../lab.service "$units/multi-user.target.wants/lab.service"
mount -o move /dev /new/dev
mount -o move /proc /new/proc
mount -o move /sys /new/sys
exec switch_root /new /sbin/init
"#;

/// Writes the initramfs for a kernel.
pub fn write(kernel: &Kernel, file: &Path) -> Result<()> {
    let folder = kernel.modules();
    let table = folder.join("modules.dep");
    let table =
        fs::read_to_string(&table).with_context(|| format!("cannot read {}", table.display()))?;
    let mut archive = Archive::default();
    for name in ["bin", "dev", "proc", "sys", "new", "modules"] {
        archive.folder(name);
    }
    let busybox = run::which("busybox").context("there is no busybox (package busybox-static)")?;
    let program =
        fs::read(&busybox).with_context(|| format!("cannot read {}", busybox.display()))?;
    archive.program("bin/busybox", &program);
    archive.link("bin/sh", "busybox");
    let mut order = String::new();
    for path in load_order(&table, MODULES) {
        let name = file_name(&path).trim_end_matches(".xz").to_owned();
        archive.program(&format!("modules/{name}"), &module(&folder.join(&path))?);
        order.push_str(&name);
        order.push('\n');
    }
    archive.program("modules/order", order.as_bytes());
    archive.program("init", INIT.as_bytes());
    fs::write(file, archive.finish()).with_context(|| format!("cannot write {}", file.display()))
}

/// A module's content, which may be compressed.
fn module(path: &Path) -> Result<Vec<u8>> {
    if path.extension().is_none_or(|extension| extension != "xz") {
        return fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    }
    let unpacked = Command::new("xz")
        .arg("-dc")
        .arg(path)
        .output()
        .context("cannot run xz (package xz-utils)")?;
    if !unpacked.status.success() {
        bail!("xz cannot unpack {}", path.display());
    }
    Ok(unpacked.stdout)
}

/// The files to load for some modules, in order: what a module needs stands before it. modules.dep
/// names for each file what it needs, the nearest first.
fn load_order(table: &str, names: &[&str]) -> Vec<String> {
    let mut order: Vec<String> = Vec::new();
    for name in names {
        let Some((file, needs)) = table.lines().find_map(|line| {
            let (file, needs) = line.split_once(':')?;
            (module_name(file) == name.replace('-', "_")).then_some((file, needs))
        }) else {
            continue;
        };
        for path in needs.split_whitespace().rev().chain([file]) {
            if !order.iter().any(|known| known == path) {
                order.push(path.to_owned());
            }
        }
    }
    order
}

/// `crc32c_intel` of `kernel/x/crc32c-intel.ko.xz`.
fn module_name(path: &str) -> String {
    file_name(path).split('.').next().unwrap_or_default().replace('-', "_")
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_comes_first_and_once() {
        let table = "k/ext4.ko.xz: k/crc16.ko.xz k/mbcache.ko.xz k/jbd2.ko.xz\n\
                     k/jbd2.ko.xz:\nk/9p.ko: k/9pnet.ko k/netfs.ko\nk/9pnet_virtio.ko: k/9pnet.ko\n\
                     k/crc32c-intel.ko:\n";
        assert_eq!(
            load_order(table, &["9pnet_virtio", "9p", "crc32c-intel", "ext4", "built_in"]),
            [
                "k/9pnet.ko",
                "k/9pnet_virtio.ko",
                "k/netfs.ko",
                "k/9p.ko",
                "k/crc32c-intel.ko",
                "k/jbd2.ko.xz",
                "k/mbcache.ko.xz",
                "k/crc16.ko.xz",
                "k/ext4.ko.xz"
            ]
        );
    }

    #[test]
    fn a_shell_understands_init() {
        let checked = Command::new("sh").args(["-n", "-c", INIT]).status().expect("sh");
        assert!(checked.success());
    }
}
