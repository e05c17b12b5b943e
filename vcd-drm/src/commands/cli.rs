//! What can be typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use daemonkit::metrics::MetricsAddress;

use crate::play::Threads;

/// Plays a PCI graphics card that is not there, and shows its screen.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "vcd",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "\
Examples:
  vcd demo --browser 127.0.0.1:8000    a card, a driver and a scene in one process: look at it
  vcd demo --frames 60 --png out.png   the same, and the last picture in a file
  vcd run --browser 127.0.0.1:8000     plug a card into this machine (needs the module vgpu)
  vcd shot out.png                     what its screen shows now
  vcd trace play session.trace --png out.png"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// See each one's arguments.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Plug a card into this machine, and play it until Ctrl-C.
    Run(RunArgs),
    /// Play a card for a driver and a program in this process: works on any machine.
    Demo(DemoArgs),
    /// Write what a running card's screen shows into a PNG file.
    Shot(ShotArgs),
    /// What a running card has done.
    Stats(StatsArgs),
    /// Play a card's trace again.
    Trace(TraceArgs),
}

/// Which card.
#[derive(Clone, Debug, Default, Args)]
pub struct CardArgs {
    /// The card's description; without it, the base card.
    #[arg(long, value_name = "FILE")]
    pub card: Option<PathBuf>,
}

/// Where the picture is shown.
#[derive(Clone, Debug, Args)]
pub struct LookArgs {
    /// Show it on a page at this address, in any number of browsers.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub browser: Option<SocketAddr>,
    /// Show it in VNC viewers that connect to this address.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub rfb: Option<SocketAddr>,
    /// Show it on this machine's screen, by this device of the kernel's.
    #[arg(long, value_name = "DEVICE", num_args = 0..=1, default_missing_value = "/dev/dri/card0")]
    pub kms: Option<PathBuf>,
    /// File with the token for browsers and the password for VNC viewers. Beyond loopback they are
    /// required; without a file they are made up, and printed.
    #[arg(long, value_name = "FILE")]
    pub secret: Option<PathBuf>,
}

/// Who draws.
#[derive(Clone, Copy, Debug, Args)]
pub struct ThreadArgs {
    /// Threads that draw. More than one pay where large areas are drawn and there are processors
    /// for them beside the driver's.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub threads: u8,
}

impl ThreadArgs {
    /// Starts them.
    pub(super) fn start(self) -> Result<Threads> {
        let number = self.threads;
        Threads::new(number.into()).with_context(|| format!("--threads {number}"))
    }
}

/// `vcd run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Which card.
    #[command(flatten)]
    pub card: CardArgs,
    /// Who draws.
    #[command(flatten)]
    pub threads: ThreadArgs,
    /// Where it is shown.
    #[command(flatten)]
    pub looks: LookArgs,
    /// Keep the latest picture in this file.
    #[arg(long, value_name = "FILE")]
    pub png: Option<PathBuf>,
    /// Write down all that goes in and out of the card.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Where other `vcd` commands find this one; without it, /run/vcd/N.sock for card N.
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Give figures to Prometheus there: a socket's path, or 127.0.0.1:PORT.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<MetricsAddress>,
}

/// `vcd demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Who draws.
    #[command(flatten)]
    pub threads: ThreadArgs,
    /// Where it is shown.
    #[command(flatten)]
    pub looks: LookArgs,
    /// What to draw: solid, triangles or rectangles.
    #[arg(long, default_value = "solid", value_parser = super::demo::scene)]
    pub scene: crate::demo::Scene,
    /// End after so many frames; without it, at Ctrl-C.
    #[arg(long, value_name = "N")]
    pub frames: Option<u32>,
    /// Write the last picture into this file.
    #[arg(long, value_name = "FILE")]
    pub png: Option<PathBuf>,
    /// Write down all that goes in and out of the card.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// As many frames as there can be in a second, instead of 60.
    #[arg(long)]
    pub fast: bool,
    /// Print what was done as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Which running card.
#[derive(Clone, Debug, Args)]
pub struct WhichArgs {
    /// The card's number, as `vcd run` and the kernel's log tell it.
    #[arg(short, long, default_value_t = 0)]
    pub number: u32,
    /// The socket of a card that was started with --socket.
    #[arg(long, value_name = "PATH", conflicts_with = "number")]
    pub socket: Option<PathBuf>,
}

/// `vcd shot`.
#[derive(Clone, Debug, Args)]
pub struct ShotArgs {
    /// Which card.
    #[command(flatten)]
    pub which: WhichArgs,
    /// The PNG file.
    pub file: PathBuf,
}

/// `vcd stats`.
#[derive(Clone, Debug, Args)]
pub struct StatsArgs {
    /// Which card.
    #[command(flatten)]
    pub which: WhichArgs,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `vcd trace`.
#[derive(Clone, Debug, Args)]
pub struct TraceArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: TraceCommand,
}

/// See each one's arguments.
#[derive(Clone, Debug, Subcommand)]
pub enum TraceCommand {
    /// Do again what a trace tells; write the picture that this leaves on the screen.
    Play(PlayArgs),
}

/// `vcd trace play`.
#[derive(Clone, Debug, Args)]
pub struct PlayArgs {
    /// Which card.
    #[command(flatten)]
    pub card: CardArgs,
    /// The trace.
    pub file: PathBuf,
    /// Write the picture into this file.
    #[arg(long, value_name = "FILE")]
    pub png: Option<PathBuf>,
}
