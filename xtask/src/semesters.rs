//! What the kernel lab needs of semesters' cards: each made by `devgen`, its driver and programs built. And
//! drivers of many more cards, which are only compiled.

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

/// The profile of cargo's that all tests are built in.
const DEV: &str = "dev";

/// How many cards' drivers are compiled, without a warning.
const CARDS: u32 = 20;

/// Makes and builds them; returns the files. In the lab they are in one folder, so cards and programs have
/// their semester's name behind their own.
pub(crate) fn build(kernel: &Kernel, folder: &Path, interrupt: &Interrupt) -> Result<Vec<PathBuf>> {
    let devgen = devgen(DEV)?;
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

/// Builds `devgen` in a profile.
pub(crate) fn devgen(profile: &str) -> Result<PathBuf> {
    let mut make = cargo();
    make.args(["build", "--quiet", "--package", "devgen", "--profile", profile]);
    ensure!(run::passes(&mut make)?, "cannot build devgen");
    let folder = if profile == DEV { "debug" } else { profile };
    Ok(workspace::metadata()?.target_directory.join(folder).join("devgen"))
}

/// Compiles the drivers of cards that differ in their features, all with one call of make.
pub(crate) fn compile_many(kernel: &Kernel, interrupt: &Interrupt) -> Result<()> {
    let devgen = devgen(DEV)?;
    let folder = workspace::metadata()?.target_directory.join("vgpu/cards").join(&kernel.release);
    let mut folders = String::from("obj-m :=");
    for (seed, letter) in (0..CARDS).zip('A'..) {
        // No two modules of one build may have the same name, as cards of two semesters may.
        let prefix = format!("QZ{letter}");
        let made = folder.join(format!("made-{seed}"));
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let file = folder.join(format!("{seed}.toml"));
        let text = format!(
            "[semester]\nid = \"card-{seed}\"\ntitle = \"Card {seed}\"\nseed = {seed}\n\
             prefix = {prefix:?}\nfeatures = {:?}\n",
            features(seed)
        );
        fs::write(&file, text).with_context(|| file.display().to_string())?;
        let mut new = Command::new(&devgen);
        run::output(new.arg("new").arg(&file).arg("--out").arg(&made), vgpu::LIMIT, interrupt)?;
        copy(&made.join("students/driver"), &folder.join(format!("card-{seed}")))?;
        folders += &format!(" card-{seed}/");
    }
    let kbuild = folder.join("Kbuild");
    fs::write(&kbuild, folders + "\n").with_context(|| kbuild.display().to_string())?;
    vgpu::compile(kernel, &folder, interrupt)
        .with_context(|| format!("drivers of {CARDS} cards, in {}", folder.display()))
}

/// What a card can do: with nine cards each way to bring commands has met each way to interrupt.
fn features(seed: u32) -> Vec<&'static str> {
    let commands: [&[&str]; 3] = [&["dma_single"], &["dma_ring"], &["dma_single", "dma_ring"]];
    let interrupts: [&[&str]; 3] = [&["intx"], &["msi"], &["intx", "msi"]];
    let mut chosen = vec!["rectangles"];
    chosen.extend(commands[seed as usize % 3]);
    chosen.extend(interrupts[seed as usize / 3 % 3]);
    chosen.push(if seed.is_multiple_of(2) { "rgb" } else { "cmyk" });
    let others = ["cursor", "palette", "blanking", "triangles", "lines"];
    chosen.extend((0..).zip(others).filter(|(bit, _)| (seed + 1) >> bit & 1 == 1).map(|one| one.1));
    chosen
}

/// The driver's name, which is different for each card.
fn name(driver: &Path) -> Result<String> {
    let kbuild = fs::read_to_string(driver.join("Kbuild")).context("the driver has no Kbuild")?;
    let line = kbuild.lines().find_map(|line| line.strip_prefix("obj-m := "));
    let name = line.and_then(|line| line.strip_suffix(".o")).context("Kbuild names no module")?;
    Ok(name.to_owned())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let path = entry?.path();
        workspace::copy_changed(&path, &to.join(path.file_name().unwrap_or_default()))?;
    }
    Ok(())
}
