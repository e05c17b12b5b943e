//! What a confined daemon can and cannot do, tried from inside. Confinement is for ever, so each test
//! does it in a process of its own: this program again, which then runs the same test as the child.
#![allow(unsafe_code)]

use std::fs::{self, File};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::mpsc;

use ublk_vpt::daemon::confine;
use ublk_vpt::daemon::device::{
    Back, Confine, DeviceConfig, DiskText, Format, Front, RealTime, Spin,
};

const CHILD: &str = "UBLK_TEST_CONFINED";

/// Runs `inside` in a child, in a state directory of its own.
fn child(test: &str, inside: fn(&Path)) -> Output {
    if let Some(state) = std::env::var_os(CHILD) {
        inside(Path::new(&state));
        // The harness would want to do more than a confined process may.
        std::process::exit(0);
    }
    let state = tempfile::tempdir().expect("a temporary folder");
    let program = std::env::current_exe().expect("its own path");
    Command::new(program)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, state.path())
        .output()
        .expect("a child")
}

fn passes(test: &str, inside: fn(&Path)) {
    if let Err(why) = confine::available() {
        println!("SKIP: {test}: {why}");
        return;
    }
    let output = child(test, inside);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
}

fn config(state: &Path, front: Front) -> DeviceConfig {
    DeviceConfig {
        allow_backing: Vec::new(),
        id: 0,
        image: None,
        format: Format::Raw,
        back: Back::Mem,
        size_bytes: Some(1 << 20),
        disk: DiskText { name: "x".into(), origin: "x".into(), text: String::new() },
        latency: None,
        ncq: None,
        front,
        listen: None,
        socket: state.join("0000.client"),
        mount: state.join("0000"),
        loop_device: false,
        mode: None,
        k: None,
        k_min: None,
        k_max: None,
        depth: 1,
        queues: 1,
        block_size: 512,
        recovery: false,
        unprivileged: false,
        recover: false,
        read_only: false,
        seed: None,
        rt: RealTime::Off,
        spin: Spin::Off,
        trace: None,
        metrics: None,
        confine: Confine::On,
    }
}

fn refused<T>(what: &str, result: io::Result<T>) {
    let errno = result.err().and_then(|e| e.raw_os_error());
    assert!(matches!(errno, Some(libc::EPERM | libc::EACCES)), "{what}: {errno:?}");
}

fn forbidden_things() {
    refused("/etc/passwd", File::open("/etc/passwd"));
    refused("a file elsewhere", File::create("/tmp/ublk-test-forbidden"));
    refused("a folder elsewhere", fs::read_dir("/"));
    refused("a network socket", std::net::TcpStream::connect("127.0.0.1:1"));
    refused("another program", Command::new("/bin/true").spawn());
    let none = rustix::mount::MountFlags::empty();
    let mount = rustix::mount::mount("none", "/proc", "tmpfs", none, None::<&std::ffi::CStr>);
    refused("a mount", mount.map_err(Into::into));
    // SAFETY: memory for code, of no address that is in use; refused, or never used.
    let code = unsafe {
        let prot = libc::PROT_READ | libc::PROT_EXEC;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        libc::mmap(std::ptr::null_mut(), 4096, prot, flags, -1, 0)
    };
    assert_eq!(code, libc::MAP_FAILED);
    refused::<()>("memory for code", Err(io::Error::last_os_error()));
    refused("a new ring", io_uring::IoUring::new(2));
}

#[test]
fn the_rest_of_the_machine_is_out_of_reach() {
    passes("the_rest_of_the_machine_is_out_of_reach", |state| {
        // All of it is possible before, or the test would prove nothing.
        File::open("/etc/passwd").unwrap();
        io_uring::IoUring::new(2).unwrap();
        assert_eq!(confine::apply(&config(state, Front::Fuse)).unwrap(), None);
        forbidden_things();
    });
}

/// Threads that were there before, and those that they or others start later.
#[test]
fn every_thread_is_confined() {
    passes("every_thread_is_confined", |state| {
        let (go, gone) = mpsc::channel::<()>();
        let before = std::thread::spawn(move || {
            gone.recv().unwrap();
            forbidden_things();
            std::thread::spawn(forbidden_things).join().unwrap();
        });
        // One that waits in the kernel must be reached too.
        let (reader, writer) = io::pipe().unwrap();
        let waiting = std::thread::spawn(move || {
            let mut one = [0];
            io::Read::read_exact(&mut { reader }, &mut one).unwrap();
            forbidden_things();
        });
        confine::apply(&config(state, Front::Fuse)).unwrap();
        go.send(()).unwrap();
        io::Write::write_all(&mut { writer }, b"x").unwrap();
        before.join().unwrap();
        waiting.join().unwrap();
        std::thread::spawn(forbidden_things).join().unwrap();
    });
}

#[test]
fn what_a_daemon_does_still_works() {
    passes("what_a_daemon_does_still_works", |state| {
        let mut image = File::create(state.join("elsewhere")).unwrap();
        confine::apply(&config(state, Front::Fuse)).unwrap();
        io::Write::write_all(&mut image, b"data").unwrap();
        image.sync_data().unwrap();
        let (log, last) = (state.join("0000.log"), state.join("0000.log.last"));
        fs::write(&log, "x").unwrap();
        fs::rename(&log, &last).unwrap();
        fs::remove_file(&last).unwrap();
        let socket = state.join("sock");
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        std::os::unix::net::UnixStream::connect(&socket).unwrap();
        listener.accept().unwrap();
        assert!(fs::read_to_string("/proc/self/mountinfo").unwrap().contains(" / "));
        assert!(fs::read_dir("/sys/block").is_ok() || !Path::new("/sys/block").exists());
        let sum: u64 = std::thread::spawn(|| (0..1_000_000_u64).collect::<Vec<_>>().iter().sum())
            .join()
            .unwrap();
        assert_eq!(sum, 499_999_500_000);
    });
}

/// The calls of an intruder end the process: nothing after them is of interest.
#[test]
fn tracing_another_process_is_deadly() {
    let test = "tracing_another_process_is_deadly";
    if let Err(why) = confine::available() {
        println!("SKIP: {test}: {why}");
        return;
    }
    let output = child(test, |state| {
        confine::apply(&config(state, Front::Fuse)).unwrap();
        // SAFETY: asks to be traced; takes no pointers that it would use.
        unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
    });
    assert_eq!(output.status.signal(), Some(libc::SIGSYS), "{output:?}");
}

#[test]
fn a_front_end_has_what_it_needs_and_no_more() {
    passes("a_front_end_has_what_it_needs_and_no_more", |state| {
        confine::apply(&config(state, Front::Ublk)).unwrap();
        // Control commands are given on new rings.
        io_uring::IoUring::new(2).unwrap();
        refused("/etc/passwd", File::open("/etc/passwd"));
    });
}
