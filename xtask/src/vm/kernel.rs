//! The kernels of the lab, each unpacked below target/lab/kernels/VERSION.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::apt::{self, Apt};
use super::place::{Place, make};
use super::{debug_kernel, release};
use crate::run;

/// The version that has everything the project needs.
pub const DEFAULT: &str = "6.12";

/// Which kernel a run wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Debian's newest of a version.
    Stock(String),
    /// The debugging kernel.
    Debug,
}

impl Default for Choice {
    fn default() -> Self {
        Self::Stock(DEFAULT.to_owned())
    }
}

impl Choice {
    /// Debian's newest kernel of a version, as `6.12`.
    pub fn stock(version: &str) -> Result<Self> {
        let numbers = version.split('.').collect::<Vec<_>>();
        let digits = |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
        if numbers.len() != 2 || !numbers.iter().all(digits) {
            bail!("--kernel {version:?}: give a version such as 6.12 or 6.1");
        }
        Ok(Self::Stock(version.to_owned()))
    }
}

/// A kernel that can be booted.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// As `uname -r` says it.
    pub release: String,
    /// The folder its packages are unpacked in: boot/, lib/modules/.
    pub root: PathBuf,
}

impl Kernel {
    /// What the boot loader loads.
    pub fn image(&self) -> PathBuf {
        self.root.join("boot").join(format!("vmlinuz-{}", self.release))
    }

    /// Where modules are built: `make -C THIS M=FOLDER`.
    pub fn build(&self) -> PathBuf {
        self.modules().join("build")
    }

    /// Its modules.
    pub fn modules(&self) -> PathBuf {
        self.root.join("lib/modules").join(&self.release)
    }
}

/// Brings the kernel, unless it is there already. Takes the place's lock for it.
pub fn ensure(place: &Place, choice: &Choice) -> Result<Kernel> {
    if std::env::consts::ARCH != "x86_64" {
        bail!("the lab knows kernels for x86_64 only, and this is {}", std::env::consts::ARCH);
    }
    match choice {
        Choice::Stock(version) => stock(place, version),
        Choice::Debug => debug_kernel::ensure(place),
    }
}

fn stock(place: &Place, version: &str) -> Result<Kernel> {
    let _filling = place.lock()?;
    let folder = place.lab().join("kernels").join(version);
    if let Some(kernel) = known(&folder) {
        return Ok(kernel);
    }
    let apt = Apt::update(place)?;
    let release = release::newest(&apt.kernel_packages()?, version)?;
    let packages = apt.download(&release.packages, &place.lab().join("debs"))?;
    // What an interrupted run has left is not a kernel.
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let root = folder.join("root");
    make(&root)?;
    for package in &packages {
        apt::unpack(package, &root)?;
        // It is unpacked, and would only take space.
        let _ = fs::remove_file(package);
    }
    let kernel = Kernel { release: release.name, root };
    if !kernel.image().is_file() {
        bail!("{} has no {}", release.packages[0], kernel.image().display());
    }
    relocate(&folder, &kernel)?;
    finish(&folder, &kernel)?;
    Ok(kernel)
}

/// The kernel in a folder that was filled to the end.
pub(super) fn known(folder: &Path) -> Option<Kernel> {
    let release = fs::read_to_string(folder.join("release")).ok()?;
    let kernel = Kernel { release: release.trim().to_owned(), root: folder.join("root") };
    kernel.image().is_file().then_some(kernel)
}

/// Makes modprobe's tables, and marks the folder as filled.
pub(super) fn finish(folder: &Path, kernel: &Kernel) -> Result<()> {
    let depmod = run::which("depmod").unwrap_or_else(|| "depmod".into());
    let mut command = Command::new(depmod);
    let (passed, said) = run::quietly(command.arg("-b").arg(&kernel.root).arg(&kernel.release))?;
    if !passed {
        bail!("depmod failed for {} ({})", kernel.release, apt::complaint(&said));
    }
    write(&folder.join("release"), &format!("{}\n", kernel.release))
}

