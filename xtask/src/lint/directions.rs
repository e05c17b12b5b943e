//! Which package may depend on which. Pure packages do no I/O, and nothing points upward.
//!
//! Only normal and build dependencies count; tests may use what they like.

use super::Finding;
use crate::workspace::{Package, root};

/// What one package of the workspace may use.
#[derive(Clone, Copy, Debug)]
pub struct Permit {
    /// The package.
    pub package: &'static str,
    /// Packages of this workspace it may depend on.
    pub workspace: &'static [&'static str],
    /// Of [`IO_CRATES`], those it may depend on; `None`: all of them.
    pub io: Option<&'static [&'static str]>,
}

/// Crates that reach the system: a pure package has none of them.
pub const IO_CRATES: &[&str] = &[
    "async-std",
    "crossterm",
    "fuser",
    "indicatif",
    "io-uring",
    "libc",
    "memmap2",
    "mio",
    "nix",
    "rustix",
    "sd-notify",
    "signal-hook",
    "smol",
    "socket2",
    "tempfile",
    "tokio",
];

/// Crates that only one package may use.
pub const OWNED: &[(&str, &str)] =
    &[("fuser", "ublk-vpt"), ("imago", "ublk-vpt"), ("io-uring", "ublk-vpt")];

/// No crate that reaches the system.
const PURE: Option<&[&str]> = Some(&[]);

/// One line per package; a new package needs one, and its author a thought about it.
pub const PERMITS: &[Permit] = &[
    Permit { package: "vpt-model", workspace: &[], io: PURE },
    Permit { package: "labplot", workspace: &[], io: PURE },
    Permit { package: "labstats", workspace: &[], io: PURE },
    Permit { package: "regmap", workspace: &[], io: PURE },
    Permit { package: "vgpu-card", workspace: &["regmap"], io: PURE },
    Permit {
        package: "daemonkit",
        workspace: &[],
        io: Some(&["libc", "rustix", "sd-notify", "signal-hook"]),
    },
    Permit { package: "ublk-vpt", workspace: &["daemonkit", "labplot", "vpt-model"], io: None },
    Permit { package: "vcd-drm", workspace: &["daemonkit", "regmap", "vgpu-card"], io: None },
    // It plays cards to grade drivers.
    Permit {
        package: "devgen",
        workspace: &["regmap", "vcd-drm", "vgpu-card"],
        io: Some(&["rustix"]),
    },
    Permit { package: "lgbench-payload", workspace: &[], io: PURE },
    Permit {
        package: "lgbench",
        workspace: &["daemonkit", "labplot", "labstats", "lgbench-payload"],
        io: None,
    },
    Permit {
        package: "xtask",
        workspace: &["labplot", "labstats", "regmap", "vpt-model"],
        io: None,
    },
    // End-to-end tests look at results with the types that wrote them.
    Permit {
        package: "e2e",
        workspace: &[
            "daemonkit",
            "labplot",
            "labstats",
            "ublk-vpt",
            "vcd-drm",
            "vgpu-card",
            "vpt-model",
        ],
        io: None,
    },
];

/// Checks every package against its permit.
pub fn check(packages: &[Package]) -> Vec<Finding> {
    let names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    packages.iter().flat_map(|package| check_package(package, &names)).collect()
}

fn check_package(package: &Package, workspace: &[&str]) -> Vec<Finding> {
    let manifest = package.manifest_path.strip_prefix(root()).unwrap_or(&package.manifest_path);
    let finding = |message| Finding::new(manifest, 0, message);
    let name = package.name.as_str();
    let Some(permit) = PERMITS.iter().find(|permit| permit.package == name) else {
        return vec![finding(format!(
            "the package {name} has no line in PERMITS of xtask/src/lint/directions.rs"
        ))];
    };
    let mut findings = Vec::new();
    for dependency in &package.dependencies {
        let used = dependency.name.as_str();
        if dependency.kind.as_deref() == Some("dev") {
            continue;
        }
        if workspace.contains(&used) && !permit.workspace.contains(&used) {
            findings.push(finding(format!(
                "{name} must not depend on {used}: dependencies point from programs to libraries \
                 (allowed here: {})",
                listed(permit.workspace)
            )));
        }
        let io = IO_CRATES.contains(&used) && permit.io.is_some_and(|io| !io.contains(&used));
        if io {
            findings.push(finding(format!(
                "{name} must not depend on {used}, which reaches the system: pure code takes time \
                 and data as arguments"
            )));
        }
        if let Some((_, owner)) =
            OWNED.iter().find(|(owned, owner)| *owned == used && *owner != name)
            && !io
        {
            findings
                .push(finding(format!("{name} must not depend on {used}: only {owner} uses it")));
        }
    }
    findings
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, uses: &[(&str, Option<&str>)]) -> Package {
        let dependencies = uses
            .iter()
            .map(|(name, kind)| Dependency {
                name: (*name).to_owned(),
                kind: kind.map(str::to_owned),
            })
            .collect();
        Package {
            name: name.into(),
            version: "0.1.0".into(),
            manifest_path: root().join(name).join("Cargo.toml"),
            targets: Vec::new(),
            dependencies,
        }
    }

    fn messages(packages: &[Package]) -> Vec<String> {
        check(packages).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn accepts_what_is_allowed() {
        let packages = [
            package("vpt-model", &[("serde", None), ("libc", Some("dev"))]),
            package("daemonkit", &[("rustix", None)]),
            package("ublk-vpt", &[("vpt-model", None), ("fuser", None), ("libc", None)]),
        ];
        assert_eq!(messages(&packages), Vec::<String>::new());
    }

    #[test]
    fn refuses_io_in_pure_code_also_for_building() {
        let found = messages(&[package("vpt-model", &[("libc", None), ("tokio", Some("build"))])]);
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("vpt-model/Cargo.toml: vpt-model must not depend on libc"));
    }

    #[test]
    fn refuses_upward_and_sideways() {
        let packages =
            [package("vpt-model", &[("ublk-vpt", None)]), package("ublk-vpt", &[("xtask", None)])];
        assert_eq!(messages(&packages).len(), 1, "xtask is not in this workspace");
        let packages = [package("labplot", &[("vpt-model", None)]), package("vpt-model", &[])];
        assert!(messages(&packages)[0].contains("(allowed here: none)"));
    }

    #[test]
    fn refuses_owned_crates_and_unknown_packages() {
        assert!(messages(&[package("xtask", &[("fuser", None)])])[0].contains("only ublk-vpt"));
        assert!(messages(&[package("newcomer", &[])])[0].contains("has no line in PERMITS"));
    }
}
