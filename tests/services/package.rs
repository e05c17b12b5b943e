//! The Debian package: what is in it, and that it comes and goes cleanly. Made by `cargo xtask dist --deb`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{Said, need, skip};

use crate::{has, repository};

/// UBLK_VPT_DEB, else the newest in target/dist.
fn package() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("UBLK_VPT_DEB") {
        return Some(named.into());
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let dist = target.unwrap_or_else(|| repository().join("target")).join("dist");
    let files = fs::read_dir(dist).into_iter().flatten().flatten().map(|entry| entry.path());
    files
        .filter(|path| path.extension().is_some_and(|ending| ending == "deb"))
        .max_by_key(|path| fs::metadata(path).and_then(|meta| meta.modified()).ok())
}

const CONTENT: [&str; 18] = [
    "-rwxr-xr-x ./usr/bin/ublk",
    "lrwxrwxrwx ./usr/bin/ublk.vpt -> ublk",
    "lrwxrwxrwx ./usr/sbin/ublk.vpt -> ../bin/ublk",
    "-rw-r--r-- ./usr/lib/systemd/system/ublk-vpt@.service",
    "-rw-r--r-- ./usr/lib/systemd/system/ublk-vpt-fuse@.service",
    "-rw-r--r-- ./usr/lib/systemd/system/ublk-vpt.slice",
    "-rw-r--r-- ./usr/lib/udev/rules.d/60-ublk-vpt.rules",
    "-rw-r--r-- ./usr/lib/sysusers.d/ublk-vpt.conf",
    "-rw-r--r-- ./usr/lib/tmpfiles.d/ublk-vpt.conf",
    "-rw-r--r-- ./etc/ublk-vpt/disks/README",
    "-rw-r--r-- ./usr/share/man/man1/ublk.1.gz",
    "-rw-r--r-- ./usr/share/man/man1/ublk-add.1.gz",
    "-rw-r--r-- ./usr/share/bash-completion/completions/ublk",
    "-rw-r--r-- ./usr/share/zsh/vendor-completions/_ublk",
    "-rw-r--r-- ./usr/share/fish/vendor_completions.d/ublk.fish",
    "-rw-r--r-- ./usr/share/doc/ublk-vpt/copyright",
    "-rw-r--r-- ./usr/share/doc/ublk-vpt/service.md",
    "-rw-r--r-- ./usr/share/doc/ublk-vpt/examples/disks/cheetah-9lp.toml",
];

#[test]
fn has_what_it_should() {
    let Some(package) = package() else {
        skip!("there is no package; make one with: cargo xtask dist --deb");
    };
    if !has("dpkg-deb") {
        skip!("there is no dpkg-deb (package dpkg)");
    }
    let listing = Said::of(Command::new("dpkg-deb").arg("-c").arg(&package)).ok();
    // Mode, owner, size, date, time, name.
    let files: Vec<String> = listing
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert!(["root/root", "0/0"].contains(&words[1]), "{line}");
            format!("{} {}", words[0], words[5..].join(" "))
        })
        .collect();
    for wanted in CONTENT {
        assert!(files.iter().any(|file| file == wanted), "{wanted} is not in\n{listing}");
    }
    assert!(!listing.contains("./usr/local") && !listing.contains("target"), "{listing}");
    let field = |name: &str| {
        Said::of(Command::new("dpkg-deb").arg("-f").arg(&package).arg(name)).ok().trim().to_owned()
    };
    assert_eq!(field("Package"), "ublk-vpt");
    assert!(field("Depends").contains("libc6"), "{}", field("Depends"));
}

/// Into a root of its own and out again: nothing of this machine is touched.
#[test]
fn comes_and_goes_cleanly() {
    need!(Root);
    let Some(package) = package() else {
        skip!("there is no package; make one with: cargo xtask dist --deb");
    };
    if !has("dpkg") || !has("systemd-sysusers") {
        skip!("there is no dpkg or no systemd-sysusers");
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let admin = root.join("var/lib/dpkg");
    for sub in ["info", "updates", "triggers"] {
        fs::create_dir_all(admin.join(sub)).unwrap();
    }
    fs::write(admin.join("status"), "").unwrap();
    let dpkg = |what: &[&str]| {
        Said::of(
            Command::new("dpkg")
                .arg(format!("--root={}", root.display()))
                .args(["--force-depends", "--force-script-chrootless"])
                .args(what),
        )
        .ok()
    };
    dpkg(&["-i", package.to_str().unwrap()]);
    let there = |path: &str| fs::symlink_metadata(root.join(path)).is_ok();
    assert!(there("usr/bin/ublk") && there("etc/ublk-vpt/disks/README"));
    let link = fs::canonicalize(root.join("usr/sbin/ublk.vpt")).unwrap();
    assert_eq!(link, fs::canonicalize(root.join("usr/bin/ublk")).unwrap());
    let group = fs::read_to_string(root.join("etc/group")).unwrap();
    assert!(group.lines().any(|line| line.starts_with("ublk:")), "{group}");
    let version = Said::of(Command::new(root.join("usr/bin/ublk")).arg("--version")).ok();
    assert!(version.starts_with("ublk "), "{version}");

    // What the administrator wrote survives a removal, not a purge; images survive both.
    fs::write(root.join("etc/ublk-vpt/disks/lab.toml"), "").unwrap();
    fs::create_dir_all(root.join("var/lib/ublk-vpt")).unwrap();
    fs::write(root.join("var/lib/ublk-vpt/lab.img"), "data").unwrap();
    let wants = root.join("etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wants).unwrap();
    fs::write(wants.join("ublk-vpt@lab.service"), "").unwrap();
    fs::write(wants.join("other.service"), "").unwrap();
    dpkg(&["--remove", "ublk-vpt"]);
    assert!(!there("usr/bin/ublk") && !there("usr/bin/ublk.vpt"));
    assert!(there("etc/ublk-vpt/disks/lab.toml"));
    dpkg(&["--purge", "ublk-vpt"]);
    assert!(!there("etc/ublk-vpt") && there("var/lib/ublk-vpt/lab.img"));
    let left: Vec<_> = fs::read_dir(&wants).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(left, ["other.service"]);
    assert_eq!(named_ublk(root), Vec::<PathBuf>::new());
}

/// Files of the package that are still there, images aside.
fn named_ublk(root: &Path) -> Vec<PathBuf> {
    let found = Said::of(Command::new("find").arg(root).args(["-name", "*ublk*"])).ok();
    let image = root.join("var/lib/ublk-vpt");
    found.lines().map(PathBuf::from).filter(|path| *path != image).collect()
}
