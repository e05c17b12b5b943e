//! Trees with their hooks, and lgbench's files for kernels, built and run: trees/machine.c is the rest of the
//! kernel, and trees/plays.c what happens there.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::tree::{Tree, VERSIONS, trees};
use crate::support::stderr;

/// Headers of kernels which are empty here: all is in machine.h.
const HEADERS: [&str; 25] = [
    "asm/asm-offsets",
    "asm/cpufeature",
    "asm/paravirt",
    "asm/tsc",
    "linux/errno",
    "linux/freezer",
    "linux/fs",
    "linux/hrtimer",
    "linux/kernel",
    "linux/ktime",
    "linux/miscdevice",
    "linux/module",
    "linux/mutex",
    "linux/percpu",
    "linux/pid",
    "linux/rcupdate",
    "linux/sched",
    "linux/slab",
    "linux/smp",
    "linux/spinlock",
    "linux/uaccess",
    "linux/version",
    "linux/vmalloc",
    "linux/wait",
    "linux/sched/task",
];

/// Builds the program of a tree.
fn built(tree: &Tree, version: &str) -> PathBuf {
    let stubs = tree.beside("include");
    for header in HEADERS {
        let path = stubs.join(header).with_extension("h");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let program = tree.beside("plays");
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap()).chain([0, 0]);
    let code = numbers.by_ref().take(3).fold(0, |code, number| code << 8 | number);
    let mut command = Command::new("gcc");
    command.args(["-std=gnu89", "-O1", "-g", "-ffreestanding", "-Wall", "-Wextra", "-Werror"]);
    command.args(["-Wno-unused-parameter", "-Wno-sign-compare"]);
    command.arg(format!("-DLINUX_VERSION_CODE={code}")).arg("-include");
    command.arg(trees().join("machine.h")).arg("-I").arg(&stubs).args(["-I", "."]);
    command.args(["core.c", "lguest_user.c", "lgbench.c", "lgbench_device.c"]);
    command.args(["machine.c", "plays.c"].map(|name| trees().join(name)));
    command.arg("-o").arg(&program);
    let output = command.current_dir(tree.path("drivers/lguest")).output().unwrap();
    assert!(output.status.success(), "{version}: {}", stderr(&output));
    program
}

#[test]
fn hooks_do_what_they_are_for() {
    e2e::need!(Spatch, Gcc);
    let mut wrong = String::new();
    for version in VERSIONS {
        let tree = Tree::new(version);
        tree.done("apply");
        let program = built(&tree, version);
        for play in ["turn", "unseen", "scheduled", "loading"] {
            let output = Command::new(&program).arg(play).output().unwrap();
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stdout);
                wrong += &format!("{version} {play}: {} {said}\n", output.status);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
