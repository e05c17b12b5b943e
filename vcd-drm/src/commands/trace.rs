//! `vcd trace`.

use anyhow::{Context, Result, bail};

use super::card;
use super::cli::{PlayArgs, TraceArgs, TraceCommand};
use crate::screen::{Screen, Size};
use crate::sink::png;
use crate::trace::Replay;

pub(super) fn run(args: &TraceArgs) -> Result<()> {
    match &args.command {
        TraceCommand::Play(args) => play(args),
    }
}

fn play(args: &PlayArgs) -> Result<()> {
    let name = || args.file.display().to_string();
    let text = std::fs::read_to_string(&args.file).with_context(name)?;
    let mut replay = Replay::new(card::layout(&args.card)?);
    replay.play(&text).with_context(name)?;
    println!("{}: {} looks at the registers", args.file.display(), replay.looks());
    let Some(path) = &args.png else { return Ok(()) };
    let Some((width, height, pixels)) = replay.picture() else {
        bail!("{}: there is no picture at its end", args.file.display());
    };
    let (mut publisher, screen) = Screen::new().context("no screen")?;
    let size = Size::new(width, height).context("the picture is too large")?;
    publisher.set_mode(Some(size));
    publisher.publish_with(&[size.bounds()], |rect, into| {
        let rows = into.chunks_exact_mut(rect.width as usize);
        for (y, row) in (rect.y..).zip(rows) {
            let at = (y * width + rect.x) as usize;
            row.copy_from_slice(&pixels[at..at + rect.width as usize]);
        }
    });
    Ok(png::snapshot(&screen, path)?)
}