/// Takes the mark back.
pub(super) fn unfinish(folder: &Path) -> Result<()> {
    let mark = folder.join("release");
    match fs::remove_file(&mark) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("cannot remove {}", mark.display()))
        }
        _ => Ok(()),
    }
}

/// Debian's headers name each other by absolute paths in /usr/src; here they lie elsewhere. After
/// this, `make -C target/lab/kernels/VERSION/build M=...` builds a module, outside and inside.
///
/// Their vmlinux is there for BTF only, and where it is, every build of a module needs pahole.
fn relocate(folder: &Path, kernel: &Kernel) -> Result<()> {
    let source = kernel.root.join("usr/src");
    let headers = source.join(format!("linux-headers-{}", kernel.release));
    let makefile = headers.join("Makefile");
    let text = fs::read_to_string(&makefile)
        .with_context(|| format!("the headers have no {}", makefile.display()))?;
    write(&makefile, &text.replace("/usr/src/", &format!("{}/", source.display())))?;
    let types = headers.join("vmlinux");
    if types.exists() {
        fs::remove_file(&types).with_context(|| format!("cannot remove {}", types.display()))?;
    }
    let body = kernel.release.strip_suffix(release::ARCHITECTURE).unwrap_or(&kernel.release);
    for (link, name) in [
        ("build", format!("linux-headers-{}", kernel.release)),
        ("source", format!("linux-headers-{body}common")),
    ] {
        relink(&kernel.modules().join(link), &Path::new("../../../usr/src").join(&name))?;
    }
    let build = Path::new("root/usr/src").join(format!("linux-headers-{}", kernel.release));
    relink(&folder.join("build"), &build)
}

pub(super) fn relink(link: &Path, target: &Path) -> Result<()> {
    if link.symlink_metadata().is_ok() {
        fs::remove_file(link).with_context(|| format!("cannot remove {}", link.display()))?;
    }
    symlink(target, link).with_context(|| format!("cannot make the link {}", link.display()))
}

pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// A script that can be run.
pub(super) fn write_program(path: &Path, text: &str) -> Result<()> {
    write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot make {} executable", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_nothing_else() {
        assert_eq!(Choice::stock("6.12").expect("a version"), Choice::default());
        for wrong in ["", "6", "6.", "6.12.3", "../x", "6.x"] {
            assert!(Choice::stock(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn headers_are_made_to_find_each_other() {
        let folder = tempfile::tempdir().expect("temp folder");
        let root = folder.path().join("root");
        let kernel = Kernel { release: "6.12.9+deb12-amd64".into(), root: root.clone() };
        let headers = root.join("usr/src/linux-headers-6.12.9+deb12-amd64");
        fs::create_dir_all(&headers).expect("a folder");
        fs::create_dir_all(root.join("usr/src/linux-headers-6.12.9+deb12-common"))
            .expect("another");
        fs::create_dir_all(kernel.modules()).expect("a folder");
        symlink("/usr/src/elsewhere", kernel.modules().join("build")).expect("a link");
        fs::write(
            headers.join("Makefile"),
            "include /usr/src/linux-headers-6.12.9+deb12-common/Makefile\n",
        )
        .expect("written");
        relocate(folder.path(), &kernel).expect("relocated");
        let text = fs::read_to_string(headers.join("Makefile")).expect("read");
        let common = root.join("usr/src/linux-headers-6.12.9+deb12-common");
        assert_eq!(text, format!("include {}/Makefile\n", common.display()));
        assert!(kernel.modules().join("build/Makefile").is_file());
        assert!(kernel.modules().join("source").is_dir());
        assert!(folder.path().join("build/Makefile").is_file());
    }

    #[test]
    fn a_folder_that_was_not_finished_is_no_kernel() {
        let folder = tempfile::tempdir().expect("temp folder");
        fs::create_dir_all(folder.path().join("root/boot")).expect("a folder");
        fs::write(folder.path().join("root/boot/vmlinuz-6.1"), "").expect("written");
        assert!(known(folder.path()).is_none());
        fs::write(folder.path().join("release"), "6.1\n").expect("written");
        assert!(known(folder.path()).is_some_and(|kernel| kernel.release == "6.1"));
    }
}
