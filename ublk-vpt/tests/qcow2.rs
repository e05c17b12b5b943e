//! qcow2 chains as a backing store: what was written is what is read, whatever the order, the cluster
//! size, and whether the page cache has it.
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Advice, fadvise};
use ublk_vpt::back::qcow2::{CallDisk, ChainOptions, ImageFormat, NewImage, Qcow2Backend, create};
use ublk_vpt::back::{BackDone, BackOp, Backend, Started};
use vpt_model::Op;

const SECTOR: u64 = 512;
const MIB: u64 = 1 << 20;
const DISK: u64 = 4 * MIB;

struct Store {
    backend: Qcow2Backend,
    pending: usize,
}

impl Store {
    fn open(path: &Path, read_only: bool) -> Self {
        let options = ChainOptions {
            path: path.to_owned(),
            format: ImageFormat::Qcow2,
            read_only,
            lock: true,
            allow: vec![path.parent().unwrap().to_owned()],
            depth: usize::MAX,
        };
        let (backend, _) = Qcow2Backend::open(&options, 64, false).unwrap();
        Self { backend, pending: 0 }
    }

    fn start(&mut self, op: BackOp, buf: Vec<u8>) -> Option<BackDone> {
        match self.backend.start(op, buf) {
            Started::Done(done) => Some(done),
            Started::Pending => {
                self.pending += 1;
                None
            }
        }
    }

    fn wait(&mut self) -> Vec<BackDone> {
        let mut done = Vec::new();
        while self.pending > 0 {
            poll(&mut [PollFd::new(&self.backend.ready_fd().unwrap(), PollFlags::IN)], None)
                .unwrap();
            self.backend.acknowledge();
            let before = done.len();
            self.backend.reap(&mut done);
            self.pending -= done.len() - before;
        }
        done
    }

    fn one(&mut self, op: Op, offset: u64, buf: Vec<u8>, len: u64) -> BackDone {
        let op = BackOp { tag: 0, op, offset, len, written: false };
        match self.start(op, buf) {
            Some(done) => done,
            None => self.wait().remove(0),
        }
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        let done = self.one(Op::Write { fua: false }, offset, data.to_vec(), data.len() as u64);
        assert_eq!(done.result, Ok(()));
    }

    fn all(&mut self) -> Vec<u8> {
        let bytes = self.backend.capacity();
        let done = self.one(Op::Read, 0, vec![0xee; bytes as usize], bytes);
        assert_eq!(done.result, Ok(()));
        done.buf
    }
}

fn make(path: &Path, cluster_bytes: u64, backing: Option<(&Path, ImageFormat)>) {
    let backing = backing.map(|(path, format)| (path.to_str().unwrap().to_owned(), format));
    let format = ImageFormat::Qcow2;
    let path = path.to_owned();
    create(&NewImage { path, format, size_bytes: DISK, cluster_bytes, backing }).unwrap();
}

/// The same bytes for the same seed.
fn noise(seed: u64, bytes: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..bytes).map(step).collect()
}

/// Makes the next reads miss, of what is on the disk already.
fn forget(path: &Path) {
    let file = File::open(path).unwrap();
    file.sync_all().unwrap();
    fadvise(&file, 0, None, Advice::DontNeed).unwrap();
}

/// QEMU's opinion, where it is.
fn check(path: &Path) {
    if let Ok(said) = Command::new("qemu-img").arg("check").arg(path).output() {
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
    }
}

/// A folder with a master of noise in its first half, in one of two formats, and a clone of it.
fn clone_of(format: ImageFormat, cluster_bytes: u64) -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let (master, clone) = (folder.path().join("master"), folder.path().join("clone"));
    let mut data = noise(1, DISK / 2);
    match format {
        ImageFormat::Raw => std::fs::write(&master, &data).unwrap(),
        ImageFormat::Qcow2 => {
            make(&master, 4096, None);
            Store::open(&master, false).write(0, &data);
            check(&master);
        }
    }
    data.resize(DISK as usize, 0);
    make(&clone, cluster_bytes, Some((&master, format)));
    (folder, clone, data)
}

#[derive(Clone, Debug)]
enum Step {
    /// Operations under way at the same time, at places of which none overlaps; but in the same
    /// clusters.
    Together(Vec<(u8, u64, u64)>),
    /// What the page cache has is forgotten.
    Forget,
    /// Closed and opened again.
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let op = (0_u8..8, 0..DISK / SECTOR, prop_oneof![1_u64..16, 1_u64..600]);
    let step = prop_oneof![
        8 => prop::collection::vec(op, 1..12).prop_map(Step::Together),
        1 => Just(Step::Forget),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..12)
}

