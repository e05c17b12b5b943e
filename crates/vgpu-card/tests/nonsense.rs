//! Drivers that do anything: nothing panics, nothing outside of the memory is touched, and what the
//! registers say is always consistent.

mod lab;

use std::time::Duration;

use lab::{DMA, Lab};
use proptest::prelude::*;
use vgpu_card::ids::{Fld, Reg};

/// What a driver may do.
#[derive(Clone, Debug)]
enum Act {
    Write(usize, u32),
    Memory(usize, u32),
    Scan,
    Feed,
    Unreadable,
    Tick(u32),
}

/// Numbers that mean something more often than random ones do.
fn number() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => 0_u32..16,
        2 => (0_u32..12, 0_u32..12).prop_map(|(low, high)| low | high << 16),
        1 => (600_u32..1100, 400_u32..800).prop_map(|(low, high)| low | high << 16),
        1 => (0_u32..32).prop_map(|bit| 1 << bit),
        1 => (DMA..DMA + 512).prop_map(|address| address & !3),
        1 => (-70_000_i32..70_000).prop_map(|number| number as u32),
        1 => any::<u32>(),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (any::<prop::sample::Index>(), number())
            .prop_map(|(reg, value)| Act::Write(reg.index(Reg::ALL.len()), value)),
        4 => (0_usize..256, number()).prop_map(|(at, value)| Act::Memory(at, value)),
        3 => Just(Act::Scan),
        3 => Just(Act::Feed),
        1 => Just(Act::Unreadable),
        1 => (0_u32..100_000).prop_map(Act::Tick),
    ]
}

fn consistent(lab: &Lab) -> Result<(), TestCaseError> {
    let (graphics, mode) = (lab.get(Fld::StatusGraphics) == 1, lab.mode);
    prop_assert_eq!(graphics, lab.card.display().is_some());
    prop_assert_eq!(mode, lab.card.display().map(|display| display.mode()));
    prop_assert_eq!(lab.pin, lab.get(Fld::StatusLine) == 1);
    if let Some(mode) = mode {
        let end = mode.base + mode.stride as usize * (mode.height as usize - 1);
        prop_assert!(end + mode.width as usize <= lab.memory.len());
        prop_assert_eq!(lab.damage.intersect(&mode.bounds()), lab.damage);
    }
    if let Some(fetch) = lab.card.fetch() {
        prop_assert!(fetch.bytes > 0 && fetch.bytes <= vgpu_card::Fetch::MOST_BYTES);
        prop_assert!(fetch.bytes.is_multiple_of(4) && fetch.address.is_multiple_of(4));
    }
    Ok(())
}

fn run(lab: &mut Lab, acts: Vec<Act>) -> Result<(), TestCaseError> {
    let mut now = Duration::ZERO;
    for act in acts {
        lab.damage = vgpu_card::raster::Rect::EMPTY;
        match act {
            Act::Write(reg, value) => {
                let reg = Reg::ALL[reg];
                lab.write_at(reg, value as usize % reg.count(), value);
            }
            Act::Memory(at, value) => lab.driver[at] = value,
            Act::Scan => lab.scan(),
            Act::Feed => _ = lab.feed(),
            Act::Unreadable => {
                let memory = std::mem::take(&mut lab.driver);
                lab.feed();
                lab.driver = memory;
            }
            Act::Tick(us) => {
                now += Duration::from_micros(us.into());
                let next = lab.tick(now);
                prop_assert!(next.is_none_or(|next| next > now));
            }
        }
        consistent_after(lab)?;
    }
    Ok(())
}

/// A driver may write to the card's registers, too; they only tell what the card says after a reset.
fn consistent_after(lab: &mut Lab) -> Result<(), TestCaseError> {
    let restore = [Reg::Status, Reg::IntCount];
    for reg in restore {
        lab.repair(reg);
    }
    consistent(lab)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn any_driver_is_survived(acts in proptest::collection::vec(act(), 1..120)) {
        let mut lab = Lab::small();
        lab.driver = vec![0; 256];
        run(&mut lab, acts)?;
    }

    /// Streams that are made of tags which exist, mostly.
    #[test]
    fn any_stream_is_survived(
        pairs in proptest::collection::vec((prop_oneof![9 => 0_u32..0x60, 1 => any::<u32>()], number()), 0..200),
        odd: bool,
        enable: u32,
    ) {
        let mut lab = Lab::small();
        lab.write(Reg::IntEnable, enable);
        let mut stream: Vec<u32> = pairs.iter().flat_map(|(tag, data)| [*tag, *data]).collect();
        if odd {
            stream.push(1);
        }
        if !stream.is_empty() {
            lab.buffer(&stream);
        }
        let ended = lab.get(Fld::IntCountBuffer) + lab.get(Fld::IntCountError);
        prop_assert_eq!(ended, u32::from(!stream.is_empty()), "done or given up, once");
        prop_assert_eq!(lab.get(Fld::IntCountError) as usize, lab.faults.len());
        consistent(&lab)?;
        // What was drawn before a mistake does not depend on where the stream is cut into pieces.
        let mut pieces = Lab::small();
        for piece in stream.chunks(2) {
            pieces.buffer(piece);
            if !pieces.faults.is_empty() {
                break;
            }
        }
        prop_assert!(pieces.memory == lab.memory);
        prop_assert_eq!(pieces.read(Reg::FenceDone), lab.read(Reg::FenceDone));
    }
}
