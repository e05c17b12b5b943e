//! What a result was measured on.

use std::fs;

use serde::{Deserialize, Serialize};

/// The machine a measurement ran on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's own name.
    pub cpu: String,
    /// Processors this process may use.
    pub cores: usize,
    /// Kernel release.
    pub kernel: String,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Load averages over 1, 5 and 15 minutes when the measurement began.
    pub load: [f64; 3],
}

impl Machine {
    /// This machine, now. What /proc does not tell stays empty.
    pub fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self {
            cpu: field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown".into()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            memory_mib: field(&read("/proc/meminfo"), "MemTotal")
                .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok())
                .map_or(0, |kib| kib / 1024),
            load: load(&read("/proc/loadavg")),
        }
    }

    /// One line for people.
    pub fn line(&self) -> String {
        format!(
            "{}, {} cores, {} MiB, Linux {}, load {:.2} {:.2} {:.2}",
            self.cpu,
            self.cores,
            self.memory_mib,
            self.kernel,
            self.load[0],
            self.load[1],
            self.load[2]
        )
    }
}

/// Date and time in UTC, as 2026-01-31T12:00:00Z.
pub fn date() -> String {
    let seconds = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    labstats::results::rfc3339(seconds)
}

fn field(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

fn load(text: &str) -> [f64; 3] {
    let mut words = text.split_whitespace().map(|word| word.parse().unwrap_or(0.0));
    std::array::from_fn(|_| words.next().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_proc() {
        assert_eq!(load("0.50 1.25 2.00 1/100 42"), [0.5, 1.25, 2.0]);
        assert_eq!(field("a\t: b\nmodel name\t: X 1\n", "model name").as_deref(), Some("X 1"));
        assert!(Machine::here().cores >= 1);
    }
}
