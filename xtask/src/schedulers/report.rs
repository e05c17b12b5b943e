//! What a run has found out.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use super::kinds::Kind;
use super::predict::Predicted;
use super::read;
use super::records::{Seen, Travel, issued, records, same_requests};
use crate::machine::Machine;
use crate::table;

/// One scheduler's run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// Which.
    pub scheduler: Kind,
    /// fio's view.
    pub emulated: Seen,
    /// The disk's.
    #[serde(flatten)]
    pub travel: Travel,
}

impl Measured {
    /// Reads what a run has left. Fails when the disk has served anything but fio's requests.
    pub fn read(scheduler: Kind, fio: &Path, trace: &Path, iolog: &Path) -> Result<Self> {
        let parse = || {
            let emulated = Seen::parse(&read(fio)?)?;
            let served = records(&read(trace)?)?;
            if !same_requests(&issued(&read(iolog)?)?, &served) {
                bail!("the disk's trace does not hold the requests that fio made");
            }
            Ok(Self { scheduler, emulated, travel: Travel::of(&served)? })
        };
        parse().with_context(|| format!("the run under {}", scheduler.name()))
    }
}

/// A scheduler beside its prediction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What happened.
    #[serde(flatten)]
    pub measured: Measured,
    /// What the model says, if it has been asked about that policy.
    pub predicted: Option<Predicted>,
}

impl Row {
    /// Finds the prediction for it.
    pub fn new(measured: Measured, predicted: &[Predicted]) -> Self {
        let policy = measured.scheduler.policy();
        let predicted = predicted.iter().find(|one| one.policy == policy).cloned();
        Self { measured, predicted }
    }

    fn cells(&self) -> Vec<String> {
        let Measured { scheduler, emulated, travel } = &self.measured;
        let mut cells = vec![
            scheduler.name().to_owned(),
            format!("{:.4}", travel.stroke),
            format!("{:.3}", travel.service_ms),
        ];
        match &self.predicted {
            Some(Predicted { policy, travel: model }) => cells.extend([
                policy.name().to_owned(),
                format!("{:.4}", model.stroke),
                format!("{:.3}", model.service_ms),
                format!("{:+.1} %", (travel.service_ms / model.service_ms - 1.0) * 100.0),
            ]),
            None => cells.extend(std::iter::repeat_n("-".to_owned(), 4)),
        }
        cells.extend([
            format!("{:.1}", emulated.iops),
            format!("{:.0}", emulated.mean_ms),
            format!("{:.0}", emulated.p99_ms),
        ]);
        cells
    }
}

/// The result, as `--json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The modelled disk.
    pub disk: String,
    /// Random reads of 4 KiB under each scheduler.
    pub requests: u32,
    /// So many of them under way.
    pub depth: u32,
    /// The lab's kernel.
    pub kernel: String,
    /// The schedulers that this kernel has.
    pub schedulers: Vec<Row>,
    /// The model's prediction for each order of service.
    pub policies: Vec<Predicted>,
    /// The machine that emulated.
    pub machine: Machine,
    /// When, in UTC.
    pub date: String,
}

impl Report {
    /// The tables for people.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{}: {} random reads of 4 KiB, {} under way, the disk takes one at a time\n\n",
            self.disk, self.requests, self.depth
        );
        let header = [
            "scheduler",
            "seek",
            "service ms",
            "model",
            "seek",
            "service ms",
            "off",
            "IOPS*",
            "mean ms*",
            "p99 ms*",
        ];
        let rows: Vec<_> = self.schedulers.iter().map(Row::cells).collect();
        text.push_str(&table::plain(&header, &rows));
        text.push_str(
            "\nseek: mean distance, 1 is the full stroke; service: mean modelled time of a request\n\
             * seen by fio in the guest; emulated: not speeds\n\n\
             the model alone, by order of service:\n\n",
        );
        let rows: Vec<_> = self
            .policies
            .iter()
            .map(|one| {
                vec![
                    one.policy.name().to_owned(),
                    format!("{:.4}", one.travel.stroke),
                    format!("{:.3}", one.travel.service_ms),
                    format!("{:.1}", 1000.0 / one.travel.service_ms),
                ]
            })
            .collect();
        text.push_str(&table::plain(&["policy", "seek", "service ms", "IOPS"], &rows));
        text.push_str(&format!("\nkernel:  Linux {} (emulated)\n", self.kernel));
        text.push_str(&format!("machine: {}\ndate:    {}\n", self.machine.line(), self.date));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedulers::kinds::Policy;

    fn travel(stroke: f64, service_ms: f64) -> Travel {
        Travel { stroke, service_ms, strokes: vec![stroke] }
    }

    fn measured(scheduler: Kind) -> Measured {
        let emulated = Seen { iops: 87.565674, mean_ms: 363.39, p99_ms: 801.1 };
        Measured { scheduler, emulated, travel: travel(0.0397, 8.787) }
    }

    fn predicted() -> Vec<Predicted> {
        let clook = Predicted { policy: Policy::Clook, travel: travel(0.034, 8.7) };
        vec![Predicted { policy: Policy::Fcfs, travel: travel(0.3486, 14.097) }, clook]
    }

    #[test]
    fn a_row_stands_beside_its_own_prediction() {
        let row = Row::new(measured(Kind::Bfq), &predicted());
        assert_eq!(
            row.cells(),
            ["bfq", "0.0397", "8.787", "clook", "0.0340", "8.700", "+1.0 %", "87.6", "363", "801"]
        );
        let alone = Row::new(measured(Kind::Bfq), &predicted()[..1]).cells();
        assert_eq!(alone[3..7], ["-", "-", "-", "-"]);
    }

    #[test]
    fn wall_clock_times_are_called_what_they_are() {
        let report = Report {
            disk: "x".into(),
            requests: 400,
            depth: 32,
            kernel: "6.12".into(),
            schedulers: vec![Row::new(measured(Kind::Bfq), &predicted())],
            policies: predicted(),
            machine: Machine::here(),
            date: "2026-01-01T00:00:00Z".into(),
        };
        let text = report.text();
        assert!(text.contains("IOPS*  mean ms*  p99 ms*") && text.contains("not speeds"), "{text}");
        let json = serde_json::to_value(&report).expect("JSON");
        let row = &json["schedulers"][0];
        assert_eq!((&row["scheduler"], &row["stroke"]), (&"bfq".into(), &0.0397.into()));
        assert_eq!(row["emulated"]["iops"], 87.565674);
        assert_eq!(row["predicted"]["policy"], "clook");
        let figure = crate::schedulers::plot::figure(&report);
        assert_eq!(figure.series.len(), 2, "bfq and what it is compared with");
    }

    #[test]
    fn a_trace_of_other_requests_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("file");
            path
        };
        let fio = file(
            "fio",
            r#"{"jobs":[{"read":{"iops":1,"lat_ns":{"mean":1,"percentile":{"99.000000":1}}}}]}"#,
        );
        let trace = file("trace", r#"{"sector":8,"stroke":0.1,"start_ns":0,"due_ns":9000000}"#);
        let read = |iolog: &str| Measured::read(Kind::None, &fio, &trace, &file("iolog", iolog));
        let log = "fio version 3 iolog\n1 /dev/x open\n2 /dev/x read 4096 4096\n";
        assert_eq!(read(log).expect("the same").travel.service_ms, 9.0);
        let error =
            format!("{:#}", read(&log.replace("read 4096", "read 8192")).expect_err("other"));
        assert!(error.starts_with("the run under none: the disk's trace does not"), "{error}");
    }
}
