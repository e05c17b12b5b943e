//! Trees in which everything is as it should be.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::tree::{PIECES, Tree, VERSIONS, trees};
use crate::support::{lgbench, stderr};

const CORE: &str = "drivers/lguest/core.c";

/// Compares with a golden file, or writes it: LGBENCH_ACCEPT=1.
fn golden(name: &str, text: &str) {
    let path = trees().join(name);
    if std::env::var_os("LGBENCH_ACCEPT").is_some() {
        fs::write(&path, text).unwrap();
    }
    let wanted = fs::read_to_string(&path).unwrap_or_default();
    assert!(wanted == text, "not as in {}:\n{text}", path.display());
}

#[test]
fn hooks_go_in_and_out_again() {
    e2e::need!(Spatch);
    for version in VERSIONS {
        let tree = Tree::new(version);
        let before = tree.facts();
        let said = tree.done("check");
        assert!(said.contains(": the hooks fit; nothing was changed\n"), "{said}");
        assert!(tree.facts() == before, "check changed {version}");
        let said = tree.done("apply");
        golden(&format!("{version}.golden"), &(said + "\n" + &tree.difference(version)));
        for file in PIECES {
            let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lgbench/lguest/kernel");
            let text = fs::read_to_string(ours.join(file)).unwrap();
            assert_eq!(tree.read(&format!("drivers/lguest/{file}")), text);
        }
        let mode = fs::metadata(tree.path(CORE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640, "a file keeps its permissions");
        let patched = tree.facts();
        let unchanged = ": lguest has the hooks, unchanged since they were put in\n";
        assert!(tree.done("apply").contains(unchanged));
        assert!(tree.done("check").contains(unchanged));
        assert!(tree.facts() == patched, "a second apply changed {version}");
        assert_eq!(tree.done("revert"), "TREE: as it was before the hooks\n");
        assert!(tree.facts() == before, "revert left something of {version}");
        let said = tree.refused("revert");
        assert_eq!(
            said,
            "lgbench: TREE: lgbench has not patched this tree, so there is nothing to revert\n"
        );
    }
}

#[test]
fn answers_come_as_json() {
    e2e::need!(Spatch);
    let tree = Tree::new("4.9");
    let json = |word: &str| -> serde_json::Value {
        let output = tree.command(word).arg("--json").output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let fits = json("check");
    assert_eq!((&fits["condition"], &fits["changed"]), (&"fits".into(), &false.into()));
    let applied = json("apply");
    assert_eq!((&applied["condition"], &applied["changed"]), (&"applied".into(), &true.into()));
    assert_eq!(applied["version"], "4.9.337");
    assert_eq!(applied["hooks"], fits["hooks"], "check tells where they will be");
    let hooks = applied["hooks"].as_array().unwrap();
    let names: Vec<&str> = hooks.iter().map(|hook| hook["hook"].as_str().unwrap()).collect();
    let all = ["header", "gate", "stamps", "init", "show", "undo", "exit", "header", "add", "del"];
    assert_eq!(names, all);
    for hook in hooks {
        let line = hook["line"].as_u64().unwrap() as usize;
        let text = tree.read(hook["file"].as_str().unwrap());
        let text = text.lines().nth(line - 1).unwrap();
        assert!(text.contains("lgb"), "{hook} is at {text:?}");
    }
    assert_eq!(json("revert")["condition"], "reverted");
    // Refusals are said as they are without it.
    let output = tree.command("revert").arg("--json").output().unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b""[..]));
    assert_eq!(tree.said(&output), tree.refused("revert"));
}

