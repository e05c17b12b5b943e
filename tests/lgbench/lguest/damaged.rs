//! Trees and arguments with which something is wrong: what is said, and that nothing is changed.

use std::fs;

use super::tree::Tree;
use crate::support::lgbench;

const CORE: &str = "drivers/lguest/core.c";
const USER: &str = "drivers/lguest/lguest_user.c";
const MAKEFILE: &str = "drivers/lguest/Makefile";

/// A damage, and what apply and check say of it.
struct Case {
    damage: fn(&Tree),
    says: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        damage: |tree| tree.edit(CORE, "if (cpu->halted) {", "if (is_halted(cpu)) {"),
        says: &[
            "drivers/lguest/core.c:40: run_guest() has no test of cpu->halted to put the gate before; use the file of a stock kernel",
        ],
    },
    Case {
        damage: |tree| {
            let call = "lguest_arch_run_guest(cpu);\n";
            tree.edit(CORE, call, &format!("{call}\t\tlguest_arch_run_guest(cpu);\n"));
        },
        says: &[
            "drivers/lguest/core.c:84: run_guest() has a second call of lguest_arch_run_guest(cpu), \
                 interrupts off just before and on just after, to time; use the file of a stock kernel",
        ],
    },
    Case {
        damage: |tree| tree.edit(CORE, "local_irq_enable();", "irqs_on();"),
        says: &[
            "drivers/lguest/core.c:83: run_guest() has no call of lguest_arch_run_guest(cpu), \
                 interrupts off just before and on just after, to time; use the file of a stock kernel",
        ],
    },
    Case {
        damage: |tree| tree.edit(USER, "file->private_data = lg;", "keep(file, lg);"),
        says: &[
            "drivers/lguest/lguest_user.c:37: initialize() has no \"file->private_data = lg;\" to add \
                 the guest after; use the file of a stock kernel",
        ],
    },
    Case {
        damage: |tree| tree.edit(CORE, "__init init(", "__init begin("),
        says: &[
            "drivers/lguest/core.c: there is no function init() for the hook init; use the file of a stock kernel",
        ],
    },
    Case {
        damage: |tree| tree.edit(CORE, "out:\n\treturn err;", "end:\n\treturn err;"),
        says: &[
            "drivers/lguest/core.c:93: init() has no \"out: return err;\" to end at when it fails; use the file of a stock kernel",
        ],
    },
    Case {
        damage: |tree| {
            let call = "lguest_arch_host_init();\n";
            tree.edit(CORE, call, &format!("{call}\terr = probe();\n"));
        },
        says: &[
            "drivers/lguest/core.c:119: init() has no call of lguest_arch_host_init(), and success after it, \
                 to show the device between; use the file of a stock kernel",
        ],
    },
    Case {
        damage: |tree| tree.edit(MAKEFILE, "lg-y ", "lg-objs-y "),
        says: &[
            "drivers/lguest/Makefile: no list \"lg-y = ...\" of objects to add lgbench.o to; use the file of a stock kernel",
        ],
    },
    Case {
        damage: |tree| tree.edit(USER, "mutex_lock(&lguest_lock);\n\n", "lgb_del(lg);\n"),
        says: &[
            "drivers/lguest/lguest_user.c:113: lgb_del is here, and lgbench has not put it in; take \
                 it out first",
        ],
    },
    Case {
        damage: |tree| fs::write(tree.path("drivers/lguest/lgbench.c"), "mine\n").unwrap(),
        says: &[
            "drivers/lguest/lgbench.c: it is here, and lgbench has not put it here; take it away first",
        ],
    },
    Case {
        damage: |tree| fs::remove_file(tree.path(USER)).unwrap(),
        says: &[
            "TREE/drivers/lguest/lguest_user.c: no such file; the hooks go into lguest, whole and of \
                 a stock kernel",
        ],
    },
    Case {
        damage: |tree| tree.edit("Makefile", "PATCHLEVEL = 0", "PATCHLEVEL = 0x"),
        says: &[
            "TREE/Makefile: no VERSION, PATCHLEVEL and SUBLEVEL; is this the top folder of a kernel?",
        ],
    },
    Case {
        damage: |tree| tree.edit("Makefile", "VERSION = 3", "VERSION = 6"),
        says: &["TREE/Makefile: this is Linux 6.0.0; the hooks are for lguest of 2.6.30 to 4.13"],
    },
    Case {
        damage: |tree| {
            fs::rename(tree.path(CORE), tree.path("core.c")).unwrap();
            std::os::unix::fs::symlink("../../core.c", tree.path(CORE)).unwrap();
        },
        says: &["TREE/drivers/lguest/core.c: a symbolic link; put the file itself there first"],
    },
    // All that is wrong is said, not the first of it.
    Case {
        damage: |tree| {
            tree.edit(CORE, "#include \"lg.h\"", "#include <lg.h>");
            tree.edit(CORE, "lguest_arch_host_fini();", "");
            tree.edit(USER, "static int close", "static int shut");
        },
        says: &[
            "drivers/lguest/core.c: no #include \"lg.h\" to include lgbench.h after; use the file of a stock kernel",
            "drivers/lguest/core.c:132: fini() has no call of lguest_arch_host_fini() to end after; use the file of a stock kernel",
            "drivers/lguest/lguest_user.c: there is no function close() for the hook del; use the file of a stock kernel",
        ],
    },
];

