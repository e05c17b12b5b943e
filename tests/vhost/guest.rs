//! Virtual machines on the disk. A boot takes seconds, so each does much.
//!
//! The processor is emulated and shared with other tests: nothing here has an upper bound in time.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use e2e::guest::{Guest, Kernel, Machine};
use e2e::{Disk, Lab, need, pattern, send_signal, skip, tool};

use super::add;

macro_rules! kernel {
    () => {{
        need!(Qemu);
        if !Path::new("/bin/busybox").exists() {
            skip!(Qemu, "there is no busybox (package busybox-static)");
        }
        match Kernel::get() {
            Ok(kernel) => kernel,
            Err(why) => skip!(Qemu, "no kernel for a guest: {why}"),
        }
    }};
}

/// What lines `KEY=VALUE` say.
fn facts(guest: &Guest) -> BTreeMap<String, String> {
    let facts = guest.said.iter().filter_map(|line| line.split_once('='));
    facts.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect()
}

fn never_early(disk: &Disk<'_>) {
    let trace = disk.trace(10_000);
    assert!(!trace.is_empty());
    for record in trace {
        let ns = |key: &str| record[key].as_u64().unwrap();
        assert!(ns("done_ns") >= ns("due_ns"), "{record}");
    }
}

/// Shell functions for scripts: block i of a disk is a pattern that tells i. (A busybox cannot do direct
/// I/O: its buffers are not aligned. So it flushes, and has the page cache forgotten.)
const SHELL: &str = r#"
fill() { # block, tag: 64 KiB that nobody else writes
    yes "block $1 of $2 is here" | head -c 65536 > /tmp/$1
}
put() {
    fill $1 $2
    dd if=/tmp/$1 of=/dev/vda bs=65536 seek=$1 conv=notrunc,fsync 2>/dev/null || echo "WRITE-FAILED $1"
    rm /tmp/$1
}
forget() { sync; echo 3 > /proc/sys/vm/drop_caches; }
check() { # block, tag
    fill $1 $2
    dd if=/dev/vda of=/tmp/is.$1 bs=65536 skip=$1 count=1 2>/dev/null || echo "READ-FAILED $1"
    cmp /tmp/$1 /tmp/is.$1 || echo "BAD-BLOCK $1"
    rm /tmp/$1 /tmp/is.$1
}
"#;

/// What the guest's kernel makes of the disk, and every kind of request.
#[test]
fn a_guest_sees_the_disk_as_it_is() {
    let kernel = kernel!();
    let lab = Lab::new();
    let disk = add(&lab, "quick", &["--image", "a.img", "--size", "64M", "-q", "2"]);
    let more = ["--image", "b.img", "--size", "32M", "--read-only", "--block-size", "4096"];
    fs::write(lab.file("b.img"), pattern(3, 32 << 20)).unwrap();
    let second = add(&lab, "quick", &more);
    let machine = Machine::new(&kernel, lab.path())
        .disk(&disk.path, ",num-queues=2")
        .disk(&second.path, ",num-queues=1");
    let script = r#"
q=/sys/block/vda/queue
echo mq=$(ls /sys/block/vda/mq | wc -l)
echo size=$(cat /sys/block/vda/size)
echo name=$(cat /sys/block/vda/serial)
echo rotational=$(cat $q/rotational)
echo cache=$(cat $q/write_cache)
echo block=$(cat $q/logical_block_size)
echo discard=$(cat $q/discard_max_bytes)
echo zeroes=$(cat $q/write_zeroes_max_bytes)
echo ro=$(cat /sys/block/vdb/ro)
echo block2=$(cat /sys/block/vdb/queue/logical_block_size)
echo sum=$(dd if=/dev/vdb bs=1M 2>/dev/null | md5sum)
dd if=/dev/zero of=/dev/vdb bs=4096 count=1 conv=fsync 2>/dev/null && echo wrote=yes
for i in 0 1 2 3 4 5 6 7 8 9; do put $i one & done; wait; forget
for i in 0 1 2 3 4 5 6 7 8 9; do check $i one; done
blkdiscard -o 131072 -l 65536 /dev/vda && echo discarded=yes; forget
echo zero=$(dd if=/dev/vda bs=65536 skip=2 count=1 2>/dev/null | tr -d '\0' | wc -c)
"#;
    let mut guest = machine.boot(&format!("{SHELL}{script}"));
    guest.ends();
    let facts = facts(&guest);
    let fact = |key: &str| facts.get(key).map_or("nothing", String::as_str);
    let sum = tool("md5sum", &[lab.file("b.img")]);
    for (key, wanted) in [
        ("mq", "2"),
        ("size", "131072"),
        ("name", "ublk-vpt-0000"),
        ("rotational", "1"),
        ("cache", "write back"),
        ("block", "512"),
        ("ro", "1"),
        ("block2", "4096"),
        ("wrote", "nothing"),
        ("discarded", "yes"),
        ("zero", "0"),
        ("sum", &format!("{} -", &sum[..32])),
    ] {
        assert_eq!(fact(key), wanted, "{key}: {guest}");
    }
    assert_ne!(fact("discard"), "0");
    assert_ne!(fact("zeroes"), "0");
    let said = guest.said.join("\n");
    assert!(!said.contains("BAD-BLOCK") && !said.contains("WRITE-FAILED"), "{guest}");
    never_early(&disk);
    let image = fs::read(lab.file("a.img")).unwrap();
    assert!(image[65536..].starts_with(b"block 1 of one is here\n"));
    assert!(fs::read(lab.file("b.img")).unwrap() == pattern(3, 32 << 20));
    disk.del();
    second.del();
    lab.assert_nothing_left();
}

