//! `ublk probe`: the seek curve of any disk, file or device, seen from outside.
//!
//! A move is a read at one place, to put the arm there, then a timed read at a planned distance from it.
//! All distances are gone through several times in shuffled order; uniformly random requests and a few
//! sequential runs complete the picture. Out of it come the best line and the best two-piece curve, and
//! from these a disk that behaves the same ([`ProbeReport::to_spec`]). The target is only ever read.
//!
//! ```text
//!   Options -> target (open, O_DIRECT) -> plan (offsets, seeded) -> measure (the clock is here)
//!                                                                      |
//!      table, plot, spec, JSON  <-  report (buckets, percentiles)  <-  fit, compare
//! ```
//!
//! Limits: positions are byte offsets, so on a disk that maps them to cylinders unevenly the curve is
//! that of offsets; a read includes the cost of the system call and of everything below it; above depth
//! 1 the order of service is unknown, so there are no distances.

mod compare;
pub mod fit;
mod knee;
mod measure;
pub mod options;
pub mod plan;
mod plot;
pub mod report;
pub mod spec;
mod table;
mod target;
#[cfg(test)]
mod tests;

use fit::fit;
pub use measure::{FailedRead, SequentialRate};
use measure::{Random, Session};
pub use options::{Model, Options, ProbeError, ProgressSink, Spacing};
use plan::{Move, Rng};
pub use report::{CachedReport, ModelReport, ProbeReport, RandomReport};
use report::{by_distance, by_width, distribution, median_ms};
use std::path::Path;
use target::Target;

/// Measures `options.target`, telling `sink` how far it has come.
///
/// Ends early, with what there is, when the sink or the time limit says so; the report's `interrupted`
/// tells.
///
/// # Errors
/// [`ProbeError`], one line each: options that make no sense, a target that is missing, unreadable, too
/// small, no file or disk, resized meanwhile, or that fails too many reads; or nothing measured.
pub fn run(options: &Options, sink: &mut dyn ProgressSink) -> Result<ProbeReport, ProbeError> {
    options.check()?;
    let target = Target::open(options)?;
    let mut session = Session::new(options, sink);
    let mut rng = Rng::new(options.seed);
    let mut report = ProbeReport {
        target: target.name.clone(),
        kind: target.kind.to_owned(),
        size_bytes: target.bytes,
        block_bytes: target.block_bytes,
        direct: target.direct,
        seed: options.seed,
        rpm: options.rpm,
        notes: target.notes.clone(),
        ..ProbeReport::default()
    };
    for note in &report.notes {
        session.note(note);
    }

    if !options.random_only {
        measure_moves(options, &target, &mut session, &mut rng, &mut report)?;
    }
    if options.random > 0 && session.stopped.is_none() {
        session.phase("random requests", options.random);
        let random = if options.depth == 1 {
            session.random_alone(&target, &mut rng, options.random)?
        } else {
            session.random_together(&target, &mut rng, options.random, options.depth)?
        };
        add_random(options.depth, random, &mut report);
    }
    if options.sequential && session.stopped.is_none() {
        session.phase("sequential reads", 48);
        report.sequential = session.sequential(&target)?;
    }

    report.reads = session.reads;
    report.errors = session.errors;
    report.failed = std::mem::take(&mut session.failed);
    report.interrupted = session.stopped.map(str::to_owned);
    report.seconds = session.seconds();
    let expected = std::mem::take(&mut session.expected);
    finish(options, &target, report, &expected)
}

/// The size in bytes of what would be measured.
///
/// # Errors
/// As [`run`], for a target that cannot be measured.
pub fn size_of(target: &Path) -> Result<u64, ProbeError> {
    Target::open(&Options::new(target)).map(|t| t.bytes)
}

/// The planned moves, and if asked for the same out of the page cache.
fn measure_moves(
    options: &Options,
    target: &Target,
    session: &mut Session<'_>,
    rng: &mut Rng,
    report: &mut ProbeReport,
) -> Result<(), ProbeError> {
    let last = target.last();
    let distances = plan::distances(last, options.buckets, options.spacing);
    let plan = plan::passes(rng, last, &distances, options.passes, options.per_pass);
    session.phase("moves", 2 * plan.len() as u64);
    let (samples, done) = session.moves(target, &plan, true)?;
    report.buckets = by_distance(&samples);
    report.samples = samples;
    if options.cached && session.stopped.is_none() {
        report.cached = measure_cached(options, target, session, &plan[..done], report)?;
    }
    Ok(())
}

fn measure_cached(
    options: &Options,
    target: &Target,
    session: &mut Session<'_>,
    plan: &[Move],
    report: &mut ProbeReport,
) -> Result<Option<CachedReport>, ProbeError> {
    let buffered = target.buffered(&options.target)?;
    session.phase("filling the cache", 2 * plan.len() as u64);
    session.warm(&buffered, plan)?;
    session.phase("moves, cached", 2 * plan.len() as u64);
    let (samples, _) = session.moves(&buffered, plan, false)?;
    if samples.is_empty() {
        return Ok(None);
    }
    let p50_ms = median_ms(&samples);
    let uncached_ratio = median_ms(&report.samples) / p50_ms.max(1e-6);
    if uncached_ratio < 2.0 {
        report.notes.push(format!(
            "reading it again was only {uncached_ratio:.1} times as fast: either nothing above the \
             target caches it (a file served with direct I/O), or something below already did"
        ));
    }
    let buckets = by_distance(&samples);
    Ok(Some(CachedReport { samples, buckets, p50_ms, uncached_ratio }))
}

fn add_random(depth: usize, random: Random, report: &mut ProbeReport) {
    let n = random.latencies_ms.len();
    if n == 0 {
        return;
    }
    report.samples.extend(&random.samples);
    let latency_ms = distribution(random.latencies_ms.clone());
    report.random = Some(RandomReport {
        depth,
        seconds: random.seconds,
        iops: if random.seconds > 0.0 { n as f64 / random.seconds } else { 0.0 },
        latency_ms,
        latencies_ms: if depth > 1 { random.latencies_ms } else { Vec::new() },
    });
}

/// What the numbers mean, once they are all there.
fn finish(
    options: &Options,
    target: &Target,
    mut report: ProbeReport,
    expected: &[f64],
) -> Result<ProbeReport, ProbeError> {
    match target.size_now() {
        Some(now) if now != target.bytes => {
            return Err(ProbeError::Resized {
                target: target.name.clone(),
                was: target.bytes,
                now,
            });
        }
        _ => {}
    }
    if report.samples.is_empty() && report.random.is_none() {
        return Err(ProbeError::Nothing { target: target.name.clone() });
    }
    if report.buckets.is_empty() {
        report.buckets = by_width(&report.samples, options.buckets);
    }
    report.fit = fit(&report.samples);
    if let Some(why) = &report.interrupted {
        report.notes.push(format!("ended early ({why}): fewer requests than planned"));
    }
    if report.errors > 0 {
        report.notes.push(format!("{} reads failed and are not in the figures", report.errors));
    }
    if let Some(fit) = &report.fit {
        report.notes.extend(compare::outliers(fit));
        report.notes.extend(compare::drift(&report.samples, fit));
    } else if options.depth == 1 {
        report.notes.push("too few requests for a fit".into());
    }
    match &options.model {
        Some(model) if !report.samples.is_empty() => {
            report.model = Some(compare::with_model(model, &report.samples, expected));
        }
        Some(_) => report.notes.push(
            "above depth 1 the order of service is unknown, so nothing is compared with the model"
                .into(),
        ),
        None => {}
    }
    Ok(report)
}
