//! `ublk __loop`: what the daemon has done for it by another process.

use std::io::Write;

use super::{Failure, Outcome};
use crate::cli::LoopArgs;
use crate::front::loopdev;

pub(super) fn run(args: &LoopArgs, out: &mut dyn Write) -> Outcome {
    let fail = |e: std::io::Error| Failure::Failed(e.to_string());
    match &args.detach {
        Some(device) => loopdev::detach_if_backed_by(device, &args.file).map_err(fail),
        None => {
            let device = loopdev::attach(&args.file, args.read_only).map_err(fail)?;
            Ok(writeln!(out, "{}", device.path.display())?)
        }
    }
}
