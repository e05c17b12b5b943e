//! The commands around: features, check-config, dump-config, completions, man.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// `ublk features`.
#[derive(Args, Clone, Debug)]
pub struct FeaturesArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `ublk check-config`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example: ublk check-config configs/disks/*.toml")]
pub struct CheckConfigArgs {
    /// Disk files
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
}

/// `ublk dump-config`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ublk dump-config cheetah-9lp > mine.toml   a copy to change
  ublk dump-config                           all names, and where each is found")]
pub struct DumpConfigArgs {
    /// A TOML file or a name [default: list all names]
    pub disk: Option<String>,
}

/// `ublk completions`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ublk completions bash > /etc/bash_completion.d/ublk
  ublk completions zsh > ~/.zfunc/_ublk")]
pub struct CompletionsArgs {
    /// For which shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `ublk man`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example: ublk man --out /usr/local/share/man/man1")]
pub struct ManArgs {
    /// Directory to write ublk.1, ublk-add.1, ... into; made when missing
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: PathBuf,
}
