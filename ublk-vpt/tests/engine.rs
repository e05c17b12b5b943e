//! The engine on real stores and the real clock: what is promised whatever the machine is doing.
//! Nothing here asserts how *late* something is; that is what the benchmarks are for.
#![allow(clippy::unwrap_used)]

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use ublk_vpt::back::{BackOp, Backend, Faults, FileBackend, Image, ImageError, ImageOptions};
use ublk_vpt::back::{NullBackend, SlowBackend, Started};
use ublk_vpt::engine::{
    Completion, CoreConfig, Engine, EngineConfig, EngineHandle, Errno, IoRequest, Spin, now,
};
use ublk_vpt::report::StatsReport;
use vpt_model::{Disk, DiskSpec, KController, KMode, KSettings, Op, Sectors};

const MIB: u64 = 1 << 20;

struct Bench {
    engine: Engine,
    handle: EngineHandle,
    done: Sender<(u64, Completion)>,
    results: Receiver<(u64, Completion)>,
}

fn bench(spec: &DiskSpec, k: KSettings, backend: Box<dyn Backend>, read_only: bool) -> Bench {
    let disk = Disk::new(spec, Sectors::holding(backend.capacity())).unwrap();
    let scale = KController::new(k, now()).unwrap();
    let core = CoreConfig { disk, scale, backend, read_only, trace: None, undelayed: false };
    let config = EngineConfig { fifo: false, spin: Spin::Adaptive };
    let engine = Engine::start(config, core).unwrap();
    let (done, results) = channel();
    Bench { handle: engine.handle(), engine, done, results }
}

fn memory() -> Box<dyn Backend> {
    Box::new(FileBackend::new(Image::in_memory(64 * MIB).unwrap(), 64).unwrap())
}

fn quick() -> DiskSpec {
    DiskSpec::linear(2.0, 3.0)
}

impl Bench {
    fn submit(&self, name: u64, op: Op, offset: u64, buf: Vec<u8>, len: u64) {
        let done = self.done.clone();
        self.handle.submit(IoRequest {
            op,
            offset,
            len,
            buf,
            arrival: now(),
            completer: Box::new(move |c: Completion| done.send((name, c)).unwrap()),
        });
    }

    fn read(&self, name: u64, offset: u64, len: u64) {
        self.submit(name, Op::Read, offset, vec![0; len as usize], len);
    }

    fn write(&self, name: u64, offset: u64, data: &[u8]) {
        self.submit(name, Op::Write { fua: false }, offset, data.to_vec(), data.len() as u64);
    }

    fn next(&self) -> (u64, Completion) {
        self.results.recv().unwrap()
    }

    fn stats(&self) -> StatsReport {
        let mut report = StatsReport::default();
        self.handle.report(&mut report);
        report
    }
}

fn image(dir: &tempfile::TempDir, bytes: u64) -> (PathBuf, Box<dyn Backend>) {
    let path = dir.path().join("lab.img");
    std::fs::File::create(&path).unwrap().set_len(bytes).unwrap();
    let options = ImageOptions { path: path.clone(), read_only: false };
    let image = Image::open(&options).unwrap();
    (path, Box::new(FileBackend::new(image, 64).unwrap()))
}

#[test]
fn nothing_completes_before_it_is_due_or_its_data_is_there() {
    for depth in [1u64, 8] {
        let slow = SlowBackend::new(memory(), Faults { delay_ms: 0.7, fail_every: 0 });
        let b = bench(&quick(), KSettings::default(), Box::new(slow), false);
        let place = |i: u64| i.wrapping_mul(0x9e37_79b9) % (64 * MIB / 4096) * 4096;
        (0..depth).for_each(|i| b.read(i, place(i), 4096));
        let mut records = Vec::new();
        for i in depth..depth + 100 {
            let (_, c) = b.next();
            let r = c.record;
            assert!(r.done_ns >= r.due_ns.max(r.backing_done_ns), "{r:?}");
            assert!(r.backing_done_ns >= r.arrival_ns + 700_000, "the delay was not kept: {r:?}");
            records.push(r);
            b.read(i, place(i), 4096);
        }
        // Two threads hand over, so neighbours may have come in either order.
        records.sort_by_key(|r| r.due_ns);
        for pair in records.windows(2) {
            assert!(pair[0].due_ns <= pair[1].start_ns, "one arm: {pair:?}");
            assert!(pair[0].id < pair[1].id, "first come, first served: {pair:?}");
        }
    }
}

