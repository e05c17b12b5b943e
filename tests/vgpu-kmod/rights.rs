//! Who may make cards, and who may use one: its own process.

use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use e2e::{Said, need};
use vcd_drm::shim::Card;

use crate::shim::{Modules, config, file, plug, wait_no_card};

#[test]
fn an_unprivileged_user_gets_nothing() {
    need!(Lab, Root);
    let modules = Modules::shim();
    let mode = std::fs::metadata("/dev/vgpu").unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let program = file("answer");
    let said = Said::of(
        Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&program),
    );
    assert_eq!(said.status.code(), Some(1), "{said}");
    said.says(&["cannot open /dev/vgpu; load the module (modprobe vgpu), and run as root"]);
    drop(modules);
}

#[test]
fn without_the_module_a_daemon_says_so() {
    need!(Lab, Root);
    let said = Said::of(&mut Command::new(file("answer")));
    assert_eq!(said.status.code(), Some(1), "{said}");
    said.says(&["cannot open /dev/vgpu", "No such file"]);
}

#[test]
fn another_process_gets_nothing_of_a_card() {
    need!(Lab, Root);
    let modules = Modules::shim();
    let card = Card::create(&config()).unwrap();
    plug(&card);
    card.registers().write(0x20, 0x5ec2e7);
    let stdin = Stdio::from(card.as_fd().try_clone_to_owned().unwrap());
    // Inherited, as root, and still nobody's. The command keeps the descriptor until it is dropped.
    let output = Command::new(file("abuse")).arg("stranger").stdin(stdin).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.lines().count() >= 12, "{said}");
    for line in said.lines() {
        let fine = line.ends_with("Operation not permitted") || line.starts_with("version ");
        assert!(fine, "{line:?} of:\n{said}");
    }
    // To its own process it is what it was.
    assert_eq!(card.registers().read(0x20), 0x5ec2e7);
    assert!(card.status().unwrap().plugged());
    drop(card);
    wait_no_card();
    drop(modules);
}
