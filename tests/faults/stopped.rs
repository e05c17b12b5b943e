//! A daemon that was stopped: commands answer all the same.

use std::time::Duration;

use e2e::{Lab, need, send_signal};

/// Longer than any command may wait for an answer (5 s), on a machine with much else to do.
const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_stopped_daemon_keeps_no_command_waiting() {
    need!(Fuse, Loop, Root);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "4M", "--loop"]);
    std::fs::write(disk.served_file(), "before").unwrap();
    send_signal(disk.pid, "STOP");

    let said = disk.run("stats", &[]);
    assert!(said.took < LIMIT, "{said}");
    let continued = format!("kill -CONT {}", disk.pid);
    said.refused(&["device 0", "does not answer within 5 s", "SIGSTOP", &continued]);

    let said = lab.run(&["list"]);
    assert!(said.status.success() && said.took < LIMIT, "{said}");
    assert!(said.out.contains("state LIVE"), "{said}");
    said.says(&["does not answer"]);

    // Continued, it is as it was.
    send_signal(disk.pid, "CONT");
    assert_eq!(disk.stats()["id"], 0);
    std::fs::read(&disk.path).unwrap();
    send_signal(disk.pid, "STOP");

    // It would heed this one once it is continued, so that comes last.
    let said = disk.run("del", &["--timeout", "1"]);
    assert!(said.took < LIMIT, "{said}");
    said.refused(&["device 0", "does not answer", &continued]);

    let said = disk.run("del", &["--force", "--timeout", "5"]);
    assert!(said.status.success() && said.took < LIMIT, "{said}");
    said.says(&["killing it", "cleared away"]);
    disk.wait_gone();
    e2e::wait_until("detached loop device", LIMIT, || e2e::loops_under(lab.path()).is_empty());
    lab.assert_nothing_left();
    assert!(std::fs::read(lab.file("lab.img")).unwrap().starts_with(b"before"));
}
