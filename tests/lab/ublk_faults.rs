//! Faults under a ublk device, made on purpose.

use std::fs;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use e2e::{
    Aligned, Disk, Fio, Lab, PATIENT, Running, Said, need, pattern, send_signal, soon, tool,
    wait_until,
};
use nix::libc;

const MIB: usize = 1 << 20;

/// Eight programs' worth of reading, each until it gets an error or the end of the device. Not fio's: it
/// reads on at the end of a device that is gone.
struct Load(Receiver<()>);

impl Load {
    const READERS: u64 = 8;

    /// Starts it and waits until the disk has much to do.
    fn on(disk: &Disk<'_>) -> Self {
        let (done, ended) = channel();
        for reader in 0..Self::READERS {
            let (device, done) = (e2e::direct(&disk.path), done.clone());
            std::thread::spawn(move || {
                let mut block = Aligned::zeroes(4096);
                let mut at = reader;
                while device.read_at(&mut block, at % 1024 * 4096).is_ok_and(|bytes| bytes > 0) {
                    at += 389;
                }
                drop(device);
                let _ = done.send(()); // a test that has failed does not wait
            });
        }
        let before = disk.stat("/read/requests");
        wait_until("load", soon(), || {
            let stats = disk.stats();
            stats["in_flight"].as_u64() >= Some(Self::READERS)
                || stats["read"]["requests"].as_f64() > Some(before + 50.0)
        });
        Self(ended)
    }

    /// Waits until every reader has got its error.
    #[track_caller]
    fn ended(self) {
        for _ in 0..Self::READERS {
            self.0.recv_timeout(soon()).expect("a reader waits on for a device that is gone");
        }
    }
}

/// On a disk whose requests take far longer than anybody waits for `del`.
#[test]
fn deleted_under_load() {
    need!(Lab);
    let lab = Lab::with_ublk();
    lab.model("slow", 10.0, 10.0);
    let disk = lab.add_ublk_model("slow", &["--back", "mem", "--size", "4M", "--k", "4000"]);
    let load = Load::on(&disk);
    let del = disk.run("del", &[]);
    assert!(del.status.success() && del.err.is_empty(), "{del}");
    load.ended();
    wait_until("end of the device", soon(), || e2e::ublk_devices().is_empty());
    lab.assert_no_ublk_left();
}

/// By a program that knows the driver and not us.
#[test]
fn deleted_by_another_hand() {
    need!(Lab);
    let lab = Lab::with_ublk();
    let disk = lab.add_ublk(&["--back", "mem", "--size", "4M"]);
    let load = Load::on(&disk);
    Said::of(lab.ublk().args(["__ublk", "delete", "0"])).ok();
    disk.wait_gone();
    load.ended();
    wait_until("end of the device", soon(), || e2e::ublk_devices().is_empty());
    lab.assert_no_ublk_left();
    let log = fs::read_to_string(lab.state().join("0000.log.last")).unwrap();
    assert!(log.ends_with("taken away from outside\n") && !log.contains(" ERROR "), "{log}");
    let said = lab.run(&["list"]);
    assert!(said.status.success() && said.err.is_empty() && said.out.is_empty(), "{said}");
}

/// Without --recovery nothing is to wait for: the next command clears the kernel's device away.
#[test]
fn killed_under_load() {
    need!(Lab);
    let lab = Lab::with_ublk();
    let disk = lab.add_ublk(&["--image", "x.img", "--size", "4M"]);
    let file = e2e::direct(&disk.path);
    file.write_all_at(&Aligned::of(&pattern(1, 8192)), 0).unwrap();
    file.sync_all().unwrap();
    drop(file);
    let load = Load::on(&disk);
    send_signal(disk.pid, "KILL");
    disk.wait_gone();
    load.ended();
    let said = lab.run(&["list"]);
    assert!(said.status.success() && said.out.is_empty(), "{said}");
    said.says(&[&format!("device 0: its daemon (process {}) died; cleared away", disk.pid)]);
    lab.assert_no_ublk_left();
    assert!(fs::read(lab.file("x.img")).unwrap()[..8192] == pattern(1, 8192));
    // The number and the image can be had at once.
    let again = lab.add_ublk(&["--image", "x.img", "-n", "0"]);
    let mut back = Aligned::zeroes(8192);
    e2e::direct(&again.path).read_exact_at(&mut back, 0).unwrap();
    assert!(back[..] == pattern(1, 8192));
    again.del();
}

