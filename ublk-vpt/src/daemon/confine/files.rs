//! Landlock: which files the daemon may still open by name.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr,
};

use super::every_thread;
use crate::daemon::device::{DeviceConfig, Front};

/// The newest kernel interface this was written for; older kernels restrict what they know.
const KNOWN: ABI = ABI::V5;
const UNSUPPORTED: &str = "this kernel has none, or it is switched off (the lsm= boot parameter)";

/// One place and what stays allowed below it.
struct Rule {
    path: PathBuf,
    allowed: BitFlags<AccessFs>,
}

/// Confines every thread.
pub(super) fn confine(config: &DeviceConfig, state: Option<&Path>) -> Result<(), String> {
    let Some(ruleset) = ruleset(&rules(config, state)).map_err(|e| e.to_string())? else {
        return Err(UNSUPPORTED.into());
    };
    every_thread::restrict(ruleset.as_raw_fd()).map_err(|e| e.to_string())
}

/// Whether the kernel has it.
pub(super) fn available() -> Result<(), String> {
    match ruleset(&[]) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(format!("Landlock: {UNSUPPORTED}")),
        Err(e) => Err(format!("Landlock: {e}")),
    }
}

/// What is needed after the start: the image, the trace and all sockets are open by then.
fn rules(config: &DeviceConfig, state: Option<&Path>) -> Vec<Rule> {
    let look = AccessFs::ReadFile | AccessFs::ReadDir;
    let use_node = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
    // Who holds what, what is mounted, what the loop device is used for.
    let mut rules = vec![
        Rule { path: "/proc".into(), allowed: look },
        Rule { path: "/sys".into(), allowed: look },
        Rule { path: "/dev/null".into(), allowed: AccessFs::ReadFile | AccessFs::WriteFile },
    ];
    // Its record, log, socket and lock.
    rules.extend(state.map(|path| Rule {
        path: path.to_owned(),
        allowed: AccessFs::from_all(KNOWN) & !(AccessFs::Execute | AccessFs::IoctlDev),
    }));
    if config.front == Front::Ublk {
        let id = config.id;
        let nodes = ["/dev/ublk-control".into(), format!("/dev/ublkc{id}")];
        rules.extend(nodes.map(|path| Rule { path: path.into(), allowed: use_node }));
        // The driver's removal of the node is waited for.
        rules.push(Rule { path: "/dev".into(), allowed: AccessFs::ReadDir.into() });
    }
    // Its sockets elsewhere are removed when it ends.
    let sockets = [config.listen.as_deref().map(Path::new), config.metrics_path()];
    for folder in sockets.into_iter().flatten().filter_map(Path::parent) {
        if folder.is_absolute() {
            rules.push(Rule { path: folder.to_owned(), allowed: AccessFs::RemoveFile.into() });
        }
    }
    rules
}

/// `None`: the kernel has no Landlock.
fn ruleset(rules: &[Rule]) -> Result<Option<OwnedFd>, landlock::RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        // Whatever listens does so already.
        .handle_access(AccessNet::from_all(KNOWN))?
        .create()?;
    for rule in rules {
        // What is not there needs no rule.
        let Ok(place) = PathFd::new(&rule.path) else { continue };
        let allowed = if rule.path.is_dir() {
            rule.allowed
        } else {
            rule.allowed & AccessFs::from_file(KNOWN)
        };
        ruleset = ruleset.add_rule(PathBeneath::new(place, allowed))?;
    }
    Ok(ruleset.into())
}
