//! lguest, the report's own hypervisor, patched by `lgbench lguest apply`: guests in processes of the
//! user's launcher, held and let go through /dev/lgbench.
//!
//! - [`launcher`]: the process of a guest, and what is said over its console
//!
//! Whatever starts guests that the device knows will do: a launcher that runs threads instead of Linux is
//! how this is tested.

mod launcher;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use lgbench_payload::abi::Record;
use lgbench_payload::wire;

use self::launcher::{Command, Launcher};
use super::{Backend, BackendError, GuestLog, Look, PATIENCE, Placement, Stay, started};
use crate::lguest::device::{self, Device, Sample};
use crate::linux::{self, begun::Begun};
use crate::memory::GuestSpec;

/// How long a launcher may take to begin with its guest, and a guest to begin with its payload.
const BOOT: Duration = Duration::from_secs(300);

/// A guest that sends its log may be silent for so long.
const SILENCE: Duration = Duration::from_secs(20);

/// Between two looks at whether a guest is out.
const LOOK: Duration = Duration::from_micros(50);

/// Between two looks at whether a guest has come.
const COMING: Duration = Duration::from_millis(10);

/// How guests are started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LguestOptions {
    /// A command for the shell, once for each guest. It finds what it needs in its environment:
    /// LGBENCH_GUEST (a number from 1), LGBENCH_INITRD (a file) and LGBENCH_ARGS (for the kernel).
    pub launcher: Option<String>,
    /// The first program of guests, where it is not the one that comes with lgbench.
    pub program: Option<PathBuf>,
    /// More for the kernel's command line.
    pub append: String,
}

/// Guests of lguest.
#[derive(Debug)]
pub struct LguestBackend {
    command: Command,
    device: Device,
    guests: Vec<Guest>,
}

#[derive(Debug)]
struct Guest {
    launcher: Launcher,
    /// The device's number for it.
    id: u32,
    begun: Begun,
}

impl LguestBackend {
    /// Opens the device, and looks whether guests can be started.
    ///
    /// # Errors
    /// They cannot.
    pub fn new(options: LguestOptions) -> Result<Self, BackendError> {
        let command = Command::new(options)?;
        Ok(Self { command, device: Device::open()?, guests: Vec::new() })
    }

    fn guest(&self, guest: usize) -> Result<&Guest, BackendError> {
        started(&self.guests, guest)
    }

    /// Waits until the device knows a guest that was not there before.
    fn wait_for(
        &self,
        mut before: u32,
        launcher: &Launcher,
        number: usize,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<u32, BackendError> {
        let begun = Instant::now();
        loop {
            let now = self.device.info()?.guests;
            let new = now & !before;
            if new != 0 {
                return Ok(new.trailing_zeros());
            }
            // The next one may get the number of one that has gone.
            before &= now;
            let failed = |why| BackendError::Failed { guest: number, why };
            if let Some(why) = launcher.ending() {
                return Err(failed(why));
            }
            if interrupted() {
                return Err(BackendError::Stopped);
            }
            if begun.elapsed() > BOOT {
                let why = format!("its launcher has not started it within {} s", BOOT.as_secs());
                return Err(failed(why));
            }
            std::thread::sleep(COMING);
        }
    }

    /// What it means that the device refuses something about a guest (from 0).
    fn refused(&self, guest: usize, error: device::Error) -> BackendError {
        let (device::Error::NoGuest(_), Some(gone)) = (&error, self.guests.get(guest)) else {
            return error.into();
        };
        let launcher = &gone.launcher;
        let why = launcher.ending().unwrap_or_else(|| launcher.inbox().why("it has gone"));
        BackendError::Failed { guest: guest + 1, why }
    }

    /// Ends all guests, and waits until the device has forgotten them: processes of a launcher are not gone
    /// when the launcher is, and the next guests are told from those by their numbers.
    fn end(&mut self) {
        let guests = std::mem::take(&mut self.guests);
        let ids = guests.iter().fold(0, |ids, guest| ids | (1 << guest.id));
        for guest in &guests {
            // It ends by being killed, which it is not kept from.
            let _ = self.device.let_go(guest.id);
        }
        drop(guests);
        let begun = Instant::now();
        while self.device.info().is_ok_and(|info| info.guests & ids != 0)
            && begun.elapsed() < PATIENCE
        {
            std::thread::sleep(LOOK);
        }
    }

    /// What a guest has recorded: it is asked, alone on its CPU.
    fn log(&self, guest: usize) -> Result<(Vec<Record>, u64), BackendError> {
        self.gate(guest, true)?;
        let asked = &self.guest(guest)?.launcher;
        let log = asked.inbox().ask_for_log(|| asked.ask(wire::ASK_LOG), SILENCE);
        let log = log.map_err(|no_log| {
            let why = asked.inbox().why(&no_log.to_string());
            BackendError::Failed { guest: guest + 1, why }
        });
        self.gate(guest, false)?;
        log
    }
}

/// Stays in a guest, of what the device has seen of switches.
fn stays(samples: &[Sample], id: u32) -> Vec<Stay> {
    let ours = samples.iter().filter(|sample| sample.from == id);
    ours.map(|sample| Stay { enter: sample.since, leave: sample.out_at }).collect()
}

impl Backend for LguestBackend {
    fn name(&self) -> &'static str {
        labstats::results::experiment::LGUEST
    }

