//! What is built for the lab, on this machine: the student's driver against the semester's headers, the
//! program that uses it, and the modules that play tricks on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::bench::Job;
use super::checks::BUILD;
use super::sheet::{Found, Sheet, Stop};
use crate::folder::{CARD, STUDENTS};

/// The module that holds calls.
const HOLD: &str = "vgpu_hold";
const HOLD_SOURCE: &str = include_str!("../../templates/grade/hold.c");
/// The program.
pub const PROGRAM: (&str, &str) =
    ("grade/program.c", include_str!("../../templates/grade/program.c.j2"));
/// The module that makes cards.
const SHIM: &str = "vgpu";
/// Lines of a compiler's that are kept.
const LINES: usize = 40;

/// What there is to be built, and for what.
#[derive(Clone, Debug)]
pub struct Sources<'a> {
    /// The student's folder.
    pub driver: &'a Path,
    /// The semester's, as `devgen new` has made it.
    pub made: &'a Path,
    /// The kernel's headers.
    pub kernel: &'a Path,
    /// The module vgpu, or the folder of its sources; without it the lab's own is taken.
    pub shim: Option<&'a Path>,
}

/// Builds all of it into a folder; what became of the driver.
///
/// # Errors
/// Something of ours cannot be built, or a folder is not what it should be.
pub fn build(sources: &Sources<'_>, to: &Path) -> Result<Found> {
    let headers = headers(sources.made)?;
    if to.is_dir() {
        fs::remove_dir_all(to).with_context(|| to.display().to_string())?;
    }
    let driver = to.join("driver");
    copy(sources.driver, &driver)?;
    ensure!(
        driver.join("Kbuild").is_file() || driver.join("Makefile").is_file(),
        "{} has no Kbuild; name the folder of a driver, with a Kbuild that says: obj-m := NAME.o",
        sources.driver.display()
    );
    for header in &headers {
        copy_file(header, &driver)?;
    }
    copy_file(&sources.made.join(CARD), to)?;
    ours(sources, to, &driver)?;
    let mut sheet = Sheet::new(BUILD);
    let (said, trace) = match make(sources.kernel, &driver) {
        Ok(said) => (Ok(said), Vec::new()),
        Err(Failed(lines)) => {
            (Err(Stop(lines.first().cloned().unwrap_or_else(|| "make failed".into()))), lines)
        }
    };
    let result = said.and_then(|said| {
        let module = module(&driver)?;
        sheet.say(true, format!("{module}.ko"));
        let warnings: Vec<&str> =
            said.lines().filter(|line| line.to_lowercase().contains("warning: ")).collect();
        sheet.say(
            warnings.is_empty(),
            warnings.first().map_or_else(|| "no warning".to_owned(), |first| (*first).to_owned()),
        );
        fs::copy(driver.join(format!("{module}.ko")), to.join(format!("{module}.ko")))?;
        let job = Job { module, modules: vec![SHIM.to_owned(), HOLD.to_owned()] };
        Ok(fs::write(to.join("job.json"), serde_json::to_string(&job)?)?)
    });
    let mut found = sheet.end(result);
    found.trace = trace;
    Ok(found)
}

/// The semester's headers: registers, and what programs and drivers share.
fn headers(made: &Path) -> Result<Vec<PathBuf>> {
    let folder = made.join(STUDENTS).join("driver");
    let entries = fs::read_dir(&folder).with_context(|| {
        format!("{} is no semester's folder; make one with devgen new", made.display())
    })?;
    let is_header = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name == "regs.h" || name.ends_with("_ioctl.h")
    };
    let headers: Vec<PathBuf> = entries.flatten().map(|one| one.path()).filter(is_header).collect();
    ensure!(
        headers.len() == 2,
        "{} lacks its headers; make it anew with devgen new",
        folder.display()
    );
    Ok(headers)
}

