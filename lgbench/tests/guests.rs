//! Real guests on every backend that works here.
#![allow(clippy::unwrap_used)] // in a test that is what shall happen

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lgbench::backend::kvm::KvmBackend;
use lgbench::backend::native::NativeBackend;
use lgbench::backend::{Backend, GuestLog, Placement};
use lgbench::controller::mailbox::Mailbox;
use lgbench::controller::{Interrupted, Mode, Phase};
use lgbench::memory::GuestSpec;
use lgbench::session::{self, Conditions, Session, SessionError};
use lgbench::sys::cpu;
use lgbench_payload::abi::{Payload, STATE_RUNNING};
use lgbench_payload::cfd;

/// Longer than any guest needs, in an emulator, too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test with each backend, and says which does not work.
fn with_each(test: fn(&mut (dyn Backend + Send))) {
    match KvmBackend::new() {
        Ok(mut kvm) => test(&mut kvm),
        Err(error) => println!("SKIP: the part on KVM: kvm: {error}"),
    }
    test(&mut NativeBackend::with_program(Path::new(env!("CARGO_BIN_EXE_lgbench"))));
}

fn placement() -> Placement {
    let allowed = cpu::allowed().unwrap();
    let (first, last) = (allowed[0], *allowed.last().unwrap());
    Placement { guest_cpu: Some(last), controller_cpu: first, fifo: false }
}

