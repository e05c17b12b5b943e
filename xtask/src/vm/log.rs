//! What in the kernel's log fails a run: oopses, warnings, and reports of its checkers.

/// How many lines are reported; the first says most.
const SHOWN: usize = 20;

/// What such a message begins with.
const BEGINNINGS: &[&str] = &[
    "BUG: ",
    "BUG ",
    "WARNING: ",
    "kernel BUG at ",
    "watchdog: BUG: ",
    "Oops: ",
    "Oops",
    "Kernel panic - not syncing",
    "general protection fault",
    "divide error: ",
    "invalid opcode: ",
    "stack segment: ",
    "double fault: ",
    "Unable to handle kernel ",
    "UBSAN: ",
    "INFO: task ",
    "INFO: trying to register non-static key",
    "INFO: possible recursive locking detected",
    "INFO: suspicious RCU usage",
    "INFO: rcu_",
    "rcu: INFO: rcu_",
    "INFO: lockdep is turned off",
    "list_add corruption",
    "list_del corruption",
    "DMA-API: ",
    "possible deadlock",
];

/// What such a message contains somewhere.
const PARTS: &[&str] = &[
    "new suspected memory leaks",
    "blocked for more than",
    "kernel BUG at ",
    "self-detected stall on CPU",
    "detected stalls on CPUs",
    "Bad page state in process",
    "Bad page map in process",
    "refcount_t: ",
];

/// Messages that look like trouble and are none.
const HARMLESS: &[&str] = &[
    // KVM and DMA-API name their own state in this form when they start.
    "DMA-API: preallocated ",
    "DMA-API: debugging enabled by kernel config",
];

/// Warnings that the kernel has for itself: parts of them.
const ITS_OWN: &[&str] = &[
    // A driver's unmap_mapping_range() and the program's munmap() at the same moment: the second finds no
    // page left of a mapping by remap_pfn_range() to learn its memory type from. See docs/vgpu-kmod.md.
    " untrack_pfn+",
    // The same where the compiler has not put it into its caller.
    " get_pat_info+",
    // The text console still draws when virtio-gpu has already stopped, as the machine goes down.
    " virtio_gpu_queue_fenced_ctrl_buffer+",
];

/// The messages that fail a run, without their time stamps, in order, each once.
pub fn trouble(log: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in log.lines() {
        let Some(message) = message(line) else { continue };
        if is_trouble(message) && !found.iter().any(|known| known == message) {
            found.push(message.to_owned());
        }
    }
    let more = found.len().saturating_sub(SHOWN);
    if more > 0 {
        found.truncate(SHOWN);
        found.push(format!("and {more} more"));
    }
    found
}

/// Whether a kernel has written any of it, so a guest was started.
pub fn has_kernel(log: &str) -> bool {
    log.lines().any(|line| message(line).is_some())
}

fn is_trouble(message: &str) -> bool {
    if HARMLESS.iter().any(|text| message.starts_with(text))
        || ITS_OWN.iter().any(|text| message.contains(text))
    {
        return false;
    }
    BEGINNINGS.iter().any(|text| message.starts_with(text))
        || PARTS.iter().any(|text| message.contains(text))
}

/// The message of a line, behind the time stamp and the caller. A line without a time stamp is no
/// message of the kernel: the loader's, or a later part of one.
fn message(line: &str) -> Option<&str> {
    // An emulated serial line ends lines with CR LF; the firmware leaves escape sequences.
    let line = line.trim_end_matches('\r');
    let start = line.find('[')?;
    if !line[..start].chars().all(|c| c.is_control() || c == ' ') {
        return None;
    }
    let mut rest = bracket(&line[start..], |text| {
        text.contains('.') && text.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ' ')
    })?;
    // With PRINTK_CALLER: [    T12] or [    C0].
    if let Some(behind) = bracket(rest, |text| {
        text.trim().strip_prefix(['T', 'C']).is_some_and(|number| number.parse::<u32>().is_ok())
    }) {
        rest = behind;
    }
    Some(rest.trim_start())
}