#[test]
fn a_record_explains_its_delay() {
    let b = bench(&quick(), KSettings::default(), memory(), false);
    b.read(1, 32 * MIB, 4096);
    b.read(2, 0, 4096);
    for _ in 0..2 {
        let r = b.next().1.record;
        assert_eq!(r.start_ns, r.arrival_ns + r.wait_ns);
        let transfer = r.transfer_ns + r.head_switch_ns + r.settle_ns;
        let service = r.overhead_ns + r.seek_ns + r.rotation_ns + transfer;
        assert_eq!(r.due_ns, r.start_ns + service);
        assert_eq!(r.rotation_ns, 1_000_000);
        assert!((r.seek_ns as f64 - 3e6 * r.stroke).abs() < 2.0);
    }
}

#[test]
fn data_comes_back_as_written_from_every_store() {
    let dir = tempfile::tempdir().unwrap();
    let (_, file) = image(&dir, 64 * MIB);
    for backend in [memory(), file] {
        let b = bench(&DiskSpec::null(), KSettings::default(), backend, false);
        for i in 0..64u64 {
            // Sizes and places that are no multiples of anything.
            b.write(i, i * 99_991, &vec![i as u8 + 1; 1 + (i as usize * 7919) % 60_000]);
            assert_eq!(b.next().1.result, Ok(()));
        }
        b.submit(99, Op::Flush, 0, Vec::new(), 0);
        assert_eq!(b.next().1.result, Ok(()));
        for i in 0..64u64 {
            b.read(i, i * 99_991, 1 + (i * 7919) % 60_000);
            let (_, c) = b.next();
            assert!(c.result.is_ok() && c.buf.iter().all(|&x| x == i as u8 + 1), "write {i}");
        }
        b.submit(1, Op::WriteZeroes, 99_991, Vec::new(), 4000);
        b.submit(2, Op::Discard, 2 * 99_991, Vec::new(), 4096);
        assert!(b.next().1.result.is_ok() && b.next().1.result.is_ok());
        b.read(3, 99_991, 4000);
        assert!(b.next().1.buf.iter().all(|&x| x == 0));
    }
}

#[test]
fn requests_outside_the_disk_are_refused_and_counted() {
    let b = bench(&quick(), KSettings::default(), memory(), false);
    for (offset, len) in [(64 * MIB, 512), (64 * MIB - 256, 512), (u64::MAX, 512), (0, 0)] {
        b.read(0, offset, len);
        assert_eq!(b.next().1.result, Err(Errno::EINVAL), "{offset} {len}");
    }
    let b = bench(&quick(), KSettings::default(), memory(), true);
    b.write(0, 0, &[1; 512]);
    assert_eq!(b.next().1.result, Err(Errno::EROFS));
    let stats = b.stats();
    assert_eq!((stats.write.errors, stats.in_flight), (1, 0));
}

#[test]
fn a_truncated_image_reads_as_an_error_not_as_zeroes() {
    let dir = tempfile::tempdir().unwrap();
    let (path, file) = image(&dir, 8 * MIB);
    let b = bench(&quick(), KSettings::default(), file, false);
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(4 * MIB + 100).unwrap();
    b.read(0, 0, 4096);
    assert_eq!(b.next().1.result, Ok(()));
    for offset in [4 * MIB, 6 * MIB] {
        b.read(0, offset, 4096);
        assert_eq!(b.next().1.result, Err(Errno::EIO), "{offset}");
    }
    assert_eq!(b.stats().read.errors, 2);
}

#[test]
fn errors_of_the_store_reach_the_reader_and_are_counted() {
    let slow = SlowBackend::new(memory(), Faults { delay_ms: 0.0, fail_every: 3 });
    let b = bench(&quick(), KSettings::default(), Box::new(slow), false);
    let mut failed = 0;
    for i in 0..9 {
        b.read(i, i * 4096, 4096);
        let (_, c) = b.next();
        failed += u64::from(c.result == Err(Errno::EIO));
        assert!(c.record.done_ns >= c.record.due_ns, "an error takes the disk's time, too");
    }
    assert_eq!((failed, b.stats().read.errors), (3, 3));
}

#[test]
fn the_scale_follows_a_store_that_changes_its_speed() {
    let settings = KSettings { k_min: 0.2, ..KSettings::default() };
    let store = SlowBackend::new(memory(), Faults { delay_ms: 0.2, fail_every: 0 });
    let b = bench(&DiskSpec::linear(0.4, 0.2), settings, Box::new(store), false);
    let run = |n: u64| {
        for i in 0..n {
            b.read(i, i.wrapping_mul(0x9e37_79b9) % 16_000 * 4096, 4096);
            b.next();
        }
        b.stats().scale.k
    };
    run(300);
    b.handle.set_backend("backing_delay_ms", "2").unwrap();
    let raised = run(300);
    assert!(raised > 4.0, "2 ms of backing time against at most 0.4 ms: k = {raised}");
    b.handle.set_backend("backing_delay_ms", "0.2").unwrap();
    let lowered = run(256 * 12);
    assert!(lowered < raised / 2.0 && lowered >= 0.2, "k = {lowered}");
    let epochs = b.stats().scale.epochs;
    assert!(epochs.len() >= 3 && epochs.iter().map(|e| e.requests).sum::<u64>() > 3000);
}