fn together(store: &mut Store, model: &mut [u8], ops: &[(u8, u64, u64)], seed: u64) {
    let mut taken: Vec<(u64, u64)> = Vec::new();
    let mut reads = Vec::new();
    let mut done = Vec::new();
    for (tag, &(kind, sector, sectors)) in ops.iter().enumerate() {
        let (from, to) = (sector * SECTOR, ((sector + sectors) * SECTOR).min(DISK));
        if kind != 7 && taken.iter().any(|&(a, b)| from < b && a < to) {
            continue;
        }
        taken.push((from, to));
        let (tag, len, range) = (tag as u32, to - from, from as usize..to as usize);
        let (op, buf) = match kind {
            0..=2 => {
                reads.push((tag, range));
                (Op::Read, vec![0xee; len as usize])
            }
            3 | 4 => {
                let data = noise(seed + u64::from(tag), len);
                model[range].copy_from_slice(&data);
                (Op::Write { fua: kind == 4 }, data)
            }
            5 => {
                model[range].fill(0);
                (Op::WriteZeroes, Vec::new())
            }
            6 => {
                model[range].fill(0);
                (Op::Discard, Vec::new())
            }
            _ => (Op::Flush, Vec::new()),
        };
        done.extend(store.start(BackOp { tag, op, offset: from, len, written: false }, buf));
    }
    done.extend(store.wait());
    for one in &done {
        assert_eq!(one.result, Ok(()), "{one:?}");
        if let Some((_, range)) = reads.iter().find(|(tag, _)| *tag == one.tag) {
            assert!(one.buf == model[range.clone()], "read of {range:?}");
        }
    }
}

/// As many as PROPTEST_CASES says; else few, of many operations each.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(24)
}

/// Compares, naming the place of the first difference and not all bytes.
#[track_caller]
fn same(found: &[u8], wanted: &[u8], when: &str) {
    let differ = found.chunks(512).zip(wanted.chunks(512)).enumerate().filter(|(_, (a, b))| a != b);
    let sectors: Vec<usize> = differ.map(|(i, _)| i).collect();
    if let (Some(first), Some(last)) = (sectors.first(), sectors.last()) {
        panic!("{when}: {} sectors differ, from {first} to {last}", sectors.len());
    }
    assert_eq!(found.len(), wanted.len(), "{when}");
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 200, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn is_a_disk(
        steps in steps(),
        raw in any::<bool>(),
        cluster_bits in prop::sample::select(vec![9_u32, 12, 16, 21]),
        seed in any::<u32>(),
    ) {
        let format = if raw { ImageFormat::Raw } else { ImageFormat::Qcow2 };
        let (folder, clone, mut model) = clone_of(format, 1 << cluster_bits);
        let master = folder.path().join("master");
        let before = std::fs::read(&master).unwrap();
        let mut store = Store::open(&clone, false);
        for (i, step) in steps.iter().enumerate() {
            match step {
                Step::Together(ops) => {
                    together(&mut store, &mut model, ops, u64::from(seed) + 1000 * i as u64);
                }
                Step::Forget => [&master, &clone].into_iter().for_each(|path| forget(path)),
                Step::Reopen => {
                    drop(store);
                    check(&clone);
                    store = Store::open(&clone, false);
                }
            }
        }
        same(&store.all(), &model, "while it is open");
        drop(store);
        check(&clone);
        same(&Store::open(&clone, true).all(), &model, "when opened again");
        assert!(std::fs::read(&master).unwrap() == before, "the master was written");
    }
}

#[test]
fn what_is_not_flushed_is_there_after_the_end_too() {
    let (_folder, clone, mut model) = clone_of(ImageFormat::Raw, 65_536);
    let mut store = Store::open(&clone, false);
    let data = noise(5, MIB);
    store.write(MIB + 512, &data);
    model[MIB as usize + 512..][..data.len()].copy_from_slice(&data);
    store.backend.close();
    let late = store.one(Op::Read, 0, vec![0; 512], 512);
    assert!(late.result.is_err(), "closed is closed");
    assert!(Store::open(&clone, true).all() == model);
}