/// A compiler reads what lgbench has made of the trees.
#[test]
fn patched_trees_are_c() {
    e2e::need!(Spatch, Gcc);
    for version in VERSIONS {
        let tree = Tree::new(version);
        let stubs = tree.beside("include");
        for (folder, names) in [
            ("linux", &["module", "freezer", "sched", "uaccess", "miscdevice", "fs"][..]),
            ("asm", &["paravirt", "asm-offsets"][..]),
        ] {
            fs::create_dir_all(stubs.join(folder)).unwrap();
            for name in names {
                fs::write(stubs.join(folder).join(format!("{name}.h")), "").unwrap();
            }
        }
        let compile = || {
            let mut command = Command::new("gcc");
            command.args(["-std=gnu89", "-fsyntax-only", "-ffreestanding", "-Wall", "-Wextra"]);
            command.args(["-Wno-unused-parameter", "-Wno-sign-compare", "-Werror", "-include"]);
            command.arg(trees().join("kernel.h")).arg("-I").arg(&stubs);
            command.args(["core.c", "lguest_user.c"]).current_dir(tree.path("drivers/lguest"));
            let output = command.output().unwrap();
            assert!(output.status.success(), "{version}: {}", stderr(&output));
        };
        compile();
        tree.done("apply");
        compile();
    }
}

#[test]
fn edits_after_an_apply_are_not_lost_by_accident() {
    e2e::need!(Spatch);
    let tree = Tree::new("3.0");
    let before = tree.facts();
    tree.done("apply");
    tree.edit(CORE, "continue;", "continue; /* mine */");
    fs::remove_file(tree.path("drivers/lguest/Makefile")).unwrap();
    let help = "after lgbench had patched it; lgbench lguest revert --force restores it as it was before\n";
    let edited = format!("lgbench: {CORE}: it was edited {help}");
    let removed = format!("lgbench: drivers/lguest/Makefile: it was removed {help}");
    assert_eq!(tree.refused("revert"), format!("{edited}{removed}"));
    fs::write(tree.path("drivers/lguest/Makefile"), "lg-y = core.o\n").unwrap();
    let edited = edited + &removed.replace("removed", "edited");
    for word in ["revert", "apply", "check"] {
        assert_eq!(tree.refused(word), edited);
    }
    let output = tree.command("revert").arg("--force").output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(tree.facts() == before, "--force restores everything");
}

#[test]
fn what_cannot_be_brought_back_is_told_before_anything_is_changed() {
    e2e::need!(Spatch);
    let tree = Tree::new("3.0");
    tree.done("apply");
    let kept = ".lgbench/original/drivers/lguest/core.c";
    fs::remove_file(tree.path(kept)).unwrap();
    let said = tree.refused("revert");
    let expected = format!(
        "lgbench: TREE/{kept}: it is gone, so {CORE} cannot be restored; restore drivers/lguest from where \
         you have the kernel from, and remove .lgbench\n"
    );
    assert_eq!(said, expected);
}

#[test]
fn two_at_once_are_kept_apart() {
    let tree = Tree::new("3.0");
    let folder = fs::File::open(tree.root()).unwrap();
    rustix::fs::flock(&folder, rustix::fs::FlockOperation::LockExclusive).unwrap();
    for word in ["apply", "check", "revert"] {
        assert_eq!(tree.refused(word), "lgbench: TREE: another lgbench is at work on this tree\n");
    }
}

#[test]
fn the_kernel_options_are_printed() {
    let output = lgbench().args(["lguest", "config"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for option in [
        "CONFIG_PARAVIRT=y",
        "CONFIG_LGUEST_GUEST=y",
        "# CONFIG_HIGHMEM64G is not set",
        "CONFIG_PHYSICAL_START=0x400000",
        "CONFIG_PHYSICAL_ALIGN=0x100000",
        "CONFIG_VIRTIO_BLK=m",
        "CONFIG_EXPERIMENTAL=y",
        "CONFIG_VIRTIO_NET=m",
        "CONFIG_TUN=m",
        "CONFIG_LGUEST=m",
        "# CONFIG_OLPC is not set",
    ] {
        assert!(text.lines().any(|line| line == option), "no {option}");
    }
}
