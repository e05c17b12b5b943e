//! Killed, without space, interrupted: at every step, by a library that ends lgbench there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::tree::Tree;
use crate::support::stderr;

const MOST: u32 = 1000;

/// A tree, a spatch that needs no time, and the library.
struct Lab {
    tree: Tree,
    library: PathBuf,
    path: String,
}

impl Lab {
    fn new() -> Self {
        let tree = Tree::new("4.9");
        // What the real one makes, for the one that is used.
        tree.done("apply");
        let made = tree.beside("made");
        fs::create_dir(&made).unwrap();
        for name in ["core.c", "lguest_user.c"] {
            fs::copy(tree.path("drivers/lguest").join(name), made.join(name)).unwrap();
        }
        tree.done("revert");
        let bin = tree.beside("bin");
        fs::create_dir(&bin).unwrap();
        script(&bin.join("spatch"), &format!("cp {0}/core.c {0}/lguest_user.c .", made.display()));
        let library = tree.beside("interpose.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("lgbench/lguest/interpose.c");
        let mut gcc = Command::new("gcc");
        gcc.args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"]).arg(&library).arg(source);
        let output = gcc.arg("-ldl").output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        Self { tree, library, path }
    }

    fn command(&self, word: &str) -> Command {
        let mut command = self.tree.command(word);
        command.env("PATH", &self.path);
        command
    }

    /// Runs a command that does not get beyond a call.
    fn ended(&self, word: &str, how: &str, call: u32) -> Output {
        let mut command = self.command(word);
        command.env("LD_PRELOAD", &self.library).env("CALLS_END", format!("{how} {call}"));
        command.output().unwrap()
    }

    fn done(&self, word: &str) {
        let output = self.command(word).output().unwrap();
        assert!(output.status.success(), "{word}: {}", self.tree.said(&output));
    }

    /// A revert; where there is nothing to revert it may say so.
    fn reverted(&self) {
        let output = self.command("revert").output().unwrap();
        let nothing = self.tree.said(&output).ends_with("so there is nothing to revert\n");
        assert!(output.status.success() || nothing, "{}", self.tree.said(&output));
    }
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn an_apply_that_is_killed_can_be_reverted() {
    e2e::need!(Spatch, Gcc);
    let lab = Lab::new();
    let before = lab.tree.facts();
    let mut partial = 0;
    for call in 1..MOST {
        let output = lab.ended("apply", "kill", call);
        if output.status.success() {
            assert!(call > 40, "only {call} calls were seen");
            assert!(partial > 3, "{partial} times between the first file and the last");
            lab.done("revert");
            return;
        }
        assert_eq!(output.status.signal(), Some(9), "{}", lab.tree.said(&output));
        let check = lab.command("check").output().unwrap();
        partial +=
            u32::from(lab.tree.said(&check).contains("was interrupted; apply or revert again"));
        lab.reverted();
        assert!(lab.tree.facts() == before, "killed at call {call}, a revert left something");
    }
    panic!("it does not end");
}

#[test]
fn an_apply_that_is_killed_can_be_applied_again() {
    e2e::need!(Spatch, Gcc);
    let lab = Lab::new();
    let before = lab.tree.facts();
    for call in 1..MOST {
        if lab.ended("apply", "kill", call).status.success() {
            return;
        }
        lab.done("apply");
        assert!(lab.tree.read("drivers/lguest/core.c").contains("lgb_gate"));
        lab.done("revert");
        assert!(lab.tree.facts() == before, "killed at call {call}, then applied and reverted");
    }
    panic!("it does not end");
}

#[test]
fn a_revert_that_is_killed_can_be_repeated() {
    e2e::need!(Spatch, Gcc);
    let lab = Lab::new();
    let before = lab.tree.facts();
    for call in 1..MOST {
        lab.done("apply");
        let output = lab.ended("revert", "kill", call);
        if output.status.success() {
            assert!(call > 10, "only {call} calls were seen");
            assert!(lab.tree.facts() == before);
            return;
        }
        assert_eq!(output.status.signal(), Some(9), "{}", lab.tree.said(&output));
        lab.reverted();
        assert!(lab.tree.facts() == before, "killed at call {call}, a revert left something");
    }
    panic!("it does not end");
}

#[test]
fn without_space_a_tree_stays_as_it_is() {
    e2e::need!(Spatch, Gcc);
    let lab = Lab::new();
    let before = lab.tree.facts();
    // One step fails, and then there is space again: everything is put back at once.
    for call in 1..MOST {
        let output = lab.ended("apply", "fail", call);
        let said = lab.tree.said(&output);
        if output.status.success() {
            // By a way that needed the step not, or because there are no more.
            lab.done("revert");
        } else {
            assert_eq!(said.lines().count(), 1, "{said}");
            assert!(said.contains("No space left on device"), "{said}");
        }
        assert!(lab.tree.facts() == before, "no space at call {call}: {said}");
        // An apply has no more calls than this.
        if lab.ended("apply", "kill", call).status.success() {
            lab.done("revert");
            break;
        }
        lab.reverted();
    }
    // The disk stays full: what could not be put back is, once there is space.
    for call in 1..MOST {
        let output = lab.ended("apply", "full", call);
        if output.status.success() {
            lab.done("revert");
            return;
        }
        let said = lab.tree.said(&output);
        assert!(said.contains("No space left on device"), "{said}");
        lab.reverted();
        assert!(lab.tree.facts() == before, "no space from call {call} on: {said}");
    }
    panic!("it does not end");
}

#[test]
fn an_interrupted_apply_changes_nothing() {
    e2e::need!(Spatch, Gcc);
    let lab = Lab::new();
    let before = lab.tree.facts();
    let begun = lab.tree.beside("begun");
    let wait = format!("touch {}; exec sleep 60", begun.display());
    script(&lab.tree.beside("bin").join("spatch"), &wait);
    let mut child = lab.command("apply").stderr(Stdio::piped()).spawn().unwrap();
    e2e::wait_until("spatch runs", e2e::soon(), || begun.exists());
    e2e::send_signal(child.id(), "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
    assert_eq!(said, "lgbench: interrupted; nothing was changed\n");
    assert!(lab.tree.facts() == before);
}

/// An editor saves a file while spatch is at work.
#[test]
fn an_edit_during_an_apply_is_not_lost() {
    e2e::need!(Spatch, Gcc);
    let lab = Lab::new();
    let core = lab.tree.path("drivers/lguest/core.c");
    let spatch = lab.tree.beside("bin").join("spatch");
    let usual = fs::read_to_string(&spatch).unwrap();
    script(&spatch, &format!("echo '/* mine */' >> {}\n{usual}", core.display()));
    let output = lab.command("apply").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        lab.tree.said(&output),
        "lgbench: TREE/drivers/lguest/core.c: it was changed while the hooks were made; apply again\n"
    );
    assert!(fs::read_to_string(core).unwrap().ends_with("/* mine */\n"));
    for left in [".lgbench", ".lgbench.new", "drivers/lguest/lgbench.c"] {
        assert!(!lab.tree.path(left).exists(), "{left}");
    }
}

/// A tree that something was done to and whose record is lost or damaged is left alone.
#[test]
fn a_damaged_record_is_said() {
    e2e::need!(Spatch);
    let tree = Tree::new("2.6.32");
    tree.done("apply");
    let manifest = tree.path(".lgbench/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, &text[..text.len() / 2]).unwrap();
    for word in ["apply", "check", "revert"] {
        let said = tree.refused(word);
        assert!(said.starts_with("lgbench: TREE/.lgbench/manifest.json: damaged ("), "{said}");
        assert!(
            said.contains("restore drivers/lguest from where you have the kernel from"),
            "{said}"
        );
    }
    fs::write(&manifest, text.replace("drivers/lguest/core.c", "drivers/lguest/../../core.c"))
        .unwrap();
    assert!(tree.refused("revert").contains("is not in drivers/lguest"));
}
