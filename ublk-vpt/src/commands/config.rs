//! `ublk check-config` and `ublk dump-config`.

use std::io::Write;

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
            Ok(spec) => writeln!(out, "{}: good: {}", file.display(), spec.name)?,
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
    out.write_all(found.text.as_bytes())?;
    Ok(())
}
