//! What a test needs of the machine, and what happens where it is missing.

use std::fs::OpenOptions;
use std::path::Path;

/// Something a machine may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Mounting a file system in user space.
    Fuse,
    /// Loop devices.
    Loop,
    /// Hardware virtualisation.
    Kvm,
    /// The load generator.
    Fio,
    /// QEMU's tools for images.
    QemuImg,
    /// mkfs.ext4 and fsck.
    E2fsprogs,
    /// nbdinfo and nbdcopy.
    Libnbd,
    /// qemu-img and qemu-io.
    QemuUtils,
    /// The machine emulator.
    Qemu,
    /// Mesa's software renderer, through EGL.
    Egl,
    /// The browser.
    Chromium,
    /// The VNC client that takes pictures.
    Gvnc,
    /// The semantic patcher.
    Spatch,
    /// The C compiler.
    Gcc,
    /// The rights of root.
    Root,
    /// A stock kernel that may be broken: only `cargo xtask test` brings one.
    Lab,
}

impl Resource {
    /// The name UBLK_VPT_REQUIRE knows it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fuse => "fuse",
            Self::Loop => "loop",
            Self::Kvm => "kvm",
            Self::Fio => "fio",
            Self::QemuImg => "qemu-img",
            Self::E2fsprogs => "e2fsprogs",
            Self::Libnbd => "libnbd",
            Self::QemuUtils => "qemu-utils",
            Self::Qemu => "qemu",
            Self::Egl => "egl",
            Self::Chromium => "chromium",
            Self::Gvnc => "gvnc",
            Self::Spatch => "spatch",
            Self::Gcc => "gcc",
            Self::Root => "root",
            Self::Lab => "lab",
        }
    }

    /// Why it cannot be used here; `None` when it can.
    pub fn missing(self) -> Option<String> {
        match self {
            Self::Fuse => node("/dev/fuse").or_else(|| program("fusermount3", "fuse3")),
            Self::Loop => node("/dev/loop-control").or_else(|| program("losetup", "mount")),
            Self::Kvm => node("/dev/kvm"),
            Self::Fio => program("fio", "fio"),
            Self::QemuImg => program("qemu-img", "qemu-utils"),
            Self::E2fsprogs => program("mkfs.ext4", "e2fsprogs"),
            Self::Libnbd => program("nbdcopy", "libnbd-bin"),
            Self::QemuUtils => program("qemu-io", "qemu-utils"),
            Self::Qemu => program("qemu-system-x86_64", "qemu-system-x86"),
            Self::Egl => library("libEGL.so.1", "libegl1, libegl-mesa0, libgl1-mesa-dri, libgles2"),
            Self::Chromium => program("chromium", "chromium"),
            Self::Gvnc => program("gvnccapture", "gvncviewer"),
            Self::Spatch => program("spatch", "coccinelle"),
            Self::Gcc => program("gcc", "gcc"),
            Self::Root => root(),
            Self::Lab => lab(),
        }
    }
}

/// Whether UBLK_VPT_REQUIRE, a list with commas, names the resource.
pub fn required(resource: Resource) -> bool {
    let list = std::env::var("UBLK_VPT_REQUIRE").unwrap_or_default();
    list.split(',').any(|name| name.trim() == resource.name())
}

/// Prints that a test is skipped; see [`crate::skip!`].
///
/// # Panics
/// When the resource is required here: the test then fails.
pub fn skipped(test: &str, resource: Option<Resource>, reason: &str) {
    let Some(resource) = resource else {
        println!("SKIP: {test}: {reason}");
        return;
    };
    let name = resource.name();
    assert!(!required(resource), "{name} is required here (UBLK_VPT_REQUIRE): {reason}");
    println!("SKIP: {test}: {name}: {reason}");
}

fn node(path: &str) -> Option<String> {
    let opened = OpenOptions::new().read(true).write(true).open(path);
    opened.err().map(|error| format!("cannot open {path}: {error}"))
}

fn program(name: &str, package: &str) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // A user's PATH may lack the system folders.
    let mut folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(Into::into));
    let found = folders.any(|folder| folder.join(name).is_file());
    (!found).then(|| format!("there is no {name} (package {package})"))
}

fn library(name: &str, packages: &str) -> Option<String> {
    let folders = ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/lib/x86_64-linux-gnu"];
    let found = folders.iter().any(|folder| Path::new(folder).join(name).exists());
    (!found).then(|| format!("there is no {name} (packages {packages})"))
}

fn lab() -> Option<String> {
    let inside = std::env::var_os("VPT_LAB").is_some_and(|value| !value.is_empty());
    (!inside).then(|| "runs in the kernel lab only: cargo xtask test --only lab".to_owned())
}

fn root() -> Option<String> {
    let own = std::fs::metadata(Path::new("/proc/self"));
    let user = own.map(|own| std::os::unix::fs::MetadataExt::uid(&own));
    (user.ok() != Some(0)).then(|| "not run as root".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_missing() {
        assert_eq!(node("/dev/null"), None);
        assert!(
            node("/dev/no-such").is_some_and(|why| why.starts_with("cannot open /dev/no-such"))
        );
        assert_eq!(program("sh", "dash"), None);
        let why = program("no-such-program", "none");
        assert_eq!(why.as_deref(), Some("there is no no-such-program (package none)"));
    }

    #[test]
    fn names_the_test() {
        assert_eq!(crate::test_name!(), "e2e::resource::tests::names_the_test");
    }
}
