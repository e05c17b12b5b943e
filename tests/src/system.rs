//! What the kernel has: mounts, loop devices, processes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Said;

/// Between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(2);

/// How long anything that is expected to happen soon may take on a machine with much else to do; the
/// kernel lab's is an emulated one besides.
pub fn soon() -> Duration {
    let lab = crate::Resource::Lab.missing().is_none();
    Duration::from_secs(if lab { 150 } else { 30 })
}

/// Something that may not be there yet.
pub trait Awaited {
    /// What is there in the end.
    type Value;
    /// The value, if it is there.
    fn found(self) -> Option<Self::Value>;
}

impl Awaited for bool {
    type Value = ();
    fn found(self) -> Option<()> {
        self.then_some(())
    }
}

impl<T> Awaited for Option<T> {
    type Value = T;
    fn found(self) -> Option<T> {
        self
    }
}

/// Waits until `look` finds something or says true.
///
/// # Panics
/// When that takes longer than `limit`.
#[track_caller]
pub fn wait_until<A: Awaited>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> A,
) -> A::Value {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = look().found() {
            return value;
        }
        assert!(Instant::now() < end, "waited {limit:?} in vain for: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Runs a system program, which must succeed, and returns its output.
///
/// # Panics
/// When it does not succeed.
#[track_caller]
pub fn tool<S: AsRef<std::ffi::OsStr>>(program: &str, arguments: &[S]) -> String {
    let mut command = Command::new(program);
    // A user's PATH may lack the system folders.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin")).args(arguments);
    Said::of(&mut command).ok()
}

/// Sends a signal, named as in `INT`, to a process that may have ended.
///
/// # Panics
/// When the name is none that is used here.
pub fn send_signal(pid: u32, name: &str) {
    use rustix::process::{Pid, Signal, kill_process};
    let signal = match name {
        "INT" => Signal::INT,
        "TERM" => Signal::TERM,
        "KILL" => Signal::KILL,
        "STOP" => Signal::STOP,
        "CONT" => Signal::CONT,
        other => panic!("no signal {other}"),
    };
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id");
    let _ = kill_process(pid, signal); // gone already is as good
}

/// Mount points in and below a folder, the innermost first.
pub fn mounts_under(folder: &Path) -> Vec<PathBuf> {
    let text = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut points: Vec<PathBuf> =
        text.lines().filter_map(|line| Some(PathBuf::from(line.split(' ').nth(4)?))).collect();
    points.retain(|point| point.starts_with(folder));
    points.reverse();
    points
}

/// Loop devices that are attached to files below a folder, such as `/dev/loop3`.
pub fn loops_under(folder: &Path) -> Vec<PathBuf> {
    let blocks = std::fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let ours = blocks.filter(|block| {
        let backing = std::fs::read_to_string(block.path().join("loop/backing_file"));
        backing.is_ok_and(|path| Path::new(path.trim_end()).starts_with(folder))
    });
    ours.map(|block| Path::new("/dev").join(block.file_name())).collect()
}

/// Loop devices on a disk's file that is no longer mounted anywhere: the kernel only knows it from its
/// file system's own root then.
pub(crate) fn stray_loops() -> Vec<PathBuf> {
    loops_under(Path::new("/disk"))
}

/// Bytes that look random and are the same for the same seed.
pub fn pattern(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut data = Vec::with_capacity(bytes + 8);
    while data.len() < bytes {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        data.extend_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    data.truncate(bytes);
    data
}
