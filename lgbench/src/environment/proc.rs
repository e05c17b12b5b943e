//! Numbers and texts out of /proc and /sys. What is not there is `None`.

use std::fs;

use labstats::results::Cache;

/// Length of a tick in /proc/stat, in nanoseconds: a hundred in a second, on every x86.
const TICK_NS: u64 = 10_000_000;

/// What the kernel writes for a mask that was never made, as of `nohz_full` without that option.
const NOTHING: &str = "(null)";

/// A file's text without the white space around it; none when it is empty.
pub fn text(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty() && text != NOTHING).then(|| text.to_owned())
}

/// A file's number.
pub fn number(path: &str) -> Option<i64> {
    text(path)?.parse().ok()
}

/// Time that the hypervisor below has taken since boot from a CPU, or from all of them.
pub fn steal_ns(cpu: Option<u32>) -> Option<u64> {
    steal_in(&text("/proc/stat")?, cpu)
}

fn steal_in(stat: &str, cpu: Option<u32>) -> Option<u64> {
    let name = format!("cpu{} ", cpu.map_or_else(String::new, |cpu| cpu.to_string()));
    let line = stat.lines().find(|line| line.starts_with(&name))?;
    // user nice system idle iowait irq softirq steal
    let ticks: u64 = line.split_whitespace().nth(8)?.parse().ok()?;
    Some(ticks * TICK_NS)
}

/// What a thread has waited for its CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// Nanoseconds that it was ready to run and did not.
    pub ns: u64,
    /// How often it came to run.
    pub turns: u64,
}

/// The waits of a process or thread, by its name in /proc.
pub fn waits(name: &str) -> Option<Waits> {
    waits_in(&text(&format!("/proc/{name}/schedstat"))?)
}

/// Nanoseconds that a thread has been on a CPU, by its name in /proc.
pub fn run_ns(name: &str) -> Option<u64> {
    text(&format!("/proc/{name}/schedstat"))?.split_whitespace().next()?.parse().ok()
}

fn waits_in(schedstat: &str) -> Option<Waits> {
    // Nanoseconds on the CPU, nanoseconds of waiting, turns.
    let mut numbers = schedstat.split_whitespace().skip(1).map_while(|word| word.parse().ok());
    Some(Waits { ns: numbers.next()?, turns: numbers.next()? })
}

/// The value of a key in /proc/cpuinfo, of the first CPU.
pub fn cpuinfo(key: &str) -> Option<String> {
    value_in(&text("/proc/cpuinfo")?, key)
}

fn value_in(text: &str, key: &str) -> Option<String> {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    let value =
        pairs.filter(|(name, _)| name.trim() == key).map(|(_, value)| value.trim()).next()?;
    Some(value.to_owned())
}

/// A line of /proc/meminfo in bytes.
pub fn memory_bytes(key: &str) -> Option<u64> {
    let value = value_in(&text("/proc/meminfo")?, key)?;
    let kib: u64 = value.strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// Load over 1, 5 and 15 minutes.
pub fn load_average() -> Option<[f64; 3]> {
    let text = text("/proc/loadavg")?;
    let mut numbers = text.split_whitespace().map_while(|word| word.parse().ok());
    Some([numbers.next()?, numbers.next()?, numbers.next()?])
}

/// A CPU's caches, nearest first.
pub fn caches(cpu: u32) -> Vec<Cache> {
    let cache = |index: u32| {
        let file =
            |name| text(&format!("/sys/devices/system/cpu/cpu{cpu}/cache/index{index}/{name}"));
        let kib: u64 = file("size")?.strip_suffix('K')?.parse().ok()?;
        Some(Cache {
            level: file("level")?.parse().ok()?,
            kind: file("type")?.to_lowercase(),
            bytes: kib << 10,
        })
    };
    (0..).map_while(cache).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steal_of_one_cpu() {
        let stat = "cpu  1 2 3 4 5 6 7 80 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\ncpu10 1 2 3 4 5 6 7 9 0 0";
        assert_eq!(steal_in(stat, Some(0)), Some(80_000_000));
        assert_eq!(steal_in(stat, Some(1)), None);
        assert_eq!(steal_in(stat, Some(10)), Some(90_000_000));
        assert_eq!(steal_in(stat, None), Some(800_000_000));
    }

    #[test]
    fn waits_of_a_thread() {
        assert_eq!(waits_in("100 2000 3"), Some(Waits { ns: 2000, turns: 3 }));
        assert_eq!(waits_in("100 2000"), None);
    }

    #[test]
    fn what_is_there_is_found() {
        assert!(load_average().is_some_and(|load| load.iter().all(|value| value.is_finite())));
        assert!(memory_bytes("MemTotal").is_some_and(|bytes| bytes > 64 << 20));
        assert_eq!(memory_bytes("NoSuchThing"), None);
        assert_eq!(number("/no/such/file"), None);
        assert_eq!(value_in("model name\t: A B: C\n", "model name").as_deref(), Some("A B: C"));
    }
}
