//! The thread that runs a guest: in and out of KVM_RUN, as the gate allows.

use std::io;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use kvm_ioctls::VcpuExit;
use lgbench_payload::abi::{PORT_DONE, PORT_HELLO, PORT_IDLE};
use lgbench_payload::clock;

use super::kick::ExitFlag;
use super::skew::Skew;
use super::vm::Machine;
use crate::backend::{BackendError, GuestLog, Look, Placement, Stay};
use crate::environment::proc::{self, Waits};
use crate::gate::{Gate, Woken};
use crate::memory::GuestMemory;
use crate::sys::{cpu, policy, time};

/// Stays that are kept: more than four minutes of 0.25 ms slices, in 16 MiB.
const MAX_STAYS: usize = 1 << 20;

/// What the thread shares with the controller.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) gate: Gate,
    pub(super) exit: ExitFlag,
    memory: Arc<GuestMemory>,
    failure: Mutex<Option<String>>,
}

impl Shared {
    /// Why the guest cannot go on, if so.
    pub(super) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fail(&self, why: String) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
    }

    pub(super) fn look(&self) -> Look {
        let control = self.memory.control();
        Look { state: control.state.load(Acquire), progress: control.progress.load(Relaxed) }
    }
}

/// What the thread leaves.
#[derive(Debug)]
pub(super) struct Outcome {
    stays: Vec<Stay>,
    stays_lost: u64,
    skew: Skew,
    waits: Option<Waits>,
}

impl Outcome {
    /// With what the guest has recorded, its times turned into the host's.
    pub(super) fn log(self, shared: &Shared) -> GuestLog {
        let mut records = shared.memory.records();
        let offset = self.skew.offset();
        for record in &mut records {
            record.start = record.start.wrapping_sub(offset.cast_unsigned());
            record.end = record.end.wrapping_sub(offset.cast_unsigned());
        }
        GuestLog {
            records,
            lost: shared.memory.control().log_lost.load(Relaxed),
            stays: self.stays,
            stays_lost: self.stays_lost,
            clock_uncertainty: self.skew.uncertainty(),
            waits: self.waits,
        }
    }
}

/// A guest that runs.
pub(super) struct Started {
    pub(super) shared: Arc<Shared>,
    pub(super) thread: JoinHandle<Outcome>,
    /// The thread's number in the kernel.
    pub(super) number: u32,
}

/// Starts the thread; returns once it is where it is to be.
pub(super) fn start(
    machine: Machine,
    guest: usize,
    placement: Placement,
) -> Result<Started, BackendError> {
    let host = |what| move |source| BackendError::Host { what, guest, source };
    let exit = ExitFlag::of(machine.file()).map_err(host("reach the vCPU of"))?;
    let shared = Arc::new(Shared {
        gate: Gate::new(),
        exit,
        memory: Arc::clone(&machine.memory),
        failure: Mutex::new(None),
    });
    let (ready, placed) = mpsc::channel();
    let spawned = thread::Builder::new().name(format!("guest {guest}")).spawn({
        let shared = Arc::clone(&shared);
        move || {
            let there = place(guest, placement);
            let go = there.is_ok();
            // If nobody listens any more there is no guest to run either.
            let _ = ready.send(there);
            let mut runner = Runner::new(machine, shared);
            if go {
                runner.run();
            }
            runner.end()
        }
    });
    let thread = spawned.map_err(host("make a thread for"))?;
    match placed.recv() {
        Ok(Ok(number)) => Ok(Started { shared, thread, number }),
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

struct Runner {
    machine: Machine,
    shared: Arc<Shared>,
    stays: Vec<Stay>,
    stays_lost: u64,
    skew: Skew,
    /// When the idle guest is to wake: the tick's number and its time.
    sleeping: Option<(u64, u64)>,
}

/// Why the guest was left.
enum Left {
    Interrupted,
    Port(u16),
    Failed(String),
}

impl Runner {
    fn new(machine: Machine, shared: Arc<Shared>) -> Self {
        // Touched here: not while a guest runs.
        let mut stays = vec![Stay { enter: 1, leave: 1 }; MAX_STAYS];
        stays.clear();
        Self { machine, shared, stays, stays_lost: 0, skew: Skew::default(), sleeping: None }
    }

    fn run(&mut self) {
        while self.shared.gate.wait_for_turn() {
            self.shared.exit.clear();
            // A turn that was taken between the two lines above has had its flag cleared.
            if !self.shared.gate.is_open() || !self.has_woken() {
                continue;
            }
            let enter = clock::fenced();
            let left = self.enter();
            let stay = Stay { enter, leave: clock::fenced() };
            if self.stays.len() < MAX_STAYS {
                self.stays.push(stay);
            } else {
                self.stays_lost += 1;
            }
            match left {
                Left::Interrupted => {}
                Left::Port(PORT_HELLO) => {
                    self.skew.learn(stay, self.shared.memory.control().hello.load(Acquire));
                }
                Left::Port(PORT_IDLE) => self.sleep(),
                Left::Port(PORT_DONE) => break,
                Left::Port(port) => {
                    self.shared.fail(format!("it wrote to port {port:#x}, which means nothing"));
                    break;
                }
                Left::Failed(why) => {
                    self.shared.fail(why);
                    break;
                }
            }
        }
        self.shared.gate.leave();
    }

    fn enter(&mut self) -> Left {
        let what = match self.machine.vcpu.run() {
            Ok(VcpuExit::IoOut(port, _)) => return Left::Port(port),
            Ok(VcpuExit::Intr) => return Left::Interrupted,
            Err(error) if error.errno() == libc::EINTR || error.errno() == libc::EAGAIN => {
                return Left::Interrupted;
            }
            Ok(VcpuExit::Shutdown) => "a fault that it cannot handle".to_owned(),
            Ok(other) => format!("an unexpected exit, {other:?}"),
            Err(error) => {
                format!("KVM_RUN says: {}", io::Error::from_raw_os_error(error.errno()))
            }
        };
        let at = self.machine.vcpu.get_regs().map_or(0, |registers| registers.rip);
        Left::Failed(format!("{what}, at address {at:#x}"))
    }

    /// The guest has nothing to do until the next tick: a multiple of its period, so that the ticks of
    /// all guests are at the same time.
    fn sleep(&mut self) {
        let period = self.shared.memory.control().tick_ns.load(Relaxed).max(1);
        let tick = time::monotonic_ns() / period + 1;
        self.sleeping = Some((tick, tick.saturating_mul(period)));
    }

    /// Whether there is something to do; waits for it as long as the gate is open.
    fn has_woken(&mut self) -> bool {
        let Some((tick, at_ns)) = self.sleeping else { return true };
        if self.shared.gate.sleep_until(at_ns) == Woken::Else && time::monotonic_ns() < at_ns {
            return false;
        }
        self.shared.memory.control().tick.store(tick, Release);
        self.sleeping = None;
        true
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
