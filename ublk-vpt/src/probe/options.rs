//! What can be asked of a probe, who is told about its progress, and how it can fail.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How the measured distances spread over the stroke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spacing {
    /// Equal steps.
    Linear,
    /// Equal steps of the square root: denser where seek curves bend.
    #[default]
    Square,
    /// Equal ratios, from two blocks to the full stroke.
    Log,
}

/// What a disk is expected to take for a move: drawn over the measured points and compared with them.
#[derive(Clone)]
pub struct Model {
    /// Its name, for legend and table.
    pub name: String,
    /// Expected milliseconds of one request (k*T) by stroke, 0 to 1.
    pub expected_ms: Arc<dyn Fn(f64) -> f64 + Send + Sync>,
    /// The same for a move between two bytes of the target, where it depends on more than the
    /// distance: zones, whole cylinders. What is compared; the curve is what is drawn.
    pub between_ms: Option<Between>,
    /// Expected mean in milliseconds of uniformly random requests, if it is known in closed form.
    pub random_mean_ms: Option<f64>,
}

/// Expected milliseconds of a read at the second byte offset after one at the first.
pub type Between = Arc<dyn Fn(u64, u64) -> f64 + Send + Sync>;

impl Model {
    /// What a read at byte `to` after one at byte `from`, `stroke` away, is expected to take.
    pub(super) fn expected(&self, from: u64, to: u64, stroke: f64) -> f64 {
        match &self.between_ms {
            Some(between) => between(from, to),
            None => (self.expected_ms)(stroke),
        }
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("name", &self.name)
            .field("random_mean_ms", &self.random_mean_ms)
            .finish_non_exhaustive()
    }
}

/// What to measure and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Regular file or block device; only ever read.
    pub target: PathBuf,
    /// Bytes per read: a multiple of 512, at most 16 MiB.
    pub block_bytes: u64,
    /// How many distances.
    pub buckets: usize,
    /// Where these distances lie.
    pub spacing: Spacing,
    /// How often all distances are gone through, each time in another order.
    pub passes: usize,
    /// Measured moves per distance and pass.
    pub per_pass: usize,
    /// Uniformly random requests besides.
    pub random: u64,
    /// Nothing but the random requests.
    pub random_only: bool,
    /// Random requests under way at once, each from a thread of its own. Above 1 the order of service is
    /// the target's secret, so there are latencies and IOPS but no seek distances.
    pub depth: usize,
    /// Measure the rate of sequential reads too, in three places.
    pub sequential: bool,
    /// Measure the same moves again out of the kernel's page cache (the proposal's Figure 13).
    pub cached: bool,
    /// Bypass the page cache (`O_DIRECT`) where the target lets us.
    pub direct: bool,
    /// Stop after this long and report what there is.
    pub time_limit: Option<Duration>,
    /// Same seed, same offsets in the same order.
    pub seed: u64,
    /// Give up after this many failed reads.
    pub max_errors: u64,
    /// Revolutions per minute, if known: half a revolution is then told apart from the rest.
    pub rpm: Option<f64>,
    /// What to compare with.
    pub model: Option<Model>,
}

impl Options {
    /// Half a minute's work on a disk of 13 ms per request: 24 distances, ten passes of three moves each,
    /// and 500 random requests, of 4 KiB.
    pub fn new(target: impl Into<PathBuf>) -> Self {
        Self {
            target: target.into(),
            block_bytes: 4096,
            buckets: 24,
            spacing: Spacing::default(),
            passes: 10,
            per_pass: 3,
            random: 500,
            random_only: false,
            depth: 1,
            sequential: true,
            cached: false,
            direct: true,
            time_limit: None,
            seed: 1,
            max_errors: 16,
            rpm: None,
            model: None,
        }
    }

