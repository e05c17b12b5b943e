//! The k controller's modes, its errors and its report.

mod support;

use std::time::Duration;

use support::{Loop, at_ms, steady};
use vpt_model::kcontrol::WINDOW;
use vpt_model::{DiskSpec, Instant, KController, KError, KMode, KSettings, Observation};

fn settings(mode: KMode) -> KSettings {
    KSettings { mode, k: 2.0, k_min: 0.5, k_max: 100.0, calibrate_requests: 1000 }
}

fn controller(settings: KSettings) -> KController {
    KController::new(settings, Instant::ZERO).expect("good settings")
}

/// Requests one after the other: 10 ms were allowed, the store took `took_ms`.
struct Feed {
    controller: KController,
    now: Instant,
}

impl Feed {
    fn new(settings: KSettings) -> Self {
        Self { controller: controller(settings), now: Instant::ZERO }
    }

    fn one(&mut self, took_ms: f64) -> f64 {
        let arrival = self.now;
        let due = arrival + Duration::from_millis(10);
        let backing_done = arrival + Duration::from_secs_f64(took_ms / 1e3);
        self.now = due.max(backing_done);
        let k = self.controller.k();
        self.controller.observe(self.now, &Observation { arrival, backing_done, due, k })
    }

    fn many(&mut self, n: usize, took_ms: f64) -> f64 {
        (0..n).map(|_| self.one(took_ms)).last().unwrap_or(self.controller.k())
    }
}

#[test]
fn the_third_late_request_raises_k_to_what_would_have_sufficed() {
    let mut f = Feed::new(settings(KMode::Adapt));
    f.many(100, 1.0);
    assert_eq!((f.one(30.0), f.one(20.0)), (2.0, 2.0));
    // r = k * took / allowed: 6, 4 and 5; the third largest is 4, the margin 5 %.
    assert!((f.one(25.0) - 1.05 * 4.0).abs() < 1e-9);
    // Never by more than four times, however late.
    let was = f.controller.k();
    assert_eq!(f.many(3, 1e6), 4.0 * was);
}

#[test]
fn the_last_nanosecond_is_in_time_and_a_request_without_delay_is_not_judged() {
    let mut f = Feed::new(settings(KMode::Adapt));
    f.many(WINDOW, 10.0);
    let a = at_ms(1e6);
    f.controller.observe(a, &Observation { arrival: a, backing_done: at_ms(2e6), due: a, k: 2.0 });
    let report = f.controller.report(f.now);
    assert_eq!((report.requests, report.late, report.k), (WINDOW as u64, 0, 2.0));
}

#[test]
fn requests_from_before_a_raise_do_not_raise_again() {
    let mut c = controller(settings(KMode::Adapt));
    // 32 came together and all are far too late: what the first three say is known by then.
    for i in 0..32u32 {
        let due = at_ms(10.0 + f64::from(i));
        let seen = Observation { arrival: at_ms(0.0), backing_done: at_ms(500.0), due, k: 2.0 };
        c.observe(at_ms(500.0), &seen);
    }
    let report = c.report(at_ms(500.0));
    assert_eq!((report.k, report.requests, report.late), (8.0, 32, 32));
}

#[test]
fn k_is_lowered_at_the_end_of_a_window_by_a_quarter_at_most() {
    let mut f = Feed::new(settings(KMode::Adapt));
    assert_eq!(f.many(WINDOW - 1, 5.0), 2.0);
    assert_eq!(f.one(5.0), 1.5, "1.05 * 1.0 would do, but not at once");
    assert_eq!(f.many(WINDOW, 7.2), 1.5, "1.05 * 0.72 is not below 0.75: not worth a change");
    assert_eq!(f.many(WINDOW, 7.1), 1.125, "1.05 * 0.71 is");
    assert_eq!(f.many(20 * WINDOW, 0.1), 0.5, "and never below k_min");
}