    fn start(
        &mut self,
        specs: &[GuestSpec],
        placement: Placement,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<(), BackendError> {
        self.device.clear()?;
        let tick_cycles = linux::tick_cycles(specs.first().map_or(0, |spec| spec.tick_ns));
        for (spec, number) in specs.iter().zip(1..) {
            let before = self.device.info()?.guests;
            let launcher = Launcher::start(&self.command, spec, tick_cycles, placement, number)?;
            let id = self.wait_for(before, &launcher, number, interrupted)?;
            self.guests.push(Guest { launcher, id, begun: Begun::now() });
            // A real-time guest would keep the next launcher from the CPU.
            self.gate(number - 1, false)?;
        }
        for guest in 0..self.guests.len() {
            let id = self.guest(guest)?.id;
            self.device.let_go(id).map_err(|error| self.refused(guest, error))?;
        }
        Ok(())
    }

    fn threads(&self) -> Vec<u32> {
        self.guests.iter().map(|guest| guest.launcher.number()).collect()
    }

    fn gate(&self, guest: usize, open: bool) -> Result<(), BackendError> {
        let Guest { id, ref begun, .. } = *self.guest(guest)?;
        if open {
            begun.let_go();
            return self.device.let_go(id).map_err(|error| self.refused(guest, error));
        }
        self.device.hold(id).map_err(|error| self.refused(guest, error))?;
        let begun = Instant::now();
        while self.device.info()?.inside & (1 << id) != 0 {
            if begun.elapsed() > PATIENCE {
                return Err(BackendError::Stuck { guest: guest + 1 });
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    fn look(&self, guest: usize) -> Result<Look, BackendError> {
        let seen = self.guest(guest)?;
        let state = match seen.launcher.ending() {
            Some(why) => Err(why),
            None => seen.launcher.inbox().state(&seen.begun, BOOT),
        };
        let state = state.map_err(|why| BackendError::Failed { guest: guest + 1, why })?;
        // Every entry counts, of whichever guest: one that is held does not enter.
        Ok(Look { state, progress: self.device.info()?.entries })
    }

    fn collect(&mut self) -> Result<Vec<GuestLog>, BackendError> {
        for guest in 0..self.guests.len() {
            self.gate(guest, false)?;
        }
        // Before guests send their logs, which is another reason to enter them.
        let seen = self.device.read()?;
        let logs: Result<Vec<_>, _> = (0..self.guests.len()).map(|guest| self.log(guest)).collect();
        let logs = logs?.into_iter().zip(&self.guests).map(|((records, lost), guest)| GuestLog {
            records,
            lost,
            stays: stays(&seen.samples, guest.id),
            stays_lost: seen.lost,
            clocksource: guest.launcher.inbox().clocksource(),
            ..GuestLog::default()
        });
        let logs = logs.collect();
        self.end();
        Ok(logs)
    }
}

impl Drop for LguestBackend {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_device_saw_of_switches_becomes_each_guests_stays() {
        let sample =
            |since, out_at, from, to| Sample { since, out_at, in_at: out_at + 5, from, to };
        let samples = [sample(10, 20, 0, 3), sample(25, 40, 3, 0), sample(45, 50, 0, 3)];
        let of = |id| stays(&samples, id).iter().map(|s| (s.enter, s.leave)).collect::<Vec<_>>();
        assert_eq!(of(0), [(10, 20), (45, 50)]);
        assert_eq!(of(3), [(25, 40)]);
        assert_eq!(of(1), []);
    }
}
