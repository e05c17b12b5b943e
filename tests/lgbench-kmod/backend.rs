//! `lgbench run --backend lguest`, its guests threads: the launcher is this test program, started again.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use e2e::{need, send_signal, soon, wait_until};
use labstats::results::Experiment;
use lgbench::lguest::thread::ThreadGuest;
use lgbench_payload::abi::{Payload, Record, STATE_RUNNING};
use lgbench_payload::clock;
use lgbench_payload::log::Log;
use lgbench_payload::stream::{Arrays, KERNELS};
use lgbench_payload::wire::{ASK_LOG, Line, Message, VERSION};

use crate::module::Module;
use crate::support::{results, run, stderr};

/// The value of an argument of the guest's program.
fn argument(name: &str) -> u64 {
    let line = std::env::var("LGBENCH_ARGS").unwrap();
    let (kernels, ours) = line.split_once(" -- ").unwrap();
    assert!(kernels.contains("console=hvc0"), "{kernels}");
    let value = ours.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    value.unwrap().parse().unwrap()
}

fn say(message: Message) {
    let mut console = std::io::stdout().lock();
    console.write_all(Line::new(message).bytes()).unwrap();
    console.flush().unwrap();
}

/// What a guest does: one payload, with a gate before each of its steps.
struct Work<'a> {
    guest: &'a ThreadGuest,
    stop: &'a AtomicBool,
    log: Log<'a>,
}

impl Work<'_> {
    fn goes_on(&self) -> bool {
        while !self.guest.run().unwrap() {}
        !self.stop.load(SeqCst)
    }

    fn stream(&mut self, elements: usize) {
        let mut memory = vec![0.0; 3 * elements];
        let mut arrays = Arrays::new(&mut memory, elements).unwrap();
        arrays.fill(&AtomicU64::new(0));
        say(Message::State(u64::from(STATE_RUNNING)));
        for kernel in (0..KERNELS.len()).cycle() {
            if !self.goes_on() {
                return;
            }
            let start = clock::fenced();
            arrays.kernel(kernel);
            self.log.push(start, clock::fenced(), kernel as u64);
        }
    }

    fn gap(&mut self, threshold: u64) {
        say(Message::State(u64::from(STATE_RUNNING)));
        let mut last = clock::now();
        while self.goes_on() {
            let now = clock::now();
            if now - last > threshold {
                self.log.push(last, now, 0);
            }
            last = now;
        }
    }
}

/// The thread that is a guest; what it has recorded.
fn guest(guest: &ThreadGuest, stop: &AtomicBool) -> Vec<Record> {
    let mut records = vec![Record::default(); usize::try_from(argument("records")).unwrap()];
    let (count, lost) = (AtomicU64::new(0), AtomicU64::new(0));
    let log = Log::new(&mut records, &count, &lost);
    let mut work = Work { guest, stop, log };
    let payload = u32::try_from(argument("payload")).unwrap();
    match Payload::from_number(payload) {
        Some(Payload::Stream) => work.stream(usize::try_from(argument("elements")).unwrap()),
        Some(Payload::Gap) => work.gap(argument("threshold")),
        other => panic!("this launcher has no {other:?}"),
    }
    records.truncate(usize::try_from(count.load(SeqCst)).unwrap());
    records
}

/// A process that the backend has started: its console is ours. As a test among others it has no guest to
/// launch, and is none.
#[test]
fn launcher() {
    let Some(initramfs) = std::env::var_os("LGBENCH_INITRD") else { return };
    let initramfs = std::fs::read(initramfs).unwrap();
    assert!(initramfs.starts_with(b"070701"), "an initramfs");
    let device = Arc::new(ThreadGuest::open().unwrap());
    say(Message::Hello { version: VERSION, cycles: clock::fenced() });
    let stop = Arc::new(AtomicBool::new(false));
    let thread = std::thread::spawn({
        let (device, stop) = (Arc::clone(&device), Arc::clone(&stop));
        move || guest(&device, &stop)
    });
    let mut question = [0];
    while std::io::stdin().read_exact(&mut question).is_ok() && question[0] != ASK_LOG {}
    stop.store(true, SeqCst);
    let records = thread.join().unwrap();
    say(Message::Log { records: records.len() as u64, lost: 0 });
    records.iter().for_each(|record| say(Message::Record(*record)));
    say(Message::End { records: records.len() as u64 });
    // It is for lgbench to end it.
    loop {
        std::thread::park();
    }
}