#[test]
fn two_late_requests_in_a_window_are_chance() {
    let mut f = Feed::new(settings(KMode::Adapt));
    for _ in 0..10 {
        f.many(2, 1000.0);
        assert_eq!(f.many(WINDOW - 2, 9.0), 2.0);
    }
}

#[test]
fn calibration_adapts_then_locks_and_then_judges() {
    let mut f = Feed::new(settings(KMode::CalibrateThenLock));
    let k = f.many(999, 40.0);
    assert!(k > 2.0 && !f.controller.report(f.now).locked);
    let k = f.one(40.0).max(k);
    assert!(f.controller.report(f.now).locked);
    // Locked: 1 % late is still valid, more is not, and k stays whatever comes.
    f.many(990, 1.0);
    f.many(10, 1000.0);
    let report = f.controller.report(f.now);
    assert_eq!((report.k, report.valid), (k, true));
    f.many(1, 1000.0);
    let report = f.controller.report(f.now);
    assert_eq!((report.k, report.valid, report.requests), (k, false, 2001));
    assert!(report.late > 11, "those of the calibration count in the total, not in the judgement");
    // Settings anew: calibration anew.
    f.controller.set(f.now, settings(KMode::CalibrateThenLock)).unwrap();
    let report = f.controller.report(f.now);
    assert_eq!((report.k, report.valid, report.locked), (2.0, true, false));
}

#[test]
fn a_fixed_k_never_moves_and_says_when_it_was_too_small() {
    let mut f = Feed::new(settings(KMode::Fixed));
    f.many(5000, 0.1);
    assert!(f.controller.report(f.now).valid);
    f.many(51, 1000.0);
    let report = f.controller.report(f.now);
    assert_eq!((report.k, report.min, report.max, report.locked), (2.0, 2.0, 2.0, true));
    assert_eq!((report.late, report.valid, report.epochs.len()), (51, false, 1));
    let mut adapt = Feed::new(settings(KMode::Adapt));
    adapt.many(500, 1000.0);
    assert!(adapt.controller.report(adapt.now).valid, "no promise, no broken promise");
}

#[test]
fn settings_that_are_none_are_refused_by_name_and_change_nothing() {
    let mut f = Feed::new(settings(KMode::Fixed));
    f.many(1000, 1000.0);
    let before = f.controller.report(f.now);
    let with = |k, k_min, k_max| KSettings { k, k_min, k_max, ..settings(KMode::Adapt) };
    let nan = f64::NAN;
    for (bad, message) in [
        (with(0.0, 0.5, 9.0), "k = 0 is no scale"),
        (with(-1.0, 0.5, 9.0), "k = -1 is no scale"),
        (with(nan, 0.5, 9.0), "k = NaN is no scale"),
        (with(f64::INFINITY, 0.5, 9.0), "k = inf is no scale"),
        (with(1.0, nan, 9.0), "k_min = NaN is no scale"),
        (with(1.0, 0.0, 9.0), "k_min = 0 is no scale"),
        (with(1.0, 0.5, f64::INFINITY), "k_max = inf is no scale"),
        (with(0.4, 0.5, 9.0), "k = 0.4 is outside k_min = 0.5 and k_max = 9"),
        (with(9.5, 0.5, 9.0), "k = 9.5 is outside k_min = 0.5 and k_max = 9"),
        (with(1.0, 3.0, 2.0), "k_min = 3 is above k_max = 2"),
        (with(1e7, 0.5, 9.0), "k = 10000000 is no scale"),
        (with(1e-7, 1e-6, 9.0), "k = 0.0000001 is no scale"),
        (KSettings { mode: KMode::Fixed, ..with(1.0, 3.0, 2.0) }, "k_min = 3 is above k_max = 2"),
    ] {
        let error = f.controller.set(f.now, bad).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
        assert_eq!(KController::new(bad, f.now).unwrap_err().to_string(), error.to_string());
    }
    assert_eq!(f.controller.report(f.now), before);
    assert_eq!(f.controller.settings(), settings(KMode::Fixed));
}

