//! Roots other than this machine's: a small Debian with systemd, made once, or an image given.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::apt::{self, Apt};
use super::place::{Place, make};
use crate::deps::{self, Tool};
use crate::run;

/// What the guest has as its root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Root {
    /// This machine's file tree, read-only, with layers in memory over it.
    #[default]
    Host,
    /// A small Debian with systemd as its init, and packages for testing.
    Debian,
    /// An ext4 image with a system in it. It is not changed.
    Image(PathBuf),
}

/// What is in it beside a minimal Debian.
const PACKAGES: &str = "systemd,systemd-sysv,udev,kmod,e2fsprogs,fio,fuse3,iproute2,procps";

/// To be raised when [`PACKAGES`] or the making changes.
const REVISION: u32 = 1;

/// Its size in bytes; blocks are taken as they are used.
const SIZE: u64 = 4 << 30;

const TOOLS: &[Tool] = &[deps::MMDEBSTRAP, deps::GENEXT2FS, deps::RESIZE2FS, deps::XZ];

/// The image of a root; makes it when it is missing.
pub fn image(place: &Place, root: &Root) -> Result<Option<PathBuf>> {
    match root {
        Root::Host => Ok(None),
        Root::Debian => debian(place).map(Some),
        Root::Image(path) => {
            deps::ensure(&[deps::XZ])?;
            let image = path
                .canonicalize()
                .with_context(|| format!("--root: cannot find {}", path.display()))?;
            if !image.is_file() {
                bail!("--root: {} is no image; give \"debian\" or a file", path.display());
            }
            Ok(Some(image))
        }
    }
}

fn debian(place: &Place) -> Result<PathBuf> {
    deps::ensure(TOOLS)?;
    let codename = apt::codename()?;
    let folder = place.lab().join("rootfs");
    let image = folder.join(format!("{codename}-{REVISION}.img"));
    if image.is_file() {
        return Ok(image);
    }
    make(&folder)?;
    let apt = Apt::update(place)?;
    let new = folder.join("new.img");
    eprintln!("lab: making a root of Debian {codename} with systemd; this takes a minute or two");
    let mut command = Command::new("mmdebstrap");
    command.args(["--quiet", "--variant=minbase", "--format=ext2"]);
    command.arg(format!("--include={PACKAGES}"));
    // With an id of its own the first boot asks nothing and sets nothing up.
    command.arg(r#"--customize-hook=tr -d - </proc/sys/kernel/random/uuid >"$1/etc/machine-id""#);
    command.arg(r#"--customize-hook=echo lab >"$1/etc/hostname""#);
    command.arg(&codename).arg(&new).arg(apt.sources_file());
    step(&mut command)?;
    let file = fs::OpenOptions::new().write(true).open(&new);
    file.and_then(|file| file.set_len(SIZE))
        .with_context(|| format!("cannot enlarge {}", new.display()))?;
    step(tool("resize2fs").arg(&new))?;
    // It comes as ext2; a journal makes it what real systems have.
    step(tool("tune2fs").args(["-O", "has_journal,extents,dir_index"]).arg(&new))?;
    fs::rename(&new, &image).with_context(|| format!("cannot name {}", image.display()))?;
    Ok(image)
}

fn tool(program: &str) -> Command {
    Command::new(run::which(program).unwrap_or_else(|| program.into()))
}

/// Runs one step; its own words are the error.
fn step(command: &mut Command) -> Result<()> {
    let name = Path::new(command.get_program()).display().to_string();
    let (passed, said) = run::quietly(command)?;
    if passed { Ok(()) } else { bail!("{name} failed ({})", apt::complaint(&said)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_no_image() {
        let folder = tempfile::tempdir().expect("temp folder");
        let place = Place { workspace: folder.path().into(), target: folder.path().into() };
        assert_eq!(image(&place, &Root::Host).expect("none"), None);
        for path in [folder.path().join("none"), folder.path().to_owned()] {
            let error = image(&place, &Root::Image(path)).expect_err("no image").to_string();
            assert!(error.starts_with("--root: "), "{error}");
        }
    }
}
