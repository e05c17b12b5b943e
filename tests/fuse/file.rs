//! The file as others see it: size, owner, mode, its two ends, and several of them.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown};
use std::path::Path;

use e2e::{Lab, need, pattern, tool};

const MIB: u64 = 1 << 20;

#[test]
fn appears_with_the_images_size_and_owner_and_goes_with_del() {
    need!(Fuse, Root);
    let lab = Lab::new();
    let image = lab.image("lab.img", 16 * MIB);
    chown(&image, Some(1234), Some(2345)).unwrap();
    fs::set_permissions(&image, fs::Permissions::from_mode(0o644)).unwrap();
    let disk = lab.add(&["--image", "lab.img"]);
    let meta = fs::metadata(&disk.path).unwrap();
    assert!(meta.is_file());
    assert_eq!((meta.len(), meta.blocks()), (16 * MIB, 16 * MIB / 512));
    assert_eq!((meta.uid(), meta.gid()), (1234, 2345));
    // Who may use the image may use the disk; but never everybody.
    assert_eq!(meta.permissions().mode() & 0o7777, 0o640);
    let names: Vec<_> = fs::read_dir(disk.mount()).unwrap().flatten().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    let listed = lab.list();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["state"], "LIVE");
    assert_eq!(listed[0]["pid"], disk.pid);
    assert_eq!(listed[0]["size_bytes"], 16 * MIB);
    disk.del();
    assert!(lab.list().is_empty());
    lab.assert_nothing_left();
    assert_eq!(fs::metadata(&image).unwrap().len(), 16 * MIB);
}

/// Others take `ublk list` apart by column.
#[test]
fn list_keeps_the_shape_of_ublksrv() {
    need!(Fuse);
    let lab = Lab::new();
    let disk = lab.add(&["--back", "null", "--size", "1M", "-n", "5", "-q", "1", "-d", "16"]);
    let text = lab.run(&["list"]).ok();
    assert!(
        text.starts_with(
            "dev id 5: nr_hw_queues 1 queue_depth 16 block size 512 dev_capacity 2048\n"
        ),
        "{text}"
    );
    let line = text.lines().find(|line| line.starts_with("\tmax rq size")).unwrap();
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!(words[6], disk.pid.to_string(), "{line}");
    assert_eq!(words[10], "LIVE", "{line}");
    disk.del();
}

#[test]
fn ends_where_it_ends() {
    need!(Fuse);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "2M"]);
    let file = OpenOptions::new().read(true).write(true).open(&disk.path).unwrap();
    let end = 2 * MIB;
    let mut buf = [1_u8; 4096];
    assert_eq!(file.read_at(&mut buf, end).unwrap(), 0);
    assert_eq!(file.read_at(&mut buf, i64::MAX as u64 - 4096).unwrap(), 0);
    assert_eq!(file.read_at(&mut buf, end - 512).unwrap(), 512);
    assert_eq!(file.write_at(&buf, end - 100).unwrap(), 100);
    for at in [end, end + 4096, 1 << 40] {
        let refused = file.write_at(&buf, at).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(nix::libc::ENOSPC), "write at {at}: {refused}");
    }
    assert_eq!(fs::metadata(&disk.path).unwrap().len(), end);
    assert_eq!(fs::metadata(lab.file("lab.img")).unwrap().len(), end);
    disk.del();
}

/// Sizes and places that are no whole sectors, against the image itself.
#[test]
fn takes_unaligned_requests() {
    need!(Fuse);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "4M"]);
    let file = OpenOptions::new().read(true).write(true).open(&disk.path).unwrap();
    let mut expected = vec![0_u8; 4 * MIB as usize];
    for (seed, (at, len)) in [
        (1, 1),
        (511, 2),
        (513, 4097),
        (1_000_003, 300_001),
        (2 * MIB - 7, MIB + 9),
        (4 * MIB - 3, 3),
    ]
    .into_iter()
    .zip(1..)
    .map(|(place, seed)| (seed, place))
    {
        let data = pattern(seed, len as usize);
        file.write_all_at(&data, at).unwrap();
        expected[at as usize..(at + len) as usize].copy_from_slice(&data);
        let mut back = vec![0; len as usize];
        file.read_exact_at(&mut back, at).unwrap();
        assert!(back == data, "{len} bytes at {at}");
    }
    assert!(fs::read(&disk.path).unwrap() == expected);
    disk.del();
    assert!(fs::read(lab.file("lab.img")).unwrap() == expected);
}

