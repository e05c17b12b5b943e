//! What the kernel lab needs for cards that are not there: the shim and the test driver as modules for
//! one of its kernels, and the programs around them.
//!
//! All of it is built on this machine, in target/vgpu; the source tree stays as it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::deps::{self, Tool};
use crate::run::{self, Interrupt};
use crate::semesters;
use crate::vm::kernel::Kernel;
use crate::workspace::{self, cargo};

/// What builds modules and programs. Debian's kernels name their compiler by its version.
pub(crate) const TOOLS: &[Tool] =
    &[deps::GCC, deps::MAKE, Tool { program: "gcc-12", package: "gcc-12" }, deps::PCIUTILS];
/// The shim has a Makefile that builds elsewhere.
const SHIM: &str = "vgpu-kmod";
/// Drivers of cards: the module's name, and the folder of its sources, which are copied. The copies have
/// the folders' names, as the minimal driver takes the base one's header.
const TEST_DRIVER: (&str, &str) = ("testcard", "vgpu-kmod/testdrv");
const BASE_DRIVER: (&str, &str) = ("bgc", "vcd-drm/driver/base");
const MINIMAL_DRIVER: (&str, &str) = ("bgcmin", "vcd-drm/driver/minimal");
/// Programs on the base card, with a Makefile.
const BASE_USER: &str = "vcd-drm/driver/base/user";
const BASE_PROGRAMS: [&str; 3] = ["triangles", "scene", "demo2d"];
/// Tests of the shim in C, with a Makefile as the shim's: programs, and a driver that misbehaves.
const TESTS: &str = "vgpu-kmod/tests";
const TEST_PROGRAMS: [&str; 2] = ["rules", "fuzz"];
/// The example programs of vcd-drm that play cards.
const CARDS: [&str; 2] = ["answer", "testcard"];
/// The program that plays the base card.
const VCD: &str = "vcd";
/// The one that shows a test pattern.
const PATTERN: &str = "pattern";
/// Programs in C: their name, and the folder that has their sources.
const PROGRAMS: [(&str, &str); 3] = [
    ("tcctl", "vgpu-kmod/testdrv/user"),
    ("picture", "vcd-drm/driver/minimal/user"),
    ("abuse", "tests/vgpu-kmod/programs"),
];
/// Their headers.
const HEADERS: &str = "vgpu-kmod/include/uapi";
/// No single step takes longer.
pub(crate) const LIMIT: Duration = Duration::from_secs(1800);

/// Builds everything for a kernel; returns the files, each to be put into one folder in the lab.
pub fn build(kernel: &Kernel, interrupt: &Interrupt) -> Result<Vec<PathBuf>> {
    let mut files = base(kernel, interrupt)?;
    let target = workspace::metadata()?.target_directory;
    let folder = target.join("vgpu");
    let modules = folder.join(&kernel.release);
    files.push(driver(kernel, TEST_DRIVER, &modules, interrupt)?);
    files.push(driver(kernel, MINIMAL_DRIVER, &modules, interrupt)?);
    files.extend(semesters::build(kernel, &folder, interrupt)?);
    files.extend(shim_tests(kernel, &modules.join("tests"), interrupt)?);
    for (name, sources) in PROGRAMS {
        files.push(program(&folder, name, sources, &[HEADERS], interrupt)?);
    }
    files.extend(examples(&CARDS, &target, &folder)?);
    Ok(files)
}

/// Builds what the base card's users have, without its daemon: the shim, the driver, and programs.
pub fn base(kernel: &Kernel, interrupt: &Interrupt) -> Result<Vec<PathBuf>> {
    deps::ensure(TOOLS)?;
    let folder = workspace::metadata()?.target_directory.join("vgpu");
    let modules = folder.join(&kernel.release);
    let mut files = vec![
        shim(kernel, &modules.join("shim"), interrupt)?,
        driver(kernel, BASE_DRIVER, &modules, interrupt)?,
    ];
    files.extend(base_programs(&folder, interrupt)?);
    Ok(files)
}

/// The program that shows a test pattern, for the kernel lab's screens.
pub fn pattern() -> Result<PathBuf> {
    let target = workspace::metadata()?.target_directory;
    let folder = target.join("vgpu");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let built = examples(&[PATTERN], &target, &folder)?;
    built.into_iter().next().context("there is no program that shows a pattern")
}

/// Builds the module that makes cards.
pub(crate) fn shim(kernel: &Kernel, to: &Path, interrupt: &Interrupt) -> Result<PathBuf> {
    let mut make = make(&workspace::root().join(SHIM));
    make.arg(format!("KDIR={}", kernel.build().display()));
    make.arg(format!("BUILD={}", to.display())).arg("modules");
    made(make, kernel, to.join("vgpu.ko"), interrupt)
}

fn driver(
    kernel: &Kernel,
    (name, sources): (&str, &str),
    modules: &Path,
    interrupt: &Interrupt,
) -> Result<PathBuf> {
    let to = modules.join(Path::new(sources).file_name().unwrap_or_default());
    copy_sources(sources, &to)?;
    module(kernel, name, &to, interrupt)
}