#[test]
fn settings_that_are_none_change_nothing() {
    let b = bench(&quick(), KSettings::default(), memory(), false);
    for k in [0.0, -1.0, f64::NAN, f64::INFINITY, 0.5] {
        assert!(b.handle.set_scale(|s| KSettings { k, ..s }).is_err(), "{k}");
    }
    assert!(b.handle.set_backend("backing_delay_ms", "1").is_err(), "memory has no delay");
    assert_eq!(b.stats().scale.k, 1.0);
    b.handle.set_scale(|s| KSettings { k: 2.0, mode: KMode::Fixed, ..s }).unwrap();
    b.read(0, 32 * MIB, 4096);
    let r = b.next().1.record;
    assert_eq!(r.k, 2.0);
    assert_eq!(r.due_ns - r.start_ns, 2 * (r.seek_ns + r.rotation_ns));
}

#[test]
fn stopping_completes_what_waits_at_once_and_loses_nothing() {
    // Each request takes a minute: only expediting can finish this test.
    let b = bench(&DiskSpec::linear(120_000.0, 60_000.0), KSettings::default(), memory(), false);
    for i in 0..32 {
        b.write(i, i * 4096, &[7; 4096]);
    }
    assert!(b.results.try_recv().is_err());
    let Bench { engine, results, done, .. } = b;
    drop(engine);
    drop(done);
    let mut names: Vec<u64> = results.iter().map(|(n, c)| c.result.map(|()| n).unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, (0..32).collect::<Vec<_>>());
}

#[test]
fn many_threads_share_one_arm() {
    let b = bench(&DiskSpec::linear(0.2, 0.2), KSettings::default(), memory(), false);
    std::thread::scope(|scope| {
        for t in 0..8u64 {
            let (handle, done) = (b.handle.clone(), b.done.clone());
            scope.spawn(move || {
                for i in 0..200u64 {
                    let (done, name) = (done.clone(), t * 1000 + i);
                    handle.submit(IoRequest {
                        op: Op::Read,
                        offset: (name * 7919) % 16_000 * 4096,
                        len: 4096,
                        buf: handle.buffer(4096),
                        arrival: now(),
                        completer: Box::new(move |c: Completion| done.send((name, c)).unwrap()),
                    });
                }
            });
        }
    });
    let mut busy: Vec<(u64, u64)> =
        (0..1600).map(|_| b.next().1.record).map(|r| (r.start_ns, r.due_ns)).collect();
    busy.sort_unstable();
    assert!(busy.windows(2).all(|w| w[0].1 <= w[1].0), "the arm was in two places at once");
    assert_eq!(b.stats().in_flight, 0);
}

#[test]
fn images_that_make_no_disk_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let open = |path: PathBuf, read_only| Image::open(&ImageOptions { path, read_only });
    assert!(matches!(open(at("none"), false), Err(ImageError::Missing { .. })));
    assert!(matches!(open(dir.path().into(), false), Err(ImageError::Kind { .. })));
    std::fs::write(at("small"), vec![0; 1000]).unwrap();
    assert!(matches!(open(at("small"), false), Err(ImageError::TooSmall { .. })));
    std::fs::write(at("odd"), vec![0; MIB as usize + 1]).unwrap();
    assert!(matches!(open(at("odd"), false), Err(ImageError::NotWhole { .. })));
    std::fs::write(at("good"), vec![0; MIB as usize]).unwrap();
    let first = open(at("good"), false).unwrap();
    for read_only in [false, true] {
        let refused = open(at("good"), read_only).unwrap_err();
        assert!(matches!(refused, ImageError::InUse { .. }), "{refused}");
    }
    drop(first);
    let _reader = open(at("good"), true).unwrap();
    assert!(open(at("good"), true).is_ok(), "readers may share");
    assert!(open(at("good"), false).is_err(), "but not with a writer");
}

/// The kernel takes the io_uring of a process apart after it is gone: the image is held by nobody that
/// can be seen. So is one whose only descriptor is on its way through a socket.
#[test]
fn an_image_of_one_that_has_just_ended_is_waited_for() {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image");
    std::fs::write(&path, vec![0; MIB as usize]).unwrap();
    let options = ImageOptions { path, read_only: false };
    let held = Image::open(&options).unwrap();
    let (sender, receiver) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let files = [held.file().as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&files)));
    sendmsg(&sender, &[std::io::IoSlice::new(&[1])], &mut control, SendFlags::empty()).unwrap();
    drop(held);
    let waits = std::thread::spawn(move || Image::open(&options).map(drop));
    // Long enough that it has looked at least once.
    std::thread::sleep(Duration::from_millis(200));
    assert!(!waits.is_finished(), "it did not wait");
    drop((sender, receiver));
    waits.join().unwrap().unwrap();
}