/// `dd of=DISK` truncates what it writes to; a disk stays as large as it is.
#[test]
fn truncating_does_not_shrink_it() {
    need!(Fuse);
    let lab = Lab::new();
    let disk = lab.add(&["--image", "lab.img", "--size", "4M"]);
    let before = pattern(1, 4 * MIB as usize);
    let file = OpenOptions::new().write(true).open(&disk.path).unwrap();
    file.write_all_at(&before, 0).unwrap();
    drop(file);
    let to = format!("of={}", disk.path.display());
    tool("dd", &["if=/dev/zero", &to, "bs=64k", "count=1", "status=none"]);
    let file = OpenOptions::new().write(true).truncate(true).open(&disk.path).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 4 * MIB);
    let refused = file.set_len(MIB).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(nix::libc::EINVAL), "{refused}");
    let after = fs::read(&disk.path).unwrap();
    assert!(after[..65536].iter().all(|&byte| byte == 0));
    assert!(after[65536..] == before[65536..]);
    disk.del();
    assert_eq!(fs::metadata(lab.file("lab.img")).unwrap().len(), 4 * MIB);
}

#[test]
fn read_only_refuses_every_change() {
    need!(Fuse);
    let lab = Lab::new();
    let image = lab.image("lab.img", MIB);
    let data = pattern(7, MIB as usize);
    fs::write(&image, &data).unwrap();
    let disk = lab.add(&["--image", "lab.img", "--read-only"]);
    let refused = OpenOptions::new().write(true).open(&disk.path).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(nix::libc::EROFS), "{refused}");
    assert_eq!(fs::metadata(&disk.path).unwrap().permissions().mode() & 0o222, 0);
    assert!(fs::read(&disk.path).unwrap() == data);
    // Two readers of one image do no harm.
    let second = lab.add(&["--image", "lab.img", "--read-only"]);
    assert!(fs::read(&second.path).unwrap() == data);
    second.del();
    disk.del();
}

#[test]
fn keeps_data_in_memory_or_forgets_it() {
    need!(Fuse);
    let lab = Lab::new();
    let data = pattern(3, 256 << 10);
    for (back, kept) in [("mem", &data), ("null", &vec![0; data.len()])] {
        let disk = lab.add(&["--back", back, "--size", "8M"]);
        assert_eq!(fs::metadata(&disk.path).unwrap().len(), 8 * MIB);
        let file = OpenOptions::new().read(true).write(true).open(&disk.path).unwrap();
        file.write_all_at(&data, 12_345).unwrap();
        let mut read = vec![1; data.len()];
        file.read_exact_at(&mut read, 12_345).unwrap();
        assert!(&read == kept, "--back {back}");
        drop(file);
        disk.del();
    }
    lab.assert_nothing_left();
}

#[test]
fn two_disks_do_not_know_each_other() {
    need!(Fuse);
    let lab = Lab::new();
    let point = lab.folder("here");
    let a = lab.add(&["--image", "a.img", "--size", "4M"]);
    let b = lab.add(&["--image", "b.img", "--size", "4M", "--mount", point.to_str().unwrap()]);
    assert_ne!((a.id, a.pid), (b.id, b.pid));
    assert_eq!(b.path, point.join("disk"));
    let (data_a, data_b) = (pattern(1, 4 * MIB as usize), pattern(2, 4 * MIB as usize));
    let write = |path: &Path, data: &[u8]| {
        OpenOptions::new().write(true).open(path).unwrap().write_all_at(data, 0).unwrap();
    };
    std::thread::scope(|scope| {
        scope.spawn(|| write(&a.path, &data_a));
        scope.spawn(|| write(&b.path, &data_b));
    });
    let listed: Vec<_> = lab.list().iter().map(|disk| disk["id"].clone()).collect();
    assert_eq!(listed, [a.id, b.id]);
    a.del();
    assert!(fs::read(lab.file("a.img")).unwrap() == data_a);
    // The other goes on.
    let mut end = [0; 64];
    File::open(&b.path).unwrap().read_exact_at(&mut end, 4 * MIB - 64).unwrap();
    assert_eq!(end, data_b[data_b.len() - 64..]);
    b.del();
    assert!(fs::read(lab.file("b.img")).unwrap() == data_b);
    assert!(fs::read_dir(&point).unwrap().next().is_none());
    lab.assert_nothing_left();
}
