//! Binding, and what belongs to it.

use std::time::Duration;

use crate::grade::bench::{Bench, OTHER_CPU, Setup};
use crate::grade::kernel;
use crate::grade::sheet::{Sheet, Stop};

/// How long a driver may think about a card that is not its own.
const THOUGHT: Duration = Duration::from_millis(300);

pub(super) fn bind(setup: &Setup, sheet: &mut Sheet) -> Result<(), Stop> {
    setup.load_driver()?;
    sheet.say(true, format!("insmod {}.ko", setup.job.module));
    let mut bench = Bench::plug(setup, &setup.card)?;
    let driver = bench.wait_bound()?;
    sheet.say(true, format!("{} is bound to {}", driver, bench.address()));
    let node = bench.node()?;
    sheet.say(true, node.display().to_string());
    Ok(())
}

/// A card with the same PCI ids, whose registers are elsewhere.
pub(super) fn stranger(setup: &Setup, sheet: &mut Sheet) -> Result<(), Stop> {
    let mut other = crate::source::base()?;
    if regmap::layout_hash(&other) == regmap::layout_hash(&setup.card) {
        other.version.1 = other.version.1.wrapping_add(1);
    }
    other.pci = setup.card.pci;
    setup.load_driver()?;
    let mut bench = Bench::plug(setup, &other)?;
    bench.until("the card is not plugged in", Duration::from_secs(15), |bench| {
        bench.shim().status().is_ok_and(|status| status.plugged()).then_some(())
    })?;
    bench.play(THOUGHT)?;
    let (own, its) = (regmap::layout_hash(&setup.card), regmap::layout_hash(&other));
    let driver = kernel::driver_of(&bench.address());
    sheet.say(
        driver.is_none(),
        match driver {
            None => format!("not bound to the card of layout {its:#010x}; its own is {own:#010x}"),
            Some(name) => format!(
                "{name} is bound to a card of layout {its:#010x}, its own is {own:#010x}: compare \
                 the register of the layout's hash with the header's"
            ),
        },
    );
    Ok(())
}

pub(super) fn regions(setup: &Setup, sheet: &mut Sheet) -> Result<(), Stop> {
    let mut bench = Bench::driven(setup)?;
    let address = bench.address();
    for bar in [0, 2] {
        let owner = kernel::claimed(&address, bar);
        sheet.say(
            owner.is_some(),
            match owner {
                Some(owner) => format!("/proc/iomem: BAR {bar} belongs to {owner}"),
                None => format!(
                    "/proc/iomem: nobody has claimed BAR {bar}, so another driver could: \
                     pci_request_regions()"
                ),
            },
        );
    }
    Ok(())
}

pub(super) fn dma_mask(setup: &Setup, sheet: &mut Sheet) -> Result<(), Stop> {
    let mut bench = Bench::driven(setup)?;
    let folder = kernel::device(&bench.address());
    for name in ["consistent_dma_mask_bits", "dma_mask_bits"] {
        let text = kernel::text(folder.join(name)).unwrap_or_default();
        let bits: u32 = text.parse().map_err(|_| Stop(format!("{name} is {text:?}")))?;
        let advice = if bits > 32 {
            ": the card's address registers have 32 bits, so it would read elsewhere; \
             dma_set_mask_and_coherent(..., DMA_BIT_MASK(32))"
        } else {
            ""
        };
        sheet.say(bits <= 32, format!("{name} is {bits}{advice}"));
    }
    Ok(())
}

pub(super) fn map(setup: &Setup, sheet: &mut Sheet) -> Result<(), Stop> {
    let mut bench = Bench::driven(setup)?;
    let mut program = bench.open(OTHER_CPU)?;
    let bytes = program.ask(&mut bench, "map")?.fine("mmap()")?.value;
    let words = setup.card.framebuffer_bytes as usize / 4;
    if bytes as usize != words * 4 {
        sheet.say(false, format!("the driver says {bytes} bytes, the card has {}", words * 4));
    } else {
        let mut wrong = None;
        for (index, at) in [0, 1, words / 2 + 3, words - 1].into_iter().enumerate() {
            let (there, back) = (0x1234_5600 + index as u32, 0x0065_4300 + index as u32);
            program.ask(&mut bench, &format!("poke {at} {there}"))?.fine("poke")?;
            let seen = bench.memory()[at];
            bench.memory()[at] = back;
            let read = program.ask(&mut bench, &format!("peek {at}"))?.fine("peek")?.value;
            if (seen, read) != (there, u64::from(back)) {
                wrong = Some(format!(
                    "word {at}: written {there:#x}, in the card {seen:#x}; in the card {back:#x}, \
                     read {read:#x}"
                ));
            }
        }
        let fine = wrong.is_none();
        sheet.say(fine, wrong.unwrap_or_else(|| format!("4 of {words} words, both ways")));
    }
    let error = program.ask(&mut bench, "more")?;
    sheet.say(error.error != 0, format!("mmap() of a page more: {}", error.error_text()));
    Ok(())
}