fn lguest(folder: &Path, launcher: &str, arguments: &[&str]) -> Output {
    let mut command = run(folder, arguments);
    command.args(["--backend", "lguest", "--guest-program", "/bin/true", "--runs", "2"]);
    command.args(["--launcher", launcher]).output().unwrap()
}

/// Threads as guests, through an experiment.
fn experiments(arguments: &[&str]) -> Vec<Experiment> {
    let _module = Module::load();
    let folder = tempfile::tempdir().unwrap();
    let this = std::env::current_exe().unwrap();
    let launcher = format!("{} --exact backend::launcher --nocapture", this.display());
    let output = lguest(folder.path(), &launcher, arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let results = results(folder.path());
    for one in &results.experiments {
        assert!(one.complete && one.backend == "lguest", "{one:?}");
        assert!(one.marks.iter().any(|mark| mark == "emulated: no timing value"), "{one:?}");
    }
    results.experiments
}

#[test]
fn threads_take_turns_and_their_throughput_is_told() {
    need!(Lab, Root);
    let all = experiments(&["fig6", "--slices", "20ms,80ms", "--length", "2s"]);
    let triad = all[0].series.iter().filter(|series| series.metric == "stream.triad");
    let found: Vec<_> = triad.filter(|s| s.len() > 1).map(|s| (s.guest, s.x)).collect();
    assert_eq!(found.len(), 4, "{found:?}");
}

#[test]
fn switches_are_seen_by_threads_and_by_the_device() {
    need!(Lab, Root);
    let all = experiments(&["gap", "--scenario", "alternate", "--length", "2s"]);
    for metric in ["switch.guest_to_guest", "switch.exit", "switch.entry"] {
        let found = all[0].series.iter().find(|series| series.metric == metric);
        assert!(found.is_some_and(|series| series.len() > 3), "{metric}: {found:?}");
    }
}

#[test]
fn a_guest_that_dies_on_the_way_is_told() {
    need!(Lab, Root);
    let _module = Module::load();
    let folder = tempfile::tempdir().unwrap();
    let this = std::env::current_exe().unwrap();
    let launcher = format!(
        "timeout --foreground -s KILL 4 {} --exact backend::launcher --nocapture",
        this.display()
    );
    let arguments = ["gap", "--scenario", "alternate", "--length", "120s"];
    let output = lguest(folder.path(), &launcher, &arguments);
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    // Whether the device or the launcher is the first that misses it.
    let whys = ["its launcher has ended", "it has gone"];
    let known = |why| [1, 2].map(|guest| format!("guest {guest} has failed: {why}"));
    assert!(whys.iter().flat_map(known).any(|why| told.contains(&why)), "{told}");
    assert!(!told.contains("patched"), "{told}");
}

/// The launcher starts no guest and does not end: that is waited for, but not against Ctrl-C.
#[test]
fn ctrl_c_ends_the_wait_for_a_guest() {
    need!(Lab, Root);
    let _module = Module::load();
    let folder = tempfile::tempdir().unwrap();
    let begun = folder.path().join("begun");
    let mut command = run(folder.path(), &["fig3", "--backend", "lguest"]);
    command.args(["--guest-program", "/bin/true", "--launcher"]);
    command.arg(format!("sh -c 'touch {}; sleep 1000'", begun.display()));
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the launcher", soon(), || begun.exists());
    send_signal(child.id(), "INT");
    let output = child.wait_with_output().unwrap();
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("interrupted before anything was measured; nothing is kept"), "{told}");
}

#[test]
fn what_cannot_start_a_guest_is_told() {
    need!(Lab, Root);
    let folder = tempfile::tempdir().unwrap();
    let without = lguest(folder.path(), "true", &["fig3"]);
    let told = stderr(&without);
    assert!(told.contains("cannot open /dev/lgbench") && told.contains("lgbench lguest"), "{told}");
    let _module = Module::load();
    for (launcher, why) in [
        ("false", "guest 1 has failed: its launcher has ended (exit status: 1)"),
        ("echo no vmlinux here", "its console ended: no vmlinux here"),
    ] {
        let output = lguest(folder.path(), launcher, &["fig3"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(why), "{launcher}: {}", stderr(&output));
    }
}
