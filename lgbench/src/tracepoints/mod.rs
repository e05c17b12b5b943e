//! The kernel's own view of guests: when it stopped running one and when it began, by its tracepoints.
//!
//! | guests | stop | start |
//! | --- | --- | --- |
//! | virtual machines | kvm_exit | kvm_entry |
//! | the same where KVM does not tell these | kvm_userspace_exit | sched_switch to its thread |
//! | processes | sched_switch from it | sched_switch to it |
//!
//! [`program`] is what runs in the kernel, [`bpf`] how it gets there. Everything is noted in memory and
//! read when the guests have ended. Raw tracepoints are opened by their name, so neither tracefs nor type
//! information is needed; a thread that is switched to is known by its task's address, which it has shown
//! when it was switched from.

mod bpf;
mod program;

use std::collections::HashMap;
use std::ffi::CStr;
use std::io;
use std::os::fd::OwnedFd;

use self::bpf::Array;
use self::program::{Notes, program};

/// Entries: more than a run that looks at switches has, in 16 MiB.
const ENTRIES: u32 = 1 << 19;

/// What the first PID namespace is called; in others threads have other numbers than the kernel's own.
const FIRST_NAMESPACE: &str = "pid:[4026531836]";

const EXIT: u16 = 1;
const ENTRY: u16 = 2;
const USER_EXIT: u16 = 3;
const SWITCH: u16 = 4;

const OF_SCHEDULER: &CStr = c"sched_switch";

/// Tracepoints of KVM, which may not be there.
const OF_KVM: [(u16, &CStr); 3] =
    [(EXIT, c"kvm_exit"), (ENTRY, c"kvm_entry"), (USER_EXIT, c"kvm_userspace_exit")];

/// Why the kernel's view cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// Not for this user.
    #[error("no permission for BPF; run as root, or with CAP_BPF and CAP_PERFMON")]
    NotPermitted(#[source] io::Error),
    /// Not in this kernel.
    #[error(
        "the kernel refuses BPF at its tracepoints; it takes Linux 5.12 or later with CONFIG_BPF_SYSCALL"
    )]
    Refused(#[source] io::Error),
    /// Threads cannot be told from each other.
    #[error(
        "this is a PID namespace of its own, in which threads have other numbers than the kernel's"
    )]
    Namespace,
}

impl From<io::Error> for TraceError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::NotPermitted(error),
            _ => Self::Refused(error),
        }
    }
}

/// What the kernel did with a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It does not run any more.
    Stop,
    /// It runs from now on.
    Start,
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, in ns of CLOCK_MONOTONIC.
    pub at_ns: u64,
    /// Whose, from 0.
    pub guest: usize,
    /// What.
    pub kind: Kind,
}

/// All that was noted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Which tracepoints these are.
    pub source: &'static str,
    /// In the order of time.
    pub events: Vec<Event>,
    /// Events that did not fit.
    pub lost: u64,
}

/// Programs at tracepoints, until it is dropped.
#[derive(Debug)]
pub struct Tracer {
    // Dropped first, so that nobody writes any more.
    links: Vec<(&'static CStr, OwnedFd)>,
    array: Array,
    threads: Vec<u32>,
}

impl Tracer {
    /// Watches these threads, one for each guest, on their CPU.
    ///
    /// # Errors
    /// See [`TraceError`]. Tracepoints of KVM may be missing.
    pub fn attach(threads: &[u32], cpu: u32) -> Result<Self, TraceError> {
        if std::fs::read_link("/proc/self/ns/pid")
            .is_ok_and(|name| name.as_os_str() != FIRST_NAMESPACE)
        {
            return Err(TraceError::Namespace);
        }
        let array = Array::new(ENTRIES)?;
        let scheduler = program(array.fd(), SWITCH, Notes::Cpu(cpu));
        let mut links = vec![(OF_SCHEDULER, bpf::attach(OF_SCHEDULER, &scheduler)?)];
        for (number, tracepoint) in OF_KVM {
            let noted = program(array.fd(), number, Notes::Threads(threads));
            // Where there is no KVM there is no such tracepoint.
            links.extend(bpf::attach(tracepoint, &noted).map(|link| (tracepoint, link)));
        }
        Ok(Self { links, array, threads: threads.to_vec() })
    }

    /// Which tracepoints there are.
    pub fn names(&self) -> Vec<String> {
        self.links.iter().map(|(name, _)| name.to_string_lossy().into_owned()).collect()
    }

