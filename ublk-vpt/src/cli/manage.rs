//! The commands for devices that are there: del, list, stats, set, top.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};

use super::add::parse_scale;
use super::device_id;
use crate::daemon::device::{Mode, Settings};

/// `ublk del`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ublk del -n 0     what waits inside it completes at once; returns when it is gone
  ublk del -a       all of this user's
  ublk del -n 0 -f  even if it is mounted or its daemon hangs; what was not flushed may be lost

The image stays.")]
pub struct DelArgs {
    /// Device number
    #[arg(short = 'n', long = "number", value_name = "ID", value_parser = device_id(),
          required_unless_present = "all", conflicts_with = "all")]
    pub id: Option<u32>,
    /// All devices
    #[arg(short = 'a', long)]
    pub all: bool,
    /// Also if a file system on it is mounted; kill the daemon if it does not answer or end
    #[arg(short = 'f', long)]
    pub force: bool,
    /// How long it may take to end
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
}

/// `ublk recover`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ublk recover -n 0   serve it again, as it was; requests that waited inside go on
  ublk recover -a     all that wait

Only for devices made with `ublk add --recovery`; `ublk list` shows them as QUIESCED when their daemon
has died. `ublk del` gives such a device up: what waits in it fails.")]
pub struct RecoverArgs {
    /// Device number
    #[arg(short = 'n', long = "number", value_name = "ID", value_parser = device_id(),
          required_unless_present = "all", conflicts_with = "all")]
    pub id: Option<u32>,
    /// All devices that wait
    #[arg(short = 'a', long)]
    pub all: bool,
    /// Stay in the terminal; Ctrl-C ends the device
    #[arg(long, conflicts_with = "all")]
    pub foreground: bool,
    /// How long it may take to come up
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// Print one JSON object a device
    #[arg(long)]
    pub json: bool,
    /// Tell the device's number plus 1 to this descriptor, as ublksrv's plug-ins do
    #[arg(long, value_name = "FD", hide = true)]
    pub eventfd: Option<i32>,
}

/// `ublk list`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
The lines have the shape of ublksrv's:
  ublk list | awk '/max rq size/ {print $11}'   the state: LIVE, STARTING, QUIESCED or DEAD
  ublk list | awk '/max rq size/ {print $7}'    the daemon's process")]
pub struct ListArgs {
    /// Only this device
    #[arg(short = 'n', long = "number", value_name = "ID", value_parser = device_id())]
    pub id: Option<u32>,
    /// Also where its files are, and its notes
    #[arg(short = 'v', long)]
    pub verbose: bool,
    /// Print a JSON list
    #[arg(long)]
    pub json: bool,
}

/// `ublk stats`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ublk stats -n 0                a table
  ublk stats -n 0 --watch        every second, until Ctrl-C
  ublk stats -n 0 --json         everything, with the history of k
  ublk stats -n 0 --trace 100    the last 100 requests, one line of JSON each

`service` is from the moment the arm turns to a request until it completes; `model` is what the
modelled disk would have taken, times k. `backing late` moves k; `timer late` is the clock's error.")]
pub struct StatsArgs {
    /// Device number
    #[arg(short = 'n', long = "number", value_name = "ID", value_parser = device_id())]
    pub id: u32,
    /// Print one JSON object (with --watch: one per line)
    #[arg(long, conflicts_with = "trace")]
    pub json: bool,
    /// Again every so many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "1",
          value_parser = parse_interval)]
    pub watch: Option<f64>,
    /// Print the last N finished requests instead
    #[arg(long, value_name = "N", conflicts_with = "watch")]
    pub trace: Option<usize>,
}

/// `ublk set`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ublk set -n 0 mode=fixed k=1     exactly the modelled disk's time
  ublk set -n 0 mode=fixed k=0.1   ten times as fast
  ublk set -n 0 mode=adapt k_min=1 k_max=100
  ublk set -n 0 backing_delay_ms=40      what a crowded file server does, to see k follow

Either all of the changes happen or none.")]
pub struct SetArgs {
    /// Device number
    #[arg(short = 'n', long = "number", value_name = "ID", value_parser = device_id())]
    pub id: u32,
    /// k, mode, k_min, k_max; backing_delay_ms, backing_fail_every: a worse backing store, for trying
    #[arg(value_name = "KEY=VALUE", required = true)]
    pub changes: Vec<String>,
}

