//! What can be typed. The help, the man pages and the completions all come from these definitions;
//! `*Args` are what was typed, the checked options made of them are what the commands work with.

mod add;
mod image;
mod manage;
mod measure;
mod serve;
mod size;
mod tools;

pub use add::{AddArgs, AddOptions};
pub use image::{CloneArgs, CreateArgs, ImageArgs, ImageCommand, InfoArgs};
pub use manage::{DelArgs, ListArgs, RecoverArgs, SetArgs, StatsArgs, TopArgs};
pub use measure::{BlktraceEvent, ProbeArgs, ReplayArgs, TraceFormat};
pub use serve::ServeArgs;
pub use size::{format_size, parse_size};
pub use tools::{CheckConfigArgs, CompletionsArgs, DumpConfigArgs, FeaturesArgs, ManArgs};

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::state::MAX_ID;

/// Lab disks that take the time a spinning disk would take.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "ublk",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = MAIN_HELP
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads a command line, the program's name first.
    ///
    /// # Errors
    /// Wrong usage; help and version come this way too.
    pub fn read(line: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut matches = Self::command().try_get_matches_from(line)?;
        let typed = matches.subcommand().map(|(_, sub)| typed(sub)).unwrap_or_default();
        let mut cli = Self::from_arg_matches_mut(&mut matches)?;
        if let Command::Add(args) = &mut cli.command {
            args.typed = typed;
        }
        Ok(cli)
    }
}

/// The options that were given, and not by default.
fn typed(matches: &ArgMatches) -> BTreeSet<String> {
    let given = |id: &&str| matches.value_source(id) == Some(ValueSource::CommandLine);
    matches.ids().map(clap::Id::as_str).filter(given).map(str::to_owned).collect()
}

const MAIN_HELP: &str = "\
A first disk:
  ublk add vpt barracuda-st32171w --image lab.img --size 1G   make it; prints the file to use
  ublk list                                                   what is there
  ublk stats -n 0                                             what it did, and how exactly
  ublk del -n 0                                               end it; the image stays

Environment:
  UBLK_STATE_DIR  where running devices are written down
                  (root: /run/ublksrvd, others: $XDG_RUNTIME_DIR/ublksrvd)
  UBLK_LOG        how much a device's log says: error, warn, info, debug, or a filter

Exit codes: 0 done, 1 failed, 2 wrong usage.";

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Make a device.
    Add(AddArgs),
    /// Serve a disk as the [serve] table of its file says.
    Serve(ServeArgs),
    /// End devices.
    Del(DelArgs),
    /// Go on serving ublk devices whose daemon died.
    Recover(RecoverArgs),
    /// Say which devices there are.
    List(ListArgs),
    /// Say what a device did and how exactly it kept its time.
    Stats(StatsArgs),
    /// Change a running device.
    Set(SetArgs),
    /// Watch all devices in the terminal.
    Top(TopArgs),
    /// Make images, masters and clones, and look at them.
    Image(ImageArgs),
    /// Measure how long a disk, device or file takes over what distance.
    Probe(ProbeArgs),
    /// Run a recorded trace through a modelled disk, without a device.
    Replay(ReplayArgs),
    /// Say what works on this machine, and why something does not.
    Features(FeaturesArgs),
    /// Check files that describe disks.
    CheckConfig(CheckConfigArgs),
    /// Print the file that describes a disk, to start one's own from.
    DumpConfig(DumpConfigArgs),
    /// Print completions for a shell.
    Completions(CompletionsArgs),
    /// Write the manual pages.
    Man(ManArgs),
    /// The daemon of one device; started by `add`.
    #[command(name = crate::daemon::DAEMON_COMMAND, hide = true)]
    Daemon,
    /// Attaches a loop device, or detaches it; started by the daemon.
    #[command(name = crate::daemon::LOOP_COMMAND, hide = true)]
    Loop(LoopArgs),
    /// Asks the ublk driver; started by other commands.
    #[command(name = crate::daemon::UBLK_COMMAND, hide = true)]
    Ublk(UblkArgs),
    /// Gives a ublk device's node to its owner; started by udev.
    #[command(name = "__chown", hide = true)]
    Chown(ChownArgs),
    /// Unmounts and detaches for a confined daemon; started by it.
    #[command(name = crate::daemon::RELEASE_COMMAND, hide = true)]
    Release(ReleaseArgs),
}

/// `ublk __ublk`.
#[derive(Args, Clone, Debug)]
pub struct UblkArgs {
    /// What to ask
    pub what: UblkQuestion,
    /// The device
    pub id: u32,
}

/// What the ublk driver may be asked.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum UblkQuestion {
    /// What it is.
    Query,
    /// To delete it.
    Delete,
}

/// `ublk __chown`.
#[derive(Args, Clone, Debug)]
pub struct ChownArgs {
    /// The node: /dev/ublkcN, /dev/ublkbN or a partition
    pub node: PathBuf,
}

/// `ublk __release`.
#[derive(Args, Clone, Debug)]
pub struct ReleaseArgs {
    /// Where the disk is mounted
    pub mount: PathBuf,
    /// The loop device on its file
    #[arg(long = "loop", value_name = "DEVICE", requires = "file")]
    pub loop_device: Option<PathBuf>,
    /// The file
    #[arg(long)]
    pub file: Option<PathBuf>,
}

/// `ublk __loop`.
#[derive(Args, Clone, Debug)]
pub struct LoopArgs {
    /// The served file
    pub file: PathBuf,
    /// Detach this device from it
    #[arg(long, value_name = "DEVICE")]
    pub detach: Option<PathBuf>,
    /// Attach it for reading only
    #[arg(long)]
    pub read_only: bool,
}

/// Reads a device number.
fn device_id() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(0..=i64::from(MAX_ID))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definitions_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
