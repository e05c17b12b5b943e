//! `ublk add`: what can be typed, and what it means once checked.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use super::{device_id, parse_size};
use vpt_model::kcontrol::SCALES;

use crate::daemon::device::{Back, Confine, Format, Front, LatencyChoice, Mode, RealTime, Spin};

const HELP: &str = "\
Examples:
  ublk add vpt barracuda-st32171w --image lab.img --size 1G
      a new 1 GiB image, served as a disk of 1997
  ublk add vpt ./my-disk.toml --image lab.img --loop
      also a block device, for file systems and I/O schedulers (needs root)
  ublk add vpt cheetah-9lp --image lab.img --mode fixed --k 1 -n 3
      exactly the real disk's time, as device 3
  ublk add -t vpt -f lab.img --disk cheetah-9lp
      the same in the spelling of ublksrv and rublk
  ublk add vpt cheetah-9lp --image clone.qcow2 --format qcow2 --allow-backing /srv/masters
      a clone (`ublk image clone`) of a master in that directory
  ublk add vpt cheetah-9lp --image lab.img --front nbd
      a network block device at nbd://127.0.0.1:10809/vpt0, for nbd-client, QEMU and others
  ublk add vpt cheetah-9lp --back mem --size 256M
      no image at all

The device is a file named `disk` in a FUSE file system; with --loop also a /dev/loopN. Use it with
O_DIRECT or it will be the page cache you measure. `ublk dump-config NAME` shows what a name means.";

/// What was typed.
#[derive(Args, Clone, Debug)]
#[command(after_help = HELP)]
pub struct AddArgs {
    /// Kind of device: vpt, a modelled spinning disk
    #[arg(value_name = "TYPE")]
    pub kind_position: Option<String>,
    /// The modelled disk: a TOML file, or a name (an unknown one lists them all)
    #[arg(value_name = "DISK")]
    pub disk_position: Option<String>,
    /// Kind of device, in the spelling of ublksrv
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    pub kind: Option<String>,
    /// The modelled disk, in the spelling of ublksrv
    #[arg(long, value_name = "DISK")]
    pub disk: Option<String>,
    /// Device number [default: the lowest free one]
    #[arg(short = 'n', long = "number", value_name = "ID", value_parser = device_id())]
    pub id: Option<u32>,
    /// Hardware queues to report; they share the one arm, and FUSE has one
    #[arg(short = 'q', long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=32))]
    pub queues: u32,
    /// Most requests inside the device at one time
    #[arg(short = 'd', long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub depth: u32,
    /// The file (or block device) that holds the data
    #[arg(short = 'f', long, alias = "file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub image: Option<PathBuf>,
    /// How the image is written down; never guessed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// What a qcow2 image may have below it: a file, or a directory with everything in it; may be
    /// given more than once [default: nothing]
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub allow_backing: Vec<PathBuf>,
    /// Make the image, raw, sparse and of this size, when it is missing: 512M, 1G, 1.5GiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub size: Option<u64>,
    /// Where the data is
    #[arg(long, value_enum, default_value_t)]
    pub back: Back,
    /// What makes the device visible
    #[arg(long, value_enum, default_value_t)]
    pub front: Front,
    /// Where nbd or vhost-user-blk listens: HOST:PORT or a Unix socket's path
    /// [default: nbd 127.0.0.1, port 10809 + ID; vhost-user-blk a socket in the state directory]
    #[arg(long, value_name = "WHERE")]
    pub listen: Option<String>,
    /// An empty directory to mount it on [default: one in the state directory]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub mount: Option<PathBuf>,
    /// Attach a loop device with direct I/O to it, for a block device
    #[arg(long = "loop")]
    pub loop_device: bool,
    /// What moves the scale k: the backing store all the time, for a while, or nothing
    /// [default: the disk file's, or adapt]
    #[arg(long, value_enum)]
    pub mode: Option<Mode>,
    /// The scale to begin with: requests take k times the modelled disk's time
    /// [default: the disk file's, or 1]
    #[arg(long, value_parser = parse_scale)]
    pub k: Option<f64>,
    /// The lowest scale that the modes may choose [default: the disk file's, or 1, or k if that is lower]
    #[arg(long, value_name = "K", value_parser = parse_scale)]
    pub k_min: Option<f64>,
    /// The highest scale that the modes may choose [default: the disk file's, or 1000]
    #[arg(long, value_name = "K", value_parser = parse_scale)]
    pub k_max: Option<f64>,
    /// Smallest unit of the block device, bytes: 512 or 4096 (ublk, nbd, vhost-user-blk)
    #[arg(long, value_name = "BYTES", default_value = "512", value_parser = parse_block_size)]
    pub block_size: u32,
    /// Let a ublk device outlive a killed daemon: `ublk recover` goes on with it
    #[arg(long)]
    pub recovery: bool,
    /// Make a ublk device that belongs to the user, without root's rights
    #[arg(long)]
    pub unprivileged: bool,
    /// Refuse writes
    #[arg(long)]
    pub read_only: bool,
    /// For a random rotational latency: same seed, same times [default: the disk file's, or 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Keep time under SCHED_FIFO
    #[arg(long, value_enum, default_value_t)]
    pub rt: RealTime,
    /// Never spin before a deadline: less CPU, later completions
    #[arg(long)]
    pub no_spin: bool,
    /// Rotational latency, in the place of the disk file's
    #[arg(long, value_enum)]
    pub latency: Option<LatencyChoice>,
    /// How many waiting requests the disk chooses from, in the place of the disk file's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub ncq: Option<u16>,
    /// Write one line of JSON for every finished request, with every part of its delay
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub trace: Option<PathBuf>,
    /// Let Prometheus ask for figures: a socket's path, or HOST:PORT of this machine
    #[arg(long, value_name = "WHERE")]
    pub metrics: Option<String>,
    /// Give up, once the device works, what the daemon no longer needs (seccomp, Landlock)
    #[arg(long, value_enum, default_value_t)]
    pub confine: Confine,
    /// Stay in the terminal; Ctrl-C ends the device
    #[arg(long)]
    pub foreground: bool,
    /// How long the device may take to come up
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Tell the device's number plus 1 to this descriptor, as ublksrv's plug-ins do
    #[arg(long, value_name = "FD", hide = true)]
    pub eventfd: Option<i32>,
    /// --recovery, in the spelling of ublksrv
    #[arg(short = 'r', long = "user_recovery", value_name = "0|1", hide = true)]
    pub user_recovery: Option<u8>,
    /// --recovery, in the spelling of ublksrv
    #[arg(short = 'i', long = "user_recovery_reissue", value_name = "0|1", hide = true)]
    pub user_recovery_reissue: Option<u8>,
    /// Options that were typed, by their names here: a `[serve]` table is the default of the others.
    #[arg(skip)]
    pub typed: BTreeSet<String>,
}