/// `ublk top`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  ublk top                   a view of all devices, until q
  ublk top --once            one frame as plain text
  ublk top --batch 10 --json ten lines of JSON, one a second

Keys: q, Esc or Ctrl-C ends; arrows or j and k choose a device; s sorts by the
next column; p pauses; + and - change the interval.

Over the last interval: svc, the mean service time; model, what the modelled disk
would have taken, times k; late%, the share that the backing store made late.
Since the device started: p99us, the timer's lateness; in1%, the share within 1 %
of the model.")]
pub struct TopArgs {
    /// Only this device
    #[arg(short = 'n', long = "number", value_name = "ID", value_parser = device_id())]
    pub id: Option<u32>,
    /// How often to look
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = parse_interval)]
    pub interval: f64,
    /// Print one frame as plain text; so it is too where standard output is no terminal
    #[arg(long, conflicts_with = "batch")]
    pub once: bool,
    /// Print N frames as plain text; 0 or no number: until stopped
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "0")]
    pub batch: Option<u64>,
    /// Print frames as lines of JSON: one, or as many as --batch says
    #[arg(long)]
    pub json: bool,
}

impl SetArgs {
    /// Reads the changes. Keys that are not known here are left for the device to judge.
    ///
    /// # Errors
    /// One line for people: wrong usage.
    pub fn check(&self) -> Result<Settings, String> {
        let mut settings = Settings::default();
        let mut seen = BTreeMap::new();
        for change in &self.changes {
            let (key, value) =
                change.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or_else(|| {
                    format!("{change:?} is not of the form KEY=VALUE, for example k=1.5")
                })?;
            if seen.insert(key, value).is_some() {
                return Err(format!("{key} is given twice"));
            }
            let scale = || parse_scale(value).map(Some).map_err(|e| format!("{change}: {e}"));
            match key {
                "k" => settings.k = scale()?,
                "k_min" => settings.k_min = scale()?,
                "k_max" => settings.k_max = scale()?,
                "mode" => settings.mode = Some(parse_mode(value)?),
                _ => drop(settings.other.insert(key.to_owned(), value.to_owned())),
            }
        }
        if let (Some(min), Some(max)) = (settings.k_min, settings.k_max)
            && min > max
        {
            return Err(format!("k_min={min} is above k_max={max}"));
        }
        Ok(settings)
    }
}

fn parse_mode(text: &str) -> Result<Mode, String> {
    Mode::from_str(text, false).map_err(|_| {
        let names: Vec<_> = Mode::value_variants().iter().map(|m| m.name()).collect();
        format!("mode={text}: a mode is one of {}", names.join(", "))
    })
}

/// A pause in seconds, at least a twentieth.
fn parse_interval(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.05..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0.05 on".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(changes: &[&str]) -> Result<Settings, String> {
        SetArgs { id: 0, changes: changes.iter().map(|c| (*c).to_owned()).collect() }.check()
    }

    #[test]
    fn changes_are_read_and_unknown_keys_kept() {
        let settings = check(&["k=1.5", "mode=fixed", "backing_delay_ms=5"]).unwrap();
        assert_eq!((settings.k, settings.mode), (Some(1.5), Some(Mode::Fixed)));
        assert_eq!(settings.other["backing_delay_ms"], "5");
    }

    #[test]
    fn wrong_changes_are_refused() {
        for (changes, reason) in [
            (&["k"][..], "not of the form KEY=VALUE"),
            (&["=1"], "not of the form KEY=VALUE"),
            (&["k=0"], "above 0"),
            (&["k=NaN"], "above 0"),
            (&["k=inf"], "above 0"),
            (&["k=x"], "not a number"),
            (&["k=1", "k=2"], "k is given twice"),
            (&["mode=fast"], "adapt, calibrate-then-lock, fixed"),
            (&["k_min=2", "k_max=1"], "k_min=2 is above k_max=1"),
        ] {
            let said = check(changes).unwrap_err();
            assert!(said.contains(reason), "{changes:?}: {said}");
        }
    }
}
