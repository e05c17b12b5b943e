//! The kernel's schedulers, the model's policies, and which of them do the same.

use serde::Serialize;

/// A scheduler of the kernel, as it is or with a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Requests go to the device as they come.
    None,
    /// Sorted by sector, in one direction; after each batch of 16, one that has waited for half a second
    /// is next.
    MqDeadline,
    /// The same with `read_expire` so long that no request ever waits for it.
    MqDeadlinePatient,
    /// A share of the disk's time for each process; inside of it, the next sector ahead.
    Bfq,
    /// Limits how many requests are at the device; does not sort.
    Kyber,
}

impl Kind {
    /// All, in the order of the table.
    pub const ALL: [Self; 5] =
        [Self::None, Self::MqDeadline, Self::MqDeadlinePatient, Self::Bfq, Self::Kyber];

    /// What the tables and the files of a run call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::MqDeadline => "mq-deadline",
            Self::MqDeadlinePatient => "mq-deadline-patient",
            Self::Bfq => "bfq",
            Self::Kyber => "kyber",
        }
    }

    /// Its name in `/sys/block/*/queue/scheduler`.
    pub fn in_kernel(self) -> &'static str {
        match self {
            Self::MqDeadlinePatient => "mq-deadline",
            other => other.name(),
        }
    }

    /// A file of `/sys/block/*/queue/iosched`, and what is written into it.
    pub fn setting(self) -> Option<(&'static str, &'static str)> {
        (self == Self::MqDeadlinePatient).then_some(("read_expire", "60000"))
    }

    /// What the model does to predict it, for the reads of one process.
    pub fn policy(self) -> Policy {
        match self {
            Self::None | Self::Kyber => Policy::Fcfs,
            Self::MqDeadline | Self::MqDeadlinePatient | Self::Bfq => Policy::Clook,
        }
    }
}

/// An order of service that the model knows; see docs/disk-files.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// First come, first served.
    Fcfs,
    /// One way and back.
    Clook,
    /// Back and forth.
    Look,
    /// Shortest seek first.
    Sstf,
    /// Shortest positioning first.
    Sptf,
}

impl Policy {
    /// All, in the order of the table.
    pub const ALL: [Self; 5] = [Self::Fcfs, Self::Clook, Self::Look, Self::Sstf, Self::Sptf];

    /// The disk file's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fcfs => "fcfs",
            Self::Clook => "clook",
            Self::Look => "look",
            Self::Sstf => "sstf",
            Self::Sptf => "sptf",
        }
    }

    /// A disk's description with this policy, choosing among `depth` requests.
    pub fn applied(self, disk: &str, depth: u32) -> String {
        format!(
            "{}\n[queue]\nncq = {}\npolicy = \"{}\"\n",
            without_queue(disk),
            if self == Self::Fcfs { 1 } else { depth },
            self.name()
        )
    }
}

/// A disk's description without its own queueing, which would hide the scheduler's.
pub fn without_queue(disk: &str) -> String {
    let mut inside = false;
    let kept = disk.lines().filter(|line| {
        let text = line.trim_start();
        if text.starts_with('[') {
            inside = text.starts_with("[queue]");
        }
        !inside
    });
    kept.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISK: &str = "[disk]\nname = \"x\"\n[queue] # own\nncq = 8\npolicy = \"look\"\n[seek]\nfamily = \"none\"\n";

    #[test]
    fn only_the_queue_is_replaced() {
        let bare = "[disk]\nname = \"x\"\n[seek]\nfamily = \"none\"\n";
        assert_eq!(without_queue(DISK), bare);
        assert_eq!(without_queue(bare), bare);
        let text = Policy::Clook.applied(DISK, 32);
        assert_eq!(text, format!("{bare}\n[queue]\nncq = 32\npolicy = \"clook\"\n"));
        assert!(Policy::Fcfs.applied(DISK, 32).ends_with("ncq = 1\npolicy = \"fcfs\"\n"));
    }

    #[test]
    fn what_does_not_sort_is_compared_with_first_come_first_served() {
        let fcfs = Kind::ALL.into_iter().filter(|kind| kind.policy() == Policy::Fcfs);
        assert_eq!(fcfs.map(Kind::name).collect::<Vec<_>>(), ["none", "kyber"]);
    }
}
