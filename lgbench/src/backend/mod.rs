//! What runs guests.
//!
//! ```text
//!   Backend ─┬─ kvm        virtual machines: a thread for each, in and out of KVM_RUN
//!            ├─ kvm_linux  the same, and Linux runs in them
//!            ├─ lguest     processes of a launcher, held and let go by the kernel
//!            └─ native     processes, stopped and continued
//! ```
//!
//! All guests share one CPU, or are left to the kernel ([`Placement`]). A backend knows how to start guests,
//! to let one run or not, and to hand over what they recorded; it does not know when to do that.

#[cfg(target_arch = "x86_64")]
pub mod kvm;
#[cfg(target_arch = "x86_64")]
pub mod kvm_linux;
pub mod lguest;
#[cfg(target_arch = "x86_64")]
pub mod native;
#[cfg(target_arch = "x86_64")]
mod vcpu;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use lgbench_payload::abi::Record;

use crate::environment::proc::Waits;
use crate::memory::{GuestSpec, MemoryError};
use crate::sys::cpu;

/// How long a guest may take to be out once its turn is gone.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Where the guests run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The CPU of all guests; none: whichever the kernel gives them of those this process may use.
    pub guest_cpu: Option<u32>,
    /// The controller's CPU.
    pub controller_cpu: u32,
    /// Whether guests and controller get SCHED_FIFO.
    pub fifo: bool,
}

impl Placement {
    /// The CPUs that guests may run on.
    ///
    /// # Errors
    /// The kernel does not tell.
    pub fn guest_cpus(&self) -> io::Result<Vec<u32>> {
        self.guest_cpu.map_or_else(cpu::of_process, |cpu| Ok(vec![cpu]))
    }

    /// Whether guests are kept to the controller's CPU.
    pub fn shares_cpu(&self) -> bool {
        self.guest_cpu == Some(self.controller_cpu)
    }
}

/// Why guests cannot run, or not any more. Guests are counted from 1.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// No virtual machines here.
    #[error("{what}; {advice}")]
    NoKvm {
        /// What was tried.
        what: String,
        /// What to do.
        advice: &'static str,
        /// Why it failed.
        source: Option<io::Error>,
    },
    /// Virtual machines, but none that run a kernel which knows nothing of it.
    #[error(
        "the KVM of this machine is PVM, which emulates a guest's privilege level 0: a stock kernel does \
         not boot on it; take a machine whose KVM is VMX or SVM"
    )]
    Pvm,
    /// A program that is not for this.
    #[error("{0}")]
    NotHere(&'static str),
    /// Too much for a guest's kernel.
    #[error(
        "the command line of guests' kernel is longer than {most} bytes; give it less (--append)"
    )]
    CommandLine {
        /// How long it may be.
        most: usize,
    },
    /// No kernel for a guest.
    #[error("cannot boot {}: {why}; give a kernel for guests with --kernel", kernel.display())]
    NoKernel {
        /// The file.
        kernel: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No guests of lguest.
    #[error("{0}")]
    NoLauncher(String),
    /// No kernel's side of lguest's guests.
    #[error(
        "lguest's guests cannot be reached; it has to be patched and loaded, see lgbench lguest --help"
    )]
    NoDevice(#[source] crate::lguest::device::Error),
    /// The kernel's side of lguest's guests refused something.
    #[error("lguest's guests cannot be switched or looked at")]
    Device(#[source] crate::lguest::device::Error),
    /// The kernel refused something about a virtual machine.
    #[error("KVM refuses to {what} guest {guest}")]
    Kvm {
        /// What it was.
        what: &'static str,
        /// Whose.
        guest: usize,
        /// Why.
        source: io::Error,
    },
    /// No memory.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// No SCHED_FIFO.
    #[error("no permission for SCHED_FIFO (--fifo); run as root, or raise the limit rtprio")]
    Fifo(#[source] io::Error),
    /// Something about threads or processes.
    #[error("cannot {what} guest {guest}")]
    Host {
        /// What it was.
        what: &'static str,
        /// Whose.
        guest: usize,
        /// Why.
        source: io::Error,
    },
    /// The user wanted to stop while guests were started.
    #[error("interrupted while guests were started")]
    Stopped,
    /// A guest did something that no payload does.
    #[error("guest {guest} has failed: {why}")]
    Failed {
        /// Which.
        guest: usize,
        /// What it did.
        why: String,
    },
    /// A guest's turn was taken and it still runs.
    #[error("guest {guest} did not leave within {} s of its turn being taken", PATIENCE.as_secs())]
    Stuck {
        /// Which.
        guest: usize,
    },
}

impl From<crate::lguest::device::Error> for BackendError {
    fn from(error: crate::lguest::device::Error) -> Self {
        use crate::lguest::device::Error::{Open, Unknown};
        match error {
            Open { .. } | Unknown { .. } => Self::NoDevice(error),
            _ => Self::Device(error),
        }
    }
}

/// The payloads' image has 64 bits; lguest's hosts have 32.
#[cfg(not(target_arch = "x86_64"))]
pub fn only_lguest() -> BackendError {
    BackendError::NotHere(
        "this lgbench is a program of 32 bits, for hosts of lguest; use --backend lguest, or take one of \
         64 bits",
    )
}

/// A guest at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// [`lgbench_payload::abi::STATE_RUNNING`] and its like.
    pub state: u32,
    /// Grows while the payload gets anywhere.
    pub progress: u64,
}

/// A stay in the guest, by the host's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// Just before entering.
    pub enter: u64,
    /// Just after leaving.
    pub leave: u64,
}

