//! A guest for its thread: what its exits mean.

use std::os::fd::BorrowedFd;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use kvm_ioctls::VcpuExit;
use lgbench_payload::abi::{PORT_DONE, PORT_HELLO, PORT_IDLE};

use super::vm::Machine;
use crate::backend::vcpu::file::file;
use crate::backend::vcpu::runner::{Inside, Left, told, unexpected};
use crate::gate::{Gate, Woken};
use crate::sys::time;

/// A machine, and whether it sleeps.
#[derive(Debug)]
pub(super) struct Guest {
    machine: Machine,
    /// When it is to wake: the tick's number and its time.
    sleeping: Option<(u64, u64)>,
}

impl Guest {
    pub(super) fn new(machine: Machine) -> Self {
        Self { machine, sleeping: None }
    }

    /// There is nothing to do until the next tick: a multiple of its period, so that the ticks of all
    /// guests are at the same time.
    fn sleep(&mut self) {
        let period = self.machine.memory.control().tick_ns.load(Relaxed).max(1);
        let tick = time::monotonic_ns() / period + 1;
        self.sleeping = Some((tick, tick.saturating_mul(period)));
    }
}

impl Inside for Guest {
    fn file(&self) -> BorrowedFd<'_> {
        file(&self.machine.vcpu)
    }

    fn has_woken(&mut self, gate: &Gate) -> bool {
        let Some((tick, at_ns)) = self.sleeping else { return true };
        if gate.sleep_until(at_ns) == Woken::Else && time::monotonic_ns() < at_ns {
            return false;
        }
        self.machine.memory.control().tick.store(tick, Release);
        self.sleeping = None;
        true
    }

    fn enter(&mut self) -> Left {
        let exit = match self.machine.vcpu.run() {
            Ok(VcpuExit::IoOut(PORT_HELLO, _)) => {
                return Left::Hello(self.machine.memory.control().hello.load(Acquire));
            }
            Ok(VcpuExit::IoOut(PORT_IDLE, _)) => {
                self.sleep();
                return Left::Served;
            }
            Ok(VcpuExit::IoOut(PORT_DONE, _)) => return Left::Done,
            Ok(VcpuExit::IoOut(port, _)) => {
                return Left::Failed(format!("it wrote to port {port:#x}, which means nothing"));
            }
            Ok(VcpuExit::Intr) => return Left::Interrupted,
            Ok(other) => Ok(told(&other)),
            Err(error) => Err(error),
        };
        unexpected(&self.machine.vcpu, exit)
    }
}
