//! Ending a disk while it is in use.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use e2e::{Disk, Lab, Said, loops_under, need, send_signal, wait_until};

/// k times 0.2 to 0.4 ms is 30 s and more for every request.
const SLOW: [&str; 4] = ["--mode", "fixed", "--k", "150000"];
const DEPTH: u64 = 8;
/// Below the 10 s that a daemon gives what does not complete.
const AT_ONCE: Duration = Duration::from_secs(8);

/// Has `DEPTH` readers wait for a disk that takes minutes, does `end` to it, and checks that all of
/// them come back, with their data or an error.
fn with_waiting<T>(more: &[&str], end: impl Fn(&Lab, &Disk) -> T) -> T {
    let lab = Lab::new();
    let disk = lab.add(&[&["--image", "lab.img", "--size", "16M"], more].concat());
    disk.run("set", &["k=150000", "k_max=1000000", "mode=fixed"]).ok();
    let device = disk.path.starts_with("/dev");
    let (results, come_back) = std::sync::mpsc::channel();
    for i in 0..DEPTH {
        let (results, path) = (results.clone(), disk.path.clone());
        // Not scoped: when this test fails, the lab's end ends them.
        std::thread::spawn(move || results.send(read(&path, i << 20)));
    }
    // How many a loop device passes on at once is the kernel's choice.
    disk.wait_in_flight(if device { 2 } else { DEPTH });
    let ended = end(&lab, &disk);
    for _ in 0..DEPTH {
        let result =
            come_back.recv_timeout(Duration::from_secs(30)).expect("a reader that returns");
        // What was inside completes; only what waited in front of a block device may be turned away.
        assert!(device || result.is_ok(), "{result:?}");
    }
    wait_until("detached loop device", Duration::from_secs(30), || {
        loops_under(lab.path()).is_empty()
    });
    lab.assert_nothing_left();
    ended
}

/// One sector, past every cache.
fn read(path: &Path, at: u64) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = File::options();
    options.read(true);
    if path.starts_with("/dev") {
        options.custom_flags(nix::libc::O_DIRECT);
    }
    let file = options.open(path)?;
    // Direct I/O wants an aligned place in memory.
    let mut memory = vec![0; 8192];
    let skew = memory.as_ptr().align_offset(4096);
    file.read_exact_at(&mut memory[skew..skew + 4096], at)
}

/// Deletes up to three times; once at least, it must be over at once. A machine that stands still is late
/// now and then, a daemon that waits for what does not complete is it each time.
fn one_of_three(mut del: impl FnMut() -> Said) {
    let mut late = Vec::new();
    for _ in 0..3 {
        let said = del();
        assert!(said.status.success(), "{said}");
        if said.took < AT_ONCE {
            return;
        }
        late.push(said.took);
    }
    panic!("not at once, each time: {late:?}");
}

#[test]
fn del_completes_what_waits() {
    need!(Fuse);
    one_of_three(|| with_waiting(&[], |_, disk| disk.run("del", &[])));
}

#[test]
fn del_completes_what_waits_below_a_loop_device() {
    need!(Fuse, Loop, Root);
    one_of_three(|| with_waiting(&["--loop"], |_, disk| disk.run("del", &[])));
}

#[test]
fn sigterm_completes_what_waits() {
    need!(Fuse);
    with_waiting(&[], |lab, disk| {
        send_signal(disk.pid, "TERM");
        disk.wait_gone();
        assert!(lab.list().is_empty());
    });
}

/// From the first requests on, not only after a change.
#[test]
fn a_slow_disk_comes_up_and_goes_at_once() {
    need!(Fuse, Loop, Root);
    let lab = Lab::new();
    for more in [&[][..], &["--loop"]] {
        one_of_three(|| {
            let disk = lab.add(&[&["--back", "null", "--size", "16M"], &SLOW[..], more].concat());
            let said = disk.run("del", &[]);
            wait_until("detached loop device", Duration::from_secs(30), || {
                loops_under(lab.path()).is_empty()
            });
            said
        });
    }
    lab.assert_nothing_left();
}

/// Somebody has the file open all the time, and reads on afterwards.
#[test]
fn an_open_file_gets_errors_afterwards() {
    need!(Fuse);
    let lab = Lab::new();
    let disk = lab.add(&["--back", "mem", "--size", "1M"]);
    let file = File::open(&disk.path).unwrap();
    file.read_exact_at(&mut [0; 512], 0).unwrap();
    disk.del();
    assert!(file.read_at(&mut [0; 512], 0).is_err());
    lab.assert_nothing_left();
}

#[test]
fn del_of_all_ends_all() {
    need!(Fuse);
    let lab = Lab::new();
    for _ in 0..4 {
        lab.add(&["--back", "null", "--size", "1M"]);
    }
    assert_eq!(lab.list().len(), 4);
    let said = lab.run(&["del", "-a"]).ok();
    assert_eq!(said, "disk 0: stopped\ndisk 1: stopped\ndisk 2: stopped\ndisk 3: stopped\n");
    lab.assert_nothing_left();
    assert_eq!(lab.run(&["del", "-a"]).ok(), "");
}

/// Two at once: one does it, the other finds it done; neither fails oddly.
#[test]
fn del_twice_at_once() {
    need!(Fuse);
    let lab = Lab::new();
    for _ in 0..5 {
        let disk = lab.add(&["--back", "null", "--size", "1M"]);
        std::thread::scope(|scope| {
            let both = [(); 2].map(|()| scope.spawn(|| disk.run("del", &[])));
            let both = both.map(|del| del.join().unwrap());
            assert!(both.iter().any(|said| said.status.success()), "{both:?}");
            for said in both.iter().filter(|said| !said.status.success()) {
                said.says(&[&format!("device {}", disk.id)]);
            }
        });
        lab.assert_nothing_left();
    }
}