/// kill -9 of the daemon, again and again, while the guest writes and checks: no error in the guest,
/// nothing lost.
#[test]
fn a_guest_survives_its_killed_daemons() {
    let kernel = kernel!();
    let lab = Lab::new();
    lab.model("slow", 4.0, 4.0);
    let socket = lab.file("vm.sock");
    let add = || {
        let more = ["--image", "a.img", "--size", "64M", "-n", "0", "-q", "2", "--listen"];
        add(&lab, "slow", &[&more[..], &[socket.to_str().unwrap()]].concat())
    };
    let mut disk = add();
    let machine = Machine::new(&kernel, lab.path()).disk(&socket, ",num-queues=2");
    let script = r#"
for round in 1 2 3 4 5; do
    echo ROUND $round
    for i in $(seq 0 4 76); do
        for j in 0 1 2 3; do put $((i + j)) r$round & done; wait
        echo AT $round $i
    done
    forget
    for i in $(seq 0 79); do check $i r$round; done
    echo CHECKED $round
done
"#;
    let mut guest = machine.boot(&format!("{SHELL}{script}"));
    // Once while writing, once while reading back, in each of some rounds.
    for round in 1..=4 {
        let moment = match round % 3 {
            0 => format!("CHECKED {}", round - 1),
            1 => format!("AT {round} 40"),
            _ => format!("AT {round} 76"),
        };
        guest.expect(&moment);
        send_signal(disk.pid, "KILL");
        disk.wait_gone();
        disk = add();
    }
    guest.expect("CHECKED 5");
    guest.ends();
    let said = guest.said.join("\n");
    assert!(!said.contains("BAD-BLOCK") && !said.contains("WRITE-FAILED"), "{guest}");
    never_early(&disk);
    disk.del();
    lab.assert_nothing_left();
}

/// kill -9 of QEMU while its guest writes: the daemon stays, a new guest finds what was flushed.
#[test]
fn a_killed_guest_leaves_what_it_flushed() {
    let kernel = kernel!();
    let lab = Lab::new();
    let disk = add(&lab, "quick", &["--image", "a.img", "--size", "64M"]);
    let machine = Machine::new(&kernel, lab.path()).disk(&disk.path, ",num-queues=1");
    let script = r#"
for i in $(seq 0 200); do
    put $i one; echo FLUSHED $i
done
"#;
    let mut guest = machine.boot(&format!("{SHELL}{script}"));
    guest.expect("FLUSHED 50");
    guest.kill();
    let mut next = machine.boot(&format!("{SHELL}for i in $(seq 0 50); do check $i one; done"));
    next.ends();
    assert!(!next.said.iter().any(|line| line.contains("BAD-BLOCK")), "{next}");
    disk.del();
    lab.assert_nothing_left();
}

/// A master with a system in it, and a clone for the guest, which boots from that with the Barracuda's times.
#[test]
fn a_guest_boots_from_a_clone() {
    let kernel = kernel!();
    need!(E2fsprogs);
    need!(QemuImg);
    let lab = Lab::new();
    let root = lab.folder("root");
    for folder in ["bin", "sbin", "dev", "proc", "sys", "var"] {
        fs::create_dir(root.join(folder)).unwrap();
    }
    fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
    std::os::unix::fs::symlink("busybox", root.join("bin/sh")).unwrap();
    let init = "#!/bin/sh\n/bin/busybox --install -s /bin\nexport PATH=/bin\n\
                mount -t proc proc /proc\n\
                echo BOOTED $(grep ' / ' /proc/mounts)\n\
                echo written by the guest > /var/note\n\
                sync\nmount -o remount,ro /\necho GUEST-ENDS\npoweroff -f\n";
    fs::write(root.join("sbin/init"), init).unwrap();
    tool("chmod", &["+x", root.join("sbin/init").to_str().unwrap()]);
    let master = lab.image("master.img", 64 << 20);
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    tool("mkfs.ext4", &["-q", "-d", &text(&root), &text(&master)]);
    let sum = || tool("md5sum", &[&text(&master)]);
    let untouched = sum();
    lab.run(&["image", "clone", "master.img", "clone.qcow2", "--master-format", "raw"]).ok();
    let clone = ["--image", "clone.qcow2", "--format", "qcow2", "--allow-backing", "master.img"];
    let disk = add(&lab, "barracuda-st32171w", &clone);
    // The kernel loads its virtio modules from a first file system, as Debian's does.
    let script = "mount -t ext4 /dev/vda /root && exec switch_root /root /sbin/init";
    let mut guest =
        Machine::new(&kernel, lab.path()).disk(&disk.path, ",num-queues=1").boot(script);
    assert!(guest.expect("BOOTED").contains("/dev/vda / ext4"), "{guest}");
    guest.ends();
    never_early(&disk);
    // Hundreds of requests, at a Barracuda's pace: the disk's own time says so, whatever the guest's.
    assert!(disk.stat("/scale/busy_seconds") > 0.2);
    disk.del();
    // What QEMU makes of the clone is a whole file system with what the guest wrote; its master is as
    // it was.
    let (clone, seen) = (text(&lab.file("clone.qcow2")), text(&lab.file("seen.img")));
    tool("qemu-img", &["check", &clone]);
    tool("qemu-img", &["convert", "-f", "qcow2", "-O", "raw", &clone, &seen]);
    tool("e2fsck", &["-f", "-n", &seen]);
    assert_eq!(tool("debugfs", &["-R", "cat /var/note", &seen]), "written by the guest\n");
    assert_eq!(sum(), untouched);
    lab.assert_nothing_left();
}
