//! The device itself: engine, backing store and front end put together as a [`DeviceConfig`] says.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use vpt_model::config::{KDefaults, KModeName, parse_disk};
use vpt_model::spec::Latency;
use vpt_model::{Disk, DiskSpec, KController, KMode, KSettings, Sectors};

use super::device::{
    Back, Device, DeviceConfig, DeviceError, DeviceInfo, DiskText, ExitReason, Format,
    LatencyChoice, Mode, RealTime, SetError, Settings, Spin, ThreadInfo,
};
use super::loop_helper;
use crate::back::qcow2::{ChainOptions, ImageFormat, Qcow2Backend};
use crate::back::{Backend, Faults, FileBackend, Image, ImageOptions, NullBackend, SlowBackend};
use crate::engine::{self, CoreConfig, Engine, EngineConfig, EngineHandle, TraceWriter, rt};
use crate::front::{Access, FuseFront, FuseOptions, loopdev};
use crate::report::{StatsReport, TraceRecord};

/// How long `stop` waits for the backing store to finish what is under way.
const DRAIN: Duration = Duration::from_secs(10);
/// Largest request the front end passes on whole.
const MAX_REQUEST: u32 = 1 << 20;
const SETTINGS: [&str; 6] =
    ["k", "mode", "k_min", "k_max", "backing_delay_ms", "backing_fail_every"];

/// Reads a disk's description.
///
/// # Errors
/// File, line, column, reason and remedy; a line for each thing wrong.
pub fn read_disk(disk: &DiskText) -> Result<vpt_model::config::DiskConfig, String> {
    parse_disk(&disk.origin, &disk.text).map_err(|e| e.to_string())
}

/// Applies the command line's wishes to a disk's description.
pub fn adjust(
    spec: &mut DiskSpec,
    latency: Option<LatencyChoice>,
    ncq: Option<usize>,
    seed: Option<u64>,
) {
    let of_file = match spec.rotation.latency {
        Latency::Random { seed } => Some(seed),
        Latency::Half | Latency::Phase => None,
    };
    let random = Latency::Random { seed: seed.or(of_file).unwrap_or(1) };
    match latency {
        Some(LatencyChoice::Half) => spec.rotation.latency = Latency::Half,
        Some(LatencyChoice::Phase) => spec.rotation.latency = Latency::Phase,
        Some(LatencyChoice::Random) => spec.rotation.latency = random,
        None if of_file.is_some() => spec.rotation.latency = random,
        None => {}
    }
    if let Some(depth) = ncq {
        spec.queue.depth = depth;
        if depth > 1 && spec.queue.policy == vpt_model::spec::Policy::Fcfs {
            spec.queue.policy = vpt_model::spec::Policy::Sptf;
        }
    }
}

fn k_mode(mode: Mode) -> KMode {
    match mode {
        Mode::Adapt => KMode::Adapt,
        Mode::CalibrateThenLock => KMode::CalibrateThenLock,
        Mode::Fixed => KMode::Fixed,
    }
}

