//! The view on a terminal: the loop, the keys, and giving the terminal back in every case.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute};
use daemonkit::signals::StopSignals;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use super::board::{Answer, Board};
use super::draw::draw;
use super::poll::Poller;
use crate::cli::TopArgs;
use crate::commands::{Failure, Outcome};
use crate::state::StateDir;

/// Everything the loop waits for.
enum Message {
    Answer(Answer),
    Input(Event),
    /// The keyboard can no longer be read.
    InputLost(io::Error),
    /// A signal asks to end.
    Stop,
    /// A thread panicked; it said so itself.
    Panicked,
}

/// Shows the devices until the user has seen enough.
pub(super) fn run(args: &TopArgs, state: &StateDir) -> Outcome {
    let (sender, messages) = channel();
    let stopper = sender.clone();
    let _signals = StopSignals::install(move |_| {
        let _ = stopper.send(Message::Stop); // nobody listens: it is ending already
    })
    .map_err(|e| Failure::Failed(format!("cannot handle signals: {e}")))?;
    let mut screen = Screen::open(sender.clone())?;
    read_input(sender.clone())?;
    let deliver = Arc::new(move |answer| sender.send(Message::Answer(answer)).is_ok());
    let mut poller = Poller::new(state, args.id, deliver);
    let mut board = Board::new(args.interval, state.path().display().to_string());
    watch(&mut screen, &mut poller, &mut board, &messages)
}

fn watch(
    screen: &mut Screen,
    poller: &mut Poller,
    board: &mut Board,
    messages: &Receiver<Message>,
) -> Outcome {
    let begun = Instant::now();
    let mut next = begun;
    loop {
        let now = Instant::now();
        if !board.paused && now >= next {
            match poller.look(board.selected().map(|(id, _)| id)) {
                Ok(devices) => {
                    board.present(now - begun, devices);
                    board.trouble = None;
                }
                Err(Failure::Failed(why)) => board.trouble = Some(why),
                Err(other) => return Err(other),
            }
            next = now + Duration::from_secs_f64(board.interval);
        }
        screen.terminal.draw(|frame| draw(frame, board)).map_err(|e| lost(&e))?;
        let wait = if board.paused {
            Duration::from_secs(3600)
        } else {
            next.saturating_duration_since(Instant::now())
        };
        let mut message = match messages.recv_timeout(wait) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        // One picture for all that has come by now.
        while let Some(got) = message {
            match got {
                Message::Answer(answer) => board.answer(begun.elapsed(), answer),
                Message::Input(Event::Key(key)) => match act(board, key) {
                    Act::Quit => return Ok(()),
                    Act::LookNow => next = Instant::now(),
                    Act::Nothing => {}
                },
                Message::Input(_) => {} // a new size: drawing finds it out
                Message::InputLost(e) => return Err(lost(&e)),
                Message::Stop => return Ok(()),
                Message::Panicked => return Err(Failure::Told),
            }
            message = messages.try_recv().ok();
        }
    }
}

fn lost(e: &io::Error) -> Failure {
    Failure::Failed(format!("the terminal is lost: {e}"))
}

/// What a key means for the loop.
#[derive(Debug, PartialEq, Eq)]
enum Act {
    Quit,
    /// What is shown is out of date.
    LookNow,
    Nothing,
}

/// Does what `key` asks.
fn act(board: &mut Board, key: KeyEvent) -> Act {
    if key.kind == KeyEventKind::Release {
        return Act::Nothing;
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c') if control => return Act::Quit,
        _ if control => {}
        KeyCode::Char('q') | KeyCode::Esc => return Act::Quit,
        KeyCode::Down | KeyCode::Char('j') => return select(board, 1),
        KeyCode::Up | KeyCode::Char('k') => return select(board, -1),
        KeyCode::PageDown => return select(board, 10),
        KeyCode::PageUp => return select(board, -10),
        KeyCode::Home => return select(board, isize::MIN),
        KeyCode::End => return select(board, isize::MAX),
        KeyCode::Char('s') => board.sort_by_next(),
        KeyCode::Char('p') => {
            board.paused = !board.paused;
            return Act::LookNow;
        }
        KeyCode::Char('+' | '=') => board.change_interval(true),
        KeyCode::Char('-') => {
            board.change_interval(false);
            return Act::LookNow;
        }
        _ => {}
    }
    Act::Nothing
}