#[test]
fn the_null_store_gives_zeroes_whatever_was_written() {
    let b = bench(&DiskSpec::null(), KSettings::default(), Box::new(NullBackend::new(MIB)), false);
    b.write(0, 0, &[9; 512]);
    b.next();
    b.read(1, 0, 512);
    assert!(b.next().1.buf.iter().all(|&x| x == 0));
}

#[test]
fn news_of_a_read_from_the_real_disk_arrives_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lab.img");
    std::fs::write(&path, vec![5; 8 * MIB as usize]).unwrap();
    let options = ImageOptions { path: path.clone(), read_only: false };
    let store = FileBackend::new(Image::open(&options).unwrap(), 64).unwrap();
    let b = bench(&DiskSpec::null(), KSettings::default(), Box::new(store), false);
    let (reads, mut slow) = (24, Vec::new());
    for i in 0..reads {
        // Out of the page cache with it: the kernel finishes this read later, on its own.
        let file = std::fs::File::open(&path).unwrap();
        file.sync_all().unwrap();
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        b.read(i, i % 8 * MIB, 4096);
        let (_, c) = b.next();
        assert!(c.result.is_ok() && c.buf.iter().all(|&x| x == 5));
        let took = c.record.backing_done_ns - c.record.arrival_ns;
        slow.extend((took >= 500_000_000).then_some(took / 1_000_000));
    }
    // Without news the timekeeper looks once a second. A busy disk takes that long now and then.
    assert!(slow.len() <= 4, "found by chance after {slow:?} ms, of {reads}");
}

#[test]
fn zeroes_are_written_in_pieces_where_the_file_system_cannot() {
    // A file in memory has no FALLOC_FL_ZERO_RANGE; and this is more than one buffer of zeroes.
    let b = bench(&DiskSpec::null(), KSettings::default(), memory(), false);
    for at in [0, 5 * MIB - 512, 9 * MIB] {
        b.write(0, at, &[7; 1024]);
        assert_eq!(b.next().1.result, Ok(()));
    }
    b.submit(1, Op::WriteZeroes, 1, Vec::new(), 9 * MIB + 511);
    assert_eq!(b.next().1.result, Ok(()));
    b.read(2, 0, 9 * MIB + 1024);
    let (_, c) = b.next();
    let nonzero: Vec<usize> = (0..c.buf.len()).filter(|&i| c.buf[i] != 0).collect();
    let kept: Vec<usize> =
        [0].into_iter().chain(9 * MIB as usize + 512..9 * MIB as usize + 1024).collect();
    assert_eq!(nonzero, kept);
}

#[test]
fn discarded_memory_is_given_back() {
    let b = bench(&DiskSpec::null(), KSettings::default(), memory(), false);
    b.write(0, 0, &vec![7; 8 * MIB as usize]);
    b.next();
    b.submit(1, Op::Discard, 0, Vec::new(), 64 * MIB);
    assert_eq!(b.next().1.result, Ok(()));
    b.read(2, 4 * MIB, 4096);
    assert!(b.next().1.buf.iter().all(|&x| x == 0));
}

#[test]
fn neither_flushes_nor_errors_move_k() {
    let mut spec = quick();
    spec.overhead_ms = 0.1;
    let store = SlowBackend::new(memory(), Faults { delay_ms: 30.0, fail_every: 1 });
    let b = bench(&spec, KSettings::default(), Box::new(store), false);
    for i in 0..12 {
        b.read(i, i * MIB, 4096);
        assert_eq!(b.next().1.result, Err(Errno::EIO));
        b.submit(i, Op::Flush, 0, Vec::new(), 0);
        assert_eq!(b.next().1.result, Ok(()));
    }
    let scale = b.stats().scale;
    assert_eq!((scale.k, scale.requests), (1.0, 0));
}

#[test]
fn a_read_of_memory_is_done_where_it_is_asked_for() {
    let image = Image::in_memory(1 << 20).unwrap();
    let mut store = FileBackend::new(image, 8).unwrap();
    let op = BackOp { tag: 0, op: Op::Read, offset: 4096, len: 8192, written: false };
    match store.start(op, vec![1; 8192]) {
        Started::Done(done) => assert!(done.result.is_ok() && done.buf == vec![0; 8192]),
        Started::Pending => panic!("it was left to io_uring, which needs a worker for it"),
    }
}
