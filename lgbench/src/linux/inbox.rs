//! What comes from a guest: its program's lines, and whatever else its console says.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lgbench_payload::abi::{Record, STATE_FAILED, STATE_PREPARING};
use lgbench_payload::wire::{self, Clocks, Message};

use super::begun::Begun;

/// Lines of a console that are kept, for when something goes wrong.
const CONSOLE_LINES: usize = 12;
/// Longest line that is kept.
const LINE_BYTES: usize = 400;
/// Most clocks that are kept: a day of ten in a second.
const CLOCKS_MAX: usize = 1 << 20;
/// How often a log is asked for.
const ATTEMPTS: u32 = 3;
/// How a kernel that cannot go on begins to say so.
const PANIC: &str = "Kernel panic";

/// What a guest has said, for the threads that hear and use it.
#[derive(Debug, Default)]
pub struct Inbox {
    said: Mutex<Said>,
    news: Condvar,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Said {
    line: Vec<u8>,
    console: VecDeque<String>,
    panicked: Option<String>,
    greeted: Option<u64>,
    greeting: Option<u64>,
    state: Option<u32>,
    progress: u64,
    clocks: Vec<Clocks>,
    clocksources: Vec<String>,
    log: Log,
    /// Grows with every line of a log.
    log_lines: u64,
}

/// A log on its way.
#[derive(Debug, Default)]
struct Log {
    records: Vec<Record>,
    lost: u64,
    damaged: u64,
    done: bool,
}

/// Why there is no log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLog {
    /// Nothing came any more.
    #[error("it does not send what it has recorded")]
    Silent,
    /// Lines did not come whole.
    #[error("what it sends does not come whole")]
    Damaged,
}

impl Inbox {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes bytes.
    pub fn take(&self, bytes: &[u8]) {
        let mut said = self.said();
        for byte in bytes {
            if *byte != b'\n' {
                if said.line.len() < LINE_BYTES {
                    said.line.push(*byte);
                }
                continue;
            }
            let line = std::mem::take(&mut said.line);
            said.hear(&line);
        }
        self.news.notify_all();
    }

    /// Takes bytes; the guest's clock in a greeting among them.
    pub fn take_whole(&self, bytes: &[u8]) -> Option<u64> {
        self.take(bytes);
        self.greeting()
    }

    /// The guest's clock in a greeting that has just come; once.
    pub fn greeting(&self) -> Option<u64> {
        self.said().greeting.take()
    }

    /// The payload's state, in a guest that has had so long to begin.
    ///
    /// # Errors
    /// Why the guest cannot go on.
    pub fn state(&self, begun: &Begun, to_begin: Duration) -> Result<u32, String> {
        if let Some(why) = self.failure() {
            return Err(why);
        }
        let (greeted, state) = {
            let said = self.said();
            (said.greeted, said.state.unwrap_or(STATE_PREPARING))
        };
        if greeted.is_some_and(|version| version != wire::VERSION) {
            return Err("its program is of another version of lgbench".to_owned());
        }
        match state {
            STATE_FAILED => Err(self.why("its payload gave up")),
            STATE_PREPARING if begun.elapsed() > to_begin => {
                Err(self.why(&format!("it is not ready after {} s", to_begin.as_secs())))
            }
            state => Ok(state),
        }
    }

    /// How far the payload has got, if it is one that says so.
    pub fn progress(&self) -> u64 {
        self.said().progress
    }

    /// What went wrong: the reason that the guest itself gives, if it does.
    pub fn why(&self, what: &str) -> String {
        let said = || format!("{what}; its console ended: {}", self.said().end());
        self.failure().unwrap_or_else(said)
    }

    /// Why the guest cannot go on, if it has said so.
    pub fn failure(&self) -> Option<String> {
        let said = self.said();
        said.panicked.as_ref().map(|why| format!("{why}; its console ended: {}", said.end()))
    }

    /// What clocks have said so far, which is forgotten.
    pub fn clocks(&self) -> Vec<Clocks> {
        std::mem::take(&mut self.said().clocks)
    }

    /// What the guest's clocks were made of, all that it was if that changed; none where it was not said.
    pub fn clocksource(&self) -> Option<String> {
        let said = self.said();
        (!said.clocksources.is_empty()).then(|| said.clocksources.join(", then "))
    }

    /// Asks for a log until it has come whole: a question may be lost, and so may a part of the answer.
    ///
    /// # Errors
    /// See [`NoLog`].
    pub fn ask_for_log(
        &self,
        mut ask: impl FnMut(),
        silence: Duration,
    ) -> Result<(Vec<Record>, u64), NoLog> {
        let mut log = Err(NoLog::Silent);
        for _ in 0..ATTEMPTS {
            self.said().log = Log::default();
            ask();
            log = self.wait_for_log(silence);
            if log.is_ok() || self.failure().is_some() {
                break;
            }
        }
        log
    }