/// What it means.
#[derive(Clone, Debug, PartialEq)]
pub struct AddOptions {
    /// Wanted number.
    pub id: Option<u32>,
    /// File or name of the modelled disk.
    pub disk: String,
    /// The image, for a file back end.
    pub image: Option<PathBuf>,
    /// Spin or not.
    pub spin: Spin,
    /// How long to wait.
    pub patience: Duration,
}

impl AddArgs {
    /// Checks what no single argument can tell.
    ///
    /// # Errors
    /// One line for people: wrong usage.
    pub fn check(&self) -> Result<AddOptions, String> {
        let disk = self.disk()?;
        let image = match (self.back, &self.image) {
            (Back::File, Some(image)) => Some(image.clone()),
            (Back::File, None) => {
                return Err("an image is needed: --image FILE, with --size SIZE to make it".into());
            }
            (back, Some(image)) => {
                let (image, back) = (image.display(), name_of(back));
                return Err(format!("--image {image} has no use with --back {back}"));
            }
            (back, None) if self.size.is_none() => {
                return Err(format!("--back {} needs a --size", name_of(back)));
            }
            (_, None) => None,
        };
        match self.format {
            Format::Raw if !self.allow_backing.is_empty() => {
                return Err(
                    "--allow-backing is for --format qcow2: a raw image has nothing below it"
                        .into(),
                );
            }
            Format::Qcow2 if self.back != Back::File => {
                let back = name_of(self.back);
                return Err(format!("--format qcow2 has no use with --back {back}"));
            }
            Format::Qcow2 if self.size.is_some() => {
                return Err("--size makes raw images only: make a qcow2 with `ublk image create` \
                            or `ublk image clone`"
                    .into());
            }
            Format::Raw | Format::Qcow2 => {}
        }
        if let (Some(k_min), Some(k_max)) = (self.k_min, self.k_max)
            && k_min > k_max
        {
            return Err(format!("--k-min {k_min} is above --k-max {k_max}"));
        }
        Ok(AddOptions {
            id: self.id,
            disk,
            image,
            spin: if self.no_spin { Spin::Off } else { Spin::Auto },
            patience: Duration::from_secs(self.timeout),
        })
    }