/// The process that `ublk add` has started, as soon as there is one.
fn daemon_of(add: &Running) -> Option<u32> {
    let children = format!("/proc/{0}/task/{0}/children", add.pid());
    let children = fs::read_to_string(children).ok()?;
    // Its other children ask the driver about what the last one left.
    let is_daemon = |pid: &u32| {
        let command = fs::read_to_string(format!("/proc/{pid}/cmdline"));
        command.is_ok_and(|command| command.contains("__daemon"))
    };
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).find(is_daemon)
}

/// Stops a daemon that has not yet had its block device made; lets it run on if it has.
///
/// Linux 6.12 reads the partition table with the device's mutex held, and needs that mutex to fail the reads
/// of a daemon that dies meanwhile: such a device stays until a timeout, or for good. A look at /sys/block
/// alone does not do, since the device may be made between the look and the kill. A thread that the kernel
/// has lent to a command of the driver's is not stopped before the command has returned.
#[track_caller]
fn stopped_before_scan(daemon: u32) -> bool {
    send_signal(daemon, "STOP");
    let mut is_made = false;
    wait_until("stop of the daemon", soon(), || {
        let is_at_rest = e2e::is_stopped(daemon) || e2e::has_ended(daemon);
        is_made = std::path::Path::new("/sys/block/ublkb0").exists();
        is_made || is_at_rest
    });
    if is_made {
        send_signal(daemon, "CONT");
    }
    !is_made
}

/// Commands clear away all of a killed daemon as soon as it has let go.
#[track_caller]
fn cleared(lab: &Lab) {
    let mut said = lab.run(&["list"]);
    // A killed process may take a while to let go.
    let end = Instant::now() + soon();
    while !(e2e::ublk_devices().is_empty() && lab.remains().is_empty()) {
        let left = (e2e::ublk_devices(), lab.remains());
        assert!(Instant::now() < end, "still there: {left:?}; {said}");
        said = lab.run(&["list"]);
        assert!(said.status.success(), "{said}");
    }
    lab.assert_no_ublk_left();
}

/// Daemon or command, at twenty moments.
#[test]
fn killed_while_it_comes_up() {
    need!(Lab);
    let lab = Lab::with_ublk();
    lab.image("x.img", 1 << 20);
    let start = || {
        let mut add = lab.ublk();
        add.args(["add", "vpt", "quick.toml", "--image", "x.img", "-n", "0", "-d", "1"]);
        let mut add =
            Running::start(add.args(["--front", "ublk", "--mode", "fixed"]).args(PATIENT));
        let mut daemon = None;
        wait_until("daemon", soon(), || {
            daemon = daemon_of(&add);
            daemon.is_some() || add.ended()
        });
        (add, daemon)
    };
    // How long it takes here, from the moment at which there is a daemon.
    let (add, _) = start();
    let began = Instant::now();
    let whole = add.end();
    let whole_took = began.elapsed();
    assert!(whole.status.success(), "{whole}");
    lab.run(&["del", "-n", "0"]).ok();

    let (mut failed, mut seen_in_kernel) = (0, 0);
    for (round, chance) in pattern(20, 20).into_iter().enumerate() {
        let (mut add, daemon) = start();
        if round % 2 == 0 {
            // The moment is the point here, whatever the machine makes of it.
            std::thread::sleep(whole_took * u32::from(chance) / 256);
        } else {
            // How long that takes differs too much to be met by chance.
            let has_some = || !e2e::ublk_devices().is_empty() || add.ended();
            wait_until("a device of the driver's", soon(), has_some);
        }
        let both = [daemon, Some(add.pid())];
        let victim = both[usize::from(round % 5 == 4)];
        let victim = victim.filter(|&pid| Some(pid) != daemon || stopped_before_scan(pid));
        // After a kill, `add` is quick to clear away what it finds.
        let is_in_kernel = !e2e::ublk_devices().is_empty();
        seen_in_kernel += usize::from(is_in_kernel && victim.is_some());
        victim.into_iter().for_each(|pid| send_signal(pid, "KILL"));
        let said = add.end();
        println!(
            "round {round}, moment {chance}: {victim:?} killed, in the kernel: {is_in_kernel}; {:?} {}",
            said.status.code(),
            said.err.trim()
        );
        if round % 5 == 4 || victim.is_none() {
            // Its daemon ends by itself, unless it had told that it lives: then it is to be asked.
            lab.run(&["del", "-a"]);
        } else if !said.status.success() {
            failed += 1;
            assert_eq!(said.status.code(), Some(1), "round {round}: {said}");
            said.says(&["ended without saying why"]);
        }
        if let Some(pid) = daemon {
            wait_until("end of the daemon", soon(), || e2e::has_ended(pid));
        }
        // Every other time the next `add` has to do with what is left.
        if round % 2 == 0 {
            cleared(&lab);
        }
    }
    println!("{failed} of 16 did not come up; {seen_in_kernel} of 20 were in the kernel");
    assert!(failed > 0 && seen_in_kernel > 0, "{failed}, {seen_in_kernel}");
    cleared(&lab);
    lab.add_ublk(&["--image", "x.img", "-n", "0"]).del();
    lab.assert_no_ublk_left();
}

