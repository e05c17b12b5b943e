//! The commands that measure and compute: probe, replay.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::add::parse_scale;
use super::parse_size;
use crate::daemon::device::{LatencyChoice, Mode};

/// Whether a probe lets the page cache answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Caching {
    /// O_DIRECT: the disk answers.
    #[default]
    Off,
    /// Through the page cache, filled beforehand where it fits.
    On,
    /// First one, then the other, for comparison.
    Both,
}

/// `ublk probe`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ublk probe /run/ublksrvd/0000/disk             a lab disk: does it take the modelled time?
  sudo ublk probe /dev/sda --toml sda.toml       a real disk (it is only read), to serve as a model
  ublk probe lab.img --cache both --plot c.svg   with and without the page cache")]
pub struct ProbeArgs {
    /// A file or block device; it is only read
    #[arg(value_hint = ValueHint::AnyPath)]
    pub target: PathBuf,
    /// Passes over all distances
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub passes: u32,
    /// Distances between none and the full stroke
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(2..=4096))]
    pub buckets: u32,
    /// Reads at each distance in each pass
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub samples: u32,
    /// Bytes per read
    #[arg(long, value_name = "SIZE", default_value = "4K", value_parser = parse_size)]
    pub block_size: u64,
    /// With or without the page cache
    #[arg(long, value_enum, default_value_t)]
    pub cache: Caching,
    /// For the choice of places
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Write a plot of the points and the fits, SVG or PNG by its ending
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub plot: Option<PathBuf>,
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

/// How a trace is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TraceFormat {
    /// By its first lines.
    #[default]
    Auto,
    /// fio's write_iolog, version 2 or 3.
    Fio,
    /// blkparse's text.
    Blktrace,
    /// Lines of JSON, as `add --trace` and `stats --trace` write them.
    Json,
}

/// `ublk replay`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ublk replay run.json --disk cheetah-9lp                     a recorded run on another disk
  ublk replay fio.log --disk barracuda-st32171w --json        totals as JSON
  blkparse -i trace | ublk replay - --disk cheetah-9lp --requests parts.json")]
pub struct ReplayArgs {
    /// The trace, - for standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub trace: PathBuf,
    /// The modelled disk: a TOML file or a name
    #[arg(long)]
    pub disk: String,
    /// How the trace is written
    #[arg(long, value_enum, default_value_t)]
    pub format: TraceFormat,
    /// Size of the disk [default: what the trace touches]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub capacity: Option<u64>,
    /// What moves the scale
    #[arg(long, value_enum, default_value = "fixed")]
    pub mode: Mode,
    /// The scale
    #[arg(long, default_value = "1", value_parser = parse_scale)]
    pub k: f64,
    /// Rotational latency, in the place of the disk file's
    #[arg(long, value_enum)]
    pub latency: Option<LatencyChoice>,
    /// How many waiting requests the disk chooses from, in the place of the disk file's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub ncq: Option<u16>,
    /// For everything random in the model
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Issue each request when the one N before it completes, in the place of the recorded times
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub closed_loop: Option<u32>,
    /// Write one line of JSON for each request, with the parts of its delay
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub requests: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
