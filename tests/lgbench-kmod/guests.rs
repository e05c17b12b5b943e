//! Processes that are guests; see programs/guest.c.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use e2e::{send_signal, soon, wait_until};
use lgbench::lguest::device::Device;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_setaffinity};
use tempfile::NamedTempFile;

use crate::module::file;

/// Bytes of a struct slot.
const SLOT: u64 = 32;

/// The processor of all guests, if nothing else is said; the test is on another one.
pub(crate) const CPU: usize = 0;

/// A process that is a guest, or several. It is killed when dropped.
#[derive(Debug)]
pub(crate) struct Guest {
    child: Child,
    slots: NamedTempFile,
    /// Its id, the lowest of them.
    pub(crate) id: u32,
}

/// Moves the test away from the guests.
pub(crate) fn keep_off() {
    let mut cpus = CpuSet::new();
    cpus.set(1);
    sched_setaffinity(None, &cpus).unwrap();
}

impl Guest {
    /// Starts one, and waits until it is there.
    pub(crate) fn start(device: &Device, role: &str) -> Self {
        Self::start_on(device, role, CPU)
    }

    pub(crate) fn start_on(device: &Device, role: &str, cpu: usize) -> Self {
        let before = device.info().unwrap().guests;
        let mut guest = Self::spawn(role, cpu);
        wait_until("a guest that has opened the device", soon(), || guest.state(0) == 1);
        guest.id = (device.info().unwrap().guests & !before).trailing_zeros();
        guest
    }

    /// Starts one and waits for nothing.
    pub(crate) fn spawn(role: &str, cpu: usize) -> Self {
        let slots = tempfile::Builder::new().prefix("lgbench.").tempfile().unwrap();
        slots.as_file().set_len(4096).unwrap();
        let mut command = Command::new(file("guest"));
        command.arg(role).arg(slots.path()).arg(cpu.to_string());
        Self { child: command.spawn().unwrap(), slots, id: u32::MAX }
    }

    fn field(&self, thread: u64, number: u64) -> u64 {
        field(self.slots.as_file(), thread, number)
    }

    /// How often it has run; of a thread, where there are several.
    pub(crate) fn thread_runs(&self, thread: u64) -> u64 {
        self.field(thread, 0)
    }

    pub(crate) fn runs(&self) -> u64 {
        self.field(0, 0)
    }

    /// How often a signal has ended its wait.
    pub(crate) fn interruptions(&self) -> u64 {
        self.field(0, 1)
    }

    pub(crate) fn state(&self, thread: u64) -> u64 {
        self.field(thread, 2)
    }

    /// The error of a call that should have succeeded.
    pub(crate) fn error(&self) -> u64 {
        self.field(0, 3)
    }

    /// Tells it to do what its role is: SIGUSR1, or the second thing: SIGUSR2.
    pub(crate) fn tell(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits until it has done what it was told.
    #[track_caller]
    pub(crate) fn has_done(&self) {
        wait_until("a guest that does what it is told", soon(), || self.state(0) == 2);
    }

    /// Kills it, and waits until it has gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill(); // gone already is as good
        self.child.wait().unwrap();
    }

    /// Sends it a signal by which it ends; the signal it ended by.
    pub(crate) fn ends_by(&mut self, name: &str) -> Option<i32> {
        send_signal(self.child.id(), name);
        let status = wait_until("a guest that ends", soon(), || self.child.try_wait().unwrap());
        status.signal()
    }

    /// Waits until it has run more often.
    #[track_caller]
    pub(crate) fn runs_on(&self) {
        let before = self.runs();
        wait_until("a guest that runs on", soon(), || self.runs() >= before + 50);
    }

    /// Waits until others have run on, and checks that this one has not: it may have been on its way to
    /// the gate.
    #[track_caller]
    pub(crate) fn stands_while(&self, others: &[&Self]) {
        let before = self.runs();
        others.iter().for_each(|other| other.runs_on());
        let after = self.runs();
        assert!(after <= before + 1, "it stands, but has run {} times", after - before);
        let again = self.runs();
        others.iter().for_each(|other| other.runs_on());
        assert!(self.runs() <= again + u64::from(after == before), "it still runs");
    }
}

fn field(file: &File, thread: u64, number: u64) -> u64 {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, thread * SLOT + number * 8).unwrap();
    u64::from_ne_bytes(bytes)
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Lets time pass, which is what some tests are about.
pub(crate) fn pass(time: Duration) -> Duration {
    let start = Instant::now();
    std::thread::sleep(time);
    start.elapsed()
}
