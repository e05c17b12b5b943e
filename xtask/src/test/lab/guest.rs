//! What each test program of the lab finds inside.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::grade;
use crate::lgbench_kmod;
use crate::run::{self, Interrupt};
use crate::semesters;
use crate::test::areas::{GRADE, KMOD, KMS, SVM, VGPU};
use crate::vgpu;
use crate::vm::kernel::Kernel;
use crate::vm::{Choice, LabRun};
use crate::workspace::{self, cargo};

/// Where files are inside: the lab reads the machine's own over a slow file system, programs once for
/// every time they are started.
const INSIDE: &str = "/run/lab-bin";

/// What cannot be missing in the lab; a test that lacks it there fails.
const REQUIRED: &str = "lab,root,fuse,loop,fio,e2fsprogs";

/// Set to another of the lab's kernels, to run the tests of a module there; or to `debug`.
const KERNEL: &str = "VPT_LAB_KERNEL";
const DEBUG: &str = "debug";

/// Passed on: how long tests of a module go on.
const LONG: &str = "VGPU_LONG";

/// Which kernel the tests of a folder run on.
pub(super) fn kernel(folder: &str) -> Result<Choice> {
    match std::env::var(KERNEL) {
        Ok(version) if version == DEBUG => Ok(Choice::Debug),
        Ok(version) if [VGPU, GRADE, KMOD].contains(&folder) => {
            Choice::stock(&version).context(KERNEL)
        }
        _ => Ok(Choice::default()),
    }
}

/// The run for a folder of tests/, on a kernel that is there.
pub(super) fn run(
    folder: &str,
    tests: &Path,
    choice: Choice,
    kernel: &Kernel,
    interrupt: &Interrupt,
) -> Result<LabRun> {
    // Cargo puts it into target/debug/deps.
    let debug = tests.ancestors().nth(2).context("the test program has no folder")?;
    let kept = debug.with_file_name("lab").join("bin").join(folder);
    fs::create_dir_all(&kept).with_context(|| kept.display().to_string())?;
    let tests = workspace::stripped(tests, &kept.join("tests"))?;
    let mut run = LabRun::new([""; 0]);
    run.kernel = choice;
    let mut files = vec![tests];
    if folder == VGPU {
        files.extend(vgpu::build(kernel, interrupt)?);
        semesters::compile_many(kernel, interrupt)?;
        run.env.push(("VGPU_LAB".to_owned(), INSIDE.to_owned()));
        run.env.extend(std::env::var(LONG).ok().map(|value| (LONG.to_owned(), value)));
        run.qemu = screens();
    } else if folder == GRADE {
        files.extend(grade::build(kernel, interrupt)?);
        run.env.push(("GRADE_LAB".to_owned(), INSIDE.to_owned()));
    } else if folder == KMS {
        files.push(vgpu::pattern()?);
        run.env.push(("VCD_LAB".to_owned(), INSIDE.to_owned()));
        run.qemu = screens();
    } else if folder == KMOD {
        files.extend(lgbench_kmod::build(kernel, interrupt)?);
        files.push(program("lgbench", debug, &kept)?);
        run.env.push(("LGBENCH_BIN".to_owned(), format!("{INSIDE}/lgbench")));
        run.env.push(("LGBENCH_LAB".to_owned(), INSIDE.to_owned()));
        run.qemu = svm();
        run.env.extend(std::env::var(LONG).ok().map(|value| (LONG.to_owned(), value)));
    } else if folder == SVM {
        files.push(program("lgbench", debug, &kept)?);
        run.env.push(("LGBENCH_BIN".to_owned(), format!("{INSIDE}/lgbench")));
        // For guests of the guest: the same kernel.
        run.env.push(("LGBENCH_KERNEL".to_owned(), kernel.image().display().to_string()));
        run.qemu = svm();
    } else {
        files.push(program("ublk", debug, &kept)?);
        run.env.push(("UBLK_VPT_BIN".to_owned(), format!("{INSIDE}/ublk")));
    }
    run.env.push(("UBLK_VPT_REQUIRE".to_owned(), REQUIRED.to_owned()));
    run.env.push(("RUST_BACKTRACE".to_owned(), "1".to_owned()));
    let files = files.into_iter().map(|file| own(file, &kept)).collect::<Result<Vec<_>>>()?;
    run.command = vec!["sh".to_owned(), "-c".to_owned(), script(&files)];
    Ok(run)
}

/// A copy for this folder alone: what several need may be built for the next one while this lab boots.
/// Folders are nobody else's.
fn own(file: PathBuf, kept: &Path) -> Result<PathBuf> {
    let Some(name) = file.file_name().filter(|_| !file.starts_with(kept) && file.is_file()) else {
        return Ok(file);
    };
    let copy = kept.join(name);
    fs::copy(&file, &copy).with_context(|| copy.display().to_string())?;
    Ok(copy)
}

/// Two screens, one of each kind of driver, and a way from inside to what a monitor would show: QEMU's
/// own monitor, which is reached by a socket and connected to one of the guest's ports.
///
/// The socket has no name in the file system, so that nothing is left of it.
fn screens() -> Vec<String> {
    let name = format!("vcd-kms-{}", std::process::id());
    let qmp = format!("socket,path={name},abstract=on");
    [
        ["-device", "virtio-gpu-pci,id=virtio"].map(str::to_owned),
        ["-device", "bochs-display,id=bochs"].map(str::to_owned),
        ["-chardev".to_owned(), format!("{qmp},id=qmp,server=on,wait=off")],
        ["-mon", "chardev=qmp,mode=control"].map(str::to_owned),
        ["-chardev".to_owned(), format!("{qmp},id=inside,server=off")],
        ["-device", "virtserialport,bus=labports.0,name=qmp,chardev=inside"].map(str::to_owned),
    ]
    .concat()
}

/// The emulator's processor with AMD's virtualisation. Without cmpxchg16b, which kernels use where they
/// allocate memory: a guest of the guest that is interrupted right behind one may go on with flags that it
/// never had, a trap after each instruction among them, and panics.
fn svm() -> Vec<String> {
    ["-cpu", "max,+svm,-cx16"].map(str::to_owned).into()
}

/// Builds a program, small and quick, for the emulator.
fn program(name: &str, debug: &Path, kept: &Path) -> Result<PathBuf> {
    let profile = "emulated";
    let mut build = cargo();
    build.args(["build", "--quiet", "--bin", name, "--profile", profile]);
    anyhow::ensure!(run::passes(&mut build)?, "cannot build `{name}` for the kernel lab");
    workspace::stripped(&debug.with_file_name(profile).join(name), &kept.join(name))
}

/// One after the other: the tests share the kernel, its modules and its devices.
fn script(files: &[PathBuf]) -> String {
    let files: Vec<_> = files.iter().map(|file| format!("'{}'", file.display())).collect();
    format!(
        "mkdir -p {INSIDE} && cp -r {} {INSIDE}/ && \
         exec {INSIDE}/tests --test-threads=1 --show-output",
        files.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_copied_before_the_tests_begin() {
        let script = script(&["/t/tests".into(), "/t/vgpu.ko".into()]);
        assert!(script.contains("cp -r '/t/tests' '/t/vgpu.ko' /run/lab-bin/ && exec"), "{script}");
    }
}