#[test]
fn whatever_is_wrong_in_a_tree_is_said() {
    let (mut said, mut wanted) = (String::new(), String::new());
    for case in CASES {
        let tree = Tree::new("3.0");
        (case.damage)(&tree);
        wanted.extend(case.says.iter().map(|line| format!("lgbench: {line}\n")));
        let check = tree.refused("check");
        assert_eq!(tree.refused("apply"), check);
        said.push_str(&check);
    }
    assert_eq!(said.lines().collect::<Vec<_>>(), wanted.lines().collect::<Vec<_>>());
}

#[test]
fn a_patcher_that_fails_or_errs_is_found_out() {
    let tree = Tree::new("3.0");
    let folder = tree.beside("bin");
    fs::create_dir(&folder).unwrap();
    let none =
        "lgbench: there is no spatch, which puts the hooks in; install the package coccinelle\n";
    let apply = || {
        let before = tree.facts();
        let output =
            tree.command("apply").env("PATH", format!("{}:/nowhere", folder.display())).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(tree.facts() == before, "the tree was changed");
        tree.said(&output)
    };
    assert_eq!(apply(), none);
    for (script, said) in [
        ("echo oh >&2; exit 3", "lgbench: spatch failed (exit status: 3): oh\n"),
        ("exit 1", "lgbench: spatch failed (exit status: 1): it says nothing\n"),
        (
            ": > core.c",
            "lgbench: drivers/lguest/core.c: there is no function run_guest() for the hook gate; use the file of a stock kernel\n",
        ),
        (
            "exit 0",
            "lgbench: drivers/lguest/core.c:40: the semantic patch did not put gate into run_guest()\n",
        ),
    ] {
        let file = folder.join("spatch");
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&file, mode).unwrap();
        let all = apply();
        assert!(all.starts_with(said), "{all}");
    }
}

#[test]
fn wrong_arguments_are_said() {
    let said = |arguments: &[&str]| {
        let output = lgbench().arg("lguest").args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for arguments in
        [&[][..], &["apply"], &["aply", "--kernel", "/"], &["apply", "--force", "--kernel", "/"]]
    {
        let (code, text) = said(arguments);
        assert_eq!(code, Some(2), "{text}");
    }
    let (code, text) = said(&["apply", "--kernel", "/no-such"]);
    let wanted = "/no-such: no such folder; --kernel wants the top folder of a kernel's sources";
    assert_eq!((code, text), (Some(1), format!("lgbench: {wanted}\n")));
    let (code, text) = said(&["revert", "--kernel", "/no-such"]);
    assert_eq!((code, text), (Some(1), format!("lgbench: {wanted}\n")));
    let empty = tempfile::tempdir().unwrap();
    let path = empty.path().to_str().unwrap();
    let (_, text) = said(&["check", "--kernel", path]);
    let wanted = format!("cannot read {path}/Makefile: No such file or directory (os error 2)");
    assert_eq!(text, format!("lgbench: {wanted}\n"));
}
