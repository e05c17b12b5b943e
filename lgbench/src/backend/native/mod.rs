//! Processes instead of virtual machines: the same image at the same addresses, stopped with SIGSTOP
//! and continued with SIGCONT. What is left out is what virtual machines cost.
//!
//! A process is this program again ([`child`]), with the guest's memory as its standard input.

pub mod child;

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering::{Acquire, Relaxed};

use lgbench_payload::abi::{FLAVOUR_PROCESS, STATE_FAILED};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::{Backend, BackendError, GuestLog, Look, Placement, started};
use crate::environment::proc;
use crate::memory::{GuestMemory, GuestSpec};

/// This program, even when its file has been replaced.
const SELF: &str = "/proc/self/exe";

/// Guests that are processes.
#[derive(Debug, Default)]
pub struct NativeBackend {
    program: Option<std::path::PathBuf>,
    guests: Vec<Guest>,
}

#[derive(Debug)]
struct Guest {
    memory: GuestMemory,
    child: Child,
}

impl NativeBackend {
    /// With this program as the guests'.
    pub fn new() -> Self {
        Self::default()
    }

    /// With another copy of it, for a test that is another program.
    pub fn with_program(program: &Path) -> Self {
        Self { program: Some(program.to_owned()), guests: Vec::new() }
    }

    fn guest(&self, guest: usize) -> Result<&Guest, BackendError> {
        started(&self.guests, guest)
    }
}

impl Guest {
    fn start(
        program: &Path,
        spec: &GuestSpec,
        placement: Placement,
        guest: usize,
    ) -> Result<Self, BackendError> {
        let host = |what| move |source| BackendError::Host { what, guest, source };
        let memory = GuestMemory::new(spec, FLAVOUR_PROCESS)?;
        let file = memory.file().try_clone_to_owned().map_err(host("hand memory to"))?;
        let mut command = Command::new(program);
        let cpus = placement.guest_cpus().map_err(host("find CPUs for"))?;
        command.arg(child::COMMAND).arg(child::list(&cpus));
        if placement.fifo {
            command.arg(child::FIFO);
        }
        let spawned = command.stdin(Stdio::from(file)).stdout(Stdio::null()).spawn();
        Ok(Self { memory, child: spawned.map_err(host("start the process of"))? })
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.child.id()).ok()?)
    }

    /// Its end, if it has ended, which no payload does by itself.
    fn ending(&self) -> Option<String> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::Pid(self.pid()?), options).ok()??;
        Some(match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => format!("its process ended with status {code}"),
            (_, Some(signal)) => format!("its process was ended by signal {signal}"),
            _ => "its process has ended".to_owned(),
        })
    }

    fn send(&self, signal: Signal) -> io::Result<()> {
        let pid = self.pid().ok_or(io::ErrorKind::NotFound)?;
        Ok(kill_process(pid, signal)?)
    }

    fn end(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Backend for NativeBackend {
    fn name(&self) -> &'static str {
        labstats::results::experiment::NATIVE
    }

    fn start(
        &mut self,
        specs: &[GuestSpec],
        placement: Placement,
        _: &dyn Fn() -> bool,
    ) -> Result<(), BackendError> {
        let program = self.program.clone().unwrap_or_else(|| SELF.into());
        for (spec, number) in specs.iter().zip(1..) {
            self.guests.push(Guest::start(&program, spec, placement, number)?);
        }
        Ok(())
    }

    fn threads(&self) -> Vec<u32> {
        self.guests.iter().map(|guest| guest.child.id()).collect()
    }

    fn gate(&self, guest: usize, open: bool) -> Result<(), BackendError> {
        let held = self.guest(guest)?;
        let number = guest + 1;
        let host = |what| move |source| BackendError::Host { what, guest: number, source };
        if open {
            return held.send(Signal::CONT).map_err(host("continue"));
        }
        held.send(Signal::STOP).map_err(host("stop"))?;
        let pid = held.pid().ok_or(BackendError::Stuck { guest: number })?;
        // Returns when it has stopped, or ended.
        let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(pid), options).map_err(|e| host("wait for")(e.into()))?;
        Ok(())
    }

    fn look(&self, guest: usize) -> Result<Look, BackendError> {
        let held = self.guest(guest)?;
        if let Some(why) = held.ending() {
            return Err(BackendError::Failed { guest: guest + 1, why });
        }
        let control = held.memory.control();
        Ok(Look { state: control.state.load(Acquire), progress: control.progress.load(Relaxed) })
    }

    fn collect(&mut self) -> Result<Vec<GuestLog>, BackendError> {
        let mut logs = Vec::new();
        for (mut guest, number) in std::mem::take(&mut self.guests).into_iter().zip(1..) {
            let failed = |why: String| BackendError::Failed { guest: number, why };
            let waits = proc::waits(&guest.child.id().to_string());
            let ending = guest.ending();
            guest.end();
            let control = guest.memory.control();
            if let Some(why) = ending {
                return Err(failed(why));
            }
            if control.state.load(Acquire) == STATE_FAILED {
                return Err(failed("its payload gave up".into()));
            }
            logs.push(GuestLog {
                records: guest.memory.records(),
                lost: control.log_lost.load(Relaxed),
                waits,
                ..GuestLog::default()
            });
        }
        Ok(logs)
    }
}

impl Drop for NativeBackend {
    fn drop(&mut self) {
        self.guests.iter_mut().for_each(Guest::end);
    }
}
