//! Brings what a command needs from the system: Debian packages by apt-get, cargo-deny and cargo-fuzz by
//! cargo.
//!
//! Installs only as root, where there is apt-get, and unless UBLK_VPT_NO_INSTALL is set; otherwise
//! the error is one line with the packages' exact names.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::{run, workspace};

/// The version the checks were written with; others may know other settings.
const CARGO_DENY: &str = "0.20.2";
/// The version the package was first made with.
const CARGO_DEB: &str = "3.8.0";

/// The version the fuzz targets were written with.
const CARGO_FUZZ: &str = "0.13.2";

/// A program, and the Debian package that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool {
    /// The program's file name.
    pub program: &'static str,
    /// The package to install.
    pub package: &'static str,
}

/// Mounting over FUSE.
pub const FUSE: Tool = Tool { program: "fusermount3", package: "fuse3" };
/// Load generator.
pub const FIO: Tool = Tool { program: "fio", package: "fio" };
/// File system tools.
pub const E2FSPROGS: Tool = Tool { program: "mkfs.ext4", package: "e2fsprogs" };
/// QEMU's opinion of images.
pub const QEMU_IMG: Tool = Tool { program: "qemu-img", package: "qemu-utils" };
/// Checks units.
pub const SYSTEMD_ANALYZE: Tool = Tool { program: "systemd-analyze", package: "systemd" };
/// Loop devices.
pub const LOSETUP: Tool = Tool { program: "losetup", package: "mount" };
/// Checks shell scripts.
pub const SHELLCHECK: Tool = Tool { program: "shellcheck", package: "shellcheck" };
/// The peer with a delay filter.
pub const NBDKIT: Tool = Tool { program: "nbdkit", package: "nbdkit" };
/// Attaches an NBD server as a block device, where the kernel can.
pub const NBD_CLIENT: Tool = Tool { program: "nbd-client", package: "nbd-client" };
/// NBD in user space, where the kernel cannot.
pub const NBD_FUSE: Tool = Tool { program: "nbdfuse", package: "libnbd-bin" };
/// Archives.
pub const TAR: Tool = Tool { program: "tar", package: "tar" };
/// The emulator of the kernel lab.
pub const QEMU: Tool = Tool { program: "qemu-system-x86_64", package: "qemu-system-x86" };
/// What the lab's initramfs runs; it must not need libraries.
pub const BUSYBOX: Tool = Tool { program: "busybox", package: "busybox-static" };
/// Module tables.
pub const KMOD: Tool = Tool { program: "depmod", package: "kmod" };
/// For virtme-ng.
pub const PYTHON: Tool = Tool { program: "python3", package: "python3-venv" };
/// Ends the guest with us.
pub const SETPRIV: Tool = Tool { program: "setpriv", package: "util-linux" };
/// Makes root file systems.
pub const MMDEBSTRAP: Tool = Tool { program: "mmdebstrap", package: "mmdebstrap" };
/// Packs them.
pub const GENEXT2FS: Tool = Tool { program: "genext2fs", package: "genext2fs" };
/// Makes them larger.
pub const RESIZE2FS: Tool = Tool { program: "resize2fs", package: "e2fsprogs" };
/// Unpacks modules.
pub const XZ: Tool = Tool { program: "xz", package: "xz-utils" };
/// Puts hooks into lguest.
pub const COCCINELLE: Tool = Tool { program: "spatch", package: "coccinelle" };
/// Builds kernels and modules.
pub const GCC: Tool = Tool { program: "gcc", package: "gcc" };
/// Builds kernels and modules.
pub const MAKE: Tool = Tool { program: "make", package: "make" };
/// Builds kernels.
pub const BISON: Tool = Tool { program: "bison", package: "bison" };
/// Builds kernels.
pub const FLEX: Tool = Tool { program: "flex", package: "flex" };
/// Builds kernels.
pub const BC: Tool = Tool { program: "bc", package: "bc" };
/// Builds kernels.
pub const PERL: Tool = Tool { program: "perl", package: "perl" };
/// Looks at PCI devices, and pokes them.
pub const PCIUTILS: Tool = Tool { program: "setpci", package: "pciutils" };
/// The browser that the page of `vcd` is tried in.
pub const CHROMIUM: Tool = Tool { program: "chromium", package: "chromium" };
/// The VNC client that its server is tried with.
pub const GVNC: Tool = Tool { program: "gvnccapture", package: "gvncviewer" };
/// Used in the guest.
pub const MOUNT: Tool = Tool { program: "mount", package: "mount" };

/// Finds the libraries a package depends on.
pub const DPKG_SHLIBDEPS: Tool = Tool { program: "dpkg-shlibdeps", package: "dpkg-dev" };

/// Makes sure that the tools are there, installing what is missing.
///
/// Fails with the packages' names when they may not or could not be installed.
pub fn ensure(tools: &[Tool]) -> Result<()> {
    let missing = packages(tools, |program| run::which(program).is_some());
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing)?;
    let missing = packages(tools, |program| run::which(program).is_some());
    if missing.is_empty() {
        Ok(())
    } else {
        bail!("installed, but their programs are not found: {}", missing.join(" "))
    }
}

/// Makes sure that libclang is there: the bindings to the ublk driver are made from its header when
/// `ublk` is built.
pub fn ensure_libclang() -> Result<()> {
    let told = std::env::var_os("LIBCLANG_PATH").is_some();
    if told || has_libclang(Path::new("/usr")) { Ok(()) } else { install(&["libclang-dev"]) }
}