    /// `requests` uniformly random reads and nothing else.
    pub fn random_only(target: impl Into<PathBuf>, requests: u64) -> Self {
        Self { random: requests, random_only: true, sequential: false, ..Self::new(target) }
    }

    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// [`ProbeError::Option`] naming the option, what is wrong with it and what it takes.
    pub fn check(&self) -> Result<(), ProbeError> {
        let bad = |option, problem: String| Err(ProbeError::Option { option, problem });
        let b = self.block_bytes;
        if b == 0 || !b.is_multiple_of(512) || b > 16 << 20 {
            return bad("block size", format!("{b} bytes; take a multiple of 512, at most 16 MiB"));
        }
        if self.random_only && self.random == 0 {
            return bad("random requests", "0; take at least 1".into());
        }
        if !self.random_only && (self.buckets == 0 || self.buckets > 10_000) {
            return bad("buckets", format!("{}; take 1 to 10000", self.buckets));
        }
        if !self.random_only && (self.passes == 0 || self.per_pass == 0) {
            return bad("passes", "0 requests; take at least one pass with one request".into());
        }
        let moves = self.buckets.saturating_mul(self.passes).saturating_mul(self.per_pass);
        if moves > 100_000_000 || self.random > 100_000_000 {
            return bad("requests", "more than 100 million; take fewer".into());
        }
        if self.depth == 0 || self.depth > 1024 {
            return bad("depth", format!("{}; take 1 to 1024", self.depth));
        }
        if self.cached && self.random_only {
            return bad("cached", "it compares seek curves, so it goes without random-only".into());
        }
        if let Some(rpm) = self.rpm
            && !(rpm.is_finite() && (1.0..=1e6).contains(&rpm))
        {
            return bad("rpm", format!("{rpm}; take revolutions per minute, such as 7200"));
        }
        Ok(())
    }
}

/// Is told how far a probe has come, and may end it early.
pub trait ProgressSink {
    /// A phase begins that makes up to `requests` requests.
    fn phase(&mut self, name: &str, requests: u64) {
        let _ = (name, requests);
    }

    /// `done` requests of the phase have been made.
    fn done(&mut self, done: u64) {
        let _ = done;
    }

    /// Something a person should know while it runs.
    fn note(&mut self, text: &str) {
        let _ = text;
    }

    /// False ends the probe after the current request; it reports what there is.
    fn keep_going(&self) -> bool {
        true
    }
}

/// No one to tell.
impl ProgressSink for () {}

/// Why there is no report. Each is one line that names the target and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// An option makes no sense.
    #[error("bad {option}: {problem}")]
    Option {
        /// Which one.
        option: &'static str,
        /// What is wrong, and what it takes.
        problem: String,
    },
    /// There is nothing of that name.
    #[error("{target}: there is no such file or device; check the path")]
    Missing {
        /// The target.
        target: String,
    },
    /// We may not read it.
    #[error(
        "{target}: not allowed to read it; run as root or as a member of the group that owns it"
    )]
    Permission {
        /// The target.
        target: String,
    },
    /// It is a directory, a pipe, a terminal.
    #[error(
        "{target}: is a {kind}; give a regular file or a block device, such as an image or /dev/sda"
    )]
    Kind {
        /// The target.
        target: String,
        /// What it is.
        kind: &'static str,
    },
    /// Too small for distances to mean anything.
    #[error(
        "{target}: only {bytes} bytes; a probe needs at least {needed} bytes to tell distances apart"
    )]
    TooSmall {
        /// The target.
        target: String,
        /// Its size.
        bytes: u64,
        /// What is needed.
        needed: u64,
    },
    /// The device's own block is larger than what was asked for.
    #[error(
        "{target}: its blocks are {logical} bytes, so {block_bytes} bytes cannot be read around the cache; take a block size that is a multiple of {logical}"
    )]
    Block {
        /// The target.
        target: String,
        /// The device's logical block in bytes.
        logical: u64,
        /// What was asked for.
        block_bytes: u64,
    },
    /// Its size changed under us.
    #[error(
        "{target}: went from {was} to {now} bytes while it was measured; probe it again when nothing resizes it"
    )]
    Resized {
        /// The target.
        target: String,
        /// Bytes at the start.
        was: u64,
        /// Bytes now.
        now: u64,
    },
    /// Too many reads failed.
    #[error(
        "{target}: gave up after {count} failed reads, the last at byte {offset} ({source}); see the kernel log for this disk"
    )]
    Reads {
        /// The target.
        target: String,
        /// How many.
        count: u64,
        /// Byte offset of the last one.
        offset: u64,
        /// What the kernel said about the last one.
        source: io::Error,
    },
    /// Anything else the system refused.
    #[error("{target}: cannot {what}: {source}")]
    Io {
        /// The target.
        target: String,
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A thread could not be started.
    #[error("cannot start reader {number} of {depth}: {source}; take a smaller depth")]
    Thread {
        /// Which one, from 1.
        number: usize,
        /// How many were wanted.
        depth: usize,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing was measured before the end.
    #[error("{target}: stopped before anything was measured; give it more time")]
    Nothing {
        /// The target.
        target: String,
    },
}
