//! `vcd demo`.

use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::cli::{CardArgs, DemoArgs};
use super::{card, looks};
use crate::demo::{Driver, Scene};
use crate::screen::Screen;
use crate::sink::png;
use crate::trace::Recorder;

/// From a frame to the next.
const FRAME: Duration = Duration::from_nanos(16_666_667);

/// Reads a scene's name.
pub(super) fn scene(name: &str) -> Result<Scene, String> {
    let found = Scene::ALL.iter().find(|(known, _)| *known == name);
    found.map(|(_, scene)| *scene).ok_or_else(|| {
        format!("there is none of that name; {}", Scene::ALL.map(|(name, _)| name).join(", "))
    })
}

pub(super) fn run(args: &DemoArgs) -> Result<()> {
    let layout = card::layout(&CardArgs::default())?;
    let (mut publisher, screen) = Screen::new().context("no screen")?;
    let ended = Arc::new(AtomicBool::new(false));
    let _signals = daemonkit::signals::StopSignals::install({
        let ended = Arc::clone(&ended);
        move |_| ended.store(true, Ordering::Relaxed)
    })
    .context("signals")?;
    let sinks = looks::start(&args.looks, &screen)?;
    if args.frames.is_none() && sinks.is_empty() {
        bail!(
            "nobody could look: say where to (--browser, --rfb, --kms), or how many --frames to draw"
        );
    }
    let mut driver = Driver::new(layout)?;
    driver.player().set_threads(args.threads.start()?);
    let failure = match &args.trace {
        None => None,
        Some(path) => {
            let name = || path.display().to_string();
            let file = BufWriter::new(File::create(path).with_context(name)?);
            let (recorder, failure) =
                Recorder::new(file, driver.player().card().layout()).with_context(name)?;
            driver.player().set_listener(Some(Box::new(recorder)));
            Some(failure)
        }
    };
    args.scene.begin(&mut driver)?;
    driver.want_blanks(true);
    let began = Instant::now();
    let mut number = 0;
    while args.frames.is_none_or(|frames| number < frames) && !ended.load(Ordering::Relaxed) {
        number += 1;
        args.scene.frame(&mut driver, number)?;
        driver.player().publish(&mut publisher, false);
        driver.player().tick(began.elapsed());
        driver.handle_interrupts();
        if !args.fast && !sinks.is_empty() {
            let due = FRAME.saturating_mul(number);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    driver.player().set_listener(None);
    if let (Some(error), Some(path)) = (failure.and_then(|failure| failure.take()), &args.trace) {
        return Err(error).with_context(|| path.display().to_string());
    }
    if let Some(path) = &args.png {
        png::snapshot(&screen, path)?;
    }
    tell(args, &mut driver, number, seconds)
}

fn tell(args: &DemoArgs, driver: &mut Driver, frames: u32, seconds: f64) -> Result<()> {
    let (interrupts, buffers) = driver.interrupts_and_buffers();
    let (blanks, counts) = (driver.blanks(), driver.player().counts());
    if args.json {
        let all = json!({
            "frames": frames, "seconds": seconds, "buffers": buffers, "interrupts": interrupts,
            "vertical_blanks": blanks, "card": counts,
        });
        println!("{all}");
    } else {
        println!(
            "{frames} frames in {seconds:.2} s: {buffers} command buffers of {} KiB in all, \
             {interrupts} interrupts, {blanks} of {} for vertical blanks",
            counts.fetched_bytes >> 10,
            blanks,
        );
    }
    Ok(())
}