/// Builds a driver where its sources are.
pub(crate) fn module(
    kernel: &Kernel,
    name: &str,
    to: &Path,
    interrupt: &Interrupt,
) -> Result<PathBuf> {
    made(modules(kernel, to), kernel, to.join(format!("{name}.ko")), interrupt)
}

/// Builds whatever is in a folder and in those that it names.
pub(crate) fn compile(kernel: &Kernel, folder: &Path, interrupt: &Interrupt) -> Result<()> {
    run::output(&mut modules(kernel, folder), LIMIT, interrupt)?;
    Ok(())
}

/// What builds the modules of a folder.
pub(crate) fn modules(kernel: &Kernel, folder: &Path) -> Command {
    let mut make = make(&kernel.build());
    make.arg(format!("M={}", folder.display())).arg("modules");
    make
}

fn base_programs(to: &Path, interrupt: &Interrupt) -> Result<[PathBuf; 3]> {
    let mut make = Command::new("make");
    make.arg("-s").arg("-C").arg(workspace::root().join(BASE_USER));
    make.arg(format!("BUILD={}", to.display())).arg("CFLAGS=-O2 -Werror").env_remove("MAKEFLAGS");
    run::output(&mut make, LIMIT, interrupt)?;
    Ok(BASE_PROGRAMS.map(|name| to.join(name)))
}

fn shim_tests(kernel: &Kernel, to: &Path, interrupt: &Interrupt) -> Result<Vec<PathBuf>> {
    let folder = workspace::root().join(TESTS);
    let build = format!("BUILD={}", to.display());
    let mut programs = Command::new("make");
    programs.arg("-C").arg(&folder).args([&*build, "all"]);
    run::output(programs.env_remove("CFLAGS"), LIMIT, interrupt)?;
    let mut driver = make(&folder);
    driver.args([&*build, "baddrv"]).arg(format!("KDIR={}", kernel.build().display()));
    let mut files = vec![made(driver, kernel, to.join("baddrv/baddrv.ko"), interrupt)?];
    files.extend(TEST_PROGRAMS.map(|name| to.join(name)));
    Ok(files)
}

/// Where Kbuild may write.
pub(crate) fn copy_sources(from: &str, to: &Path) -> Result<()> {
    let root = workspace::root();
    for file in workspace::files()? {
        let Ok(inside) = file.strip_prefix(from) else { continue };
        workspace::copy_changed(&root.join(&file), &to.join(inside))?;
    }
    Ok(())
}

/// Builds modules, without warnings.
fn make(folder: &Path) -> Command {
    let mut make = Command::new("make");
    make.arg("-C").arg(folder);
    // Types for BPF would need the kernel's own, which the headers do not have.
    make.args(["KCFLAGS=-Werror", "CONFIG_DEBUG_INFO_BTF_MODULES=", "-j2"]);
    // This machine's settings are for its own builds.
    make.env_remove("MAKEFLAGS").env_remove("CFLAGS");
    make
}

/// The module that a command makes.
pub(crate) fn made(
    mut make: Command,
    kernel: &Kernel,
    module: PathBuf,
    interrupt: &Interrupt,
) -> Result<PathBuf> {
    let told = run::output(&mut make, LIMIT, interrupt);
    told.with_context(|| format!("no {} for Linux {}", module.display(), kernel.release))?;
    ensure!(module.is_file(), "make made no {}", module.display());
    Ok(module)
}

/// Builds a program of all sources in a folder.
pub(crate) fn program(
    to: &Path,
    name: &str,
    sources: &str,
    headers: &[&str],
    interrupt: &Interrupt,
) -> Result<PathBuf> {
    let root = workspace::root();
    let sources = root.join(sources);
    let entries = fs::read_dir(&sources).with_context(|| sources.display().to_string())?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "c"));
    files.sort();
    let program = to.join(name);
    let mut compiler = Command::new("gcc");
    compiler.args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"]);
    for folder in headers {
        compiler.arg("-I").arg(root.join(folder));
    }
    compiler.arg("-o").arg(&program).args(files);
    run::output(&mut compiler, LIMIT, interrupt)?;
    Ok(program)
}

/// The program of vcd-drm and examples of it, small and quick for the emulator.
fn examples(names: &[&str], target: &Path, to: &Path) -> Result<Vec<PathBuf>> {
    let mut build = cargo();
    build.args(["build", "--quiet", "--package", "vcd-drm", "--profile", "emulated"]);
    build.args(["--bin", VCD]).args(names.iter().flat_map(|name| ["--example", name]));
    ensure!(run::passes(&mut build)?, "cannot build {VCD}, {} of vcd-drm", names.join(", "));
    let built = target.join("emulated");
    let examples = names.iter().map(|name| (format!("examples/{name}"), *name));
    let all = examples.chain([(VCD.to_owned(), VCD)]);
    all.map(|(place, name)| workspace::stripped(&built.join(place), &to.join(name))).collect()
}
