//! `ublk serve`, and how the `[serve]` table of a disk's file becomes options of `ublk add`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};
use vpt_model::config::ServeDefaults;

use super::AddArgs;

const HELP: &str = "\
Example:
  ublk serve /etc/ublk-vpt/disks/lab.toml

This is what ublk-vpt@lab.service runs. The file's [serve] table must say a number. A ublk device of that
number that its daemon left behind (recovery = true) is taken over; else the disk is made as by
`ublk add vpt FILE --foreground`. Ctrl-C, or `ublk del -n NUMBER`, ends it.";

/// `ublk serve`.
#[derive(Args, Clone, Debug)]
#[command(after_help = HELP)]
pub struct ServeArgs {
    /// A disk's file with a [serve] table
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Say that nobody else sees what is mounted here: FUSE disks are refused
    #[arg(long)]
    pub private_mounts: bool,
}

impl AddArgs {
    /// Takes what the disk's file says for whatever was not typed.
    ///
    /// # Errors
    /// One line: a value that this program does not have.
    pub fn take_defaults(&mut self, serve: &ServeDefaults) -> Result<(), String> {
        let typed = self.typed.clone();
        let free = |id: &str| !typed.contains(id);
        let all: &ServeDefaults = serve;
        if self.image.is_none() && self.back_allows_image(all, free("back")) {
            self.image = all.image.as_ref().map(PathBuf::from);
        }
        set(&mut self.format, free("format"), named("format", all.format)?);
        set(&mut self.back, free("back"), named("back", all.back)?);
        set(&mut self.front, free("front"), named("front", all.front)?);
        set(&mut self.rt, free("rt"), named("rt", all.rt)?);
        set(&mut self.confine, free("confine"), named("confine", all.confine)?);
        set(&mut self.queues, free("queues"), all.queues);
        set(&mut self.depth, free("depth"), all.depth);
        set(&mut self.block_size, free("block_size"), all.block_size);
        self.id = self.id.or(all.number);
        self.size = self.size.or(all.size_bytes);
        self.listen = self.listen.take().or_else(|| all.listen.clone());
        self.metrics = self.metrics.take().or_else(|| all.metrics.clone());
        self.mount = self.mount.take().or_else(|| all.mount.as_ref().map(PathBuf::from));
        self.trace = self.trace.take().or_else(|| all.trace.as_ref().map(PathBuf::from));
        self.loop_device |= all.loop_device == Some(true);
        self.read_only |= all.read_only == Some(true);
        self.recovery |= all.recovery == Some(true);
        self.unprivileged |= all.unprivileged == Some(true);
        self.no_spin |= all.spin == Some(false);
        Ok(())
    }

    /// `--back mem` typed for a file that names an image is meant to do without the image.
    fn back_allows_image(&self, serve: &ServeDefaults, free: bool) -> bool {
        if free {
            return serve.back.is_none_or(|back| back == "file");
        }
        self.back == crate::daemon::device::Back::File
    }
}

fn set<T>(field: &mut T, free: bool, value: Option<T>) {
    if let Some(value) = value.filter(|_| free) {
        *field = value;
    }
}

/// The value of that name.
fn named<T: ValueEnum>(key: &str, name: Option<&str>) -> Result<Option<T>, String> {
    let Some(name) = name else { return Ok(None) };
    let known: Vec<String> = T::value_variants()
        .iter()
        .filter_map(|v| Some(v.to_possible_value()?.get_name().to_owned()))
        .collect();
    T::from_str(name, false).map(Some).map_err(|_| {
        format!("serve.{key}: {name:?} is not in this ublk; it has {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use vpt_model::config::{parse_disk, serve};

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::daemon::device::{Back, Confine, Format, Front, RealTime};

    fn merged(line: &str, table: &str) -> AddArgs {
        let text = format!("[disk]\nname='x'\n[seek]\nfamily='none'\n[serve]\n{table}");
        let serve = parse_disk("x", &text).unwrap_or_else(|e| panic!("{e:#}")).serve.unwrap();
        let words = ["ublk", "add", "vpt", "x"].into_iter().chain(line.split_whitespace());
        let Command::Add(mut args) = Cli::read(words.map(Into::into)).unwrap().command else {
            panic!("no add");
        };
        args.take_defaults(&serve).unwrap();
        args
    }

    const TABLE: &str = "image='/i'\nfront='nbd'\nqueues=4\ndepth=8\nnumber=7\nblock_size=4096\n\
                         read_only=true\nspin=false\nrt='off'\nmetrics='/m'\nconfine='on'";

    #[test]
    fn the_table_is_the_default() {
        let args = merged("", TABLE);
        assert_eq!(args.image, Some("/i".into()));
        assert_eq!((args.front, args.rt, args.confine), (Front::Nbd, RealTime::Off, Confine::On));
        assert_eq!((args.queues, args.depth, args.id, args.block_size), (4, 8, Some(7), 4096));
        assert!(args.read_only && args.no_spin);
        assert_eq!(args.metrics.as_deref(), Some("/m"));
    }

    #[test]
    fn what_is_typed_wins_also_when_it_is_the_usual() {
        let args = merged("--image j --front auto -q 1 -d 64 -n 0 --rt auto --confine off", TABLE);
        assert_eq!(args.image, Some("j".into()));
        assert_eq!(
            (args.front, args.rt, args.confine),
            (Front::Auto, RealTime::Auto, Confine::Off)
        );
        assert_eq!((args.queues, args.depth, args.id), (1, 64, Some(0)));
    }

    #[test]
    fn a_typed_back_does_without_the_image() {
        let args = merged("--back mem --size 1M", TABLE);
        assert_eq!((args.back, args.image), (Back::Mem, None));
    }

    /// The parser of files and the command line keep their lists apart.
    #[test]
    fn both_know_the_same_names() {
        fn all<T: ValueEnum>() -> Vec<String> {
            let names = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
            names.map(|value| value.get_name().to_owned()).collect()
        }
        assert_eq!(all::<Front>(), serve::FRONTS);
        assert_eq!(all::<Back>(), serve::BACKS);
        assert_eq!(all::<RealTime>(), serve::SWITCHES);
        assert_eq!(all::<Confine>(), serve::SWITCHES);
        for format in all::<Format>() {
            assert!(serve::FORMATS.contains(&format.as_str()), "{format}");
        }
    }
}
