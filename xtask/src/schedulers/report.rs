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
             * seen by fio in the guest; emulated: not speeds. Under none, fio itself waits to hand\n  \
             requests over, and does not count that before it has tried\n\n\
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