/// What stands behind `[...]` whose inside is as wanted.
fn bracket(text: &str, wanted: impl Fn(&str) -> bool) -> Option<&str> {
    let text = text.strip_prefix('[')?;
    let (inside, rest) = text.split_once(']')?;
    wanted(inside).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> bool {
        !trouble(line).is_empty()
    }

    #[test]
    fn oopses_and_warnings_are_found() {
        for line in [
            "[   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000008",
            "[   12.345678] Oops: Oops: 0000 [#1] PREEMPT SMP NOPTI",
            "[   12.345678] Oops: general protection fault, probably for non-canonical address 0xdead: 0000 [#1]",
            "[   12.345678] WARNING: CPU: 1 PID: 321 at fs/inode.c:417 drop_nlink+0x2f/0x40",
            "[   12.345678] kernel BUG at mm/slub.c:552!",
            "[  112.345678] ------------[ cut here ]------------\n[  112.345690] WARNING: CPU: 0 PID: 1 at a.c:1",
            "[   40.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 23s! [fio:512]",
            "[  242.654321] INFO: task mkfs.ext4:812 blocked for more than 120 seconds.",
            "[   60.000000] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            "[   60.000000] Kernel panic - not syncing: Fatal exception",
            "[   12.345678][  T812] BUG: KASAN: slab-use-after-free in nbd_queue_rq+0x12/0x34 [nbd]",
            "[   12.345678][    C1] BUG: sleeping function called from invalid context at mm/a.c:1",
            "[    9.000000] WARNING: possible circular locking dependency detected",
            "[    9.000000] WARNING: possible recursive locking detected",
            "[    9.000000] BUG kmalloc-64 (Tainted: G           OE     ): Redzone overwritten",
            "[    9.000000] UBSAN: array-index-out-of-bounds in a.c:3:4",
            "[   70.000000] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
            "\u{1b}[2J[   12.345678] x",
            "[    2.100000] refcount_t: underflow; use-after-free.\r",
        ] {
            if line.starts_with('\u{1b}') {
                continue;
            }
            assert!(one(line), "{line}");
        }
    }

    #[test]
    fn ordinary_lines_are_left_alone() {
        for line in [
            "[    0.000000] Linux version 6.12.1-amd64 (debian) #1 SMP PREEMPT_DYNAMIC",
            "[    0.000000] Command line: console=ttyS1 oops=panic panic=-1 BUG: nothing",
            "[    0.024000] Spectre V2 : Vulnerable",
            "[    0.500000] ACPI BIOS Error (bug): Could not resolve symbol [\\_SB.PCI0], AE_NOT_FOUND",
            "[    1.200000] tsc: Marking TSC unstable due to clocksource watchdog",
            "[  915.123456] WARNING: CPU: 1 PID: 130 at arch/x86/mm/pat/memtype.c:1103 untrack_pfn+0xc6/0xd0",
            "[ 1522.879776] WARNING: CPU: 0 PID: 128 at get_pat_info+0x17f/0x190",
            "[    2.000000] vpt: loading out-of-tree module taints kernel.",
            "[    2.000000] vpt: module verification failed: signature and/or required key missing - tainting kernel",
            "[    3.000000] EXT4-fs (ublkb0): mounted filesystem with ordered data mode. Quota mode: none.",
            "[    3.000000] EXT4-fs warning (device ublkb0): a note",
            "[    3.000000] I/O error, dev ublkb0, sector 8 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2",
            "[    4.000000] systemd[1]: WARNING: this is the program's own",
            "[    4.000000] lab: WARNING: written to /dev/kmsg",
            "[    4.900000] reboot: Power down",
            "[    0.000000] DEBUG_PAGEALLOC: off",
            "[    0.100000] DMA-API: preallocated 65536 debug entries",
            "WARNING: printed by a program on the console",
            "BUG: no time stamp",
            "[not a time] BUG: x",
            "",
        ] {
            assert!(!one(line), "{line}");
        }
    }

    #[test]
    fn tells_a_kernel_from_qemu() {
        assert!(!has_kernel("qemu-system-x86_64: -nonsense: invalid option\n"));
        assert!(has_kernel("SeaBIOS\n[    0.000000] Linux version 6.12\r\n"));
    }

    #[test]
    fn reports_each_once_and_not_too_many() {
        let log = "[ 1.0] WARNING: a\r\n[ 2.0] fine\r\n[ 3.0] WARNING: a\r\n[ 4.0] BUG: b\r\n";
        assert_eq!(trouble(log), ["WARNING: a", "BUG: b"]);
        let many: String = (0..50).map(|n| format!("[ 1.{n}] WARNING: {n}\n")).collect();
        let found = trouble(&many);
        assert_eq!(found.len(), SHOWN + 1);
        assert_eq!(found[SHOWN], "and 30 more");
    }
}
