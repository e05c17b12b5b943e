//! The device itself: engine, backing store and front end put together as a [`DeviceConfig`] says.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use daemonkit::metrics::MetricsServer;
use vpt_model::{Disk, KController, KMode, Sectors};

use super::device::{
    Device, DeviceConfig, DeviceError, DeviceInfo, ExitReason, Front, RealTime, SetError, Settings,
    Spin, ThreadInfo,
};
use super::end::End;
pub use super::model::{adjust, read_disk};
use super::model::{cap_unprivileged, k_mode, scale_settings, unprivileged_limit};
use super::{confine, fronts, loop_helper, release, store, ublk_helper};
use crate::back::Faults;
use crate::engine::{
    self, CoreConfig, Engine, EngineConfig, EngineHandle, FailureLog, TraceWriter, rt,
};
use crate::front::ublk::{KernelDevice, MAX_REQUEST};
use crate::front::{OnEnd, Served};
use crate::metrics::{Figures, render};
use crate::report::{StatsReport, TraceRecord};
use crate::state::Undo;

/// How long `stop` waits for the backing store to finish what is under way.
const DRAIN: Duration = Duration::from_secs(10);
const NO_FIFO: &str =
    "--rt on: SCHED_FIFO is not allowed: run as root, or raise the limit (`ulimit -r 40`)";
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
    let mut settings = scale_settings(config, &disk.k);
    let mut k_limit = None;
    if config.unprivileged {
        let largest = u64::from(MAX_REQUEST);
        settings =
            cap_unprivileged(settings, &model, config.depth, largest).map_err(DeviceError)?;
        let limit = unprivileged_limit(&model, config.depth, largest);
        notes
            .push(format!("k stays below {limit:.3}: the kernel ends slower unprivileged devices"));
        k_limit = Some(limit);
    }
    let scale = KController::new(settings, engine::now())
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
    let is_ublk = config.front == Front::Ublk;
    let core = CoreConfig {
        disk: model,
        scale,
        backend,
        read_only: config.read_only,
        trace: sink,
        // Starting a ublk device reads from it.
        undelayed: is_ublk,
    };
    let spin = match config.spin {
        Spin::Auto => engine::Spin::Adaptive,
        Spin::Off => engine::Spin::Never,
    };
    let (failed, failures) = FailureLog::start().map_err(|e| fail(&e))?;
    let end = Arc::new(End::default());
    let by_itself = end.clone();
    let on_end: OnEnd = Box::new(move |ended| by_itself.reach_by_itself(ended));
    let start = |body| {
        let settings = EngineConfig { fifo: config.rt != RealTime::Off, spin };
        let engine = Engine::start_with(settings, core, body).map_err(|e| fail(&e))?;
        if config.rt == RealTime::On && !engine.is_fifo() {
            return Err(DeviceError(NO_FIFO.into()));
        }
        engine.handle().log_failures(failed);
        Ok(engine)
    };
    let (engine, front): (Engine, Box<dyn Served>) = if is_ublk {
        let (body, starting) = fronts::ublk_device(config, bytes, on_end)?;
        let engine = start(Some(body))?;
        let front = starting.finish(&engine.handle()).map_err(|e| fail(&e))?;
        (engine, Box::new(front))
    } else {
        let engine = start(None)?;
        let opening = fronts::Opening {
            config,
            bytes,
            access,
            engine: engine.handle(),
            fifo: engine.is_fifo(),
            on_end,
        };
        let front = fronts::open(opening)?;
        (engine, front)
    };
    let place = front.place();
    let handle = engine.handle();
    let mut report = StatsReport::default();
    handle.report(&mut report);
    notes.extend(report.timekeeping.note);
    notes.extend(place.notes);
    let told = StatsReport {
        id: config.id,
        disk: spec.name.clone(),
        front: place.front.into(),
        ..StatsReport::default()
    };
    let metrics = metrics(config, handle.clone(), told, &mut notes);
    // Last of all: everything is open, every thread runs.
    let confined = metrics.and_then(|metrics| {
        notes.extend(confine::apply(config)?);
        Ok(metrics)
    });
    let metrics = confined.inspect_err(|_| front.close())?;
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
        k_limit,
        handle,
        front,
        end,
        parts: Mutex::new(Some(Parts { engine, writer, metrics, failures })),
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
    engine: Engine,
    writer: Option<TraceWriter>,
    metrics: Option<MetricsServer>,
    failures: FailureLog,
}

/// Starts to answer Prometheus, if that was asked for.
fn metrics(
    config: &DeviceConfig,
    handle: EngineHandle,
    told: StatsReport,
    notes: &mut Vec<String>,
) -> Result<Option<MetricsServer>, DeviceError> {
    let Some(address) = &config.metrics else { return Ok(None) };
    let depth = config.depth;
    let server = MetricsServer::start(address, move || {
        let mut figures = Figures { stats: told.clone(), depth, ..Figures::default() };
        figures.histograms = handle.report_with_histograms(&mut figures.stats);
        render(&figures)
    })
    .map_err(|e| DeviceError(format!("--metrics {address}: {e}")))?;
    if address.is_open() {
        notes.push(format!("metrics can be read by other machines: {address}"));
    }
    Ok(Some(server))
}

struct VptDevice {
    info: DeviceInfo,
    id: u32,
    /// Above which k may not be set.
    k_limit: Option<f64>,
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
        let wanted_high = [("k", settings.k), ("k_max", settings.k_max)];
        for (key, value) in wanted_high {
            if let (Some(value), Some(limit)) = (value, self.k_limit)
                && value > limit
            {
                let reason = format!("an unprivileged ublk device has at most {limit:.3}");
                return Err(SetError::Refused { key: key.into(), reason });
            }
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
        if let Some(Parts { engine, writer, metrics, failures }) = parts {
            drop(metrics);
            drop(engine);
            failures.finish();
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
pub const UNDO: Undo =
    Undo { detach_loop, find_ublk: ublk_helper::query, delete_ublk: ublk_helper::delete };

/// The same for the daemon's end, when it may have given up the right to start other programs.
pub const UNDO_AT_END: Undo = Undo {
    detach_loop,
    find_ublk: |id| KernelDevice::query_patiently(id).map_err(|e| e.to_string()),
    delete_ublk: |id| KernelDevice::delete_patiently(id).map_err(|e| e.to_string()),
};

fn detach_loop(device: &Path, backing: &Path) -> Result<(), String> {
    release::detach(device)
        .unwrap_or_else(|| loop_helper::detach(device, backing))
        .map_err(|e| format!("{} cannot be detached: {e}", device.display()))
}
