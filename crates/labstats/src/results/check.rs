//! What types cannot say about results. Reading and writing both insist on it.

use std::collections::HashSet;

use super::{Better, Experiment, Results, Run, SCHEMA, Series, VERSION, is_rfc3339, metric};

/// What is wrong: the place as a path into the document, and what to do.
pub(super) type Complaint = (String, String);

/// Checks everything; the first thing that is wrong is told.
pub(super) fn results(results: &Results) -> Result<(), Complaint> {
    if results.schema != SCHEMA || results.version != VERSION {
        let message = format!("must be schema {SCHEMA}, version {VERSION}");
        return Err(("schema".into(), message));
    }
    if !is_rfc3339(&results.started) {
        let message =
            format!("\"{}\" is no RFC 3339 time like 2026-01-31T12:00:00Z", results.started);
        return Err(("started".into(), message));
    }
    if results.experiments.is_empty() {
        return Err(("experiments".into(), "is empty: nothing was measured; run again".into()));
    }
    let load = results.environment.load_average.unwrap_or_default();
    if load.iter().any(|v| !v.is_finite()) {
        return Err(("environment.load_average".into(), NOT_FINITE.into()));
    }
    let mut seen = HashSet::new();
    for (n, one) in results.experiments.iter().enumerate() {
        let place = format!("experiments[{n}]");
        if !seen.insert((&one.name, &one.scenario, &one.backend)) {
            let message = format!(
                "{} {} on {} is there twice; keep one of them",
                one.name, one.scenario, one.backend
            );
            return Err((place, message));
        }
        experiment(&place, one)?;
    }
    Ok(())
}

const NOT_FINITE: &str = "is not finite; JSON has no such number, and no statistic survives it";

fn experiment(place: &str, one: &Experiment) -> Result<(), Complaint> {
    for (key, text) in [("name", &one.name), ("scenario", &one.scenario), ("backend", &one.backend)]
    {
        if text.is_empty() {
            return Err((
                format!("{place}.{key}"),
                "is empty; it is what results are matched by".into(),
            ));
        }
    }
    for (name, value) in &one.parameters {
        if matches!(value, super::Parameter::Number(v) if !v.is_finite()) {
            return Err((format!("{place}.parameters.{name}"), NOT_FINITE.into()));
        }
    }
    if one.series.is_empty() && one.complete {
        let message = "is empty in an experiment that is said to be complete; run it again";
        return Err((format!("{place}.series"), message.into()));
    }
    let mut seen = HashSet::new();
    for (n, one_series) in one.series.iter().enumerate() {
        let place = format!("{place}.series[{n}]");
        series(&place, one_series, one)?;
        // -0.0 and 0.0 are one place on the axis.
        let x = one_series.x.map(|x| (x + 0.0).to_bits());
        if !seen.insert((&one_series.metric, one_series.guest, x)) {
            let message = format!("{} is there twice for this guest and x", one_series.metric);
            return Err((place, message));
        }
    }
    Ok(())
}

fn series(place: &str, series: &Series, of: &Experiment) -> Result<(), Complaint> {
    if series.metric.is_empty() {
        return Err((format!("{place}.metric"), "is empty; it says what was measured".into()));
    }
    if let Some(known) = metric::find(&series.metric)
        && (known.unit != series.unit || known.better != series.better)
    {
        let better = match known.better {
            Better::Lower => "lower",
            Better::Higher => "higher",
            Better::Neither => "neither",
        };
        let message = format!("{} is in {}, better: {better}", known.name, known.unit);
        return Err((format!("{place}.unit"), message));
    }
    match (series.x, &of.x) {
        (Some(x), Some(_)) if !x.is_finite() => {
            return Err((format!("{place}.x"), NOT_FINITE.into()));
        }
        (Some(_), None) => {
            let message = "has a value, but the experiment's x does not say of what";
            return Err((format!("{place}.x"), message.into()));
        }
        _ => {}
    }
    if series.is_empty() && of.complete {
        let message = "has no samples in an experiment that is said to be complete; run it again";
        return Err((place.to_owned(), message.into()));
    }
    for (n, one) in series.runs.iter().enumerate() {
        run(&format!("{place}.runs[{n}]"), one)?;
    }
    Ok(())
}

fn run(place: &str, run: &Run) -> Result<(), Complaint> {
    if let Some(n) = run.samples.iter().position(|v| !v.is_finite()) {
        return Err((format!("{place}.samples[{n}]"), NOT_FINITE.into()));
    }
    if let Some(times) = &run.time_ns {
        if times.len() != run.samples.len() {
            let (a, b) = (times.len(), run.samples.len());
            let message = format!("has {a} times for {b} samples; there must be one for each");
            return Err((format!("{place}.time_ns"), message));
        }
        if let Some(n) = times.windows(2).position(|pair| pair[0] > pair[1]) {
            let place = format!("{place}.time_ns[{}]", n + 1);
            return Err((
                place,
                "goes back in time; samples stand in the order they were taken".into(),
            ));
        }
    }
    if run.missed_deadlines > run.deadlines {
        let message = format!("exceeds the {} deadlines there were", run.deadlines);
        return Err((format!("{place}.missed_deadlines"), message));
    }
    Ok(())
}
