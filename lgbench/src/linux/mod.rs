//! What guests that run Linux are given, and what comes from them.
//!
//! A guest boots a kernel and, as its first program, the one in `lgbench/guest`, which the initramfs here
//! holds. It is told what to do after `--` on the kernel's command line, and answers in lines of
//! [`lgbench_payload::wire`], which [`inbox`] reads. What their clocks are made of is in [`clocks`], how long
//! they have had to boot in [`begun`].

pub mod begun;
pub mod clocks;
pub mod inbox;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use labstats::results::Parameter;

use crate::environment::proc;
use crate::memory::GuestSpec;
use crate::sys::time::Scale;

/// The first program of a guest of 64 bits.
#[cfg(target_arch = "x86_64")]
pub const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guest"));

/// The first program of a guest of 32 bits; none where the compiler had no such target.
#[cfg(has_narrow_guest)]
pub const NARROW_PROGRAM: Option<&[u8]> =
    Some(include_bytes!(concat!(env!("OUT_DIR"), "/guest32")));
/// The first program of a guest of 32 bits; none where the compiler had no such target.
#[cfg(not(has_narrow_guest))]
pub const NARROW_PROGRAM: Option<&[u8]> = None;

/// What guests run, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinuxOptions {
    /// A kernel: a bzImage (vmlinuz) or an ELF file (vmlinux).
    pub kernel: PathBuf,
    /// More for its command line.
    pub append: String,
    /// Whether the interval timer's interrupts that a guest has missed are made up for.
    pub pit_reinjection: bool,
}

impl Default for LinuxOptions {
    fn default() -> Self {
        let release = proc::text("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            kernel: format!("/boot/vmlinuz-{release}").into(),
            append: String::new(),
            pit_reinjection: true,
        }
    }
}

impl LinuxOptions {
    /// What of it results are to tell.
    pub fn parameters(&self) -> BTreeMap<String, Parameter> {
        let text = |text: String| Parameter::Text(text);
        let mut all = BTreeMap::from([("guest_kernel".to_owned(), text(version(&self.kernel)))]);
        if !self.append.trim().is_empty() {
            all.insert("guest_append".to_owned(), text(self.append.trim().to_owned()));
        }
        all
    }
}

/// Of a bzImage: the header's first four letters, and where it says where its version is.
const HEADER: (u64, &[u8; 4]) = (0x202, b"HdrS");
const VERSION_AT: u64 = 0x20e;
const VERSION_FROM: u64 = 0x200;
const VERSION_MAX: usize = 64;

/// A kernel's version as its image has it, or else the image's name.
fn version(kernel: &Path) -> String {
    version_in(kernel).unwrap_or_else(|| kernel.display().to_string())
}

fn version_in(kernel: &Path) -> Option<String> {
    let image = File::open(kernel).ok()?;
    let mut letters = [0; 4];
    image.read_exact_at(&mut letters, HEADER.0).ok()?;
    if &letters != HEADER.1 {
        return None;
    }
    let mut at = [0; 2];
    image.read_exact_at(&mut at, VERSION_AT).ok()?;
    let mut text = [0; VERSION_MAX];
    let got = image.read_at(&mut text, VERSION_FROM + u64::from(u16::from_le_bytes(at))).ok()?;
    let word = text.get(..got)?.split(|byte| *byte == b' ' || *byte == 0).next()?;
    (!word.is_empty()).then(|| String::from_utf8_lossy(word).into_owned())
}

/// What a kernel and its programs take of a guest's memory, when a payload takes so much: the kernel's
/// own, and what page tables and the like grow to.
pub fn own_bytes(payload_bytes: u64) -> u64 {
    payload_bytes / 32 + KERNEL_BYTES
}

const KERNEL_BYTES: u64 = 320 << 20;

/// How long the time stamp counter is compared with the clock.
const COMPARE: Duration = Duration::from_millis(20);

/// A tick in cycles: guests' own clocks began when they did.
pub fn tick_cycles(tick_ns: u64) -> u64 {
    Scale::measure(COMPARE).cycles(tick_ns).max(1)
}

