//! As a plug-in of ublksrv's `ublk`: that runs `ublk.vpt` with its own arguments and `--eventfd N`, its
//! standard descriptors closed, and waits for eight bytes.

use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;

use e2e::{Lab, PATIENT, Said, need, send_signal, soon, wait_until};

/// Our program under the name that ublksrv's looks for.
fn plug_in(lab: &Lab) -> PathBuf {
    let plug_in = lab.file("ublk.vpt");
    if !plug_in.exists() {
        symlink(e2e::binary(), &plug_in).unwrap();
    }
    plug_in
}

/// What ublksrv's program does: the number it is told, and how the plug-in ended.
fn called(lab: &Lab, arguments: &[&str]) -> (Option<u64>, ExitStatus) {
    plug_in(lab);
    let mut command = Command::new("sh");
    command.args(["-c", r#"exec ./ublk.vpt "$@" --eventfd 7 7>&1 0<&- 1>&- 2>&-"#, "sh"]);
    command
        .args(arguments)
        .args(PATIENT)
        .current_dir(lab.path())
        .env("UBLK_STATE_DIR", lab.state());
    command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped());
    let mut plug_in = command.spawn().unwrap();
    let mut pipe = plug_in.stdout.take().unwrap();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.read_to_end(&mut bytes);
        let _ = tell.send(read.map(|_| bytes)); // nobody waits after a failure
    });
    let bytes = told.recv_timeout(soon()).expect("the caller's descriptor is kept open").unwrap();
    let number = match bytes[..] {
        [] => None,
        _ => Some(u64::from_ne_bytes(bytes[..].try_into().expect("eight bytes"))),
    };
    (number, plug_in.wait().unwrap())
}

/// State and process of device 2, by the list.
fn listed(lab: &Lab) -> (String, u32) {
    let listed = lab.list();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["id"], 2);
    let state = listed[0]["state"].as_str().unwrap().to_owned();
    (state, listed[0]["pid"].as_u64().unwrap().try_into().unwrap())
}

#[test]
fn tells_its_caller_the_number_when_the_device_is_live() {
    need!(Lab);
    let lab = Lab::with_ublk();
    lab.image("x.img", 1 << 20);
    let (number, status) = called(
        &lab,
        &[
            "add", "-t", "vpt", "-n", "2", "-q", "1", "-d", "4", "-r", "1", "-f", "x.img",
            "--disk", "null",
        ],
    );
    assert_eq!((number, status.code()), (Some(3), Some(0)));
    let (state, pid) = listed(&lab);
    assert_eq!(state, "LIVE");
    assert_eq!(std::fs::read("/dev/ublkb2").unwrap().len(), 1 << 20);

    // A number that is taken is a failure, and takes nothing away.
    let taken = ["add", "-t", "vpt", "-n", "2", "-f", "y.img", "--size", "1M", "--disk", "null"];
    let (number, status) = called(&lab, &taken);
    assert!(matches!(number, None | Some(0)) && status.code() == Some(1), "{number:?} {status}");
    assert!(!lab.file("y.img").exists());
    assert_eq!(listed(&lab), ("LIVE".to_owned(), pid));

    send_signal(pid, "KILL");
    wait_until("end of the daemon", soon(), || e2e::has_ended(pid));
    assert_eq!(listed(&lab).0, "QUIESCED");
    let (number, status) = called(&lab, &["recover", "-n", "2"]);
    assert_eq!((number, status.code()), (Some(3), Some(0)));
    let (state, successor) = listed(&lab);
    assert!(state == "LIVE" && successor != pid, "{state} {successor}");
    assert_eq!(std::fs::read("/dev/ublkb2").unwrap().len(), 1 << 20);
    lab.run(&["del", "-n", "2"]).ok();
    lab.assert_no_ublk_left();
}

#[test]
fn tells_its_caller_of_a_failure() {
    need!(Lab);
    let lab = Lab::with_ublk();
    for failing in [
        &["add", "-t", "vpt", "-f", "no-such.img", "--disk", "null"][..],
        &["add", "-t", "vpt", "-f", "no-such.img", "--disk", "no-such-disk"],
        &["add", "-t", "loop", "-f", "no-such.img"],
        &["recover", "-n", "2"],
    ] {
        let (number, status) = called(&lab, failing);
        assert!(matches!(number, None | Some(0)), "{failing:?}: {number:?}");
        assert!(!status.success(), "{failing:?}: {status}");
    }
    lab.assert_no_ublk_left();
}

#[test]
fn explains_itself_under_that_name() {
    need!(Lab);
    let lab = Lab::new();
    let help = Said::of(Command::new(plug_in(&lab)).args(["help", "-t", "vpt"]));
    assert!(help.status.success() && help.out.contains("modelled spinning disk"), "{help}");
}