    /// Whether the device is to outlive its daemon, in whatever spelling.
    pub fn wants_recovery(&self) -> bool {
        let on = |value: Option<u8>| value.is_some_and(|v| v != 0);
        self.recovery || on(self.user_recovery) || on(self.user_recovery_reissue)
    }

    /// TYPE and DISK may come by position or by option, in any mixture.
    ///
    /// # Errors
    /// One line for people: wrong usage.
    pub fn disk(&self) -> Result<String, String> {
        let mut positions =
            [&self.kind_position, &self.disk_position].into_iter().flatten().cloned();
        let kind = self.kind.clone().or_else(|| positions.next());
        match kind.as_deref() {
            Some("vpt") => {}
            None => return Err("a type is needed: ublk add vpt DISK --image FILE".into()),
            Some(other) => {
                return Err(format!(
                    "unknown type {other:?}: the only one is vpt; did you mean: ublk add vpt {other}?"
                ));
            }
        }
        let disk = self.disk.clone().or_else(|| positions.next());
        if let Some(extra) = positions.next() {
            return Err(format!("one argument too many: {extra:?}"));
        }
        disk.ok_or_else(|| "a disk is needed: ublk add vpt DISK (a TOML file or a name)".into())
    }
}

fn name_of(back: Back) -> String {
    back.to_possible_value().map_or(String::new(), |v| v.get_name().to_owned())
}

/// A scale: a positive finite number.
pub(super) fn parse_scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(k) if SCALES.contains(&k) => Ok(k),
        Ok(_) => Err("a scale is a number above 0, from 0.000001 to 1000000".into()),
        Err(_) => Err("not a number".into()),
    }
}

/// A logical block size.
fn parse_block_size(text: &str) -> Result<u32, String> {
    match text {
        "512" => Ok(512),
        "4096" => Ok(4096),
        _ => Err("512 or 4096".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn check(line: &str) -> Result<AddOptions, String> {
        let words = ["ublk", "add"].into_iter().chain(line.split_whitespace());
        match Cli::try_parse_from(words).map_err(|e| e.to_string())?.command {
            Command::Add(args) => args.check(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_spellings_mean_the_same() {
        let ours = check("vpt cheetah --image a.img").unwrap();
        assert_eq!(check("-t vpt -f a.img --disk cheetah").unwrap(), ours);
        assert_eq!(check("-t vpt cheetah --file a.img").unwrap(), ours);
        assert_eq!(check("vpt --disk cheetah -f a.img").unwrap(), ours);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        for (line, reason) in [
            ("", "a type is needed"),
            ("cheetah --image a", "did you mean: ublk add vpt cheetah?"),
            ("vpt --image a", "a disk is needed"),
            ("vpt cheetah", "an image is needed"),
            ("vpt cheetah --back mem", "--back mem needs a --size"),
            ("vpt cheetah --back null --size 1G --image a", "has no use with --back null"),
            ("vpt cheetah -f a --k 0", "a scale is a number above 0"),
            ("vpt cheetah -f a --k NaN", "a scale is a number above 0"),
            ("vpt cheetah -f a --k-min 3 --k-max 2", "--k-min 3 is above --k-max 2"),
            ("vpt cheetah -f a --size 100", "at least 512 bytes"),
            ("vpt cheetah -f a -n 10000", "10000"),
            ("vpt a -t vpt -f a", "one argument too many: \"a\""),
            ("vpt cheetah -f a --format vmdk", "raw, qcow2"),
            ("vpt cheetah -f a --format qcow2 --size 1G", "ublk image create"),
            ("vpt cheetah --back null --size 1G --format qcow2", "no use with --back null"),
            ("vpt cheetah -f a --allow-backing /srv", "--allow-backing is for --format qcow2"),
        ] {
            let said = check(line).unwrap_err();
            assert!(said.contains(reason), "{line:?}: {said}");
        }
    }
}