/// Whether there is one where the bindings' maker looks for it.
fn has_libclang(usr: &Path) -> bool {
    let folders = |below: &Path| {
        let entries = std::fs::read_dir(below).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let libraries = ["lib", "lib64", "local/lib"].map(|name| usr.join(name));
    let below = libraries.iter().flat_map(|library| folders(library));
    let inside = below.flat_map(|folder| [folder.join("lib"), folder]);
    libraries.iter().cloned().chain(inside).any(|folder| {
        folders(&folder).iter().any(|file| {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // LLVM's own programs need one with another interface.
            let other = name.starts_with("libclang-cpp");
            let versioned = name.starts_with("libclang-") && name.contains(".so") && !other;
            name.starts_with("libclang.so") || versioned
        })
    })
}

/// Mesa's software renderer: where its libraries are looked for, and the package of each.
const LLVMPIPE: [(&str, &str); 4] = [
    ("libEGL.so.1", "libegl1"),
    ("libGLESv2.so.2", "libgles2"),
    ("libEGL_mesa.so.0", "libegl-mesa0"),
    ("dri/swrast_dri.so", "libgl1-mesa-dri"),
];

/// Makes sure that Mesa's software renderer is there, the peer of the card's rasteriser.
pub fn ensure_llvmpipe() -> Result<()> {
    let folders = ["x86_64-linux-gnu", "."].map(|name| Path::new("/usr/lib").join(name));
    let missing: Vec<_> = LLVMPIPE
        .iter()
        .filter(|(file, _)| !folders.iter().any(|folder| folder.join(file).exists()))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() { Ok(()) } else { install(&missing) }
}

/// Installs packages that are known to be missing.
pub fn install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    if let Some(why) = forbidden() {
        bail!("missing packages: {names} ({why}); install them with: apt-get install {names}");
    }
    eprintln!("installing: {names}");
    if !apt_install(packages)? {
        // The lists may be absent or old; once is enough to tell.
        run::passes(Command::new("apt-get").args(["update", "-qq"]))?;
        if !apt_install(packages)? {
            bail!("apt-get could not install: {names}");
        }
    }
    Ok(())
}

/// Makes sure that cargo-deny is there, building it when it may.
pub fn ensure_cargo_deny() -> Result<()> {
    ensure_cargo_tool("deny", CARGO_DENY)
}

/// Makes sure that cargo-fuzz is there, building it when it may.
pub fn ensure_cargo_fuzz() -> Result<()> {
    ensure_cargo_tool("fuzz", CARGO_FUZZ)
}

/// Makes sure that cargo-deb is there, building it when it may.
pub fn ensure_cargo_deb() -> Result<()> {
    ensure_cargo_tool("deb", CARGO_DEB)
}

/// Makes sure that `cargo NAME` works, building the package cargo-NAME when it may.
fn ensure_cargo_tool(name: &str, version: &str) -> Result<()> {
    if run::quietly(workspace::cargo().args([name, "--version"]))?.0 {
        return Ok(());
    }
    let package = format!("cargo-{name}");
    let install = format!("cargo install {package} --locked --version {version}");
    if no_install() {
        bail!("missing: {package} (UBLK_VPT_NO_INSTALL is set); install it with: {install}");
    }
    eprintln!("installing: {package} {version}");
    let mut cargo = workspace::cargo();
    cargo.args(["install", &package, "--quiet", "--locked", "--version", version]);
    // A tool that runs for a second is not worth minutes of optimising.
    cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    cargo.env("CARGO_PROFILE_RELEASE_LTO", "off");
    cargo.env("CARGO_PROFILE_RELEASE_DEBUG", "0");
    cargo.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    if run::passes(&mut cargo)? { Ok(()) } else { bail!("could not install it with: {install}") }
}

/// The packages of the tools that are not there, each once.
fn packages(tools: &[Tool], there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let mut names: Vec<_> =
        tools.iter().filter(|tool| !there(tool.program)).map(|tool| tool.package).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn no_install() -> bool {
    std::env::var("UBLK_VPT_NO_INSTALL").is_ok_and(|value| !value.is_empty() && value != "0")
}

/// Why packages may not be installed here, if so.
fn forbidden() -> Option<&'static str> {
    if no_install() {
        Some("UBLK_VPT_NO_INSTALL is set")
    } else if !rustix::process::geteuid().is_root() {
        Some("not root")
    } else if run::which("apt-get").is_none() {
        Some("no apt-get here")
    } else {
        None
    }
}

fn apt_install(packages: &[&str]) -> Result<bool> {
    let mut apt = Command::new("apt-get");
    apt.args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages);
    run::passes(apt.env("DEBIAN_FRONTEND", "noninteractive"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_only_what_is_missing_and_each_once() {
        let tools = [FUSE, FIO, SHELLCHECK, FIO];
        assert_eq!(packages(&tools, |_| true), Vec::<&str>::new());
        assert_eq!(packages(&tools, |program| program == "fusermount3"), ["fio", "shellcheck"]);
    }

    #[test]
    fn a_library_of_llvm_s_own_is_not_the_one_for_bindings() {
        let usr = tempfile::tempdir().expect("a folder");
        let libraries = usr.path().join("lib/x86_64-linux-gnu");
        std::fs::create_dir_all(&libraries).expect("a folder");
        for (name, enough) in [("libclang-cpp.so.14", false), ("libclang-14.so.1", true)] {
            std::fs::write(libraries.join(name), "").expect("a file");
            assert_eq!(has_libclang(usr.path()), enough, "{name}");
        }
    }
}
