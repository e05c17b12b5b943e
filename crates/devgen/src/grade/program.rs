//! A program on the card: `templates/grade/program.c.j2`, told what to do line by line while the check
//! goes on playing the card.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::bench::Bench;
use super::kernel::patience;
use super::sheet::Stop;

/// No answer takes longer, unless a check says so.
pub fn soon() -> Duration {
    patience(Duration::from_secs(15))
}

/// What a program has answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answer {
    /// The kernel's error number, or 0.
    pub error: i32,
    /// What was asked for.
    pub value: u64,
    /// How long it took.
    pub time: Duration,
    /// Of the processor.
    pub processor: Duration,
    /// How often the program slept.
    pub sleeps: u64,
}

impl Answer {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let error = words.next()?.parse().ok()?;
        let mut next = || words.next()?.parse::<u64>().ok();
        Some(Self {
            error,
            value: next()?,
            time: Duration::from_micros(next()?),
            processor: Duration::from_micros(next()?),
            sleeps: next()?,
        })
    }

    /// The error's name.
    pub fn error_text(&self) -> String {
        match self.error {
            0 => "no error".to_owned(),
            number => std::io::Error::from_raw_os_error(number).to_string(),
        }
    }

    /// The answer, if it is no error.
    ///
    /// # Errors
    /// What was asked for, and the error.
    pub fn fine(self, what: &str) -> Result<Self, Stop> {
        match self.error {
            0 => Ok(self),
            _ => Err(Stop(format!("{what}: {}", self.error_text()))),
        }
    }
}

/// The program. It ends when this is dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    input: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl Program {
    /// Starts it on a processor, with a device open if there is one.
    ///
    /// # Errors
    /// It does not start, or cannot open the device.
    pub fn start(bench: &mut Bench, device: Option<&Path>, cpu: usize) -> Result<Self, Stop> {
        let mut command = Command::new(bench.program());
        command.arg(device.unwrap_or(Path::new("/dev/null"))).arg(cpu.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or(Stop("the program has no output".into()))?;
        let (send, answers) = channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines();
            lines.map_while(Result::ok).all(|line| send.send(line).is_ok())
        });
        let input = child.stdin.take();
        let mut program = Self { child, input, answers };
        program.answer(bench, "open()", soon())?.fine("open()")?;
        Ok(program)
    }

    /// Tells it something, without waiting for the answer.
    ///
    /// # Errors
    /// It has ended.
    pub fn tell(&mut self, line: &str) -> Result<(), Stop> {
        let input = self.input.as_mut().ok_or(Stop("the program has ended".into()))?;
        writeln!(input, "{line}").and_then(|()| input.flush())?;
        Ok(())
    }

    /// The next answer, if it is there.
    pub fn try_answer(&mut self) -> Option<Answer> {
        Answer::parse(&self.answers.try_recv().ok()?)
    }

    /// Waits for it; the card is played meanwhile.
    ///
    /// # Errors
    /// There is none in time.
    pub fn answer(
        &mut self,
        bench: &mut Bench,
        what: &str,
        limit: Duration,
    ) -> Result<Answer, Stop> {
        bench.until(&format!("{what} does not return"), limit, |_| self.try_answer())
    }

    /// Tells it something and waits for the answer.
    ///
    /// # Errors
    /// There is none in time.
    pub fn ask(&mut self, bench: &mut Bench, line: &str) -> Result<Answer, Stop> {
        self.tell(line)?;
        self.answer(bench, line.split(' ').next().unwrap_or(line), soon())
    }

    /// Submits what it was given as words and waits for its end.
    ///
    /// # Errors
    /// One of the two fails, or does not return.
    pub fn carry_out(&mut self, bench: &mut Bench) -> Result<(), Stop> {
        let number = self.ask(bench, "submit")?.fine("SUBMIT")?.value;
        self.ask(bench, &format!("wait {number} 10000"))?.fine("WAIT")?;
        Ok(())
    }

    /// Has it end by itself, and waits for that.
    ///
    /// # Errors
    /// It does not.
    pub fn end(mut self, bench: &mut Bench) -> Result<(), Stop> {
        self.input = None;
        bench.until("a program does not end", soon(), |_| self.child.try_wait().ok().flatten())?;
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may be in a call that never ends; then it is left, and the check's end tells.
        let _ = self.child.kill();
        let until = Instant::now() + Duration::from_millis(500);
        while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
