//! The commands that measure and compute: probe, replay.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::add::parse_scale;
use super::{device_id, parse_size};
use crate::daemon::device::LatencyChoice;

/// `ublk probe`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ublk probe -n 0 --random 2000 --png seek.png
      device 0: does it take the time of the disk that it models?
  sudo ublk probe /dev/sda --toml sda.toml --svg sda.svg
      a real disk, which is only read; then: ublk add vpt ./sda.toml --image lab.img
  ublk probe lab.img --cached --svg both.svg
      the same moves from the store and out of the page cache

Moves over planned distances are timed in shuffled order, several passes; then random requests and a
few sequential runs. The best straight line and the best two-piece curve are fitted to the moves.")]
pub struct ProbeArgs {
    /// A file or block device; it is only read
    #[arg(value_hint = ValueHint::AnyPath, required_unless_present = "id", conflicts_with = "id")]
    pub target: Option<PathBuf>,
    /// Probe this device, and compare it with the disk that it models
    #[arg(short = 'n', long = "number", value_name = "ID", value_parser = device_id())]
    pub id: Option<u32>,
    /// Compare with this modelled disk: a TOML file or a name
    #[arg(long, value_name = "DISK", conflicts_with = "id")]
    pub disk: Option<String>,
    /// Distances between none and the full stroke
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(2..=4096))]
    pub buckets: u32,
    /// Passes over all distances, each in another order
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub passes: u32,
    /// Moves over each distance in each pass
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub samples: u32,
    /// Only so many uniformly random reads, instead of planned moves
    #[arg(long, value_name = "N", conflicts_with_all = ["buckets", "passes", "samples", "cached"],
          value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub random: Option<u64>,
    /// Random reads under way at once; above 1 there are rates and latencies but no distances
    #[arg(long, value_name = "N", default_value_t = 1, requires = "random",
          value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub depth: u32,
    /// Bytes per read
    #[arg(long, value_name = "SIZE", default_value = "4K", value_parser = parse_size)]
    pub block_size: u64,
    /// Measure the moves again out of the page cache, for comparison
    #[arg(long)]
    pub cached: bool,
    /// Through the page cache, where O_DIRECT is the default
    #[arg(long)]
    pub buffered: bool,
    /// End after this long with what there is
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub seconds: Option<f64>,
    /// The disk's revolutions per minute, to tell half a revolution from the rest
    #[arg(long, value_name = "N", value_parser = parse_scale)]
    pub rpm: Option<f64>,
    /// For the choice of places
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Write a plot of points, fits and model
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub svg: Option<PathBuf>,
    /// Write the same as pixels
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub png: Option<PathBuf>,
    /// Write a disk file that takes the measured times
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub toml: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// No progress bar
    #[arg(long)]
    pub quiet: bool,
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(s) if (0.001..=1e7).contains(&s) => Ok(s),
        _ => Err("give seconds, from 0.001 to 10000000".into()),
    }
}

/// How a trace is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TraceFormat {
    /// fio's write_iolog, version 2 or 3.
    Iolog,
    /// fio's latency or bandwidth log, with log_offset=1.
    FioLog,
    /// blkparse's text.
    Blkparse,
    /// Lines of JSON, as `add --trace` and `stats --trace` write them.
    Json,
}

/// Which event of a block trace is a request's arrival.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum BlktraceEvent {
    /// D: issued to the device, after the scheduler.
    #[default]
    Issue,
    /// Q: queued by the file system, before the scheduler.
    Queue,
}

/// `ublk replay`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ublk replay run.json --disk cheetah-9lp                     a recorded run on another disk
  ublk replay fio.log --disk barracuda-st32171w --depth 8     eight requests under way at once
  blkparse -i trace | ublk replay - --disk cheetah-9lp --requests parts.csv
  ublk replay --bench 5000000 --disk linear-example           how fast this is here

No device is needed: the model runs on a virtual clock.")]
pub struct ReplayArgs {
    /// The trace, - for standard input
    #[arg(value_hint = ValueHint::FilePath, required_unless_present = "bench")]
    pub trace: Option<PathBuf>,
    /// The modelled disk: a TOML file or a name
    #[arg(long)]
    pub disk: String,
    /// How the trace is written [default: by its first lines]
    #[arg(long, value_enum)]
    pub format: Option<TraceFormat>,
    /// Which device (8,0) or file of the trace [default: the one with the most requests]
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// Which event of a block trace counts as arrival
    #[arg(long, value_enum, default_value_t)]
    pub event: BlktraceEvent,
    /// Skip lines that cannot be read, and count them
    #[arg(long)]
    pub lenient: bool,
    /// Size of the disk [default: up to the last sector the trace touches]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub capacity: Option<u64>,
    /// Fold requests beyond the end of the disk back into it
    #[arg(long)]
    pub wrap: bool,
    /// Submit requests when they were recorded [default if the trace has times fine enough]
    #[arg(long, conflicts_with = "depth")]
    pub open: bool,
    /// Multiply the recorded times: 0.5 is twice as fast
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = parse_scale, conflicts_with = "depth")]
    pub time_scale: f64,
    /// Keep so many requests under way, whenever they were recorded
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub depth: Option<u32>,
    /// The scale
    #[arg(long, default_value = "1", value_parser = parse_scale)]
    pub k: f64,
    /// Rotational latency, in the place of the disk file's
    #[arg(long, value_enum)]
    pub latency: Option<LatencyChoice>,
    /// How many waiting requests the disk chooses from, in the place of the disk file's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub ncq: Option<u16>,
    /// For a random rotational latency [default: the disk file's, or 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Write a line for each request with the parts of its delay: CSV, or JSON if it ends in .json(l)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub requests: Option<PathBuf>,
    /// Write a plot of the response times
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub svg: Option<PathBuf>,
    /// Write the same as pixels
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub png: Option<PathBuf>,
    /// Instead of a trace, replay so many synthetic requests and say how fast that was
    #[arg(long, value_name = "N", conflicts_with = "trace", value_parser = clap::value_parser!(u64).range(1..=10_000_000_000))]
    pub bench: Option<u64>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