#[test]
fn modes_are_read_as_they_are_written() {
    for mode in [KMode::Adapt, KMode::CalibrateThenLock, KMode::Fixed] {
        assert_eq!(mode.to_string().parse(), Ok(mode));
    }
    assert_eq!("auto".parse::<KMode>(), Err(KError::Mode("auto".into())));
}

#[test]
fn the_mean_is_weighted_by_time() {
    let mut c = KController::new(settings(KMode::Fixed), at_ms(100.0)).unwrap();
    assert_eq!(c.report(at_ms(100.0)).mean, 2.0);
    c.set(at_ms(130.0), KSettings { k: 8.0, ..settings(KMode::Fixed) }).unwrap();
    c.set(at_ms(140.0), KSettings { k: 1.0, ..settings(KMode::Fixed) }).unwrap();
    let report = c.report(at_ms(200.0));
    assert_eq!((report.min, report.max), (1.0, 8.0));
    assert!((report.mean - (30.0 * 2.0 + 10.0 * 8.0 + 60.0 * 1.0) / 100.0).abs() < 1e-12);
    let log: Vec<_> = report.epochs.iter().map(|e| (e.at, e.k)).collect();
    assert_eq!(log, [(at_ms(100.0), 2.0), (at_ms(130.0), 8.0), (at_ms(140.0), 1.0)]);
}

#[test]
fn the_epochs_log_is_bounded_and_says_what_it_lost() {
    let mut c = controller(settings(KMode::Fixed));
    for i in 1..=5000u32 {
        let k = 2.0 - f64::from(i % 2);
        c.set(at_ms(f64::from(i)), KSettings { k, ..settings(KMode::Fixed) }).unwrap();
    }
    let report = c.report(at_ms(5000.0));
    assert!(report.epochs.len() <= 4097, "{}", report.epochs.len());
    // 5000 changes and the beginning.
    assert_eq!(report.epochs.len() as u64 + report.epochs_dropped, 5001);
    assert_eq!(report.epochs.last().map(|e| e.at), Some(at_ms(5000.0)));
    assert!((report.mean - 1.5).abs() < 0.01, "dropped epochs still count in the mean");
}

/// What the report says of a run with a moving k, checked against the run itself.
#[test]
fn the_report_adds_up_and_converts_to_the_modelled_disks_time() {
    for depth in [1, 8] {
        let settings = KSettings { k_min: 0.001, ..KSettings::default() };
        let run =
            Loop::run(&DiskSpec::linear(8.333, 16.0), settings, depth, 6000, 7, steady(20.0, 0.5));
        let report = run.controller.report(run.end);
        assert!(report.epochs.len() > 3);
        assert_eq!(report.requests, 6000);
        assert_eq!(report.epochs.iter().map(|e| e.requests).sum::<u64>(), report.requests);
        assert_eq!(report.late, run.late.iter().filter(|l| **l).count() as u64);
        assert_eq!(report.epochs.iter().map(|e| e.late).sum::<u64>(), report.late);
        assert!(report.epochs.windows(2).all(|w| w[0].at <= w[1].at && w[0].k != w[1].k));
        assert!(report.min <= report.mean && report.mean <= report.max);
        // V = integral of dt/k over busy time: the sum over what was served, each at its own k.
        let (mut device, mut wall) = (0.0, 0.0);
        for v in &run.verdicts {
            let took = v.due.saturating_since(v.start).as_nanos() as f64;
            wall += took;
            device += took / v.parts.k;
        }
        let busy = run.disk.busy();
        assert_eq!(busy.wall.as_nanos() as f64, wall);
        let rounded: f64 = run.verdicts.iter().map(|v| 1.0 + 0.5 / v.parts.k).sum();
        let off = (busy.device.as_nanos() as f64 - device).abs();
        assert!(off <= rounded, "{off} ns of device time are missing or too much");
    }
}