/// Opens the device: reads the disk, locks the image, starts the engine, mounts, attaches.
///
/// # Errors
/// One line; then nothing is left locked, mounted or attached.
pub fn open(config: &DeviceConfig) -> Result<Box<dyn Device>, DeviceError> {
    let disk = read_disk(&config.disk).map_err(DeviceError)?;
    let mut spec = disk.spec;
    adjust(&mut spec, config.latency, config.ncq, config.seed);
    let fail = |e: &dyn std::fmt::Display| DeviceError(e.to_string());
    let mut notes = Vec::new();
    if config.queues != 1 {
        let queues = config.queues;
        return Err(DeviceError(format!("--queues {queues}: FUSE has one queue: leave it out")));
    }
    let (backend, access) = open_backend(config)?;
    let bytes = backend.capacity();
    let model = Disk::new(&spec, Sectors::holding(bytes))
        .map_err(|e| DeviceError(format!("{}: {e}", config.disk.origin)))?;
    let scale = KController::new(scale_settings(config, &disk.k), engine::now())
        .map_err(|e| DeviceError(format!("scale: {e}")))?;
    let (sink, writer) = match &config.trace {
        Some(path) => {
            let (sink, writer) = TraceWriter::create(path)
                .map_err(|e| DeviceError(format!("trace {}: {e}", path.display())))?;
            (Some(sink), Some(writer))
        }
        None => (None, None),
    };
    if let Err(e) = rt::lock_memory() {
        notes.push(format!("memory is not locked ({e}): a page fault may make a request late"));
    }
    // So that writing back dirty pages never waits for this process, which serves a disk itself.
    let _ = rustix::process::configure_io_flusher_behavior(true);
    let core = CoreConfig { disk: model, scale, backend, read_only: config.read_only, trace: sink };
    let spin = match config.spin {
        Spin::Auto => engine::Spin::Adaptive,
        Spin::Off => engine::Spin::Never,
    };
    let engine = EngineConfig { fifo: config.rt != RealTime::Off, spin };
    let engine = Engine::start(engine, core).map_err(|e| fail(&e))?;
    if config.rt == RealTime::On && !engine.is_fifo() {
        return Err(DeviceError(
            "--rt on: SCHED_FIFO is not allowed: run as root, or raise the limit (`ulimit -r 40`)"
                .into(),
        ));
    }
    let end = Arc::new(End::default());
    let fuse = FuseOptions {
        mountpoint: config.mount.clone(),
        bytes,
        read_only: config.read_only,
        access,
        name: format!("vpt{}", config.id),
        fifo: engine.is_fifo(),
        depth: config.depth,
    };
    let unmounted = end.clone();
    let mounted =
        FuseFront::mount(&fuse, engine.handle(), move |ended| unmounted.reach_by_itself(ended))
            .map_err(|e| fail(&e))?;
    let block_device = if config.loop_device {
        match loop_helper::attach(&mounted.file(), config.read_only) {
            Ok(device) => Some(device),
            Err(e) => {
                let _ = FuseFront::unmount(mounted.mountpoint()); // the loop device is what failed
                return Err(DeviceError(format!("--loop: {e}")));
            }
        }
    } else {
        None
    };
    let handle = engine.handle();
    let mut report = StatsReport::default();
    handle.report(&mut report);
    notes.extend(report.timekeeping.note);
    Ok(Box::new(VptDevice {
        info: DeviceInfo {
            disk: spec.name.clone(),
            front: if block_device.is_some() { "fuse-loop" } else { "fuse" }.into(),
            file: mounted.file(),
            block_device,
            mountpoint: mounted.mountpoint().to_owned(),
            size_bytes: bytes,
            block_size: 512,
            max_request_bytes: MAX_REQUEST,
            threads: threads(),
            notes,
        },
        id: config.id,
        handle,
        end,
        parts: Mutex::new(Some(Parts { _engine: engine, writer })),
    }))
}

/// The command line's choice, or the disk file's, or the usual.
fn scale_settings(config: &DeviceConfig, file: &KDefaults) -> KSettings {
    let usual = KSettings::default();
    let file_mode = file.mode.map(|mode| match mode {
        KModeName::Adapt => KMode::Adapt,
        KModeName::CalibrateThenLock => KMode::CalibrateThenLock,
        KModeName::Fixed => KMode::Fixed,
    });
    let k = config.k.or(file.k).unwrap_or(usual.k);
    KSettings {
        mode: config.mode.map(k_mode).or(file_mode).unwrap_or(usual.mode),
        k,
        // A k that was asked for is no reason to complain about a bound that was not.
        k_min: config.k_min.or(file.k_min).unwrap_or(usual.k_min.min(k)),
        k_max: config.k_max.or(file.k_max).unwrap_or(usual.k_max.max(k)),
        calibrate_requests: file.calibrate_requests.unwrap_or(usual.calibrate_requests),
    }
}

/// The backing store, and who may use the disk.
fn open_backend(config: &DeviceConfig) -> Result<(Box<dyn Backend>, Access), DeviceError> {
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    let mine = Access { uid: uid.as_raw(), gid: gid.as_raw(), mode: 0o600 };
    let memory = config.size_bytes.unwrap_or_default();
    let (store, access): (Box<dyn Backend>, _) = match (config.back, &config.image) {
        (Back::File, Some(path)) if config.format == Format::Qcow2 => {
            let (store, meta) = qcow2(config, path)?;
            check_trace(config, &meta)?;
            (Box::new(store), access_of(&meta, mine))
        }
        (Back::File, Some(path)) => {
            let options = ImageOptions { path: path.clone(), read_only: config.read_only };
            let image = Image::open(&options).map_err(|e| DeviceError(e.to_string()))?;
            let meta = image.file().metadata().map_err(|e| DeviceError(e.to_string()))?;
            check_trace(config, &meta)?;
            let access = access_of(&meta, mine);
            let store = FileBackend::new(image, config.depth.saturating_mul(2));
            let store = store.map_err(|e| DeviceError(format!("image {}: {e}", path.display())))?;
            (Box::new(store), access)
        }
        (Back::File, None) => return Err(DeviceError("no image given: use --image FILE".into())),
        (Back::Mem, _) => {
            let store = Image::in_memory(memory)
                .and_then(|image| FileBackend::new(image, config.depth.saturating_mul(2)))
                .map_err(|e| DeviceError(format!("--size {memory}: {e}")))?;
            (Box::new(store), mine)
        }
        (Back::Null, _) => (Box::new(NullBackend::new(memory)), mine),
    };
    // Everything can be slowed down and broken while it runs; untouched, that costs two comparisons.
    Ok((Box::new(SlowBackend::new(store, Faults::default())), access))
}

