//! Debian's kernel for virtual machines, fetched once with apt and kept below target/.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The package that depends on the current one: small, and with ext4 built in.
const META: &str = "linux-image-cloud-amd64";
/// What a virtio disk needs, in the order of loading.
const MODULES: [&str; 6] = [
    "virtio_ring",
    "virtio",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "virtio_blk",
];

/// An unpacked kernel package.
#[derive(Clone, Debug)]
pub struct Kernel {
    root: PathBuf,
}

impl Kernel {
    /// The one below target/, which is fetched if it is missing.
    ///
    /// # Errors
    /// Why there is none: no network, no apt.
    pub fn get() -> Result<Self, String> {
        let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/lab");
        let root = lab.join("kernels/cloud");
        let tell = |what: &Path, e: std::io::Error| format!("{}: {e}", what.display());
        fs::create_dir_all(lab.join("kernels")).map_err(|e| tell(&lab, e))?;
        // Tests run at the same time: one fetches, the others wait.
        let lock = lab.join("kernels/cloud.lock");
        let held = File::create(&lock).and_then(|file| file.lock().map(|()| file));
        let _held = held.map_err(|e| tell(&lock, e))?;
        let kernel = Self { root };
        if kernel.image().is_none() {
            kernel.fetch(&lab.join("debs"))?;
        }
        kernel.image().map(|_| kernel).ok_or_else(|| "the package has no kernel".into())
    }

    fn fetch(&self, debs: &Path) -> Result<(), String> {
        let tell = |what: &Path, e: std::io::Error| format!("{}: {e}", what.display());
        fs::create_dir_all(debs).map_err(|e| tell(debs, e))?;
        let depends = output(Command::new("apt-cache").args(["depends", META]))?;
        let package = depends
            .lines()
            .find_map(|line| line.trim().strip_prefix("Depends: "))
            .ok_or_else(|| format!("apt knows no {META}"))?;
        let package_of = || {
            let entries = fs::read_dir(debs).into_iter().flatten().flatten();
            let mut paths = entries.map(|entry| entry.path());
            paths.find(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with(&format!("{package}_")) && name.ends_with(".deb")
            })
        };
        if package_of().is_none() {
            output(Command::new("apt-get").args(["download", package]).current_dir(debs))?;
        }
        let deb = package_of().ok_or("apt-get download left nothing")?;
        let unpacked = self.root.with_extension("new");
        let _ = fs::remove_dir_all(&unpacked); // of a run that was cut short
        output(Command::new("dpkg-deb").arg("-x").arg(deb).arg(&unpacked))?;
        let _ = fs::remove_dir_all(&self.root);
        fs::rename(&unpacked, &self.root).map_err(|e| tell(&self.root, e))
    }

    /// The kernel itself.
    pub(super) fn image(&self) -> Option<PathBuf> {
        let boot = fs::read_dir(self.root.join("boot")).ok()?;
        boot.flatten()
            .map(|entry| entry.path())
            .find(|path| path.to_string_lossy().contains("/vmlinuz-"))
    }

    /// The modules a virtio disk needs, in the order of loading: name and content.
    pub(super) fn modules(&self) -> Result<Vec<(String, Vec<u8>)>, String> {
        let files = output(
            Command::new("find").arg(self.root.join("lib/modules")).args(["-name", "virtio*.ko*"]),
        )?;
        let mut modules = Vec::new();
        for module in MODULES {
            let path = files.lines().map(Path::new).find(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name == format!("{module}.ko") || name == format!("{module}.ko.xz")
            });
            // Built in, where it is not there.
            let Some(path) = path else { continue };
            let content = if path.extension().is_some_and(|ending| ending == "xz") {
                let unpacked = Command::new("xz").arg("-dc").arg(path).output();
                unpacked.map(|output| output.stdout)
            } else {
                fs::read(path)
            };
            let content = content.map_err(|e| format!("{}: {e}", path.display()))?;
            modules.push((format!("{module}.ko"), content));
        }
        Ok(modules)
    }
}

fn output(command: &mut Command) -> Result<String, String> {
    let shown = format!("{command:?}");
    let output = command.output().map_err(|e| format!("{shown}: {e}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{shown}: {}", said.trim().lines().last().unwrap_or("failed")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
