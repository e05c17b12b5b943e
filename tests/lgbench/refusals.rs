//! Bad input: one clear line, and an exit code that is not zero.

use std::process::Command;

use super::support::{lgbench, run, stderr};

/// Runs it and returns the only line it says.
fn refusal(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = stderr(&output);
    assert!(!output.status.success(), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let [line] = lines[..] else { panic!("not one line: {text}") };
    line.to_owned()
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    let folder = tempfile::tempdir().unwrap();
    let said = refusal(&mut run(folder.path(), &["fig9", "--backend", "native"]));
    assert!(
        said.starts_with("lgbench: there is no experiment \"fig9\"; there are: all, exp1"),
        "{said}"
    );
    let arguments = ["exp1", "--scenario", "x", "--backend", "native"];
    let said = refusal(&mut run(folder.path(), &arguments));
    assert!(said.ends_with("exp1 has no scenario \"x\"; it has: idle-idle, busy-idle"), "{said}");
    let arguments = ["fig6", "--slices", "1us", "--backend", "native"];
    let said = refusal(&mut run(folder.path(), &arguments));
    assert!(said.contains("too short"), "{said}");
    let arguments = ["exp1", "--slices", "4ms", "--backend", "native"];
    let said = refusal(&mut run(folder.path(), &arguments));
    assert_eq!(said, "lgbench: --slices: exp1 has none to choose; run fig6");
    let arguments = ["fig3", "--backend", "native", "--guest-cpu", "4000"];
    let said = refusal(&mut run(folder.path(), &arguments));
    assert!(said.contains("--guest-cpu 4000: this process may use CPU"), "{said}");
    assert!(!folder.path().join("out").exists(), "nothing was begun");
}

#[test]
fn nobody_to_control_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = lgbench();
    command.arg("ctl").arg("--control").arg(folder.path().join("none")).arg("status");
    let said = refusal(&mut command);
    assert!(said.starts_with("lgbench: no experiment is running"), "{said}");
}

#[test]
fn one_cpu_is_not_enough_for_a_controller() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["fig6", "--backend", "native"];
    let program = run(folder.path(), &arguments);
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program.get_program()).args(program.get_args());
    let said = refusal(&mut command);
    assert!(said.contains("fig6 needs a CPU for the controller"), "{said}");
    assert!(said.contains("--share-cpu"), "{said}");
}

/// Root has no need of permissions, so it gives its own up first.
fn as_nobody(program: &Command, unshare: &str) -> Command {
    let mut command = Command::new("sh");
    let script =
        format!("{unshare} exec setpriv --reuid 65534 --clear-groups --bounding-set=-all \"$@\"");
    command.args(["-c", &script, "sh"]).arg(program.get_program()).args(program.get_args());
    command
}

#[test]
fn no_permission_is_said() {
    e2e::need!(Root, Kvm);
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(folder.path(), Some(65534), None).unwrap();
    // The program where others can reach it.
    let copy = folder.path().join("lgbench");
    std::fs::copy(lgbench().get_program(), &copy).unwrap();
    let with = |arguments: &[&str]| {
        let usual = run(folder.path(), arguments);
        let mut command = Command::new(&copy);
        command.args(usual.get_args());
        command
    };
    let fifo = as_nobody(&with(&["fig3", "--backend", "native", "--fifo"]), "ulimit -r 0;");
    let output = { fifo }.output().unwrap();
    let said = stderr(&output);
    let last = said.lines().last().unwrap_or_default();
    assert!(!output.status.success());
    assert!(
        last.starts_with("lgbench: no permission for SCHED_FIFO (--fifo); run as root"),
        "{said}"
    );
    if std::fs::metadata("/dev/kvm")
        .is_ok_and(|meta| std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o006 == 0)
    {
        let said = refusal(&mut as_nobody(&with(&["fig3", "--backend", "kvm"]), ""));
        assert!(said.starts_with("lgbench: cannot open /dev/kvm; run as root, or join the group kvm, or use --backend native"), "{said}");
    }
}