/// What a guest's program is to do beside running a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Duties {
    /// Cycles of a tick.
    pub tick_cycles: u64,
    /// How often to greet the host.
    pub hellos: u32,
    /// Milliseconds between looks at the guest's clocks; 0: none.
    pub clocks_ms: u32,
    /// Whether the payload is left out.
    pub no_payload: bool,
}

/// The arguments of a guest's program.
pub fn arguments(spec: &GuestSpec, duties: Duties) -> String {
    let payload = if duties.no_payload { 0 } else { spec.payload as u32 };
    format!(
        "payload={payload} elements={} threshold={} tick_ns={} tick_cycles={} records={} heap={} \
         hellos={} clocks_ms={}",
        spec.elements,
        spec.threshold,
        spec.tick_ns,
        duties.tick_cycles,
        spec.log_capacity,
        spec.heap_bytes,
        duties.hellos,
        duties.clocks_ms
    )
}

const FOLDER: u32 = 0o040_755;
const PROGRAM_FILE: u32 = 0o100_755;
const CHARACTER_DEVICE: u32 = 0o020_600;

/// An initramfs with a program as /init and the devices that it may use.
pub fn initramfs(program: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    // Writing to memory does not fail, nor is any of it longer than the format allows.
    for folder in ["dev", "sys"] {
        let _ = entry(&mut archive, folder, FOLDER, (0, 0), &[]);
    }
    for (name, number) in [("console", (5, 1)), ("ttyS1", (4, 65)), ("mem", (1, 1))] {
        let _ = entry(&mut archive, &format!("dev/{name}"), CHARACTER_DEVICE, number, &[]);
    }
    let _ = entry(&mut archive, "init", PROGRAM_FILE, (0, 0), program);
    let _ = cpio::newc::trailer(&mut archive);
    archive
}