/// The history of k comes with the next look.
fn select(board: &mut Board, by: isize) -> Act {
    board.select(by);
    Act::Nothing
}

/// Reads the keyboard from a thread of its own, which ends with the program.
fn read_input(messages: Sender<Message>) -> Outcome {
    let read = move || {
        loop {
            let message = match event::read() {
                Ok(event) => Message::Input(event),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => Message::InputLost(e),
            };
            let over = matches!(message, Message::InputLost(_));
            if messages.send(message).is_err() || over {
                return;
            }
        }
    };
    let started = thread::Builder::new().name("keys".into()).spawn(read);
    started.map(drop).map_err(|e| Failure::Failed(format!("cannot start a thread: {e}")))
}

/// A panic's message in the middle of the picture would be lost.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// The terminal, taken over for the view; given back when dropped.
struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<File>>>,
}

impl Screen {
    fn open(panicked: Sender<Message>) -> Result<Self, Failure> {
        let cannot = |e: io::Error| {
            Failure::Failed(format!(
                "the terminal cannot be used for a view ({e}); for plain text: ublk top --once"
            ))
        };
        let mut out = output().map_err(cannot)?;
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            give_back();
            usual(info);
            let _ = panicked.send(Message::Panicked); // nobody listens: it is ending already
        }));
        enable_raw_mode().map_err(cannot)?;
        SHOWN.store(true, Ordering::SeqCst);
        // From here on dropping it undoes what was done.
        let screen =
            Terminal::new(CrosstermBackend::new(BufWriter::new(output().map_err(cannot)?)));
        let entered = execute!(out, EnterAlternateScreen, cursor::Hide);
        match screen.and_then(|terminal| entered.map(|()| Self { terminal })) {
            Ok(screen) => Ok(screen),
            Err(e) => {
                give_back();
                Err(cannot(e))
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Standard output without the lock that the standard library keeps on it, which belongs to another
/// thread when this one panics.
fn output() -> io::Result<File> {
    Ok(File::from(rustix::io::dup(rustix::stdio::stdout())?))
}

/// Restores the terminal, once; that it is gone is no reason to complain.
fn give_back() {
    if SHOWN.swap(false, Ordering::SeqCst) {
        if let Ok(mut out) = output() {
            let _ = execute!(out, LeaveAlternateScreen, cursor::Show);
            let _ = out.flush();
        }
        let _ = disable_raw_mode();
    }
}

#[cfg(test)]
mod tests {
    use super::super::board::Present;
    use super::super::column::Column;
    use super::*;

    fn press(board: &mut Board, code: KeyCode) -> Act {
        act(board, KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn keys() {
        let mut board = Board::new(1.0, String::new());
        let devices =
            (0..3).map(|id| Present { id, pid: 1, disk: String::new(), front: String::new() });
        board.present(Duration::ZERO, devices.collect());
        let selected = |b: &Board| b.selected().map(|(id, _)| id);
        press(&mut board, KeyCode::Char('j'));
        press(&mut board, KeyCode::Down);
        assert_eq!(selected(&board), Some(2));
        press(&mut board, KeyCode::Up);
        press(&mut board, KeyCode::Char('k'));
        assert_eq!(selected(&board), Some(0));
        press(&mut board, KeyCode::Char('s'));
        assert_eq!(board.sort, Column::Disk);
        press(&mut board, KeyCode::Char('+'));
        assert_eq!(board.interval, 2.0);
        press(&mut board, KeyCode::Char('-'));
        press(&mut board, KeyCode::Char('-'));
        assert_eq!(board.interval, 0.5);
        assert_eq!(press(&mut board, KeyCode::Char('p')), Act::LookNow);
        assert!(board.paused);
        press(&mut board, KeyCode::Char('p'));
        assert!(!board.paused);
        for quit in [KeyCode::Char('q'), KeyCode::Esc] {
            assert_eq!(press(&mut board, quit), Act::Quit);
        }
        let with_control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
        assert_eq!(act(&mut board, with_control('c')), Act::Quit);
        assert_eq!(act(&mut board, with_control('q')), Act::Nothing);
        assert_eq!(press(&mut board, KeyCode::Char('c')), Act::Nothing);
    }
}
