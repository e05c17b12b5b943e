//! Virtual machines that run Linux: a stock kernel with the payload as an ordinary program.
//!
//! - [`load`]: kernel, initramfs and command line in memory, and the state in which a kernel begins
//! - [`machine`]: a virtual machine with the interrupt controllers and the timer that the kernel's KVM has
//! - [`ports`]: two serial ports: the console, and what the guest's program has to say
//!
//! The machine has no firmware, no ACPI and no PCI: a kernel needs none of them.

mod load;
mod machine;
mod ports;

use std::sync::Arc;
use std::time::Duration;

use kvm_ioctls::Kvm;
use labstats::results::Kvm as Kind;
use lgbench_payload::abi::{Payload, Record, STATE_PREPARING};
use lgbench_payload::wire;

use self::machine::Machine;
use self::ports::Ports;
use super::vcpu::{self, Vcpu};
use super::{Backend, BackendError, GuestLog, Look, Placement, started};
use crate::environment;
use crate::linux::begun::Begun;
use crate::linux::inbox::Inbox;
use crate::linux::{self, Duties, LinuxOptions};
use crate::memory::GuestSpec;
use crate::sys::time;

/// How long a kernel may take to start its first program: an emulator is slow.
const BOOT: Duration = Duration::from_secs(600);

/// A guest that sends its log may be silent for so long.
const SILENCE: Duration = Duration::from_secs(20);

/// Greetings, to compare clocks.
const HELLOS: u32 = 64;

/// Linux guests on /dev/kvm.
#[derive(Debug)]
pub struct KvmLinuxBackend {
    kvm: Kvm,
    options: LinuxOptions,
    duties: Duties,
    guests: Vec<Guest>,
}

#[derive(Debug)]
struct Guest {
    vcpu: Vcpu,
    ports: Arc<Ports>,
    /// Whether its program tells how far its payload has got.
    tells_progress: bool,
    begun: Begun,
}

impl KvmLinuxBackend {
    /// Opens /dev/kvm, and looks whether it can boot a kernel.
    ///
    /// # Errors
    /// It is not there or cannot; there is no such kernel.
    pub fn new(options: LinuxOptions) -> Result<Self, BackendError> {
        let kvm = vcpu::open()?;
        if environment::look::kvm_kind() == Kind::Pvm {
            return Err(BackendError::Pvm);
        }
        load::check(&options.kernel)?;
        let duties = Duties { hellos: HELLOS, ..Duties::default() };
        Ok(Self { kvm, options, duties, guests: Vec::new() })
    }

    /// Gives guests' programs other things to do.
    #[must_use]
    pub fn with_duties(mut self, clocks: Duration, no_payload: bool) -> Self {
        let clocks_ms = u32::try_from(clocks.as_millis()).unwrap_or(u32::MAX);
        self.duties = Duties { clocks_ms, no_payload, ..self.duties };
        self
    }

    /// What a guest (from 0) has said, and says until it has ended.
    ///
    /// # Errors
    /// There is none.
    pub fn inbox(&self, guest: usize) -> Result<Arc<Inbox>, BackendError> {
        Ok(Arc::clone(self.guest(guest)?.ports.inbox()))
    }

    fn guest(&self, guest: usize) -> Result<&Guest, BackendError> {
        started(&self.guests, guest)
    }

    fn end(&mut self) -> Vec<(Option<String>, Option<vcpu::runner::Outcome>)> {
        self.guests.iter().for_each(|guest| guest.vcpu.ask_to_end());
        std::mem::take(&mut self.guests).into_iter().map(|guest| guest.vcpu.end()).collect()
    }

    /// What a guest has recorded: it is asked, alone on its CPU.
    fn log(&self, guest: usize) -> Result<(Vec<Record>, u64), BackendError> {
        let asked = self.guest(guest)?;
        self.gate(guest, true)?;
        let ask = || asked.ports.ask(wire::ASK_LOG);
        let log = asked.ports.inbox().ask_for_log(ask, SILENCE);
        self.gate(guest, false)?;
        log.map_err(|no_log| {
            let why = asked.ports.inbox().why(&no_log.to_string());
            BackendError::Failed { guest: guest + 1, why }
        })
    }
}

impl Backend for KvmLinuxBackend {
    fn name(&self) -> &'static str {
        labstats::results::experiment::KVM_LINUX
    }

    fn start(
        &mut self,
        specs: &[GuestSpec],
        placement: Placement,
        _: &dyn Fn() -> bool,
    ) -> Result<(), BackendError> {
        vcpu::prepare()?;
        let initramfs = linux::initramfs(linux::PROGRAM);
        let tick_cycles = linux::tick_cycles(specs.first().map_or(0, |spec| spec.tick_ns));
        let duties = Duties { tick_cycles, ..self.duties };
        let machines = (1..).zip(specs).map(|(number, spec)| {
            let arguments = linux::arguments(spec, duties);
            Machine::new(&self.kvm, &self.options, spec, &initramfs, &arguments, number)
        });
        let machines = machines.collect::<Result<Vec<_>, _>>()?;
        for ((machine, spec), number) in machines.into_iter().zip(specs).zip(1..) {
            let ports = Arc::clone(machine.ports());
            let vcpu = Vcpu::start(machine, number, placement)?;
            let tells_progress = spec.payload == Payload::Cfd;
            self.guests.push(Guest { vcpu, ports, tells_progress, begun: Begun::now() });
        }
        Ok(())
    }

    fn threads(&self) -> Vec<u32> {
        self.guests.iter().map(|guest| guest.vcpu.number()).collect()
    }

    fn gate(&self, guest: usize, open: bool) -> Result<(), BackendError> {
        let guest = self.guest(guest)?;
        if open {
            guest.begun.let_go();
        }
        guest.vcpu.gate(open)
    }

    fn look(&self, guest: usize) -> Result<Look, BackendError> {
        let seen = self.guest(guest)?;
        let inbox = seen.ports.inbox();
        let state = match seen.vcpu.failure() {
            Some(why) => Err(inbox.why(&why)),
            None => inbox.state(&seen.begun, BOOT),
        };
        let state = state.map_err(|why| BackendError::Failed { guest: guest + 1, why })?;
        if seen.tells_progress && state != STATE_PREPARING {
            return Ok(Look { state, progress: inbox.progress() });
        }
        // A kernel gets somewhere for as long as its processor does: it has ticks at least. A host that
        // does not tell cannot be asked: then it is not watched.
        let thread = format!("self/task/{}", seen.vcpu.number());
        let progress = environment::proc::run_ns(&thread).unwrap_or_else(time::monotonic_ns);
        Ok(Look { state, progress })
    }

    fn collect(&mut self) -> Result<Vec<GuestLog>, BackendError> {
        for guest in 0..self.guests.len() {
            self.gate(guest, false)?;
        }
        let logs: Result<Vec<_>, _> = (0..self.guests.len()).map(|guest| self.log(guest)).collect();
        let clocksources: Vec<_> =
            self.guests.iter().map(|guest| guest.ports.inbox().clocksource()).collect();
        let ended = self.end();
        let together = logs?.into_iter().zip(clocksources).zip(ended).enumerate();
        together
            .map(|(guest, (((records, lost), clocksource), ended))| match ended {
                (Some(why), _) => Err(BackendError::Failed { guest: guest + 1, why }),
                (None, None) => Err(BackendError::Stuck { guest: guest + 1 }),
                (None, Some(outcome)) => Ok(GuestLog { clocksource, ..outcome.log(records, lost) }),
            })
            .collect()
    }
}

impl Drop for KvmLinuxBackend {
    fn drop(&mut self) {
        self.end();
    }
}