/// All that a guest has left.
#[derive(Clone, Debug, Default)]
pub struct GuestLog {
    /// Events, in order, by the host's clock.
    pub records: Vec<Record>,
    /// Events that did not fit.
    pub lost: u64,
    /// Stays in the guest, in order; none where the backend cannot see them.
    pub stays: Vec<Stay>,
    /// Stays that did not fit.
    pub stays_lost: u64,
    /// The guest's clock less the host's, in cycles; records have the host's already.
    pub clock_offset: i64,
    /// By how much the guest's clock may be wrong against the host's, in cycles.
    pub clock_uncertainty: u64,
    /// What the clocks of a guest's kernel were made of; none where there is no kernel.
    pub clocksource: Option<String>,
    /// When it was ready to run and did not.
    pub waits: Option<Waits>,
}

impl GuestLog {
    /// Without events that end before they begin: no guest records any that is well, and what a guest says
    /// is not trusted. They count as lost.
    pub fn sane(mut self) -> Self {
        let all = self.records.len();
        self.records.retain(|record| record.start <= record.end);
        self.lost += (all - self.records.len()) as u64;
        self
    }
}

/// A guest (from 0) among those that were started.
fn started<T>(guests: &[T], guest: usize) -> Result<&T, BackendError> {
    let none = || BackendError::Failed { guest: guest + 1, why: "it was never started".into() };
    guests.get(guest).ok_or_else(none)
}

/// What runs guests.
pub trait Backend {
    /// Its name in results.
    fn name(&self) -> &'static str;

    /// Starts a guest for each of `specs`, all free to run. Where that takes long it looks whether the user
    /// wants to stop.
    ///
    /// # Errors
    /// See [`BackendError`]; guests that were started end with the backend.
    fn start(
        &mut self,
        specs: &[GuestSpec],
        placement: Placement,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<(), BackendError>;

    /// The thread of each guest, by the kernel's number.
    fn threads(&self) -> Vec<u32>;

    /// Lets a guest (from 0) run or not. Holding one returns once it is out.
    ///
    /// # Errors
    /// [`BackendError::Stuck`], or that it could not be reached.
    fn gate(&self, guest: usize, open: bool) -> Result<(), BackendError>;

    /// How a guest (from 0) is doing.
    ///
    /// # Errors
    /// That it has failed.
    fn look(&self, guest: usize) -> Result<Look, BackendError>;

    /// Ends the guests and takes what they recorded.
    ///
    /// # Errors
    /// That one has failed.
    fn collect(&mut self) -> Result<Vec<GuestLog>, BackendError>;
}
