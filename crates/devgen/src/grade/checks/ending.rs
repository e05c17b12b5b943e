//! Unloading, and the card being pulled out.

use std::process::Command;
use std::time::Duration;

use super::work::{drawing, spot, spot_color};
use crate::grade::bench::{Bench, OTHER_CPU, Setup};
use crate::grade::kernel::{self, Allocations, Log};
use crate::grade::program::{Program, soon};
use crate::grade::sheet::{Sheet, Stop};

/// What the module vgpu says of DMA memory that was not given back.
const LEFT: &str = "DMA mappings behind";

pub(super) fn leak(setup: &Setup, sheet: &mut Sheet) -> Result<(), Stop> {
    setup.load_driver()?;
    let before = kernel::handlers();
    let mut log = Log::new()?;
    let allocations = Allocations::watch(&setup.job.module)?;
    let mut bench = Bench::plug(setup, &setup.card)?;
    bench.wait_bound()?;
    let mut program = drawing(&mut bench, OTHER_CPU)?;
    spot(&mut program, &mut bench, 0x10_2030)?;
    program.carry_out(&mut bench)?;
    program.end(&mut bench)?;
    let had = bench.shim().status()?.dma_mappings();
    let (file, address) = (bench.unbind_file(), bench.address());
    let mut leaving = Program::start(&mut bench, None, OTHER_CPU)?;
    leaving.tell(&format!("unbind {} {address}", file.display()))?;
    leaving.answer(&mut bench, "the driver's remove()", 2 * soon())?.fine("unbind")?;
    bench.wait_unbound()?;
    // What is freed after a grace period.
    bench.play(kernel::patience(Duration::from_millis(200)))?;

    let left = log.take().into_iter().find(|line| line.contains(LEFT));
    sheet.say(
        left.is_none(),
        left.unwrap_or_else(|| format!("all of {had} DMA mappings are given back")),
    );
    let (live, count) = allocations.left();
    sheet.say(
        live.is_empty(),
        match live.first() {
            None => format!("all of {count} allocations are freed"),
            Some(first) => format!("{} of {count} are not freed: {first}", live.len()),
        },
    );
    let mut rest = Vec::new();
    let (mappings, _) = bench.shim().status()?.mappings();
    if mappings > 0 {
        rest.push(format!("{mappings} mappings of BARs: iounmap()"));
    }
    for bar in [0, 2] {
        rest.extend(kernel::claimed(&address, bar).map(|owner| format!("BAR {bar} is {owner}'s")));
    }
    let handlers = kernel::handlers().into_iter().filter(|name| !before.contains(name));
    rest.extend(handlers.map(|name| format!("the handler {name}: free_irq()")));
    rest.extend(kernel::node(&address).map(|node| node.display().to_string()));
    sheet.say(
        rest.is_empty(),
        if rest.is_empty() { "nothing is left".to_owned() } else { rest.join("; ") },
    );
    Ok(())
}

pub(super) fn unplug(setup: &Setup, sheet: &mut Sheet) -> Result<(), Stop> {
    let mut bench = Bench::driven(setup)?;
    let mut program = drawing(&mut bench, OTHER_CPU)?;
    spot(&mut program, &mut bench, 0x10_2030)?;
    bench.idle = true;
    let number = program.ask(&mut bench, "submit")?.fine("SUBMIT")?.value;
    let long = kernel::patience(Duration::from_secs(8));
    program.tell(&format!("wait {number} {}", long.as_millis()))?;
    bench.play(Duration::from_millis(100))?;
    bench.shim().unplug()?;
    let answer = program.answer(&mut bench, "WAIT", soon())?;
    let ms = answer.time.as_millis();
    sheet.say(
        answer.error != 0 && answer.time < long / 2,
        format!("WAIT returned after {ms} ms of {}: {}", long.as_millis(), answer.error_text()),
    );
    program.end(&mut bench)?;
    bench.wait_unbound()?;
    setup.unload_driver()?;
    sheet.say(true, format!("rmmod {}", setup.job.module));
    Ok(())
}

/// Unloaded under the card, and loaded again.
pub(super) fn reload(setup: &Setup, sheet: &mut Sheet) -> Result<(), Stop> {
    let mut bench = Bench::driven(setup)?;
    for round in 1..=3_u32 {
        let mut program = drawing(&mut bench, OTHER_CPU)?;
        let color = 0x20_1008 * round;
        spot(&mut program, &mut bench, color)?;
        program.carry_out(&mut bench)?;
        let drawn = spot_color(&mut bench);
        if drawn != color {
            return Err(Stop(format!(
                "round {round}: the colour is {drawn:#08x}, not {color:#08x}"
            )));
        }
        program.end(&mut bench)?;
        let mut rmmod = Command::new("rmmod").arg(&setup.job.module).spawn()?;
        let ended =
            bench.until("rmmod does not end", 2 * soon(), |_| rmmod.try_wait().ok().flatten())?;
        if !ended.success() {
            return Err(Stop(format!("round {round}: rmmod: {ended}")));
        }
        if round < 3 {
            let mut insmod = setup.start_loading()?;
            bench.until("insmod does not end", 2 * soon(), |_| insmod.try_wait().ok().flatten())?;
            bench.wait_bound()?;
        }
    }
    sheet.say(true, "3 rounds of loading, drawing and unloading, under the same card");
    Ok(())
}
