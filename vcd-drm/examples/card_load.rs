//! Draws random smooth triangles through a card in this process, and measures that, for `cargo xtask
//! bench vcd`.
//!
//! - `stream`: the commands are there already; the card reads them by DMA, decodes them and draws
//! - `whole`: a program sets up each triangle, adds it to a buffer, and rings the doorbell when the buffer
//!   is full; the card interrupts for each buffer
//!
//! card_load MODE HEIGHT COUNT [THREADS]. Prints one JSON object: seconds by the clock, of processor time,
//! and by whom it was drawn.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use vcd_drm::commands::card::layout;
use vcd_drm::commands::cli::CardArgs;
use vcd_drm::demo::scenes::{HEIGHT, Numbers, WIDTH, random_triangle};
use vcd_drm::demo::{Driver, Stream};
use vcd_drm::play::Threads;
use vgpu_card::raster::Isa;
use vgpu_card::regs;

/// Triangles that are made before `stream` begins; they are drawn again and again.
const READY: u32 = 20_000;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (mode, height, count, threads) = match &words[..] {
        [mode, height, count] => (mode, height, count, "1"),
        [mode, height, count, threads] => (mode, height, count, &**threads),
        _ => bail!("card_load stream|whole HEIGHT COUNT [THREADS]"),
    };
    let height: u32 = height.parse().context("the height")?;
    let count: u32 = count.parse().context("the count")?;
    let mut driver = Driver::new(layout(&CardArgs::default())?)?;
    driver.player().set_threads(Threads::new(threads.parse().context("the threads")?)?);
    driver.set_mode(WIDTH, HEIGHT, 0)?;
    let (clock, processor) = match &**mode {
        "stream" => stream(&mut driver, height, count)?,
        "whole" => whole(&mut driver, height, count)?,
        other => bail!("{other}: stream or whole"),
    };
    let drawn = driver.player().machine().memory()[..(WIDTH * HEIGHT) as usize]
        .iter()
        .filter(|pixel| **pixel != 0)
        .count();
    let (interrupts, buffers) = driver.interrupts_and_buffers();
    let by = format!("{:?}", Isa::best());
    let told = json!({
        "seconds": clock, "processor": processor, "by": by, "pixels": drawn,
        "interrupts": interrupts, "buffers": buffers,
    });
    println!("{told}");
    Ok(())
}

/// Seconds by the clock and of processor time.
fn measured(work: impl FnOnce() -> Result<()>) -> Result<(f64, f64)> {
    let processor = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let (clock, before) = (Instant::now(), processor());
    work()?;
    Ok((clock.elapsed().as_secs_f64(), processor() - before))
}

fn stream(driver: &mut Driver, height: u32, count: u32) -> Result<(f64, f64)> {
    let mut numbers = Numbers::new(1);
    let mut buffers: Vec<Vec<u32>> = vec![Vec::new()];
    let first = Stream::new(WIDTH, HEIGHT, 0);
    driver.submit(first.words())?;
    // As many in each buffer, so that a count of triangles is a count of buffers.
    let each = (Driver::MOST_WORDS / 20) as u32;
    for n in 0..READY.min(count) {
        if n > 0 && n.is_multiple_of(each) {
            buffers.push(Vec::new());
        }
        let buffer = buffers.last_mut().context("a buffer")?;
        for (corner, (x, y, color)) in (0..).zip(random_triangle(&mut numbers, height)) {
            buffer.extend([regs::tag::VERTEX_X + corner, x.cast_unsigned()]);
            buffer.extend([regs::tag::VERTEX_Y + corner, y.cast_unsigned()]);
            buffer.extend([regs::tag::VERTEX_COLOR + corner, color]);
        }
        buffer.extend([regs::tag::DRAW, regs::draw::PRIMITIVE_TRIANGLE]);
    }
    measured(|| {
        let mut left = count as usize;
        for buffer in buffers.iter().cycle() {
            let triangles = (buffer.len() / 20).min(left);
            driver.submit(&buffer[..triangles * 20])?;
            left -= triangles;
            if left == 0 {
                break;
            }
        }
        Ok(())
    })
}

fn whole(driver: &mut Driver, height: u32, count: u32) -> Result<(f64, f64)> {
    let mut numbers = Numbers::new(1);
    let mut stream = Stream::new(WIDTH, HEIGHT, 0);
    measured(|| {
        for _ in 0..count {
            stream.triangle(driver, random_triangle(&mut numbers, height))?;
        }
        Ok(stream.send(driver)?)
    })
}
