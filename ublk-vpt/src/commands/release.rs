//! `ublk __release`: what a confined daemon has undone by another process.

use std::io::{self, Write};

use super::Outcome;
use crate::cli::ReleaseArgs;
use crate::daemon::obey;

pub(super) fn run(args: &ReleaseArgs, out: &mut dyn Write) -> Outcome {
    let on_loop = args.loop_device.as_ref().zip(args.file.as_ref());
    Ok(obey(io::stdin().lock(), out, &args.mount, on_loop)?)
}
