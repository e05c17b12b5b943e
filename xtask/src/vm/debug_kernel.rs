//! The debugging kernel: Debian's source, built here once with the kernel's own checkers on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::apt::{self, Apt};
use super::kernel::{self, Kernel};
use super::place::{Place, make};
use crate::deps::{self, Tool};
use crate::run;

/// The version it is built from.
const VERSION: &str = kernel::DEFAULT;

/// Its whole configuration, but for what that needs.
const CONFIG: &str = include_str!("debug.config");

/// Settings without which it would be another ordinary kernel.
const WANTED: &[&str] = &[
    "CONFIG_KASAN=y",
    "CONFIG_PROVE_LOCKING=y",
    "CONFIG_DEBUG_ATOMIC_SLEEP=y",
    "CONFIG_DEBUG_KMEMLEAK=y",
    "CONFIG_BLK_DEV_UBLK=m",
    "CONFIG_BLK_DEV_NBD=m",
    "CONFIG_9P_FS=y",
    "CONFIG_NET_9P_VIRTIO=y",
    "CONFIG_VIRTIO_CONSOLE=y",
    "CONFIG_OVERLAY_FS=m",
    "CONFIG_KPROBES=y",
    "CONFIG_UIO_PCI_GENERIC=m",
    "CONFIG_SECURITY_LANDLOCK=y",
    "CONFIG_GART_IOMMU=y",
    "CONFIG_SRAM=y",
    "CONFIG_KVM_AMD=m",
];

const TOOLS: &[Tool] =
    &[deps::GCC, deps::MAKE, deps::BISON, deps::FLEX, deps::BC, deps::PERL, deps::XZ, deps::TAR];

/// Headers that the kernel's build tools include, and their packages.
const HEADERS: &[(&str, &str)] =
    &[("/usr/include/gelf.h", "libelf-dev"), ("/usr/include/openssl/ssl.h", "libssl-dev")];

/// What the configuration that a kernel was made with is kept in, beside its source.
const KEPT: &str = "lab.config";

/// Builds it, unless it is there as it is wanted. A build that was interrupted goes on where it was.
pub fn ensure(place: &Place) -> Result<Kernel> {
    // Other labs go on while this one builds.
    let _building = place.lock_named("lock-debug")?;
    let folder = place.lab().join("kernels").join(format!("{VERSION}-debug"));
    let wanted = format!("{CONFIG}\nCONFIG_LOCALVERSION=\"-debug\"\n");
    let kept = folder.join("source").join(KEPT);
    let is_current = fs::read_to_string(kept).is_ok_and(|kept| kept == wanted);
    if let Some(kernel) = kernel::known(&folder).filter(|_| is_current) {
        return Ok(kernel);
    }
    // Until it is built as it is wanted, there is none.
    kernel::unfinish(&folder)?;
    deps::ensure(TOOLS)?;
    let missing: Vec<&str> = HEADERS
        .iter()
        .filter(|(path, _)| !Path::new(path).exists())
        .map(|(_, name)| *name)
        .collect();
    if !missing.is_empty() {
        deps::install(&missing)?;
    }
    let source = source(place, &folder)?;
    if !is_current || !source.join(".config").is_file() {
        configure(&source, &wanted)?;
    }
    eprintln!("lab: building the debugging kernel in {}; this takes long", source.display());
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    build(&source, &[&format!("-j{jobs}"), "bzImage", "modules"])?;
    let release =
        run::query(Command::new("make").args(["-s", "-C"]).arg(&source).arg("kernelrelease"))?;
    let kernel = Kernel { release: release.trim().to_owned(), root: folder.join("root") };
    make(&kernel.root.join("boot"))?;
    let image = source.join("arch/x86/boot/bzImage");
    fs::copy(&image, kernel.image()).with_context(|| format!("cannot copy {}", image.display()))?;
    let path = format!("INSTALL_MOD_PATH={}", kernel.root.display());
    build(&source, &["modules_install", &path, "INSTALL_MOD_STRIP=1"])?;
    kernel::relink(&folder.join("build"), Path::new("source"))?;
    kernel::finish(&folder, &kernel)?;
    Ok(kernel)
}

/// Debian's source, unpacked.
fn source(place: &Place, folder: &Path) -> Result<PathBuf> {
    let source = folder.join("source");
    if source.join("Makefile").is_file() {
        return Ok(source);
    }
    let package = format!("linux-source-{VERSION}");
    let files = {
        let _filling = place.lock()?;
        Apt::update(place)?.download(std::slice::from_ref(&package), &place.lab().join("debs"))?
    };
    let unpacked = folder.join("package");
    make(&unpacked)?;
    for file in &files {
        apt::unpack(file, &unpacked)?;
        let _ = fs::remove_file(file);
    }
    let new = folder.join("source.new");
    if new.exists() {
        fs::remove_dir_all(&new).with_context(|| format!("cannot remove {}", new.display()))?;
    }
    make(&new)?;
    let archive = unpacked.join("usr/src").join(format!("{package}.tar.xz"));
    let mut tar = Command::new("tar");
    tar.arg("-xf").arg(&archive).arg("-C").arg(&new).arg("--strip-components=1");
    let (passed, said) = run::quietly(&mut tar)?;
    if !passed {
        bail!("tar cannot unpack {} ({})", archive.display(), apt::complaint(&said));
    }
    fs::remove_dir_all(&unpacked)
        .with_context(|| format!("cannot remove {}", unpacked.display()))?;
    fs::rename(&new, &source).with_context(|| format!("cannot name {}", source.display()))?;
    Ok(source)
}

fn configure(source: &Path, wanted: &str) -> Result<()> {
    kernel::write(&source.join(KEPT), wanted)?;
    build(source, &[&format!("KCONFIG_ALLCONFIG={KEPT}"), "allnoconfig"])?;
    let config = source.join(".config");
    let made =
        fs::read_to_string(&config).with_context(|| format!("cannot read {}", config.display()))?;
    let lost = lost(&made);
    if !lost.is_empty() {
        fs::remove_file(&config).with_context(|| format!("cannot remove {}", config.display()))?;
        // The next try begins here again.
        bail!("the kernel's configuration did not take {}", lost.join(", "));
    }
    Ok(())
}

/// Settings that the kernel's own tool has dropped.
fn lost(config: &str) -> Vec<&'static str> {
    let has = |setting: &str| config.lines().any(|line| line == setting);
    WANTED.iter().copied().filter(|setting| !has(setting)).collect()
}

/// Runs make with some targets, politely; its output goes to the terminal only when it fails.
fn build(source: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("nice");
    command.args(["-n", "10", "make", "-s", "-C"]).arg(source).args(arguments);
    let (passed, said) = run::quietly(&mut command)?;
    if passed {
        return Ok(());
    }
    let lines: Vec<_> = said.lines().collect();
    for line in &lines[lines.len().saturating_sub(20)..] {
        eprintln!("{line}");
    }
    bail!("make {} failed in {}", arguments.join(" "), source.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_what_it_wants() {
        assert_eq!(lost(CONFIG), Vec::<&str>::new());
        assert_eq!(lost(&CONFIG.replace("CONFIG_KASAN=y", "")), ["CONFIG_KASAN=y"]);
    }
}