/// Whoever stops and continues it, or looks at it with a debugger, ends every wait of its for a moment.
#[test]
fn stopped_and_continued_while_it_comes_up_and_goes() {
    need!(Lab);
    let lab = Lab::with_ublk();
    lab.image("x.img", 1 << 20);
    let mut stops = [0; 2];
    for round in 0..5 {
        let mut add = lab.ublk();
        add.args(["add", "vpt", "quick.toml", "--image", "x.img", "-n", "0", "--front", "ublk"]);
        let mut add = Running::start(add.args(["--json", "--mode", "fixed"]).args(PATIENT));
        let daemon = wait_until("daemon", soon(), || daemon_of(&add));
        stops[0] += disturbed(daemon, || add.ended());
        let said = add.end();
        assert!(said.status.success(), "round {round}: {said}");
        let disk = Disk::of(&lab, &said.out);
        let mut back = Aligned::zeroes(65536);
        e2e::direct(&disk.path).read_exact_at(&mut back, 0).unwrap();
        let mut del = Running::start(lab.ublk().args(["del", "-n", "0"]));
        stops[1] += disturbed(daemon, || del.ended());
        let said = del.end();
        assert!(said.status.success() && said.err.is_empty(), "round {round}: {said}");
        disk.wait_gone();
        lab.assert_no_ublk_left();
    }
    println!("stopped and continued {stops:?} times");
    assert!(stops.iter().all(|&stops| stops > 20), "{stops:?}");
}

/// Stops and continues a process until something has come; how many times.
fn disturbed(daemon: u32, mut has_come: impl FnMut() -> bool) -> u32 {
    let mut stops = 0;
    let end = Instant::now() + soon();
    while !has_come() && Instant::now() < end {
        for (signal, millis) in [("STOP", 1), ("CONT", 5)] {
            send_signal(daemon, signal);
            // Moments are the point here; it needs some to get on.
            std::thread::sleep(Duration::from_millis(millis));
        }
        stops += 1;
    }
    stops
}

#[test]
fn backing_errors_are_the_readers() {
    need!(Lab);
    let lab = Lab::with_ublk();
    let disk = lab.add_ublk(&["--image", "x.img", "--size", "1M"]);
    let file = e2e::direct(&disk.path);
    let data = Aligned::of(&pattern(2, 4096));
    file.write_all_at(&data, 8192).unwrap();
    disk.run("set", &["backing_fail_every=1"]).ok();
    let mut back = Aligned::zeroes(4096);
    for error in [file.read_exact_at(&mut back, 8192), file.write_all_at(&data, 0)] {
        assert_eq!(error.unwrap_err().raw_os_error(), Some(libc::EIO));
    }
    assert_eq!((disk.stat("/read/errors"), disk.stat("/write/errors")), (1.0, 1.0));
    disk.run("set", &["backing_fail_every=0"]).ok();
    file.read_exact_at(&mut back, 8192).unwrap();
    assert!(back[..] == data[..]);
    file.write_all_at(&data, 0).unwrap();
    drop(file);
    disk.del();
    lab.assert_no_ublk_left();
}