/// An image with what is below it, and what its file is.
fn qcow2(config: &DeviceConfig, path: &Path) -> Result<(Qcow2Backend, Metadata), DeviceError> {
    let options = ChainOptions {
        path: path.to_owned(),
        format: ImageFormat::Qcow2,
        read_only: config.read_only,
        lock: true,
        allow: config.allow_backing.clone(),
        depth: usize::MAX,
    };
    let depth = config.depth.saturating_mul(2);
    Qcow2Backend::open(&options, depth, config.rt != RealTime::Off)
        .map_err(|e| DeviceError(e.to_string()))
}

fn check_trace(config: &DeviceConfig, image: &Metadata) -> Result<(), DeviceError> {
    match &config.trace {
        Some(trace)
            if std::fs::metadata(trace)
                .is_ok_and(|t| (t.dev(), t.ino()) == (image.dev(), image.ino())) =>
        {
            let trace = trace.display();
            Err(DeviceError(format!("--trace {trace}: is the image: give another file")))
        }
        _ => Ok(()),
    }
}

/// Whoever may use the image may use the disk, and nobody else. Only root can let others in.
fn access_of(image: &Metadata, mine: Access) -> Access {
    if rustix::process::geteuid().is_root() && image.is_file() {
        Access { uid: image.uid(), gid: image.gid(), mode: image.mode() & 0o660 }
    } else {
        mine
    }
}

/// The threads worth naming to people, as the kernel lists them.
fn threads() -> Vec<ThreadInfo> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let mut named: Vec<ThreadInfo> = tasks
        .flatten()
        .filter_map(|task| {
            let tid = task.file_name().to_str()?.parse().ok()?;
            let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
            let role = match name.trim() {
                "timekeeper" => "engine".to_owned(),
                other => format!("queue {}", other.strip_prefix("fuser-")?),
            };
            Some(ThreadInfo { role, tid })
        })
        .collect();
    named.sort_by(|a, b| a.role.cmp(&b.role));
    named
}

/// That a device has ended, and why: the first reason counts.
#[derive(Default)]
struct End {
    state: Mutex<EndState>,
    reached: Condvar,
}

#[derive(Default)]
struct EndState {
    reason: Option<Result<ExitReason, DeviceError>>,
    over: bool,
}

impl End {
    /// It is about to end, for this reason.
    fn begin(&self, reason: ExitReason) {
        self.lock().reason.get_or_insert(Ok(reason));
    }

    /// The front end has ended without being told to.
    fn reach_by_itself(&self, ended: std::io::Result<()>) {
        self.reach(match ended {
            Ok(()) => Ok(ExitReason::Unmounted),
            Err(e) => Err(DeviceError(format!("the FUSE session broke off ({e})"))),
        });
    }

    fn reach(&self, reason: Result<ExitReason, DeviceError>) {
        let mut state = self.lock();
        state.reason.get_or_insert(reason);
        state.over = true;
        self.reached.notify_all();
    }

