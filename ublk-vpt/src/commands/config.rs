//! `ublk check-config` and `ublk dump-config`.

use std::io::Write;

use vpt_model::config::parse_disk;

use super::{Failure, Outcome, Program, complain};
use crate::cli::{CheckConfigArgs, DumpConfigArgs};
use crate::disks::{self, Catalogue};

pub(super) fn check(program: &Program, args: &CheckConfigArgs, out: &mut dyn Write) -> Outcome {
    let mut failed = false;
    for file in &args.files {
        let checked = disks::read(file)
            .map_err(|e| e.to_string())
            .and_then(|text| (program.check_disk)(&text));
        match checked {
            Ok(disk) => writeln!(out, "{}: good: {}", file.display(), disk.spec.name)?,
            Err(reason) => {
                complain(&reason);
                failed = true;
            }
        }
    }
    if failed { Err(Failure::Told) } else { Ok(()) }
}

pub(super) fn dump(args: &DumpConfigArgs, out: &mut dyn Write) -> Outcome {
    let catalogue = Catalogue::of_this_machine();
    let Some(disk) = &args.disk else {
        for (name, place) in catalogue.names() {
            writeln!(out, "{name:<28} {place}")?;
        }
        return Ok(());
    };
    let found = catalogue.find(disk)?;
    out.write_all(without_serve(&found.text).as_bytes())?;
    Ok(())
}

/// The text without its `[serve]` table: what one machine serves is no part of a disk. As it is, if
/// cutting the lines out of it makes something else of the disk.
fn without_serve(text: &str) -> String {
    let mut inside = false;
    let mut cut = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let start = line.trim_start();
        if start.starts_with('[') {
            inside = start.starts_with("[serve]");
        }
        if !inside {
            cut.push_str(line);
        }
    }
    match (parse_disk("", text), parse_disk("", &cut)) {
        (Ok(whole), Ok(rest)) if (&whole.spec, &whole.k) == (&rest.spec, &rest.k) => cut,
        _ => text.to_owned(),
    }
}
