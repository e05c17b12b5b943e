//! virtme-ng in a Python environment under target/lab/venv, and the command line that boots.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::apt::complaint;
use super::kernel::{Kernel, write_program};
use super::place::{Place, RunFolder};
use super::{Accel, LabRun, guest, qemu};
use crate::deps::{self, Tool};
use crate::run;

/// The version this was written with; others may know other options.
const VERSION: &str = "1.42";

/// What the lab needs of the machine.
pub const TOOLS: &[Tool] =
    &[deps::QEMU, deps::BUSYBOX, deps::KMOD, deps::PYTHON, deps::SETPRIV, deps::MOUNT];

/// Installs virtme-ng into its environment, unless it is there.
pub fn ensure(place: &Place) -> Result<()> {
    let venv = venv(place);
    let stamp = venv.join(".virtme-ng");
    if fs::read_to_string(&stamp).is_ok_and(|version| version.trim() == VERSION) {
        return Ok(());
    }
    if venv.exists() {
        fs::remove_dir_all(&venv).with_context(|| format!("cannot remove {}", venv.display()))?;
    }
    eprintln!("lab: installing virtme-ng {VERSION} into {}", venv.display());
    let python = python()?;
    let (passed, said) = run::quietly(Command::new(&python).args(["-m", "venv"]).arg(&venv))?;
    if !passed {
        bail!("{} cannot make {} ({})", python.display(), venv.display(), last(&said));
    }
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    let (passed, said) = run::quietly(pip.arg(format!("virtme-ng=={VERSION}")))?;
    if !passed {
        bail!("pip cannot install virtme-ng {VERSION} ({}); it needs the network", last(&said));
    }
    fs::write(&stamp, VERSION).with_context(|| format!("cannot write {}", stamp.display()))
}

/// A Python that can make environments. Debian's own needs a package for that, another on PATH may
/// have it.
fn python() -> Result<PathBuf> {
    let able = |python: &Path| {
        run::quietly(Command::new(python).args(["-c", "import venv, ensurepip"]))
            .is_ok_and(|(passed, _)| passed)
    };
    let candidates: Vec<PathBuf> =
        run::which("python3").into_iter().chain([PathBuf::from("/usr/bin/python3")]).collect();
    if let Some(python) = candidates.iter().find(|python| able(python)) {
        return Ok(python.clone());
    }
    deps::install(&["python3-venv"])?;
    match candidates.into_iter().find(|python| able(python)) {
        Some(python) => Ok(python),
        None => bail!("python3 has no venv and ensurepip, although python3-venv is installed"),
    }
}

/// The command that boots. Its standard error is the kernel's log, with what QEMU has to say; a
/// command's output comes by ports of our own into files, for virtme's need a udev in the guest.
pub fn boot(
    place: &Place,
    folder: &RunFolder,
    kernel: &Kernel,
    run: &LabRun,
    disk: Option<&Path>,
) -> Result<Command> {
    let bin = venv(place).join("bin");
    // When we are killed, virtme-run goes with us, and QEMU with it.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(bin.join("python")).arg(bin.join("virtme-run"));
    command.arg("--qemu-bin").arg(qemu_that_dies_with_its_parent(folder)?);
    command.arg("--kimg").arg(kernel.image()).args(["--mods", "auto"]);
    command.args(["--disable-microvm", "--force-9p", "--disable-monitor", "--user", "root"]);
    command.args(["--memory", &format!("{}M", run.memory_mib), "--cpus", &run.cpus.to_string()]);
    command.arg("--rwdir").arg(folder.path());
    command.arg("--cwd").arg(folder.path());
    for argument in qemu::kernel_arguments() {
        command.args(["--kopt", argument]);
    }
    if run.accel != Accel::Kvm {
        command.arg("--disable-kvm");
    }
    for argument in qemu::common_arguments(folder, run, disk) {
        command.arg(format!("--qemu-opt={argument}"));
    }
    if run.command.is_empty() {
        command.arg("--shell").arg(folder.script());
    } else {
        let script = guest::quoted(&folder.script().to_string_lossy());
        command.args(["--show-boot-console", "--script-sh", &format!("/bin/sh {script}")]);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [bin].into_iter().chain(std::env::split_paths(&path));
    let folders = folders.chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    if let Ok(path) = std::env::join_paths(folders) {
        command.env("PATH", path);
    }
    // It leaves temporary files behind when it is ended.
    command.env("TMPDIR", folder.temporary());
    // Nor is a user's own configuration of it wanted here.
    for name in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
        command.env(name, folder.temporary());
    }
    Ok(command)
}

/// virtme-run starts QEMU as a child; this stands between them.
fn qemu_that_dies_with_its_parent(folder: &RunFolder) -> Result<PathBuf> {
    let program = run::which("qemu-system-x86_64").context("there is no qemu-system-x86_64")?;
    let path = folder.temporary().join("qemu");
    let program = guest::quoted(&program.to_string_lossy());
    let text = format!("#!/bin/sh\nexec setpriv --pdeathsig KILL {program} \"$@\"\n");
    write_program(&path, &text)?;
    Ok(path)
}

fn venv(place: &Place) -> PathBuf {
    place.lab().join("venv")
}

/// pip and venv say what is wrong in an ERROR line, else at the end.
fn last(said: &str) -> &str {
    said.lines().find(|line| line.starts_with("ERROR: ")).unwrap_or_else(|| complaint(said))
}
