//! `ublk top`: all devices at a glance, again and again.
//!
//! ```text
//!   state directory --> Poller --asks--> a thread per device --Answer--> Board --rows--> draw, or text
//!                         ^                                                ^
//!                         '------------- the loop: time, keys, signals ----'
//! ```
//!
//! | module | what |
//! | --- | --- |
//! | `poll` | finds devices and asks them, without ever waiting for one |
//! | `rates` | what happened between two reports |
//! | `board` | what is known of each device, and what the user chose; pure |
//! | `row`, `column` | one device as shown, and how it is laid out |
//! | `draw`, `detail` | the picture |
//! | `screen` | the loop on a terminal |
//! | `text` | frames of plain text and JSON |

mod board;
mod column;
mod detail;
mod draw;
mod poll;
mod rates;
mod row;
mod screen;
mod text;

#[cfg(test)]
mod pictures;
#[cfg(test)]
mod testing;

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use self::board::{Answer, Board};
use self::poll::{PATIENCE, Poller};
use crate::cli::TopArgs;
use crate::commands::{Failure, Outcome};
use crate::state::StateDir;

/// Runs `ublk top`: on a terminal until the user ends it, else as frames of text.
///
/// # Errors
/// The terminal or the output cannot be used, or the state directory cannot be read.
pub fn run(args: &TopArgs, state: &StateDir) -> Outcome {
    let frames = match args.batch {
        Some(frames) => frames,
        None if args.once || args.json => 1,
        None if io::stdout().is_terminal() => return screen::run(args, state),
        None => {
            // Told apart from the frame, which a script may read.
            let _ = writeln!(
                io::stderr(),
                "ublk: standard output is no terminal: one frame as text (--batch N gives N, --json \
                 lines of JSON)"
            );
            1
        }
    };
    batch(args, state, frames)
}

/// Prints so many frames, or without end for 0. The first comes after one interval, as rates need two
/// looks.
fn batch(args: &TopArgs, state: &StateDir, frames: u64) -> Outcome {
    let (sender, answers) = channel();
    let deliver = Arc::new(move |answer| sender.send(answer).is_ok());
    let mut poller = Poller::new(state, args.id, deliver);
    let mut board = Board::new(args.interval, state.path().display().to_string());
    let interval = Duration::from_secs_f64(args.interval);
    let begun = Instant::now();
    let mut out = io::stdout().lock();
    let mut next = begun + interval;
    let found = take_a_look(&mut poller, &mut board, &answers, begun)?;
    let mut printed = 0;
    while frames == 0 || printed < frames {
        // Waiting would not find anything for a single frame.
        if found || frames != 1 {
            thread::sleep(next.saturating_duration_since(Instant::now()));
            next = Instant::now() + interval;
            take_a_look(&mut poller, &mut board, &answers, begun)?;
        }
        if args.json {
            let line = text::json_line(&board, begun.elapsed().as_secs_f64());
            writeln!(out, "{}", line.map_err(|e| Failure::Failed(format!("output: {e}")))?)?;
        } else {
            let gap = if printed > 0 { "\n" } else { "" };
            write!(out, "{gap}{}", text::frame(&board))?;
        }
        out.flush()?;
        printed += 1;
    }
    Ok(())
}

/// Asks all devices and waits for what they say; says whether there are any.
fn take_a_look(
    poller: &mut Poller,
    board: &mut Board,
    answers: &Receiver<Answer>,
    begun: Instant,
) -> Result<bool, Failure> {
    // What a slow one said to the question before.
    while let Ok(answer) = answers.try_recv() {
        board.answer(begun.elapsed(), answer);
    }
    let devices = poller.look(None)?;
    let found = !devices.is_empty();
    let mut waiting: BTreeSet<u32> = devices.iter().map(|d| d.id).collect();
    board.present(begun.elapsed(), devices);
    // Every asker answers within its patience, if with nothing but silence.
    let end = Instant::now() + PATIENCE + Duration::from_secs(1);
    while !waiting.is_empty() {
        let left = end.saturating_duration_since(Instant::now());
        let Ok(answer) = answers.recv_timeout(left) else { break };
        waiting.remove(&answer.id);
        board.answer(begun.elapsed(), answer);
    }
    Ok(found)
}