    /// Waits for a whole log: its records, and how many were lost. As long as any of it comes it goes on;
    /// what else comes is no answer.
    ///
    /// # Errors
    /// See [`NoLog`].
    fn wait_for_log(&self, silence: Duration) -> Result<(Vec<Record>, u64), NoLog> {
        let mut said = self.said();
        let (mut heard, mut since) = (said.log_lines, Instant::now());
        while !said.log.done {
            if said.panicked.is_some() || since.elapsed() > silence {
                return Err(NoLog::Silent);
            }
            let waited = self.news.wait_timeout(said, silence / 4);
            said = waited.unwrap_or_else(PoisonError::into_inner).0;
            if said.log_lines != heard {
                (heard, since) = (said.log_lines, Instant::now());
            }
        }
        if said.log.damaged > 0 {
            return Err(NoLog::Damaged);
        }
        let log = std::mem::take(&mut said.log);
        Ok((log.records, log.lost))
    }
}

impl Said {
    fn hear(&mut self, line: &[u8]) {
        let message = wire::read(line);
        if let Some(Ok(Message::Log { .. } | Message::Record(_) | Message::End { .. })) = message {
            self.log_lines += 1;
        }
        match message {
            None => self.keep(line),
            Some(Err(wire::Damaged)) => self.log.damaged += 1,
            Some(Ok(Message::Hello { version, cycles })) => {
                self.greeted = Some(version);
                self.greeting = Some(cycles);
            }
            Some(Ok(Message::State(state))) => {
                // A state that nobody knows is not that of a guest that runs.
                self.state = Some(u32::try_from(state).unwrap_or(u32::MAX));
            }
            Some(Ok(Message::Progress(progress))) => self.progress = progress,
            // Room is made for what comes, not for what is announced.
            Some(Ok(Message::Log { lost, .. })) => self.log = Log { lost, ..Log::default() },
            Some(Ok(Message::Record(record))) => self.log.records.push(record),
            Some(Ok(Message::End { records })) => {
                let missing = records.abs_diff(self.log.records.len() as u64);
                self.log.damaged += missing;
                self.log.done = true;
            }
            Some(Ok(Message::Clocksource(name))) => {
                let letters: Vec<u8> = name.letters().collect();
                let name = String::from_utf8_lossy(&letters).into_owned();
                let is_news = !name.is_empty() && self.clocksources.last() != Some(&name);
                if is_news && self.clocksources.len() < CONSOLE_LINES {
                    self.clocksources.push(name);
                }
            }
            Some(Ok(Message::Clocks(clocks))) => {
                if self.clocks.len() < CLOCKS_MAX {
                    self.clocks.push(clocks);
                }
            }
        }
    }

    fn keep(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_matches(|c: char| c.is_control() || c == ' ');
        if text.is_empty() {
            return;
        }
        if self.panicked.is_none()
            && let Some(at) = text.find(PANIC)
        {
            self.panicked = Some(text[at..].to_owned());
        }
        if self.console.len() == CONSOLE_LINES {
            self.console.pop_front();
        }
        self.console.push_back(text.to_owned());
    }

