//! What systemd says about the units.

use std::fs;
use std::process::Command;

use e2e::{Said, skip};

use crate::{has, repository};

/// Highest exposure of the units that do not share the machine's mounts, in tenths.
const EXPOSURE: u32 = 25;
const UNITS: [&str; 4] =
    ["ublk-vpt@.service", "ublk-vpt-fuse@.service", "ublk-vpt.slice", "vcd@.service"];

#[test]
fn systemd_finds_nothing_wrong() {
    if !has("systemd-analyze") {
        skip!("there is no systemd-analyze (package systemd)");
    }
    let folder = tempfile::tempdir().unwrap();
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no", "--recursive-errors=yes"]);
    for unit in UNITS {
        let text = fs::read_to_string(repository().join("configs/systemd").join(unit)).unwrap();
        // The programs are not installed here; systemd looks only whether there is one.
        let program = e2e::binary().to_str().unwrap();
        let text = text.replace("/usr/bin/ublk", program).replace("/usr/bin/vcd", program);
        let copy = folder.path().join(unit);
        fs::write(&copy, text).unwrap();
        verify.arg(copy);
    }
    let said = Said::of(&mut verify);
    // It says much about units of the machine that are no concern of ours.
    let ours = |line: &&str| line.contains("ublk") || line.contains("vcd");
    assert_eq!(said.err.lines().find(ours), None, "{said}");
    assert!(said.status.success(), "{said}");
}

#[test]
fn the_units_expose_little() {
    if !has("systemd-analyze") {
        skip!("there is no systemd-analyze (package systemd)");
    }
    for unit in [UNITS[0], UNITS[3]] {
        let said = Said::of(
            Command::new("systemd-analyze")
                .args(["security", "--offline=true", &format!("--threshold={EXPOSURE}")])
                .arg(repository().join("configs/systemd").join(unit)),
        );
        assert!(said.out.contains("Overall exposure level"), "{said}");
        assert!(said.status.success(), "{said}");
    }
}

/// The hardening must leave what each front end works with.
#[test]
fn each_unit_may_do_its_work() {
    let read =
        |unit: &str| fs::read_to_string(repository().join("configs/systemd").join(unit)).unwrap();
    let (private, shared) = (read(UNITS[0]), read(UNITS[1]));
    for text in [&private, &shared] {
        for line in [
            "Type=notify",
            "LimitMEMLOCK=infinity",
            "RestartSec=1",
            "SystemCallFilter=io_uring_setup io_uring_enter io_uring_register",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}");
        }
        assert!(text.contains("CAP_SYS_ADMIN CAP_SYS_NICE"));
        assert!(!text.contains("RestrictRealtime"));
    }
    assert!(private.contains("PrivateMounts=yes") && private.contains("--private-mounts"));
    assert!(private.contains("DeviceAllow=/dev/ublk-control rw"));
    // Each of these gives a service a copy of the machine's mounts, and what it mounts is in the copy.
    for own_mounts in [
        "PrivateMounts",
        "PrivateTmp",
        "ProtectSystem",
        "ProtectHome",
        "ProtectKernel",
        "ReadWrite",
    ] {
        assert!(!shared.contains(own_mounts), "{own_mounts}");
    }
    assert!(shared.contains("DeviceAllow=/dev/fuse rw") && shared.contains("mount umount2"));
}

/// The same of a card's unit: the module, the screens, and a supervisor that outlives the daemon.
#[test]
fn a_card_s_unit_may_do_its_work() {
    let text = fs::read_to_string(repository().join("configs/systemd").join(UNITS[3])).unwrap();
    for line in [
        "Type=notify",
        "DeviceAllow=/dev/vgpu rw",
        "DeviceAllow=char-drm rw",
        "DeviceAllow=/dev/tty0 rw",
        "CapabilityBoundingSet=CAP_SYS_TTY_CONFIG",
        "KillMode=process",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}");
    }
}