#[test]
fn no_kvm_is_said() {
    e2e::need!(Root);
    let folder = tempfile::tempdir().unwrap();
    let program = run(folder.path(), &["fig3", "--backend", "kvm"]);
    // A mount namespace in which /dev has nothing but what programs always need.
    let mut command = Command::new("unshare");
    command.args([
        "-m",
        "sh",
        "-c",
        "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && exec \"$@\"",
        "sh",
    ]);
    command.arg(program.get_program()).args(program.get_args());
    let said = refusal(&mut command);
    assert!(
        said.starts_with("lgbench: cannot open /dev/kvm; load the module kvm_intel or kvm_amd"),
        "{said}"
    );
}

#[test]
fn guests_that_cannot_run_here_are_said() {
    e2e::need!(Kvm);
    let folder = tempfile::tempdir().unwrap();
    let json = lgbench().args(["env", "--json"]).output().unwrap().stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let said =
        refusal(&mut run(folder.path(), &["fig3", "--backend", "kvm-linux", "--kernel", "/x"]));
    let skew = refusal(lgbench().args(["skew", "--kernel", "/x", "--out"]).arg(folder.path()));
    if json["environment"]["kvm"] == "pvm" {
        let expected = "lgbench: the KVM of this machine is PVM, which emulates a guest's privilege \
                        level 0: a stock kernel does not boot on it; take a machine whose KVM is VMX \
                        or SVM";
        // Nothing else has a guest's clock.
        assert_eq!(skew, expected);
        assert_eq!(said, format!("{expected}, or use --backend kvm"));
    } else {
        let expected = "lgbench: cannot boot /x: there is no such file; give a kernel for guests \
                        with --kernel";
        assert_eq!((said.as_str(), skew.as_str()), (expected, expected));
    }
}

/// Nothing that is typed has no effect without a word.
#[test]
fn options_of_another_backend_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (
            &["fig3", "--backend", "native", "--kernel", "/x"][..],
            "--kernel: guests of native have no kernel; give --backend kvm-linux",
        ),
        (
            &["fig3", "--backend", "native", "--append", "nohz=off"],
            "--append: guests of native have no kernel; give --backend kvm-linux",
        ),
        (
            &["fig3", "--backend", "native", "--launcher", "x"],
            "--launcher: guests of native are not lguest's; give --backend lguest",
        ),
        (
            &["fig3", "--backend", "native", "--guest-program", "x"],
            "--guest-program: guests of native are not lguest's; give --backend lguest",
        ),
        (
            &["fig3", "--backend", "lguest", "--kernel", "/x"],
            "--kernel: guests of lguest get theirs from their launcher (--launcher)",
        ),
    ] {
        let said = refusal(&mut run(folder.path(), arguments));
        assert_eq!(said, format!("lgbench: {expected}"));
    }
    let said = refusal(lgbench().args(["penalty", "--kernel", "/x"]));
    assert_eq!(said, "lgbench: --kernel: guests of kvm have no kernel; give --backend kvm-linux");
}

#[test]
fn clocks_that_would_not_be_read_twice_are_refused() {
    for (arguments, expected) in [
        (["--period", "500us", "--length", "60s"], "500\u{b5}s is no number of whole milliseconds"),
        (["--period", "1500us", "--length", "60s"], "1.5ms is no number of whole milliseconds"),
        (
            ["--period", "40s", "--length", "60s"],
            "the clocks are to be read more than once in 60s (--length)",
        ),
    ] {
        let said = refusal(lgbench().arg("skew").args(arguments));
        assert_eq!(said, format!("lgbench: --period: {expected}"));
    }
}

#[test]
fn lguest_without_a_launcher_or_a_patched_kernel_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let said = refusal(&mut run(folder.path(), &["fig3", "--backend", "lguest"]));
    assert!(said.starts_with("lgbench: there is no command that starts a guest"), "{said}");
    let with =
        |program| ["fig3", "--backend", "lguest", "--launcher", "x", "--guest-program", program];
    let said = refusal(&mut run(folder.path(), &with("/nothing")));
    assert!(said.starts_with("lgbench: --guest-program /nothing: No such file"), "{said}");
    let said = refusal(&mut run(folder.path(), &with("/bin/true")));
    let expected = "lgbench: lguest's guests cannot be reached; it has to be patched and loaded, see \
                    lgbench lguest --help: cannot open /dev/lgbench: No such file or directory";
    assert!(said.starts_with(expected), "{said}");
}
