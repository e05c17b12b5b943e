//! What the kernel lab needs of semesters' cards: each made by `devgen`, its driver and programs built.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::run::{self, Interrupt};
use crate::vgpu;
use crate::vm::kernel::Kernel;
use crate::workspace::{self, cargo};

/// Those that are tried: the files of configs/semesters.
const SEMESTERS: [&str; 2] = ["2027-spring", "2027-fall"];
/// Programs of theirs that are tried.
const PROGRAMS: [&str; 2] = ["triangles", "demo2d"];

/// Makes and builds them; returns the files. In the lab they are in one folder, so cards and programs have
/// their semester's name behind their own.
pub(crate) fn build(kernel: &Kernel, folder: &Path, interrupt: &Interrupt) -> Result<Vec<PathBuf>> {
    let mut make = cargo();
    make.args(["build", "--quiet", "--package", "devgen"]);
    ensure!(run::passes(&mut make)?, "cannot build devgen");
    let devgen = workspace::metadata()?.target_directory.join("debug/devgen");
    let mut files = Vec::new();
    for semester in SEMESTERS {
        let made = folder.join("semesters").join(semester);
        let mut new = Command::new(&devgen);
        new.arg("new").arg(workspace::root().join(format!("configs/semesters/{semester}.toml")));
        run::output(new.arg("--out").arg(&made), vgpu::LIMIT, interrupt)?;
        let students = made.join("students");
        let build = folder.join(&kernel.release).join(semester);
        copy(&students.join("driver"), &build)?;
        files.push(vgpu::module(kernel, &name(&build)?, &build, interrupt)?);
        let mut programs = Command::new("make");
        programs.arg("-s").arg("-C").arg(students.join("app")).arg("CFLAGS=-O2 -Werror");
        run::output(programs.env_remove("MAKEFLAGS"), vgpu::LIMIT, interrupt)?;
        let kept = PROGRAMS.map(|program| (students.join("app").join(program), program));
        let card = (made.join("card.toml"), "card");
        for (from, name) in kept.into_iter().chain([card]) {
            let to = made.join(format!("{name}-{semester}"));
            fs::copy(&from, &to).with_context(|| from.display().to_string())?;
            files.push(to);
        }
    }
    Ok(files)
}

/// The driver's name, which is different for each card.
fn name(driver: &Path) -> Result<String> {
    let kbuild = fs::read_to_string(driver.join("Kbuild")).context("the driver has no Kbuild")?;
    let line = kbuild.lines().find_map(|line| line.strip_prefix("obj-m := "));
    let name = line.and_then(|line| line.strip_suffix(".o")).context("Kbuild names no module")?;
    Ok(name.to_owned())
}

/// What has not changed keeps its time, so that it is not built again.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let path = entry?.path();
        let copy = to.join(path.file_name().unwrap_or_default());
        let text = fs::read(&path).with_context(|| path.display().to_string())?;
        if !fs::read(&copy).is_ok_and(|old| old == text) {
            fs::write(&copy, text).with_context(|| copy.display().to_string())?;
        }
    }
    Ok(())
}
