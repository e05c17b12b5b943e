//! `ublk man`.

use std::io::Write;
use std::path::Path;

use super::{Failure, Outcome};
use crate::cli::ManArgs;

pub(super) fn run(args: &ManArgs, command: clap::Command, out: &mut dyn Write) -> Outcome {
    let tell = |path: &Path, e| Failure::Failed(format!("{}: {e}", path.display()));
    std::fs::create_dir_all(&args.out).map_err(|e| tell(&args.out, e))?;
    for (name, page) in pages(command) {
        let path = args.out.join(format!("{name}.1"));
        let mut text = Vec::new();
        page.render(&mut text).map_err(|e| tell(&path, e))?;
        std::fs::write(&path, text).map_err(|e| tell(&path, e))?;
        writeln!(out, "{}", path.display())?;
    }
    Ok(())
}

/// One page for the whole and one for each command that people are to use.
fn pages(mut command: clap::Command) -> Vec<(String, clap_mangen::Man)> {
    command.build();
    let mut pages = Vec::new();
    for sub in command.get_subcommands().filter(|s| !s.is_hide_set()) {
        let name = format!("ublk-{}", sub.get_name());
        let page = sub.clone();
        pages.push((name, clap_mangen::Man::new(page)));
    }
    pages.insert(0, ("ublk".into(), clap_mangen::Man::new(command)));
    pages
}
