//! What the kernel lab needs to try the grader: the generated driver, and drivers with one mistake each,
//! all built by `devgen grade`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::deps::{self, Tool};
use crate::run::{self, Interrupt};
use crate::semesters;
use crate::vgpu::{self, LIMIT};
use crate::vm::kernel::Kernel;
use crate::workspace;

/// What builds modules; Debian's kernels name their compiler by its version.
const TOOLS: &[Tool] = &[deps::GCC, deps::MAKE, Tool { program: "gcc-12", package: "gcc-12" }];
/// The semester whose driver it is; one with all features.
const SEMESTER: &str = "configs/semesters/2027-spring.toml";
/// The mistakes.
const BROKEN: &str = "tests/grade/broken.toml";
/// The driver without one.
const OURS: &str = "ours";

#[derive(Debug, Deserialize)]
struct Broken {
    driver: Vec<Driver>,
}

#[derive(Debug, Deserialize)]
struct Driver {
    name: String,
    edit: Vec<Edit>,
}

#[derive(Debug, Deserialize)]
struct Edit {
    file: String,
    find: String,
    replace: String,
}

/// The grader, and a folder with one for each driver that can be graded.
pub(crate) fn build(kernel: &Kernel, interrupt: &Interrupt) -> Result<Vec<PathBuf>> {
    deps::ensure(TOOLS)?;
    let target = workspace::metadata()?.target_directory;
    let devgen = semesters::devgen("emulated")?;
    let folder = target.join("grade").join(&kernel.release);
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let ready = folder.join("ready");
    fs::create_dir_all(&ready).with_context(|| ready.display().to_string())?;
    let text = workspace::root().join(BROKEN);
    let text = fs::read_to_string(&text).with_context(|| text.display().to_string())?;
    let broken: Broken = toml::from_str(&text).context(BROKEN)?;
    let ours = Driver { name: OURS.to_owned(), edit: Vec::new() };
    let modules = target.join("vgpu").join(&kernel.release);
    let vgpu = vgpu::shim(kernel, &modules.join("shim"), interrupt)?;
    for driver in [&ours].into_iter().chain(&broken.driver) {
        let place = folder.join(&driver.name);
        edit(driver, &place.join("templates"))?;
        let made = place.join("card");
        let mut new = Command::new(&devgen);
        new.arg("new").arg(workspace::root().join(SEMESTER)).arg("--out").arg(&made);
        run::output(new.arg("--templates").arg(place.join("templates")), LIMIT, interrupt)?;
        let mut grade = Command::new(&devgen);
        grade.arg("grade").arg(made.join("students/driver")).arg("--prepare");
        grade.arg("--card").arg(&made).arg("--out").arg(&place);
        grade.arg("--kernel").arg(kernel.build()).args(["--shim", "installed"]);
        run::output(&mut grade, LIMIT, interrupt).with_context(|| driver.name.clone())?;
        keep(&place.join("lab"), &vgpu, &ready.join(&driver.name))?;
    }
    let kept = folder.join("devgen");
    Ok(vec![workspace::stripped(&devgen, &kept)?, ready])
}

/// Templates with a mistake.
fn edit(driver: &Driver, to: &Path) -> Result<()> {
    if to.is_dir() {
        fs::remove_dir_all(to).with_context(|| to.display().to_string())?;
    }
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for edit in &driver.edit {
        let name = format!("{}.j2", edit.file);
        let copy = to.join(&name);
        let own = workspace::root().join("crates/devgen/templates").join(&name);
        let from = if copy.is_file() { &copy } else { &own };
        let text = fs::read_to_string(from).with_context(|| from.display().to_string())?;
        let found = text.matches(&edit.find).count();
        ensure!(
            found == 1,
            "{BROKEN}: {}: the text to be replaced in {name} is there {found} times: {}",
            driver.name,
            edit.find.trim()
        );
        fs::create_dir_all(copy.parent().unwrap_or(to))?;
        fs::write(&copy, text.replace(&edit.find, &edit.replace))?;
    }
    Ok(())
}

/// What the lab needs of a folder, and no more.
fn keep(from: &Path, vgpu: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let path = entry?.path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().unwrap_or_default()))?;
        }
    }
    fs::copy(vgpu, to.join("vgpu.ko")).with_context(|| vgpu.display().to_string())?;
    Ok(())
}
