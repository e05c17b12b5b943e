//! The device itself: engine, backing store and front end put together as a [`DeviceConfig`] says.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use vpt_model::{Disk, KController, KMode, Sectors};

use super::device::{
    Device, DeviceConfig, DeviceError, DeviceInfo, ExitReason, RealTime, SetError, Settings, Spin,
    ThreadInfo,
};
use super::end::End;
pub use super::model::{adjust, read_disk};
use super::model::{k_mode, scale_settings};
use super::{fronts, loop_helper, store};
use crate::back::Faults;
use crate::engine::{self, CoreConfig, Engine, EngineConfig, EngineHandle, TraceWriter, rt};
use crate::front::Served;
use crate::report::{StatsReport, TraceRecord};

/// How long `stop` waits for the backing store to finish what is under way.
const DRAIN: Duration = Duration::from_secs(10);
const SETTINGS: [&str; 6] =
    ["k", "mode", "k_min", "k_max", "backing_delay_ms", "backing_fail_every"];

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
    fronts::check(config)?;
    let (backend, access) = store::open(config)?;
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
    let by_itself = end.clone();
    let front = fronts::open(fronts::Opening {
        config,
        bytes,
        access,
        engine: engine.handle(),
        fifo: engine.is_fifo(),
        on_end: Box::new(move |ended| by_itself.reach_by_itself(ended)),
    })?;
    let place = front.place();
    let handle = engine.handle();
    let mut report = StatsReport::default();
    handle.report(&mut report);
    notes.extend(report.timekeeping.note);
    notes.extend(place.notes);
    Ok(Box::new(VptDevice {
        info: DeviceInfo {
            disk: spec.name.clone(),
            front: place.front.into(),
            file: place.file,
            block_device: place.block_device,
            mountpoint: place.mountpoint,
            ublk_flags: place.ublk_flags,
            size_bytes: bytes,
            block_size: config.block_size,
            max_request_bytes: place.max_request_bytes,
            threads: threads(place.engine_receives),
            notes,
        },
        id: config.id,
        handle,
        front,
        end,
        parts: Mutex::new(Some(Parts { _engine: engine, writer })),
    }))
}

/// The threads worth naming to people, as the kernel lists them.
fn threads(engine_receives: bool) -> Vec<ThreadInfo> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let mut named: Vec<ThreadInfo> = tasks
        .flatten()
        .filter_map(|task| {
            let tid = task.file_name().to_str()?.parse().ok()?;
            let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
            let role = match name.trim() {
                "timekeeper" => "engine".to_owned(),
                other => {
                    let queue = ["fuser-", "queue-"].iter().find_map(|p| other.strip_prefix(p))?;
                    format!("queue {queue}")
                }
            };
            Some(ThreadInfo { role, tid })
        })
        .collect();
    if engine_receives && let Some(engine) = named.iter().find(|t| t.role == "engine") {
        named.push(ThreadInfo { role: "queue 0".into(), tid: engine.tid });
    }
    named.sort_by(|a, b| a.role.cmp(&b.role));
    named
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
    front: Box<dyn Served>,
    end: Arc<End>,
    parts: Mutex<Option<Parts>>,
}

impl VptDevice {
    /// Completes what waits, at once; then takes the front end away.
    fn take_down(&self) {
        // Those inside by now; a guest that goes on asking must not keep the disk.
        let mark = self.handle.expedite();
        let begun = engine::now();
        while self.handle.is_busy_with(mark) && engine::now() < begun + DRAIN {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.front.close();
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
        self.front.in_use()
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
            self.take_down(); // what is left of it: the loop device, if somebody unmounted below it
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
