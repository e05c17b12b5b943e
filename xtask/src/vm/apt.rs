//! apt with a state of its own under target/lab/apt, so that the system's stays as it is.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::place::{Place, make};
use super::sources::{self, Source};
use crate::run;

/// Where the machine's sources are.
const SYSTEM: &str = "/etc/apt";

/// The lab's own apt, with fresh lists.
#[derive(Debug)]
pub struct Apt {
    folder: PathBuf,
}

impl Apt {
    /// Writes the sources and fetches the lists; needs the network.
    pub fn update(place: &Place) -> Result<Self> {
        for program in ["apt-get", "apt-cache", "dpkg-deb"] {
            if run::which(program).is_none() {
                bail!("no {program} here: the lab takes its kernels from Debian, by apt");
            }
        }
        let codename = codename()?;
        let apt = Self { folder: place.lab().join("apt") };
        for part in ["sources", "state/lists/partial", "cache/archives/partial"] {
            make(&apt.folder.join(part))?;
        }
        let text = sources::lab(&system_sources()?, &codename)?;
        let file = apt.sources_file();
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        eprintln!("lab: reading the package lists of {codename} and its backports");
        let (passed, said) = run::quietly(apt.command("apt-get").args([
            "update",
            "-q",
            "-o",
            "APT::Update::Error-Mode=any",
        ]))?;
        if !passed {
            bail!(
                "cannot read the Debian mirror's package lists ({}); the first use of the lab needs \
                 the network",
                complaint(&said)
            );
        }
        Ok(apt)
    }

    /// Names of the packages that begin with `linux-`.
    pub fn kernel_packages(&self) -> Result<Vec<String>> {
        let said =
            run::query(self.command("apt-cache").args(["search", "--names-only", "^linux-"]))?;
        Ok(said.lines().filter_map(|line| line.split(" - ").next()).map(str::to_owned).collect())
    }

    /// Downloads packages into a folder; returns their files in the same order.
    pub fn download(&self, packages: &[String], into: &Path) -> Result<Vec<PathBuf>> {
        make(into)?;
        eprintln!("lab: downloading {}", packages.join(", "));
        let mut command = self.command("apt-get");
        command.current_dir(into).args(["download", "-q"]).args(packages);
        let (passed, said) = run::quietly(&mut command)?;
        if !passed {
            bail!("cannot download {} ({})", packages.join(", "), complaint(&said));
        }
        packages.iter().map(|package| newest_file(into, package)).collect()
    }

    /// The lab's sources, for other tools that fetch packages.
    pub fn sources_file(&self) -> PathBuf {
        self.folder.join("sources/lab.sources")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(run::which(program).unwrap_or_else(|| program.into()));
        // Messages are looked at.
        command.env("LC_ALL", "C.UTF-8");
        let folder = |name: &str| self.folder.join(name).into_os_string();
        for (key, value) in [
            ("Dir::State", folder("state")),
            ("Dir::State::status", "/var/lib/dpkg/status".into()),
            ("Dir::Cache", folder("cache")),
            ("Dir::Etc::sourcelist", "/dev/null".into()),
            ("Dir::Etc::sourceparts", folder("sources")),
            // The user apt drops to may not be able to reach our folders.
            ("APT::Sandbox::User", "root".into()),
        ] {
            let mut option = OsString::from(format!("{key}="));
            option.push(value);
            command.arg("-o").arg(option);
        }
        command
    }
}

/// Unpacks a package's files below a folder, without installing it.
pub fn unpack(package: &Path, into: &Path) -> Result<()> {
    let mut command = Command::new("dpkg-deb");
    let (passed, said) = run::quietly(command.arg("-x").arg(package).arg(into))?;
    if passed {
        return Ok(());
    }
    bail!("cannot unpack {} ({})", package.display(), complaint(&said))
}

/// The release of Debian that this machine runs.
pub fn codename() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let field = |name: &str| {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let mut found =
            lines.filter(|(key, _)| *key == name).map(|(_, value)| value.trim_matches('"'));
        found.next_back().unwrap_or_default().to_owned()
    };
    if field("ID") != "debian" {
        bail!(
            "this is {}, not Debian: the lab takes its kernels from Debian",
            field("PRETTY_NAME")
        );
    }
    let codename = field("VERSION_CODENAME");
    if codename.is_empty() {
        bail!(
            "/etc/os-release names no VERSION_CODENAME, so there is no suite to take kernels from"
        );
    }
    Ok(codename)
}

/// What the machine's apt is set up for, in apt's own order.
fn system_sources() -> Result<Vec<Source>> {
    let mut files = vec![Path::new(SYSTEM).join("sources.list")];
    if let Ok(folder) = fs::read_dir(Path::new(SYSTEM).join("sources.list.d")) {
        let mut parts: Vec<PathBuf> = folder.flatten().map(|entry| entry.path()).collect();
        parts.sort();
        files.append(&mut parts);
    }
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_file()) {
        let read =
            || fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()));
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("list") => found.extend(sources::one_line(&read()?)),
            Some("sources") => found.extend(sources::deb822(&read()?)),
            _ => {}
        }
    }
    Ok(found)
}

/// The one line of a failed apt that says most.
pub(super) fn complaint(said: &str) -> &str {
    let line = |prefix: &str| said.lines().find(|line| line.starts_with(prefix));
    line("E: ")
        .or_else(|| line("W: "))
        .or_else(|| line("Err:"))
        .or_else(|| said.lines().rfind(|line| !line.trim().is_empty()))
        .unwrap_or("it said nothing")
}

/// The file of a package that was just downloaded: PACKAGE_VERSION_ARCH.deb.
fn newest_file(folder: &Path, package: &str) -> Result<PathBuf> {
    let start = format!("{package}_");
    let files =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<_> = files
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(&start) && name.ends_with(".deb")
        })
        .collect();
    files.sort_by_key(|entry| entry.metadata().and_then(|meta| meta.modified()).ok());
    match files.last() {
        Some(entry) => Ok(entry.path()),
        None => bail!("apt-get left no file of {package} in {}", folder.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_says_most() {
        let said =
            "Err:1 http://m.example x\n  Temporary failure\nW: Some index\nE: Some files failed\n";
        assert_eq!(complaint(said), "E: Some files failed");
        assert_eq!(complaint("a\nb\n\n"), "b");
        assert_eq!(complaint(""), "it said nothing");
    }

    #[test]
    fn finds_a_package_s_file() {
        let folder = tempfile::tempdir().expect("temp folder");
        for name in ["linux-image-6.12_1_amd64.deb", "linux-image-6.12-x_1_amd64.deb", "a_1.txt"] {
            fs::write(folder.path().join(name), "").expect("written");
        }
        let found = newest_file(folder.path(), "linux-image-6.12").expect("there");
        assert!(found.ends_with("linux-image-6.12_1_amd64.deb"));
        assert!(newest_file(folder.path(), "a").is_err());
    }
}