/// Dropped with requests under way: all of them are done first.
#[test]
fn a_drop_waits_for_what_is_under_way() {
    let (_folder, clone, mut model) = clone_of(ImageFormat::Qcow2, 4096);
    let mut store = Store::open(&clone, false);
    for i in 0..32_u32 {
        let (offset, data) = (u64::from(i) * 100 * SECTOR, noise(i.into(), 8192));
        model[offset as usize..][..data.len()].copy_from_slice(&data);
        let op = BackOp { tag: i, op: Op::Write { fua: false }, offset, len: 8192, written: false };
        let _ = store.start(op, data);
    }
    drop(store);
    check(&clone);
    assert!(Store::open(&clone, true).all() == model);
}

#[test]
fn a_chain_of_three() {
    let (folder, middle, mut model) = clone_of(ImageFormat::Raw, 512);
    let mut store = Store::open(&middle, false);
    let data = noise(3, 100_000 / SECTOR * SECTOR);
    store.write(MIB, &data);
    model[MIB as usize..][..data.len()].copy_from_slice(&data);
    drop(store);
    let top = folder.path().join("top");
    make(&top, 65_536, Some((&middle, ImageFormat::Qcow2)));
    let mut store = Store::open(&top, false);
    assert!(store.all() == model);
    let data = noise(4, 3 * SECTOR);
    store.write(MIB + 7 * SECTOR, &data);
    model[(MIB + 7 * SECTOR) as usize..][..data.len()].copy_from_slice(&data);
    assert!(store.all() == model);
    drop(store);
    check(&top);
}

/// What is gone from a master must not read as zeroes.
#[test]
fn a_truncated_master_is_an_error() {
    let (folder, clone, model) = clone_of(ImageFormat::Raw, 65_536);
    let mut store = Store::open(&clone, false);
    let master = File::options().write(true).open(folder.path().join("master")).unwrap();
    master.set_len(MIB).unwrap();
    let done = store.one(Op::Read, MIB + 65_536, vec![0; 4096], 4096);
    assert!(done.result.is_err(), "{:?}", done.result);
    let done = store.one(Op::Read, 0, vec![0; 4096], 4096);
    assert!(done.result.is_ok() && done.buf == model[..4096]);
    let done = store.one(Op::Read, 3 * MIB, vec![1; 4096], 4096);
    assert!(done.result.is_ok() && done.buf == [0; 4096], "beyond its old end there are zeroes");
}

#[test]
fn nothing_is_made_over_something_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.qcow2");
    let image = |path: &Path, size_bytes, cluster_bytes| {
        let (path, format) = (path.to_owned(), ImageFormat::Qcow2);
        create(&NewImage { path, format, size_bytes, cluster_bytes, backing: None })
    };
    for (size, cluster, word) in [
        (MIB / 2, 65_536, "too few"),
        (MIB + 1, 65_536, "whole sectors"),
        (MIB, 1000, "power of two"),
        (MIB, 256, "power of two"),
        (MIB, 4 * MIB, "power of two"),
        (256 << 30, 512, "--cluster-size"),
        (1 << 62, 65_536, "--cluster-size"),
    ] {
        let said = image(&path, size, cluster).unwrap_err().to_string();
        assert!(said.contains(word) && said.lines().count() == 1, "{said}");
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    image(&path, 128 << 30, 512).unwrap();
    check(&path);
    let before = std::fs::read(&path).unwrap();
    let said = image(&path, MIB, 65_536).unwrap_err().to_string();
    assert!(said.contains("exists already"), "{said}");
    assert!(std::fs::read(&path).unwrap() == before);
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    assert!(image(&link, MIB, 65_536).is_err(), "a link to nothing is something");
    let lost = folder.path().join("none/a.qcow2");
    assert!(image(&lost, MIB, 65_536).unwrap_err().to_string().contains("none/a.qcow2"));
    assert_eq!(folder.path().read_dir().unwrap().count(), 2);
}

/// What fuzzing begins with, and what it found: an error or a disk, and neither a panic nor no end.
#[test]
fn the_corpus_harms_nobody() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/qcow2_header");
    let mut opened = 0;
    for entry in corpus.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let said = match CallDisk::of_bytes(&std::fs::read(&path).unwrap()) {
            Ok(disk) => {
                opened += 1;
                let mut block = [0; 4096];
                let _ = disk.read_at(&mut block, 0);
                let _ = disk.write_at(&block, disk.size_bytes() / 2);
                let _ = disk.flush();
                continue;
            }
            Err(e) => e.to_string(),
        };
        assert_eq!(said.lines().count(), 1, "{}: {said}", path.display());
        // imago would recurse without end over this one.
        if path.ends_with("wild-reftable") {
            assert!(said.contains("qemu-img check"), "{said}");
        }
    }
    assert!(opened >= 5, "only {opened} of the corpus are images");
}