    /// What happened up to now.
    pub fn finish(mut self) -> Trace {
        self.links.clear();
        let (entries, lost) = self.array.read();
        let mut notes: Vec<Note> = entries.into_iter().map(Note::from).collect();
        notes.sort_by_key(|note| note.at_ns);
        Trace { lost, ..trace(&notes, &self.threads) }
    }
}

/// An entry of the array.
#[derive(Clone, Copy, Debug)]
struct Note {
    at_ns: u64,
    number: u16,
    thread: u32,
    /// Addresses of the tasks that are switched from and to.
    from: u64,
    to: u64,
}

impl From<[u64; 4]> for Note {
    fn from([at_ns, what, from, to]: [u64; 4]) -> Self {
        // The halves of a word.
        Self { at_ns, number: (what >> 32) as u16, thread: what as u32, from, to }
    }
}

/// Picks the tracepoints that say most.
fn trace(notes: &[Note], threads: &[u32]) -> Trace {
    let guest_of = |thread: u32| threads.iter().position(|known| *known == thread);
    let told = |number: u16| notes.iter().any(|note| note.number == number);
    let tasks: HashMap<u64, usize> = notes
        .iter()
        .filter(|note| note.number == SWITCH)
        .filter_map(|note| Some((note.from, guest_of(note.thread)?)))
        .collect();
    let (source, stop, start) = if told(EXIT) && told(ENTRY) {
        ("kvm_exit, kvm_entry", EXIT, ENTRY)
    } else if told(USER_EXIT) {
        ("kvm_userspace_exit, sched_switch", USER_EXIT, SWITCH)
    } else {
        ("sched_switch", SWITCH, SWITCH)
    };
    let mut events = Vec::new();
    for note in notes {
        let mut add = |guest: Option<usize>, kind| {
            events.extend(guest.map(|guest| Event { at_ns: note.at_ns, guest, kind }));
        };
        if note.number == stop {
            add(guest_of(note.thread), Kind::Stop);
        }
        if note.number == start {
            let guest =
                if start == SWITCH { tasks.get(&note.to).copied() } else { guest_of(note.thread) };
            add(guest, Kind::Start);
        }
    }
    Trace { source, events, lost: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Kind::{Start, Stop};

    fn note(at_ns: u64, number: u16, thread: u32, from: u64, to: u64) -> Note {
        Note { at_ns, number, thread, from, to }
    }

    fn told(notes: &[Note]) -> (&'static str, Vec<(u64, usize, Kind)>) {
        let trace = trace(notes, &[10, 20]);
        (trace.source, trace.events.iter().map(|e| (e.at_ns, e.guest, e.kind)).collect())
    }

    #[test]
    fn the_tracepoints_nearest_to_the_guest_are_taken() {
        // Thread 10 has task 100, 20 has 200; 0 idles.
        let scheduler = [
            note(1, SWITCH, 10, 100, 900),
            note(4, SWITCH, 0, 900, 200),
            note(8, SWITCH, 20, 200, 100),
        ];
        let all = vec![(1, 0, Stop), (4, 1, Start), (8, 1, Stop), (8, 0, Start)];
        assert_eq!(told(&scheduler), ("sched_switch", all));
        let with = |number: u16, thread: u32| {
            let mut notes = scheduler.to_vec();
            notes.insert(0, note(0, number, thread, 0, 0));
            notes
        };
        let all = vec![(0, 0, Stop), (4, 1, Start), (8, 0, Start)];
        assert_eq!(told(&with(USER_EXIT, 10)), ("kvm_userspace_exit, sched_switch", all));
        let mut notes = with(EXIT, 10);
        notes.push(note(9, ENTRY, 20, 0, 0));
        assert_eq!(told(&notes), ("kvm_exit, kvm_entry", vec![(0, 0, Stop), (9, 1, Start)]));
    }

    /// Sleeps five times; what the kernel told of that, where it tells.
    fn sleeps() -> Option<Vec<Kind>> {
        let cpu = crate::sys::cpu::allowed().unwrap()[0];
        crate::sys::cpu::pin(cpu).unwrap();
        let thread = rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned();
        let tracer = match Tracer::attach(&[thread], cpu) {
            Ok(tracer) => tracer,
            Err(error) => {
                println!("SKIP: tracepoints: {error}");
                return None;
            }
        };
        let begun = crate::sys::time::monotonic_ns();
        for _ in 0..5 {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        let ended = crate::sys::time::monotonic_ns();
        let trace = tracer.finish();
        assert_eq!((trace.source, trace.lost), ("sched_switch", 0));
        let inside = trace.events.iter().filter(|e| (begun..ended).contains(&e.at_ns));
        Some(inside.map(|event| event.kind).collect())
    }

    #[test]
    fn the_kernel_tells_when_a_thread_sleeps_and_wakes() {
        let all_told = |kinds: &[Kind]| {
            let count = |kind| kinds.iter().filter(|k| **k == kind).count();
            count(Stop) >= 5 && count(Start) >= 5 && kinds.windows(2).all(|two| two[0] != two[1])
        };
        // Some kernels keep the switches of some threads to themselves (ftrace does not have them either):
        // who runs after such a one has not been told to start.
        let tries = (0..5).map_while(|_| std::thread::spawn(sleeps).join().unwrap());
        let tries: Vec<_> = tries.take_while(|kinds| !all_told(kinds)).collect();
        assert!(tries.len() < 5, "{tries:?}");
    }
}