fn spec(payload: Payload) -> GuestSpec {
    let (elements, heap_bytes) = match payload {
        Payload::Stream => (1 << 15, 3 << 18),
        // Few records in a second: a log has room for those of a session.
        Payload::Stress => (4096, 4104 << 12),
        Payload::Cfd => (8, cfd::bytes(8)),
        _ => (100, 0),
    };
    GuestSpec {
        payload,
        elements,
        threshold: 3000,
        tick_ns: 2_000_000,
        log_capacity: 1 << 18,
        heap_bytes,
    }
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[derive(Debug, Default)]
struct Flag(AtomicBool);

impl Interrupted for Flag {
    fn is_raised(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

fn lead(
    backend: &mut (dyn Backend + Send),
    payloads: &[Payload],
    phases: &[Phase],
    patience: Duration,
) -> Result<Session, SessionError> {
    let specs: Vec<GuestSpec> = payloads.iter().map(|payload| spec(*payload)).collect();
    let conditions = Conditions {
        placement: placement(),
        patience,
        mailbox: &Mailbox::default(),
        interrupted: &Flag::default(),
        tracepoints: false,
    };
    session::run(backend, &specs, phases, conditions)
}

#[test]
fn a_held_guest_makes_no_progress_while_it_is_held() {
    with_each(|backend| {
        backend.start(&[spec(Payload::Gap), spec(Payload::Idle)], placement(), &|| false).unwrap();
        for guest in 0..2 {
            let progress = || backend.look(guest).unwrap().progress;
            wait_for("it gets somewhere", || progress() > 0);
            for _ in 0..20 {
                backend.gate(guest, false).unwrap();
                let held = progress();
                std::thread::sleep(Duration::from_millis(10));
                assert_eq!(progress(), held, "{} guest {guest}", backend.name());
                backend.gate(guest, true).unwrap();
                wait_for("it goes on", || progress() > held);
            }
        }
        let logs = backend.collect().unwrap();
        // Being held is a gap of at least as long; the guest saw each.
        let gaps = logs[0].records.iter().filter(|record| record.end - record.start > 5_000_000);
        assert!(gaps.count() >= 20);
    });
}

#[test]
fn every_payload_runs_and_records() {
    with_each(|backend| {
        for payload in Payload::ALL.into_iter().filter(|payload| *payload != Payload::Hang) {
            backend.start(&[spec(payload)], placement(), &|| false).unwrap();
            wait_for("it measures", || backend.look(0).unwrap().state == STATE_RUNNING);
            let begun = backend.look(0).unwrap().progress;
            wait_for("it gets on", || backend.look(0).unwrap().progress > begun + 8);
            let logs = backend.collect().unwrap();
            let log: &GuestLog = &logs[0];
            if !matches!(payload, Payload::Gap | Payload::Factorial) {
                assert!(log.records.len() > 4, "{payload:?} on {}", backend.name());
            }
            assert!(log.records.iter().all(|record| record.start <= record.end), "{payload:?}");
            assert!(log.records.windows(2).all(|pair| pair[0].end <= pair[1].start), "{payload:?}");
        }
    });
}

#[test]
fn guest_and_host_have_one_clock() {
    let Ok(mut kvm) = KvmBackend::new() else {
        println!("SKIP: guest_and_host_have_one_clock: kvm: there is none that works");
        return;
    };
    let before = lgbench::sys::time::tsc();
    kvm.start(&[spec(Payload::Idle)], placement(), &|| false).unwrap();
    wait_for("it wakes", || kvm.look(0).unwrap().progress > 10);
    let logs = kvm.collect().unwrap();
    let after = lgbench::sys::time::tsc();
    // Within what the comparison of clocks could not tell.
    let slack = logs[0].clock_uncertainty;
    for record in &logs[0].records {
        assert!(before <= record.start + slack && record.end <= after + slack, "{record:?}");
        let inside = |stay: &lgbench::backend::Stay| {
            stay.enter <= record.start + slack && record.end <= stay.leave + slack
        };
        assert!(logs[0].stays.iter().any(inside), "{record:?} lies in no stay");
    }
}

#[test]
fn slices_alternate_and_never_overlap() {
    with_each(|backend| {
        let interval = Duration::from_millis(20);
        let length = Duration::from_millis(600);
        let phases = [Phase { mode: Mode::Alternate { interval }, length }];
        let session = lead(backend, &[Payload::Gap; 2], &phases, PATIENCE).unwrap();
        let switches = &session.ledger.switches;
        assert!(!switches.is_empty());
        assert!(switches.windows(2).all(|pair| pair[0].to == pair[1].from));
        assert!(switches.iter().all(|switch| switch.closed_after_ns >= switch.late_ns));
        // The guests' own view: while one ran, the other had a gap.
        let mut presences: Vec<_> = session
            .logs
            .iter()
            .enumerate()
            .flat_map(|(guest, log)| lgbench::views::presences(guest, Payload::Gap, log))
            .collect();
        presences.sort_by_key(|presence| presence.first);
        let slack = session.logs.iter().map(|log| log.clock_uncertainty).sum::<u64>();
        for pair in presences.windows(2).filter(|pair| pair[0].guest != pair[1].guest) {
            assert!(pair[0].last <= pair[1].first + slack, "{pair:?}");
        }
        assert!(presences.iter().any(|presence| presence.guest == 0));
        assert!(presences.iter().any(|presence| presence.guest == 1));
        // As many as there were slices, or fewer where the machine was late; none early.
        let (all, most) = (session.ledger.deadlines[0].all, 600 / 20);
        assert!((1..=most).contains(&all), "{all} deadlines");
    });
}

#[test]
fn one_shot_holds_one_guest_and_then_the_other_for_good() {
    with_each(|backend| {
        // Each guest has seconds for one record of its own, on a busy machine as well.
        let after = Duration::from_secs(2);
        let length = Duration::from_secs(6);
        let phases = [Phase { mode: Mode::Once { first: 1, after }, length }];
        let session = lead(backend, &[Payload::Stress; 2], &phases, PATIENCE).unwrap();
        let [switch] = session.ledger.switches[..] else { panic!("{:?}", session.ledger) };
        assert_eq!((switch.from, switch.to), (1, 0));
        let window = session.ledger.windows[0];
        let slack = session.logs.iter().map(|log| log.clock_uncertainty).sum::<u64>();
        let ran = |guest: usize, from: u64, to: u64| {
            let records = session.logs[guest].records.iter();
            records.filter(|record| record.start > from + slack && record.end + slack < to).count()
        };
        assert_eq!(
            ran(0, window.from, switch.at - session.scale.cycles(switch.closed_after_ns)),
            0
        );
        assert!(ran(1, window.from, switch.at) > 0 && ran(0, switch.at, window.to) > 0);
        assert_eq!(session.logs[1].lost, 0, "it would not be seen to run on");
        assert_eq!(ran(1, switch.at, window.to), 0);
    });
}

#[test]
fn a_guest_that_hangs_is_given_up() {
    with_each(|backend| {
        let length = Duration::from_secs(1000);
        let phases = [Phase { mode: Mode::Off, length }];
        // What the first guest needs before it gets on is part of it.
        let patience = Duration::from_secs(5);
        let error = lead(backend, &[Payload::Gap, Payload::Hang], &phases, patience).unwrap_err();
        let text = error.to_string();
        assert_eq!(text, "guest 2 hangs: no progress in 5 s in which it could run");
    });
}

#[test]
fn parameters_that_make_no_sense_are_told() {
    with_each(|backend| {
        // Arrays that do not fit into the heap.
        let wrong = GuestSpec { elements: 1 << 40, ..spec(Payload::Stream) };
        backend.start(&[wrong], placement(), &|| false).unwrap();
        let failed = lgbench_payload::abi::STATE_FAILED;
        wait_for("it gives up", || {
            backend.look(0).is_err() || backend.look(0).unwrap().state == failed
        });
        let error = backend.collect().unwrap_err().to_string();
        assert_eq!(error, "guest 1 has failed: its payload gave up");
    });
}
