//! What the kernel tells: its log, its resources, who has what.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// What messages of trouble contain.
const TROUBLE: &[&str] = &[
    "BUG:",
    "kernel BUG at",
    "WARNING:",
    "Oops",
    "general protection fault",
    "nobody cared",
    "blocked for more than",
    "self-detected stall",
    "detected stalls",
    "soft lockup",
    "Bad page state",
    "list_add corruption",
    "list_del corruption",
    "refcount_t:",
    "removing non-empty directory",
    "already freed",
    "Trying to free",
];

/// And warnings that are the kernel's own: a mapping of device memory that is taken away and unmapped at the
/// same moment. One place, by two names.
const ITS_OWN: [&str; 2] = [" untrack_pfn+", " get_pat_info+"];

/// Lines of a trace that are kept.
const LINES: usize = 60;

/// The kernel's log from now on.
#[derive(Debug)]
pub struct Log(File);

impl Log {
    /// From here.
    ///
    /// # Errors
    /// When there is no log to be read.
    pub fn new() -> std::io::Result<Self> {
        let nonblocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
        let mut file = File::options().read(true).custom_flags(nonblocking).open("/dev/kmsg")?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self(file))
    }

    /// New messages.
    pub fn take(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut record = vec![0; 8192];
        // The end, or messages that were overwritten before they were read.
        while let Ok(length @ 1..) = self.0.read(&mut record) {
            let text = String::from_utf8_lossy(&record[..length]);
            if let Some((_, message)) = text.split_once(';') {
                lines.push(message.lines().next().unwrap_or_default().to_owned());
            }
        }
        lines
    }
}

/// Messages from the first one of trouble on; none if there is no trouble.
pub fn trouble(messages: &[String]) -> Vec<String> {
    let has = |line: &String, words: &[&str]| words.iter().any(|word| line.contains(word));
    let is = |line: &&String| has(line, TROUBLE) && !has(line, &ITS_OWN);
    let Some(first) = messages.iter().position(|line| is(&line)) else { return Vec::new() };
    messages[first..].iter().take(LINES).cloned().collect()
}

/// A PCI device's folder.
pub fn device(address: &str) -> PathBuf {
    Path::new("/sys/bus/pci/devices").join(address)
}

/// A file's text without the end of its line.
pub fn text(path: impl AsRef<Path>) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

/// The driver that a device is bound to.
pub fn driver_of(address: &str) -> Option<String> {
    let link = fs::read_link(device(address).join("driver")).ok()?;
    Some(link.file_name()?.to_string_lossy().into_owned())
}

/// The device node of whatever the driver has registered for a device.
pub fn node(address: &str) -> Option<PathBuf> {
    fn find(folder: &Path, depth: u32) -> Option<PathBuf> {
        if let Some(text) = text(folder.join("uevent")).filter(|_| folder.join("dev").exists()) {
            let name = text.lines().find_map(|line| line.strip_prefix("DEVNAME="))?;
            return Some(Path::new("/dev").join(name));
        }
        let entries = fs::read_dir(folder).ok()?.flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        folders.filter(|_| depth > 0).find_map(|entry| find(&entry.path(), depth - 1))
    }
    find(&fs::canonicalize(device(address)).ok()?, 3)
}

/// Who has claimed the memory that a device's BAR is at: what /proc/iomem has below the BAR's own line.
pub fn claimed(address: &str, bar: usize) -> Option<String> {
    let resources = text(device(address).join("resource"))?;
    let line = resources.lines().nth(bar)?;
    let mut numbers = line
        .split_whitespace()
        .filter_map(|n| u64::from_str_radix(n.trim_start_matches("0x"), 16).ok());
    let range = (numbers.next()?, numbers.next()?);
    owner(&text("/proc/iomem")?, range, address)
}

fn owner(iomem: &str, range: (u64, u64), device: &str) -> Option<String> {
    iomem.lines().find_map(|line| {
        let (place, name) = line.trim().split_once(" : ")?;
        let (start, end) = place.split_once('-')?;
        let here = (u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?);
        // The device's own line, and bridges above it, are no claim of a driver's.
        let system = name == device || name.starts_with("PCI Bus") || name.starts_with("System");
        (here == range && !system && !name.starts_with("vgpu")).then(|| name.to_owned())
    })
}

/// How much longer things may take on a virtual machine: its processors stand still while others run, and
/// emulated ones are slow besides. Only what does not come is waited for longer.
const VIRTUAL: u32 = 5;

/// How long something may take here that takes at most `limit` on a machine of its own.
pub fn patience(limit: Duration) -> Duration {
    static FACTOR: OnceLock<u32> = OnceLock::new();
    let is_virtual = || {
        let processors = text("/proc/cpuinfo").unwrap_or_default();
        processors.split_whitespace().any(|word| word == "hypervisor")
    };
    limit * *FACTOR.get_or_init(|| if is_virtual() { VIRTUAL } else { 1 })
}

