//! `ublk probe`.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use daemonkit::signals::StopSignals;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use vpt_model::config::{DiskConfig, KDefaults, dump_disk};
use vpt_model::{Disk, DiskSpec, SECTOR_BYTES, Sectors};

use super::{Failure, Outcome, Program, complain, expect_living, plots, state_dir};
use crate::cli::ProbeArgs;
use crate::control::Client;
use crate::daemon::vpt;
use crate::disks::Catalogue;
use crate::engine::rt;
use crate::probe::{self, Model, Options, ProgressSink};

pub(super) fn run(program: &Program, args: &ProbeArgs, out: &mut dyn Write) -> Outcome {
    let (target, model) = target_and_model(program, args)?;
    let options = options(args, target, model);
    let stop = Arc::new(AtomicBool::new(false));
    let signals = StopSignals::install({
        let stop = stop.clone();
        move |_| stop.store(true, Ordering::Relaxed)
    })
    .map_err(|e| Failure::Failed(format!("cannot handle signals: {e}")))?;
    let mut bar = Bar::new(stop, args.quiet);
    // What is measured shall be the disk, not how long this process waits for a processor. Without the
    // permission the figures hold that, too, as any program's would.
    rt::no_timer_slack();
    let _ = rt::be_fifo();
    let report = probe::run(&options, &mut bar).map_err(|e| Failure::Failed(e.to_string()))?;
    bar.end();
    drop(signals);
    plots::write(&report.figure(), args.svg.as_deref(), args.png.as_deref())?;
    if let Some(path) = &args.toml {
        let spec = report.to_spec(args.rpm);
        let disk = DiskConfig { spec, k: KDefaults::default(), serve: None };
        plots::put(path, dump_disk(&disk).as_bytes())?;
    }
    if args.json {
        let json = report.to_json().map_err(|e| Failure::Failed(format!("output: {e}")))?;
        writeln!(out, "{json}")?;
    } else {
        write!(out, "{}", report.table())?;
    }
    // What there is has been shown; but scripts must see that it is not what they asked for.
    if report.interrupted.is_some() && args.seconds.is_none() {
        complain("probe: ended early; the figures are of what had been measured");
        return Err(Failure::Told);
    }
    Ok(())
}

fn options(args: &ProbeArgs, target: PathBuf, model: Option<Model>) -> Options {
    let base = match args.random {
        Some(requests) => Options::random_only(target, requests),
        None => Options::new(target),
    };
    Options {
        block_bytes: args.block_size,
        buckets: args.buckets as usize,
        passes: args.passes as usize,
        per_pass: args.samples as usize,
        depth: args.depth as usize,
        cached: args.cached,
        direct: !args.buffered,
        time_limit: args.seconds.map(Duration::from_secs_f64),
        seed: args.seed,
        rpm: args.rpm,
        model,
        ..base
    }
}

/// What to measure, and what it should come to if that is known.
fn target_and_model(
    program: &Program,
    args: &ProbeArgs,
) -> Result<(PathBuf, Option<Model>), Failure> {
    if let Some(id) = args.id {
        let state = state_dir(program)?;
        expect_living(&state, id)?;
        let client = Client::new(&state, id);
        let about = client.about()?;
        let k = client.stats(false)?.scale.k;
        let spec = vpt::read_disk(&about.disk).map_err(Failure::Failed)?.spec;
        let path = about.info.path().to_owned();
        return Ok((path, Some(model(&spec, args.block_size, k, about.info.size_bytes)?)));
    }
    let target = args.target.clone().unwrap_or_default(); // clap sees to it that there is one
    let Some(name) = &args.disk else { return Ok((target, None)) };
    let disk = Catalogue::of_this_machine().find(name)?;
    let spec = vpt::read_disk(&disk).map_err(Failure::Failed)?.spec;
    let bytes = probe::size_of(&target).map_err(|e| Failure::Failed(e.to_string()))?;
    Ok((target, Some(model(&spec, args.block_size, 1.0, bytes)?)))
}

/// The modelled disk as a curve: seek by distance, plus what a random request takes besides.
fn model(spec: &DiskSpec, block_bytes: u64, k: f64, disk_bytes: u64) -> Result<Model, Failure> {
    let disk = Disk::new(spec, Sectors::new((disk_bytes / 512).max(1)))
        .map_err(|e| Failure::Failed(e.to_string()))?;
    let random = disk.expected_random(Sectors::holding(block_bytes));
    let besides_ms = random.mean_ms - random.mean_seek_ms;
    let name = if k == 1.0 { spec.name.clone() } else { format!("{} at k = {k:.3}", spec.name) };
    let len = Sectors::holding(block_bytes);
    let exact = disk.clone();
    Ok(Model {
        name,
        expected_ms: Arc::new(move |stroke| {
            k * (disk.seek_time(stroke).as_secs_f64() * 1e3 + besides_ms)
        }),
        between_ms: Some(Arc::new(move |from, to| {
            // The read at `from` left the head on its last sector.
            let head = Sectors::new(from / SECTOR_BYTES) + len - Sectors::new(1);
            let to = Sectors::new(to / SECTOR_BYTES);
            k * exact.expected_move(head, to, len).as_secs_f64() * 1e3
        })),
        random_mean_ms: Some(k * random.mean_ms),
    })
}

/// Progress for people, on standard error if that is a terminal.
struct Bar {
    bar: ProgressBar,
    stop: Arc<AtomicBool>,
}

impl Bar {
    fn new(stop: Arc<AtomicBool>, quiet: bool) -> Self {
        let target = if quiet || !std::io::stderr().is_terminal() {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{msg:20} {wide_bar} {pos}/{len} {eta} left");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Self { bar, stop }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}

impl ProgressSink for Bar {
    fn phase(&mut self, name: &str, requests: u64) {
        self.bar.reset();
        self.bar.set_length(requests);
        self.bar.set_message(name.to_owned());
    }

    fn done(&mut self, done: u64) {
        self.bar.set_position(done);
    }

    fn note(&mut self, text: &str) {
        self.bar.println(format!("note: {text}"));
    }

    fn keep_going(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}