    fn end(&self) -> String {
        match self.console.is_empty() {
            true => "(nothing)".to_owned(),
            false => {
                let lines: Vec<&str> = self.console.iter().map(String::as_str).collect();
                lines.join(" | ")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;

    use lgbench_payload::abi::STATE_RUNNING;
    use lgbench_payload::wire::Line;

    const SILENCE: Duration = Duration::from_millis(20);

    fn send(inbox: &Inbox, messages: &[Message]) {
        messages.iter().for_each(|message| {
            inbox.take(Line::new(*message).bytes());
        });
    }

    fn record(start: u64) -> Record {
        Record { start, end: start + 5, tag: 1 }
    }

    #[test]
    fn a_log_comes_in_any_pieces_and_among_other_lines() {
        let inbox = Inbox::default();
        let state = || inbox.state(&Begun::now(), Duration::from_secs(3600));
        assert_eq!(state(), Ok(STATE_PREPARING));
        let mut bytes = b"[    0.0] Linux\r\n".to_vec();
        let messages = [
            Message::Hello { version: 1, cycles: 77 },
            Message::State(u64::from(STATE_RUNNING)),
            Message::Log { records: 2, lost: 4 },
            Message::Record(record(10)),
            Message::Record(record(20)),
            Message::End { records: 2 },
        ];
        for message in messages {
            bytes.extend_from_slice(Line::new(message).bytes());
            bytes.extend_from_slice(b"[    0.1] more\n");
        }
        bytes.chunks(7).for_each(|piece| inbox.take(piece));
        assert_eq!((inbox.greeting(), inbox.said().greeted), (Some(77), Some(1)));
        assert_eq!(inbox.greeting(), None, "it is told once");
        assert_eq!(state(), Ok(STATE_RUNNING));
        assert_eq!(inbox.wait_for_log(SILENCE), Ok((vec![record(10), record(20)], 4)));
        assert_eq!(inbox.wait_for_log(SILENCE), Err(NoLog::Silent), "it is given once");
    }

    #[test]
    fn what_is_missing_or_damaged_is_no_log() {
        let inbox = Inbox::default();
        send(&inbox, &[Message::Log { records: 1, lost: 0 }, Message::End { records: 1 }]);
        assert_eq!(inbox.wait_for_log(SILENCE), Err(NoLog::Damaged));
        let whole = [Message::Record(record(1)), Message::End { records: 1 }];
        let mut asked = 0;
        // The first time nothing comes, the second time a line is damaged.
        let log = inbox.ask_for_log(
            || {
                asked += 1;
                if asked > 1 {
                    send(&inbox, &[Message::Log { records: 1, lost: 0 }]);
                    inbox.take(if asked == 2 { b"~r 1 2 3#0000\n" } else { b"\n" });
                    send(&inbox, &whole);
                }
            },
            SILENCE,
        );
        assert_eq!((log, asked), (Ok((vec![record(1)], 0)), 3));
        assert_eq!(inbox.ask_for_log(|| {}, SILENCE), Err(NoLog::Silent));
    }

    #[test]
    fn a_guest_that_says_other_things_only_is_asked_again() {
        let inbox = Inbox::default();
        let asked = std::sync::atomic::AtomicU32::new(0);
        let log = std::thread::scope(|scope| {
            // Its clocks, all the time, as one does that has not heard the first question.
            scope.spawn(|| {
                let clocks = Clocks { cycles: 1, monotonic_ns: 1, realtime_ns: 1 };
                while asked.load(Relaxed) < 2 {
                    send(&inbox, &[Message::Clocks(clocks)]);
                    std::thread::sleep(SILENCE / 10);
                }
                send(&inbox, &[Message::Log { records: 0, lost: 3 }, Message::End { records: 0 }]);
            });
            let ask = || {
                asked.fetch_add(1, Relaxed);
            };
            inbox.ask_for_log(ask, SILENCE * 10)
        });
        assert_eq!((log, asked.into_inner()), (Ok((vec![], 3)), 2));
    }

    #[test]
    fn a_guest_that_cannot_go_on_is_told() {
        let inbox = Inbox::default();
        let state = |to_begin| inbox.state(&Begun::now(), to_begin);
        let begun = Begun::now();
        std::thread::sleep(Duration::from_millis(1));
        let late = inbox.state(&begun, Duration::ZERO);
        assert_eq!(late, Err("it is not ready after 0 s; its console ended: (nothing)".into()));
        send(&inbox, &[Message::State(u64::from(STATE_FAILED))]);
        let gave_up = "its payload gave up; its console ended: (nothing)";
        assert_eq!(state(SILENCE), Err(gave_up.into()));
        send(&inbox, &[Message::Hello { version: 7, cycles: 0 }]);
        assert_eq!(state(SILENCE), Err("its program is of another version of lgbench".into()));
    }

    #[test]
    fn clocksources_are_told_as_they_change() {
        let inbox = Inbox::default();
        let name = |name: &str| Message::Clocksource(wire::Name::new(name.as_bytes()));
        send(&inbox, &[name("")]);
        assert_eq!(inbox.clocksource(), None, "a kernel that does not say");
        send(&inbox, &[name("tsc"), name("tsc"), name(""), name("jiffies")]);
        assert_eq!(inbox.clocksource().as_deref(), Some("tsc, then jiffies"));
    }

    #[test]
    fn a_panic_is_told_with_the_lines_before_it() {
        let inbox = Inbox::default();
        assert_eq!(inbox.why("x"), "x; its console ended: (nothing)");
        (0..20).for_each(|line| {
            inbox.take(format!("[    1.{line}] line {line}\n").as_bytes());
        });
        assert_eq!(inbox.failure(), None);
        inbox.take(b"[    2.0] Kernel panic - not syncing: No init\n");
        let why = inbox.failure().unwrap();
        assert!(
            why.starts_with("Kernel panic - not syncing: No init; its console ended: "),
            "{why}"
        );
        assert!(why.contains("line 19") && !why.contains("line 5"), "{why}");
        assert_eq!(inbox.wait_for_log(Duration::from_secs(60)), Err(NoLog::Silent));
    }
}