    fn wait(&self) -> Result<ExitReason, DeviceError> {
        let mut state = self.lock();
        loop {
            if let EndState { reason: Some(reason), over: true } = &*state {
                return reason.clone();
            }
            state = self.reached.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, EndState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What ends with the device.
struct Parts {
    _engine: Engine,
    writer: Option<TraceWriter>,
}

struct VptDevice {
    info: DeviceInfo,
    id: u32,
    handle: EngineHandle,
    end: Arc<End>,
    parts: Mutex<Option<Parts>>,
}

impl VptDevice {
    /// Completes what waits, at once; then detaches and unmounts, in the order of the layers.
    fn take_down(&self) {
        // Those inside by now; a guest that goes on asking must not keep the disk.
        let mark = self.handle.expedite();
        let begun = engine::now();
        while self.handle.is_busy_with(mark) && engine::now() < begun + DRAIN {
            std::thread::sleep(Duration::from_millis(1));
        }
        if let Some(device) = &self.info.block_device
            && let Err(e) = loop_helper::detach(device, &self.info.file)
        {
            tracing::error!("{} is not detached: {e}", device.display());
        }
        if let Err(e) = FuseFront::unmount(&self.info.mountpoint) {
            tracing::error!("{} is not unmounted: {e}", self.info.mountpoint.display());
        }
    }

    fn new_scale(&self, settings: &Settings) -> Result<(), SetError> {
        let wanted = [("k", settings.k), ("k_min", settings.k_min), ("k_max", settings.k_max)];
        if settings.mode.is_none() && wanted.iter().all(|(_, value)| value.is_none()) {
            return Ok(());
        }
        let changed = self.handle.set_scale(|mut s| {
            s.mode = settings.mode.map_or(s.mode, k_mode);
            s.k_min = settings.k_min.unwrap_or(s.k_min);
            s.k_max = settings.k_max.unwrap_or(s.k_max);
            // A k that was not asked for gives way to bounds that hold; one that was does not.
            s.k = match (settings.k, s.mode) {
                (Some(k), _) => k,
                (None, KMode::Fixed) => s.k,
                (None, _) => s.k.max(s.k_min).min(s.k_max),
            };
            s
        });
        let key = wanted.iter().find(|(_, value)| value.is_some()).map_or("mode", |(key, _)| key);
        changed.map_err(|e| SetError::Refused { key: key.into(), reason: e.to_string() })
    }
}

impl Device for VptDevice {
    fn info(&self) -> DeviceInfo {
        self.info.clone()
    }

    fn stats(&self, with_epochs: bool) -> StatsReport {
        let mut report = StatsReport {
            id: self.id,
            disk: self.info.disk.clone(),
            front: self.info.front.clone(),
            ..StatsReport::default()
        };
        self.handle.report(&mut report);
        if !with_epochs {
            report.scale.epochs.clear();
        }
        report
    }

    fn set(&self, settings: &Settings) -> Result<(), SetError> {
        if let Some(key) = settings.other.keys().find(|key| !SETTINGS.contains(&key.as_str())) {
            let known = SETTINGS.map(str::to_owned).to_vec();
            return Err(SetError::Unknown { key: key.clone(), known });
        }
        let refuse = |key: &String, reason| SetError::Refused { key: key.clone(), reason };
        // All of them are judged before the first one is made.
        for (key, value) in &settings.other {
            let judged = Faults::default().changed(key, value).transpose();
            judged.map_err(|reason| refuse(key, reason))?;
        }
        self.new_scale(settings)?;
        for (key, value) in &settings.other {
            self.handle.set_backend(key, value).map_err(|e| refuse(key, e.to_string()))?;
        }
        Ok(())
    }

    fn trace(&self, max: usize) -> Vec<TraceRecord> {
        self.handle.recent(max)
    }

    fn in_use(&self) -> Option<String> {
        let device = self.info.block_device.as_ref()?;
        loopdev::user_of(device).map(|user| format!("{} is {user}", device.display()))
    }

    fn stop(&self) {
        // Our own unmounting looks like anybody's to the front end.
        self.end.begin(ExitReason::Stopped);
        self.take_down();
        self.end.reach(Ok(ExitReason::Stopped));
    }

    fn wait(&self) -> Result<ExitReason, DeviceError> {
        let reason = self.end.wait();
        if reason != Ok(ExitReason::Stopped) {
            self.take_down(); // the loop device, if somebody unmounted below it
        }
        self.handle.end_trace();
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Parts { _engine: engine, writer }) = parts {
            drop(engine);
            match writer.map(TraceWriter::finish) {
                Some(Ok(lost)) if lost > 0 => {
                    tracing::warn!("{lost} records of the trace were lost")
                }
                Some(Err(e)) => tracing::error!("the trace is not complete: {e}"),
                _ => {}
            }
        }
        reason
    }
}

/// For clearing away after dead daemons.
///
/// # Errors
/// One line.
pub fn detach_loop(device: &Path, backing: &Path) -> Result<(), String> {
    loop_helper::detach(device, backing)
        .map_err(|e| format!("{} cannot be detached: {e}", device.display()))
}