/// Names of handlers that are there.
pub fn handlers() -> Vec<String> {
    let entries = fs::read_dir("/sys/kernel/irq").into_iter().flatten().flatten();
    let actions = entries.filter_map(|entry| text(entry.path().join("actions")));
    actions.flat_map(|names| names.split(',').map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Does something while no other processor runs.
///
/// Probes and tracepoints change the kernel's own instructions. Real processors agree on how that is done
/// under their feet; QEMU's emulated ones may run a breakpoint that has long been removed, which kills
/// whoever meets it.
///
/// # Errors
/// A processor does not come back.
pub fn alone<T>(work: impl FnOnce() -> T) -> std::io::Result<T> {
    let entries = fs::read_dir("/sys/devices/system/cpu").into_iter().flatten().flatten();
    let switches = entries.map(|entry| entry.path().join("online"));
    // The first has no such file, or stays; what could not be switched off works on, as on a real machine.
    let off: Vec<PathBuf> = switches
        .filter(|switch| text(switch).as_deref() == Some("1") && fs::write(switch, "0").is_ok())
        .collect();
    let done = work();
    off.iter().try_for_each(|switch| fs::write(switch, "1"))?;
    Ok(done)
}

/// Where the kernel traces.
const TRACING: &str = "/sys/kernel/tracing";
/// What [`Allocations`] are known by.
const EVENTS: [&str; 2] = ["events/kmem/kmalloc", "events/kmem/kfree"];
/// A filter that lets nothing pass.
const NOBODY: &str = "call_site == 0";

/// Switches on what [`Allocations`] need, for as long as the machine runs; nothing is traced yet.
///
/// # Errors
/// When the kernel cannot trace.
pub fn prepare_tracing() -> std::io::Result<()> {
    let folder = Path::new(TRACING);
    if !folder.join("trace").exists() {
        let flags = rustix::mount::MountFlags::empty();
        rustix::mount::mount("tracefs", folder, "tracefs", flags, None)?;
    }
    fs::write(folder.join("buffer_size_kb"), "4096")?;
    // Nobody needs programs' names, for which the kernel would change its scheduler's instructions.
    fs::write(folder.join("options/record-cmd"), "0")?;
    for event in EVENTS {
        fs::write(folder.join(event).join("filter"), NOBODY)?;
        fs::write(folder.join(event).join("enable"), "1")?;
    }
    fs::write(folder.join("tracing_on"), "1")
}

/// Allocations of a module that were not freed while this was there.
#[derive(Debug)]
pub struct Allocations(PathBuf);

impl Allocations {
    /// Watches a module that is loaded.
    ///
    /// # Errors
    /// When the kernel cannot trace.
    pub fn watch(module: &str) -> std::io::Result<Self> {
        let folder = PathBuf::from(TRACING);
        let start = text(format!("/sys/module/{module}/sections/.text")).unwrap_or_default();
        let modules = text("/proc/modules").unwrap_or_default();
        let line = modules.lines().find(|line| line.split(' ').next() == Some(module));
        let size = line.and_then(|line| line.split(' ').nth(1)?.parse::<u64>().ok()).unwrap_or(0);
        let from = u64::from_str_radix(start.trim_start_matches("0x"), 16).unwrap_or(0);
        fs::write(folder.join("trace"), "")?;
        let here = format!("call_site >= {from} && call_site < {}", from + size);
        fs::write(folder.join("events/kmem/kmalloc/filter"), here)?;
        fs::write(folder.join("events/kmem/kfree/filter"), "0")?; // no filter
        Ok(Self(folder))
    }

    /// Those that are still there: by whom, and how many bytes. And how many there were.
    pub fn left(self) -> (Vec<String>, usize) {
        for event in EVENTS {
            // It is only the trace that grows.
            let _ = fs::write(self.0.join(event).join("filter"), NOBODY);
        }
        let trace = fs::read_to_string(self.0.join("trace")).unwrap_or_default();
        let _ = fs::write(self.0.join("trace"), "");
        unfreed(&trace)
    }
}

fn unfreed(trace: &str) -> (Vec<String>, usize) {
    let word = |line: &str, key: &str| {
        line.split_whitespace().find_map(|word| word.strip_prefix(key).map(str::to_owned))
    };
    let (mut live, mut count) = (Vec::<(String, String)>::new(), 0);
    for line in trace.lines() {
        let Some(pointer) = word(line, "ptr=") else { continue };
        if line.contains(" kfree: ") {
            live.retain(|(known, _)| *known != pointer);
        } else if line.contains(" kmalloc: ") {
            count += 1;
            let bytes = word(line, "bytes_req=").unwrap_or_default();
            let by = word(line, "call_site=").unwrap_or_default();
            live.push((pointer, format!("{bytes} bytes allocated at {by}")));
        }
    }
    (live.into_iter().map(|(_, by)| by).collect(), count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_s_claim_is_told_from_the_bus_s() {
        let iomem = "40000000-40ffffff : PCI Bus 10000:00\n  40000000-40003fff : 10000:00:00.0\n    \
                     40000000-40003fff : mvx\n  41000000-413fffff : 10000:00:00.0\n";
        let at = |range| owner(iomem, range, "10000:00:00.0");
        assert_eq!(at((0x4000_0000, 0x4000_3fff)).as_deref(), Some("mvx"));
        assert_eq!(at((0x4100_0000, 0x413f_ffff)), None);
    }

    #[test]
    fn what_is_not_freed_is_named() {
        let trace = " a-1 [0] ..... 1.0: kmalloc: call_site=mvx_new+0x20/0x100 [mvx] ptr=01 bytes_req=64 x\n \
                     a-1 [0] ..... 1.0: kmalloc: call_site=mvx_open+0x20/0x100 [mvx] ptr=02 bytes_req=8 x\n \
                     a-1 [0] ..... 1.1: kfree: call_site=mvx_put+0x2/0x10 [mvx] ptr=02\n";
        let left = ["64 bytes allocated at mvx_new+0x20/0x100".to_owned()];
        assert_eq!(unfreed(trace), (left.to_vec(), 2));
    }

    #[test]
    fn trouble_is_told_from_its_first_line_on() {
        let log = ["mvx: fine", "BUG: kernel NULL pointer dereference", "RIP: mvx_probe"];
        let log = log.map(str::to_owned);
        assert_eq!(trouble(&log), log[1..]);
        assert!(trouble(&log[..1]).is_empty());
    }
}