fn entry(
    archive: &mut Vec<u8>,
    name: &str,
    mode: u32,
    (major, minor): (u32, u32),
    content: &[u8],
) -> io::Result<()> {
    let builder = cpio::newc::Builder::new(name).mode(mode).nlink(1);
    let size = u32::try_from(content.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut writer = builder.rdev_major(major).rdev_minor(minor).write(archive, size);
    writer.write_all(content)?;
    writer.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use lgbench_payload::abi::Payload;

    #[test]
    fn the_program_is_in_its_place() {
        let archive = initramfs(b"\x7fELF");
        let text = String::from_utf8_lossy(&archive);
        assert!(text.starts_with("070701") && text.contains("dev/console"));
        assert!(archive.windows(10).any(|bytes| bytes == b"init\0\0\x7fELF".as_slice()));
        #[cfg(target_arch = "x86_64")]
        assert!(PROGRAM.starts_with(b"\x7fELF\x02"));
        assert!(NARROW_PROGRAM.is_none_or(|program| program.starts_with(b"\x7fELF\x01")));
    }

    #[test]
    fn a_kernel_is_known_by_its_version_or_else_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vmlinuz");
        let mut image = vec![0; 4096];
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x20e..0x210].copy_from_slice(&0x300_u16.to_le_bytes());
        image[0x500..0x50c].copy_from_slice(b"6.12.1 (by x)"[..12].try_into().unwrap());
        std::fs::write(&path, &image).unwrap();
        assert_eq!(version(&path), "6.12.1");
        for broken in [&image[..0x204], &image[..0x300], &[0; 4096][..]] {
            std::fs::write(&path, broken).unwrap();
            assert_eq!(version(&path), path.display().to_string());
        }
    }

    #[test]
    fn the_arguments_are_those_that_the_program_knows() {
        let spec = GuestSpec {
            payload: Payload::Stream,
            elements: 5,
            threshold: 6,
            tick_ns: 7,
            log_capacity: 8,
            heap_bytes: 9,
        };
        let said = arguments(
            &spec,
            Duties { tick_cycles: 10, hellos: 2, clocks_ms: 3, no_payload: false },
        );
        let expected = "payload=1 elements=5 threshold=6 tick_ns=7 tick_cycles=10 records=8 heap=9 \
                        hellos=2 clocks_ms=3";
        assert_eq!(said, expected);
        let known = include_str!("../../guest/arguments.rs");
        for name in said.split_whitespace().filter_map(|word| word.split('=').next()) {
            assert!(known.contains(&format!("b\"{name}\"")), "{name}");
        }
    }

    /// Guests run it in a Linux of their own; it is a program like others, so it runs here as well.
    #[cfg(target_arch = "x86_64")]
    mod program {
        use std::io::Read;
        use std::os::unix::process::CommandExt;
        use std::process::{Child, Command, Stdio};

        use lgbench_payload::abi::STATE_RUNNING;
        use lgbench_payload::{cfd, wire};
        use rustix::process::{Pid, Signal, kill_process_group};

        use super::super::begun::Begun;
        use super::super::inbox::Inbox;
        use super::*;

        const LIMIT: Duration = Duration::from_secs(120);

        struct Guest {
            init: Child,
            _folder: tempfile::TempDir,
        }

        impl Guest {
            fn start(spec: &GuestSpec) -> Self {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("init");
                std::fs::write(&path, PROGRAM).unwrap();
                let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
                std::fs::set_permissions(&path, mode).unwrap();
                let arguments = arguments(spec, Duties { hellos: 1, ..Duties::default() });
                let mut command = Command::new(path);
                command.args(arguments.split(' ')).process_group(0);
                command.stdin(Stdio::piped()).stdout(Stdio::piped());
                Self { init: command.spawn().unwrap(), _folder: folder }
            }

            /// What it says next.
            fn says(&mut self) -> Vec<u8> {
                let mut bytes = vec![0; 64 << 10];
                let got = self.init.stdout.as_mut().unwrap().read(&mut bytes).unwrap();
                assert!(got > 0, "it has ended");
                bytes.truncate(got);
                bytes
            }
        }

        impl Drop for Guest {
            fn drop(&mut self) {
                // Its payload is another process.
                let group = Pid::from_raw(i32::try_from(self.init.id()).unwrap());
                let _ = kill_process_group(group.unwrap(), Signal::KILL);
                let _ = self.init.wait();
            }
        }

        #[test]
        fn tells_of_work_once_it_is_done_and_sends_its_records() {
            // Large enough for its preparations to be looked at several times.
            let (elements, steps) = (96, 3);
            let spec = GuestSpec {
                payload: Payload::Cfd,
                elements,
                threshold: 0,
                tick_ns: 0,
                log_capacity: steps,
                heap_bytes: cfd::bytes(elements),
            };
            let mut guest = Guest::start(&spec);
            let (inbox, since) = (Inbox::default(), Begun::now());
            while inbox.progress() < steps {
                inbox.take(&guest.says());
                let state = inbox.state(&since, LIMIT).unwrap();
                assert!(state == STATE_RUNNING || inbox.progress() == 0, "{}", inbox.progress());
            }
            let mut asked = 0;
            let answer = || {
                asked += 1;
                guest.init.stdin.as_mut().unwrap().write_all(&[wire::ASK_LOG]).unwrap();
                let mut text = Vec::new();
                while !text.windows(2).any(|bytes| bytes == b"~e") || text.last() != Some(&b'\n') {
                    text.extend(guest.says());
                }
                // One that does not come whole is asked for again.
                if asked == 1 {
                    let record = text.windows(2).position(|bytes| bytes == b"~r").unwrap();
                    text[record] = b'?';
                }
                inbox.take(&text);
            };
            let (records, _) = inbox.ask_for_log(answer, LIMIT).unwrap();
            assert_eq!(asked, 2);
            assert_eq!(records.len() as u64, steps);
            assert!(records.is_sorted_by(|one, next| one.end <= next.start));
            let system =
                proc::text("/sys/devices/system/clocksource/clocksource0/current_clocksource");
            assert_eq!(inbox.clocksource(), system);
        }
    }
}
