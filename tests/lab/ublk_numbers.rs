//! Numbers that the ublk driver's other users have.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Command;

use e2e::{Disk, Lab, PATIENT, Said, need};

/// `ublk` with another state directory: a program that we know nothing of.
fn stranger(lab: &Lab) -> Command {
    let mut command = lab.ublk();
    command.env("UBLK_STATE_DIR", lab.file("strangers"));
    command
}

#[test]
fn another_program_s_number_is_passed_over() {
    need!(Lab);
    let lab = Lab::with_ublk();
    let null = ["add", "vpt", "quick.toml", "--back", "null", "--size", "1M", "--front", "ublk"];
    let null = [&null[..], &PATIENT].concat();
    Said::of(stranger(&lab).args(&null)).ok();
    let theirs = File::open("/dev/ublkb0").unwrap();

    let said = lab.run(&[&null[..], &["-n", "0"]].concat());
    said.refused(&["device 0", "driver has a device", "another program", "take another -n"]);
    assert_eq!(lab.remains(), [""; 0], "the refused disk has left something");
    let said = lab.run(&[&null[..], &["--json"]].concat());
    let ours = Disk::of(&lab, &said.ok());
    assert_eq!(ours.path.to_str(), Some("/dev/ublkb1"));
    // A disk that is no device of the driver's has numbers of its own.
    let fuse =
        lab.add(&[&["--back", "null", "--size", "1M", "--front", "fuse"], &PATIENT[..]].concat());
    assert_eq!(fuse.id, 0);
    fuse.del();
    ours.del();

    // None of that was theirs to notice.
    theirs.read_exact_at(&mut [0; 4096], 0).unwrap();
    drop(theirs);
    let list = Said::of(stranger(&lab).args(["list"])).ok();
    assert!(list.contains("state LIVE"), "{list}");
    Said::of(stranger(&lab).args(["del", "-n", "0"])).ok();
    lab.assert_no_ublk_left();
}
