//! How large arrays are, how long runs take, how many there are.

use std::time::Duration;

use labstats::results::Environment;
use lgbench_payload::abi::{LARGE_PAGE, Payload, Record};
use lgbench_payload::stress::PAGE_BYTES;

use crate::environment::proc;
use crate::memory::{GuestSpec, MAX_BYTES};
use crate::sys::time::Scale;

/// Lengths of runs and their number.
#[derive(Clone, Debug, PartialEq)]
pub struct Lengths {
    /// A run that measures switches.
    pub switching: Duration,
    /// A run under one mode.
    pub flat: Duration,
    /// One-shot: both guests run.
    pub shared: Duration,
    /// One-shot: guest 1 is held.
    pub held: Duration,
    /// One-shot: guest 1 is alone.
    pub alone: Duration,
    /// Slices.
    pub slices: Vec<Duration>,
    /// A run under each slice.
    pub each_slice: Duration,
    /// The slice under which gaps are looked for.
    pub gap_slice: Duration,
    /// Runs of exp1.
    pub runs_switching: u32,
    /// Runs of fig5.
    pub runs_one_shot: u32,
    /// Runs of the others.
    pub runs: u32,
}

/// In microseconds: 0.25 ms to 64 ms.
const SLICES_US: [u64; 9] = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000];

impl Lengths {
    /// As many runs as the report made.
    pub fn full() -> Self {
        let s = Duration::from_secs;
        let beyond = [128_000, 256_000, 512_000];
        Self {
            switching: s(10),
            flat: s(30),
            shared: s(5),
            held: s(10),
            alone: s(10),
            slices: SLICES_US.into_iter().chain(beyond).map(Duration::from_micros).collect(),
            each_slice: s(10),
            gap_slice: Duration::from_millis(4),
            runs_switching: 150,
            runs_one_shot: 50,
            runs: 10,
        }
    }

    /// To see whether it works: everything within minutes.
    pub fn quick() -> Self {
        let s = Duration::from_secs;
        Self {
            switching: s(1),
            flat: s(4),
            shared: s(2),
            held: s(2),
            alone: s(3),
            slices: SLICES_US.into_iter().chain([256_000]).map(Duration::from_micros).collect(),
            each_slice: s(8),
            gap_slice: Duration::from_millis(4),
            runs_switching: 5,
            runs_one_shot: 3,
            runs: 1,
        }
    }

    /// To see it in an emulator, where everything takes a hundred times as long and no time counts.
    pub fn emulated() -> Self {
        let ms = Duration::from_millis;
        Self {
            slices: vec![ms(20), ms(80)],
            each_slice: ms(800),
            gap_slice: ms(20),
            ..Self::quick()
        }
    }
}

/// STREAM's rule: an array is so many times as large as the last cache.
const TIMES_CACHE: u64 = 4;
/// Last cache where the kernel tells none.
const USUAL_CACHE: u64 = 32 << 20;
/// Arrays of STREAM.
const ARRAYS: u64 = 3;
/// Of the memory that is available, guests get at most this part in a hundred.
const MEMORY_PERCENT: u64 = 70;
/// Pages that stress takes each time: 64 MiB, or what fits.
const STRESS_BYTES: u64 = 64 << 20;
/// Runs of Dhrystone in a record: some milliseconds.
const DHRYSTONES: u64 = 20_000;
/// Events in a record of what recording costs.
const PROBES: u64 = 10_000;
/// An interval between looks at the clock that is longer is a gap: shorter than any switch.
const GAP: Duration = Duration::from_nanos(1_000);
/// The same on an emulated processor, where each look takes as long.
const EMULATED_GAP: Duration = Duration::from_micros(200);
/// The tick of an idle guest: a thousand in a second.
const TICK: Duration = Duration::from_millis(1);
/// The same on an emulated processor, where guests take longer than that to wake and to sleep again: they
/// are to do so at the same ticks.
const EMULATED_TICK: Duration = Duration::from_millis(50);
/// Records in a log: more than a run has, in 24 MiB.
const RECORDS: u64 = 1 << 20;

