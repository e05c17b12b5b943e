//! `ublk replay`.

use std::io::Write;
use std::path::Path;

use labplot::{Axis, Figure, Series};
use vpt_model::{DiskSpec, Sectors};

use super::{Failure, Outcome, plots};
use crate::cli::{BlktraceEvent, ReplayArgs, TraceFormat};
use crate::daemon::vpt;
use crate::disks::Catalogue;
use crate::replay::{
    self, BlkEvent, Format, Mode, Options, Output, OutputFormat, ReadOptions, ReplayReport,
};

pub(super) fn run(args: &ReplayArgs, out: &mut dyn Write) -> Outcome {
    let disk = Catalogue::of_this_machine().find(&args.disk)?;
    let mut spec = vpt::read_disk(&disk).map_err(Failure::Failed)?.spec;
    vpt::adjust(&mut spec, args.latency, args.ncq.map(usize::from), args.seed);
    let failed = |e: &dyn std::fmt::Display| Failure::Failed(e.to_string());
    let (json, text) = match (&args.trace, args.bench) {
        (Some(trace), None) => {
            let report = replay::run(&options(args, trace), &spec).map_err(|e| failed(&e))?;
            if args.svg.is_some() || args.png.is_some() {
                let figure = figure(&report, &spec);
                plots::write(&figure, args.svg.as_deref(), args.png.as_deref())?;
            }
            (serde_json::to_string_pretty(&report), report.to_string())
        }
        (_, requests) => {
            let report = replay::benchmark(requests.unwrap_or(1), &spec).map_err(|e| failed(&e))?;
            let text = format!(
                "{} requests through {}: {:.2} million/s; trace text read at {:.0} MB/s\n",
                report.requests,
                spec.name,
                report.requests_per_second / 1e6,
                report.parse_mb_per_s
            );
            (serde_json::to_string_pretty(&report), text)
        }
    };
    if args.json {
        let json = json.map_err(|e| Failure::Failed(format!("output: {e}")))?;
        writeln!(out, "{json}")?;
    } else {
        write!(out, "{text}")?;
    }
    Ok(())
}

fn options(args: &ReplayArgs, trace: &Path) -> Options {
    let json = |path: &Path| path.extension().is_some_and(|e| e == "json" || e == "jsonl");
    let depth = args.depth.map(|depth| Mode::Closed { depth: depth as usize });
    let open = args.open || args.time_scale != 1.0;
    Options {
        read: ReadOptions {
            format: args.format.map(|format| match format {
                TraceFormat::Iolog => Format::Iolog,
                TraceFormat::FioLog => Format::FioLog,
                TraceFormat::Blkparse => Format::Blkparse,
                TraceFormat::Json => Format::Json,
            }),
            device: args.device.clone(),
            event: match args.event {
                BlktraceEvent::Issue => BlkEvent::Issue,
                BlktraceEvent::Queue => BlkEvent::Queue,
            },
            lenient: args.lenient,
        },
        capacity: args.capacity.map(|bytes| Sectors::new(bytes / 512)),
        wrap: args.wrap,
        mode: depth.or(open.then_some(Mode::Open { time_scale: args.time_scale })),
        k: args.k,
        output: args.requests.as_ref().map(|path| Output {
            path: path.clone(),
            format: if json(path) { OutputFormat::JsonLines } else { OutputFormat::Csv },
        }),
        ..Options::new(trace)
    }
}

fn figure(report: &ReplayReport, spec: &DiskSpec) -> Figure {
    Figure::new(format!("Response times on {}", spec.name))
        .subtitle(format!("{} requests replayed, k = {}", report.requests, report.k))
        .x(Axis::new("Response time", "ms").from_zero())
        .y(Axis::new("Requests that took at most that", "share").range(0.0, 1.0))
        .with(Series::line(spec.name.clone(), report.plots.response_cdf.clone()))
}
