//! `ublk image`: what can be typed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::parse_size;
use crate::daemon::device::Format;

const HELP: &str = "\
A master, and a clone of it for everybody:
  ublk image create master.qcow2 --size 30G       then install a system on it, once
  ublk image clone master.qcow2 alice.qcow2       small: only what Alice writes goes there
  ublk add vpt cheetah-9lp --image alice.qcow2 --format qcow2 --allow-backing master.qcow2

A master with clones must never be written again: every clone of it would break.";

/// `ublk image`.
#[derive(Args, Clone, Debug)]
#[command(arg_required_else_help = true, after_help = HELP)]
pub struct ImageArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ImageCommand,
}

/// Its commands.
#[derive(Clone, Debug, Subcommand)]
pub enum ImageCommand {
    /// Make an empty image.
    Create(CreateArgs),
    /// Make an image that holds what is written to it and reads the rest from a master.
    Clone(CloneArgs),
    /// Say what an image is.
    Info(InfoArgs),
}

/// `ublk image create`.
#[derive(Args, Clone, Debug)]
pub struct CreateArgs {
    /// The new image
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// How large the disk is: 512M, 1G, 1.5GiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub size: u64,
    /// How it is written down
    #[arg(long, value_enum, default_value_t = Format::Qcow2)]
    pub format: Format,
    /// The unit in which a qcow2 takes room, from 512 to 2M [default: 64K]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub cluster_size: Option<u64>,
}

/// `ublk image clone`.
#[derive(Args, Clone, Debug)]
pub struct CloneArgs {
    /// The image to read from what the clone has not
    #[arg(value_hint = ValueHint::FilePath)]
    pub master: PathBuf,
    /// The new image, a qcow2
    #[arg(value_hint = ValueHint::FilePath)]
    pub clone: PathBuf,
    /// How the master is written down; never guessed
    #[arg(long, value_enum, default_value_t = Format::Qcow2)]
    pub master_format: Format,
    /// The unit in which the clone takes room, from 512 to 2M [default: 64K]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub cluster_size: Option<u64>,
    /// Write the master's path into the clone as seen from there, for moving both together
    /// [default: the absolute path]
    #[arg(long)]
    pub relative: bool,
}

/// `ublk image info`.
#[derive(Args, Clone, Debug)]
pub struct InfoArgs {
    /// The image
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// How it is written down; never guessed
    #[arg(long, value_enum, default_value_t = Format::Qcow2)]
    pub format: Format,
    /// Also look at what is below it, which has to be allowed
    #[arg(long)]
    pub chain: bool,
    /// What the image may have below it: a file, or a directory with everything in it; may be given
    /// more than once [default: nothing]
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub allow_backing: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