/// Sizes for guests on this machine.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Bytes of one of STREAM's arrays.
    pub array_bytes: u64,
    /// Records in a log.
    pub records: u64,
    /// Whether arrays are smaller than STREAM's rule wants.
    pub too_small: bool,
    gap_cycles: u64,
    tick: Duration,
}

impl Sizes {
    /// From the last cache and the memory there is, unless an array's size is given. So many bytes of a
    /// guest's memory are not for the payload.
    pub fn new(
        environment: &Environment,
        array_bytes: Option<u64>,
        own_bytes: u64,
        scale: &Scale,
    ) -> Self {
        let cache = environment.caches.iter().max_by_key(|cache| cache.level);
        let wanted = cache.map_or(USUAL_CACHE, |cache| cache.bytes) * TIMES_CACHE;
        let available = proc::memory_bytes("MemAvailable").unwrap_or(u64::MAX / MEMORY_PERCENT);
        let log = RECORDS * size_of::<Record>() as u64 + 8 * LARGE_PAGE;
        // Two guests.
        let each =
            (available / 100 * MEMORY_PERCENT / 2).min(MAX_BYTES).saturating_sub(log + own_bytes);
        let fits = (each / ARRAYS).next_multiple_of(LARGE_PAGE).saturating_sub(LARGE_PAGE);
        let array_bytes = array_bytes.unwrap_or_else(|| wanted.min(fits.max(LARGE_PAGE)));
        let (gap, tick) = match environment.emulated {
            true => (EMULATED_GAP, EMULATED_TICK),
            false => (GAP, TICK),
        };
        Self {
            array_bytes,
            records: RECORDS,
            too_small: array_bytes < wanted,
            gap_cycles: scale.cycles(u64::try_from(gap.as_nanos()).unwrap_or(u64::MAX)),
            tick,
        }
    }

    /// What a guest with this payload needs.
    pub fn spec(&self, payload: Payload) -> GuestSpec {
        let stress_pages = STRESS_BYTES.min(self.array_bytes) / PAGE_BYTES;
        let (elements, heap_bytes) = match payload {
            Payload::Stream => (self.array_bytes / 8, self.array_bytes.saturating_mul(ARRAYS)),
            // With room for the list of the pages that are held.
            Payload::Stress => {
                (stress_pages, stress_pages * PAGE_BYTES + (stress_pages * 8) + PAGE_BYTES)
            }
            Payload::Dhrystone => (DHRYSTONES, 0),
            Payload::Probe => (PROBES, 0),
            _ => (0, 0),
        };
        GuestSpec {
            payload,
            elements,
            threshold: self.gap_cycles,
            tick_ns: u64::try_from(self.tick.as_nanos()).unwrap_or(u64::MAX),
            log_capacity: self.records,
            heap_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::time::Moment;
    use labstats::results::Cache;

    #[test]
    fn arrays_follow_the_last_cache_until_memory_ends() {
        let scale = Scale::between(Moment { ns: 0, tsc: 0 }, Moment { ns: 1000, tsc: 2000 });
        let cache = |level, bytes| Cache { level, kind: "unified".into(), bytes };
        let mut environment = Environment {
            caches: vec![cache(1, 1 << 15), cache(3, 4 << 20)],
            ..Default::default()
        };
        let sizes = Sizes::new(&environment, None, 0, &scale);
        assert_eq!((sizes.array_bytes, sizes.too_small), (16 << 20, false));
        assert_eq!(sizes.spec(Payload::Stream).elements, 2 << 20);
        assert_eq!(sizes.spec(Payload::Gap).threshold, 2000);
        environment.caches.push(cache(4, 1 << 40));
        let sizes = Sizes::new(&environment, None, 0, &scale);
        assert!(sizes.too_small);
        assert!(sizes.spec(Payload::Stream).memory_bytes() <= MAX_BYTES);
        let beside = Sizes::new(&environment, None, 1 << 30, &scale);
        assert!(beside.spec(Payload::Stream).memory_bytes() <= MAX_BYTES - (1 << 30));
        assert!(Sizes::new(&environment, Some(1 << 20), 0, &scale).too_small);
    }
}
