//! The thread that runs a guest: in and out of KVM_RUN, as the gate allows.

use std::fmt::Debug;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use kvm_ioctls::{VcpuExit, VcpuFd};
use lgbench_payload::abi::Record;
use lgbench_payload::clock;

use super::Vcpu;
use super::kick::ExitFlag;
use super::skew::Skew;
use crate::backend::{BackendError, GuestLog, Placement, Stay};
use crate::environment::proc::{self, Waits};
use crate::gate::Gate;
use crate::sys::{cpu, policy, time};

/// Stays that are kept: more than four minutes of 0.25 ms slices, in 16 MiB.
const MAX_STAYS: usize = 1 << 20;

/// What the thread shares with the controller.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) gate: Gate,
    pub(super) exit: ExitFlag,
    failure: Mutex<Option<String>>,
}

impl Shared {
    pub(super) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fail(&self, why: String) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
    }
}

/// How a stay in the guest ended.
#[derive(Debug)]
pub(in crate::backend) enum Left {
    /// Somebody wanted the thread out.
    Interrupted,
    /// The guest wanted something, and has it.
    Served,
    /// The guest may have read its clock, which it has begun to tell.
    Begun,
    /// The guest told its clock: as it was in the stay in which it began to, or in this one.
    Hello(u64),
    /// The guest has ended.
    Done,
    /// The guest cannot go on.
    Failed(String),
}

/// A guest, for its thread.
pub(in crate::backend) trait Inside: Debug + Send + 'static {
    /// The vCPU's file.
    fn file(&self) -> BorrowedFd<'_>;

    /// Whether there is something to do; may sleep for as long as the gate is open.
    fn has_woken(&mut self, _: &Gate) -> bool {
        true
    }

    /// Enters the guest, and sees to what it wanted as it left.
    fn enter(&mut self) -> Left;
}

/// An exit that no guest of ours causes, with where it was.
pub(in crate::backend) fn unexpected(
    vcpu: &VcpuFd,
    exit: Result<String, kvm_ioctls::Error>,
) -> Left {
    let what = match exit {
        Err(error) if error.errno() == libc::EINTR || error.errno() == libc::EAGAIN => {
            return Left::Interrupted;
        }
        Ok(what) => what,
        Err(error) => format!("KVM_RUN says: {}", io::Error::from_raw_os_error(error.errno())),
    };
    let at = vcpu.get_regs().map_or(0, |registers| registers.rip);
    Left::Failed(format!("{what}, at address {at:#x}"))
}

/// What of an exit is told to the user.
pub(in crate::backend) fn told(exit: &VcpuExit<'_>) -> String {
    match exit {
        VcpuExit::Shutdown => "a fault that it cannot handle".to_owned(),
        other => format!("an unexpected exit, {other:?}"),
    }
}

/// What the thread leaves.
#[derive(Debug)]
pub(in crate::backend) struct Outcome {
    stays: Vec<Stay>,
    stays_lost: u64,
    skew: Skew,
    waits: Option<Waits>,
}

impl Outcome {
    /// With what the guest has recorded, its times turned into the host's.
    pub(in crate::backend) fn log(self, mut records: Vec<Record>, lost: u64) -> GuestLog {
        let offset = self.skew.offset();
        for record in &mut records {
            record.start = record.start.wrapping_sub(offset.cast_unsigned());
            record.end = record.end.wrapping_sub(offset.cast_unsigned());
        }
        GuestLog {
            records,
            lost,
            stays: self.stays,
            stays_lost: self.stays_lost,
            clock_offset: offset,
            clock_uncertainty: self.skew.uncertainty(),
            clocksource: None,
            waits: self.waits,
        }
    }
}

/// Starts the thread; returns once it is where it is to be.
pub(super) fn start(
    inside: impl Inside,
    guest: usize,
    placement: Placement,
) -> Result<Vcpu, BackendError> {
    let host = |what| move |source| BackendError::Host { what, guest, source };
    let exit = ExitFlag::of(inside.file()).map_err(host("reach the vCPU of"))?;
    let shared = Arc::new(Shared { gate: Gate::new(), exit, failure: Mutex::new(None) });
    let (ready, placed) = mpsc::channel();
    let spawned = thread::Builder::new().name(format!("guest {guest}")).spawn({
        let shared = Arc::clone(&shared);
        move || {
            let there = place(guest, placement);
            let go = there.is_ok();
            // If nobody listens any more there is no guest to run either.
            let _ = ready.send(there);
            let mut runner = Runner::new(inside, shared);
            if go {
                runner.run();
            }
            runner.end()
        }
    });
    let thread = spawned.map_err(host("make a thread for"))?;
    match placed.recv() {
        Ok(Ok(number)) => Ok(Vcpu { shared, thread: Some(thread), guest, number }),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(host("start the thread of")(io::ErrorKind::Other.into())),
    }
}

/// Puts the calling thread where guests run; tells its number.
fn place(guest: usize, placement: Placement) -> Result<u32, BackendError> {
    let pinned = placement.guest_cpus().and_then(|cpus| cpu::keep_to(&cpus));
    pinned.map_err(|source| BackendError::Host { what: "pin", guest, source })?;
    time::be_punctual();
    if placement.fifo {
        policy::set_fifo(policy::GUEST).map_err(BackendError::Fifo)?;
    }
    Ok(rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned())
}

struct Runner<I> {
    inside: I,
    shared: Arc<Shared>,
    stays: Vec<Stay>,
    stays_lost: u64,
    skew: Skew,
    /// The stay in which the guest began to tell its clock.
    begun: Option<Stay>,
}

impl<I: Inside> Runner<I> {
    fn new(inside: I, shared: Arc<Shared>) -> Self {
        // Touched here: not while a guest runs.
        let mut stays = vec![Stay { enter: 1, leave: 1 }; MAX_STAYS];
        stays.clear();
        Self { inside, shared, stays, stays_lost: 0, skew: Skew::default(), begun: None }
    }

    fn run(&mut self) {
        while self.shared.gate.wait_for_turn() {
            self.shared.exit.clear();
            // A turn that was taken between the two lines above has had its flag cleared.
            if !self.shared.gate.is_open() || !self.inside.has_woken(&self.shared.gate) {
                continue;
            }
            let enter = clock::fenced();
            let left = self.inside.enter();
            let stay = Stay { enter, leave: clock::fenced() };
            if self.stays.len() < MAX_STAYS {
                self.stays.push(stay);
            } else {
                self.stays_lost += 1;
            }
            match left {
                Left::Interrupted | Left::Served => {}
                Left::Begun => self.begun = Some(stay),
                Left::Hello(cycles) => {
                    self.skew.learn(self.begun.take().unwrap_or(stay), cycles);
                }
                Left::Done => break,
                Left::Failed(why) => {
                    self.shared.fail(why);
                    break;
                }
            }
        }
        self.shared.gate.leave();
    }

    fn end(self) -> Outcome {
        Outcome {
            stays: self.stays,
            stays_lost: self.stays_lost,
            skew: self.skew,
            waits: proc::waits("thread-self"),
        }
    }
}