/// Modules and program.
fn ours(sources: &Sources<'_>, to: &Path, driver: &Path) -> Result<()> {
    let hold = to.join("hold");
    fs::create_dir_all(&hold)?;
    fs::write(hold.join(format!("{HOLD}.c")), HOLD_SOURCE)?;
    fs::write(hold.join("Kbuild"), format!("obj-m := {HOLD}.o\n"))?;
    make(sources.kernel, &hold).map_err(|failed| failed.about(HOLD, sources.kernel))?;
    fs::copy(hold.join(format!("{HOLD}.ko")), to.join(format!("{HOLD}.ko")))?;
    if let Some(shim) = sources.shim.filter(|shim| shim.is_file()) {
        fs::copy(shim, to.join(format!("{SHIM}.ko")))
            .with_context(|| shim.display().to_string())?;
    } else if let Some(shim) = sources.shim {
        let build = to.join("shim");
        let mut command = Command::new("make");
        command.arg("-C").arg(shim).arg("modules");
        command.arg(format!("KDIR={}", sources.kernel.display()));
        command.arg(format!("BUILD={}", build.display()));
        run(&mut command).map_err(|failed| failed.about(SHIM, sources.kernel))?;
        fs::copy(build.join(format!("{SHIM}.ko")), to.join(format!("{SHIM}.ko")))?;
    }
    let source = to.join("program.c");
    let shared = fs::read_to_string(sources.made.join(STUDENTS).join("grade/program.c"));
    fs::write(&source, shared.or_else(|_| program(sources.made))?)?;
    let mut compiler = Command::new("gcc");
    compiler.args(["-O2", "-Wall", "-Wextra", "-Werror", "-I"]).arg(driver);
    compiler.arg("-o").arg(to.join("program")).arg(&source);
    run(&mut compiler).map_err(|failed| failed.about("the program", sources.kernel))?;
    Ok(())
}

/// The program in the names of the semester's card, which its headers begin with.
fn program(made: &Path) -> std::io::Result<String> {
    let card = crate::source::any(&made.join(CARD)).map_err(std::io::Error::other)?;
    let lower = card.prefix.to_lowercase();
    Ok(PROGRAM
        .1
        .replace("bgc_", &format!("{lower}_"))
        .replace("BGC_", &format!("{}_", card.prefix)))
}

/// The one module that make has made.
fn module(driver: &Path) -> Result<String, Stop> {
    let entries = fs::read_dir(driver)?.flatten().map(|entry| entry.path());
    let modules: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "ko")).collect();
    match &modules[..] {
        [module] => Ok(module.file_stem().unwrap_or_default().to_string_lossy().into_owned()),
        [] => Err(Stop("make made no module".into())),
        _ => Err(Stop(format!("make made {} modules; a driver is one", modules.len()))),
    }
}

/// Last lines of a program's.
struct Failed(Vec<String>);

impl Failed {
    fn about(self, what: &str, kernel: &Path) -> anyhow::Error {
        let first = self.0.into_iter().next().unwrap_or_default();
        anyhow::anyhow!(
            "cannot build {what} for the kernel of {}: {first}; are its headers there, and gcc?",
            kernel.display()
        )
    }
}

fn make(kernel: &Path, folder: &Path) -> Result<String, Failed> {
    let mut make = Command::new("make");
    make.arg("-C").arg(kernel).arg(format!("M={}", folder.display())).arg("modules");
    run(&mut make)
}

fn run(command: &mut Command) -> Result<String, Failed> {
    // Types for BPF would need the kernel's own, which headers do not have.
    command.env("CONFIG_DEBUG_INFO_BTF_MODULES", "").env_remove("MAKEFLAGS").env_remove("CFLAGS");
    if command.get_program() == "make" {
        command.arg("CONFIG_DEBUG_INFO_BTF_MODULES=");
    }
    let output = command.output();
    let name = command.get_program().to_string_lossy().into_owned();
    let output = output.map_err(|error| Failed(vec![format!("{name}: {error}")]))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    let lines = || said.lines().map(str::to_owned);
    let mut kept: Vec<String> = lines().skip_while(|line| !line.contains("error")).collect();
    if kept.is_empty() {
        kept = lines().collect();
    }
    kept.truncate(LINES);
    Err(Failed(kept))
}

fn copy_file(file: &Path, to: &Path) -> Result<()> {
    let copy = to.join(file.file_name().unwrap_or_default());
    fs::copy(file, &copy).with_context(|| file.display().to_string())?;
    Ok(())
}

/// Sources; what was built elsewhere stays there.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let entries = fs::read_dir(from)
        .with_context(|| format!("cannot read {}; name the folder of a driver", from.display()))?;
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && !to.starts_with(&path) {
                copy(&path, &to.join(name))?;
            }
        } else if ["c", "h", "S"].iter().any(|end| path.extension().is_some_and(|is| is == *end))
            && !name.ends_with(".mod.c")
            || ["Kbuild", "Makefile"].contains(&&*name)
        {
            copy_file(&path, to)?;
        }
    }
    if !to.is_dir() {
        bail!("cannot make {}", to.display());
    }
    Ok(())
}
