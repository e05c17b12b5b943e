//! Trees in odd places.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Command;

use super::tree::Tree;
use crate::support::{lgbench, stderr};

/// A tree as a container sees it whose image has it.
struct Layered {
    tree: Tree,
    merged: PathBuf,
}

impl Layered {
    /// None where overlays cannot be mounted.
    fn over(tree: Tree) -> Option<Self> {
        let [upper, work, merged] = ["upper", "work", "merged"].map(|name| tree.beside(name));
        for folder in [&upper, &work, &merged] {
            fs::create_dir(folder).unwrap();
        }
        let layers = format!(
            "lowerdir={},upperdir={},workdir={},redirect_dir=off",
            tree.root().display(),
            upper.display(),
            work.display()
        );
        let mut mount = Command::new("mount");
        mount.args(["-t", "overlay", "overlay", "-o", &layers]).arg(&merged);
        mount.output().unwrap().status.success().then_some(Self { tree, merged })
    }

    fn done(&self, word: &str) {
        let output =
            lgbench().args(["lguest", word, "--kernel"]).arg(&self.merged).output().unwrap();
        assert!(output.status.success(), "{word}: {}", stderr(&output));
    }
}

impl Drop for Layered {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.merged).status();
    }
}

#[test]
fn a_lower_layer_s_patch_can_be_reverted() {
    e2e::need!(Spatch, Root);
    let tree = Tree::new("4.9");
    let original = tree.read("drivers/lguest/core.c");
    tree.done("apply");
    let lower = tree.facts();
    let Some(layered) = Layered::over(tree) else {
        println!("SKIP: a_lower_layer_s_patch_can_be_reverted: overlay: cannot be mounted here");
        return;
    };
    let there = |file: &str| layered.merged.join(file).exists();
    for _ in 0..2 {
        layered.done("revert");
        assert!(!there(".lgbench") && !there(".lgbench.new") && !there("drivers/lguest/lgbench.c"));
        let core = layered.merged.join("drivers/lguest/core.c");
        assert_eq!(fs::read_to_string(&core).unwrap(), original);
        layered.done("apply");
        assert!(fs::read_to_string(&core).unwrap().contains("lgb_gate"));
        layered.done("check");
    }
    assert!(layered.tree.facts() == lower, "the layer below is as it was");
}

#[test]
fn a_tree_s_name_need_not_be_a_text() {
    e2e::need!(Spatch);
    let tree = Tree::new("3.0");
    let odd = tree.beside("x").with_file_name(OsStr::from_bytes(b"li\xff nux"));
    fs::rename(tree.root(), &odd).unwrap();
    for (word, condition) in [("apply", "applied"), ("check", "applied"), ("revert", "reverted")] {
        let mut command = lgbench();
        let output =
            command.args(["lguest", word, "--json", "--kernel"]).arg(&odd).output().unwrap();
        assert!(output.status.success(), "{word}: {}", stderr(&output));
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["condition"], condition);
        assert!(told["kernel"].as_str().unwrap().ends_with("li\u{fffd} nux"), "{told}");
    }
}