#[test]
fn a_full_disk_below_is_no_space_above() {
    need!(Lab);
    let lab = Lab::with_ublk();
    let small = lab.folder("small");
    tool("mount", &["-t", "tmpfs", "-o", "size=8m", "none", small.to_str().unwrap()]);
    let disk = lab.add_ublk(&["--image", "small/x.img", "--size", "32M"]);
    let file = e2e::direct(&disk.path);
    let chunk = MIB / 4;
    let mut kept = Vec::new();
    let error = loop {
        let at = kept.len();
        assert!(at < 32 * MIB, "32 MiB fit into 8 MiB");
        let data = pattern(at as u64, chunk);
        match file.write_all_at(&Aligned::of(&data), at as u64) {
            Ok(()) => kept.extend(data),
            Err(error) => break error,
        }
    };
    assert!([libc::ENOSPC, libc::EIO].map(Some).contains(&error.raw_os_error()), "{error}");
    assert!(kept.len() >= 4 * MIB, "full after {} bytes", kept.len());
    file.sync_all().unwrap();
    // Space that is given back can be used again.
    tool("blkdiscard", &["-l", "1048576", "/dev/ublkb0"]);
    kept[..MIB].fill(0);
    let late = pattern(77, chunk);
    file.write_all_at(&Aligned::of(&late), 20 * MIB as u64).unwrap();
    let mut back = Aligned::zeroes(chunk);
    file.read_exact_at(&mut back, 20 * MIB as u64).unwrap();
    assert!(back[..] == late);
    drop(file);
    disk.del();
    let image = fs::read(lab.file("small/x.img")).unwrap();
    assert!(image[..kept.len()] == kept, "what was acknowledged is lost");
    assert!(image[20 * MIB..20 * MIB + chunk] == late);
    tool("umount", &[small]);
    lab.assert_no_ublk_left();
}

#[test]
fn stopped_for_five_seconds_under_load() {
    need!(Lab, Fio);
    let lab = Lab::with_ublk();
    let disk = lab.add_ublk(&["--image", "x.img", "--size", "2M"]);
    let load = Fio::on(&disk.path).verified().set("size", "2m").set("iodepth", 8).start();
    wait_until("load", soon(), || disk.stat("/write/requests") > 20.0);
    send_signal(disk.pid, "STOP");
    // The length is the point here.
    std::thread::sleep(Duration::from_secs(5));
    send_signal(disk.pid, "CONT");
    let job = e2e::Job::of(load.end());
    assert_eq!(job.figure("/read/total_ios"), 512.0);
    assert_eq!(disk.stat("/read/errors") + disk.stat("/write/errors"), 0.0);
    disk.never_early(1000);
    disk.del();
    lab.assert_no_ublk_left();
}

/// Whatever the limit, it either works or says in one line why not, and leaves nothing.
#[test]
fn too_little_of_something() {
    need!(Lab);
    let lab = Lab::with_ublk();
    lab.image("x.img", 1 << 20);
    let (mut works, mut refusals) = (0, 0);
    for limit in ["--nofile=12", "--nofile=15", "--nofile=20", "--memlock=65536", "--as=120000000"]
    {
        let mut command = lab.ublk_under(&["prlimit", limit]);
        command.args(["add", "vpt", "quick.toml", "--image", "x.img", "--json", "--front", "ublk"]);
        let said = Said::of(command.args(["-d", "4"]).args(PATIENT));
        said.says(&[]);
        println!("{limit}: {:?} {}", said.status.code(), said.err.trim());
        if said.status.success() {
            works += 1;
            let disk = Disk::of(&lab, &said.out);
            let mut back = Aligned::zeroes(65536);
            e2e::direct(&disk.path).read_exact_at(&mut back, 0).unwrap();
            let ended = disk.run("del", &["--force"]);
            assert!(ended.status.success(), "{limit}: {ended}");
        } else if !said.err.contains("error while loading shared libraries") {
            refusals += 1;
            assert_eq!(said.status.code(), Some(1), "{limit}: {said}");
            assert_eq!(said.err.lines().count(), 1, "{limit}: {said}");
            assert!(said.err.starts_with("ublk: "), "{limit}: {said}");
        }
        // Also what a command with too few of them could not clear away itself.
        cleared(&lab);
    }
    assert!(refusals > 0 && works > 0, "{refusals} refusals, {works} that worked");
}
