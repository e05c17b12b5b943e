//! Part (a): the rasteriser alone, in a process that measures itself (`raster-load`). Part (b): a card, its
//! driver and a program in one process, which does, too (`card_load`).
//!
//! In every round ours and the peer draw the same triangles one after the other. What one thread takes is
//! told in processor time: on a machine that does other things as well, the clock tells of those.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::plot::Column;
use super::{Row, TABLE, release};
use crate::bench::report::{median, range};
use crate::bench::vpt::lab::progress;
use crate::bench::{Is, Report};
use crate::deps;
use crate::run::{self, Interrupt, json};

/// Rounds for each height.
const ROUNDS: usize = 9;
/// Triangles in a run of ours, and of the peer's.
const OURS: u32 = 200_000;
const PEERS: u32 = 50_000;

/// What was asked of the fastest processor instructions here.
const AGAINST_PEER: Is = Is::AtLeast(8.0);
const AGAINST_1997: Is = Is::AtLeast(20.0);
const WHOLE_AGAINST_1997: Is = Is::AtLeast(10.0);

/// The programs that draw.
struct Load {
    raster: PathBuf,
    card: PathBuf,
    interrupt: Interrupt,
}

/// Seconds for a million by the clock and of processor time, and who drew.
struct Run {
    clock: f64,
    processor: f64,
    by: String,
}

impl Load {
    fn build(interrupt: &Interrupt) -> Result<Self> {
        progress("building");
        let raster =
            release(&["-p", "e2e", "--bin", "raster-load"], interrupt)?.join("raster-load");
        let card = release(&["-p", "vcd-drm", "--example", "card_load"], interrupt)?
            .join("examples/card_load");
        Ok(Self { raster, card, interrupt: interrupt.clone() })
    }

    fn run(&self, program: &Path, arguments: &[&str], count: u32) -> Result<Run> {
        let mut command = Command::new(program);
        command.args(arguments).env("LIBGL_ALWAYS_SOFTWARE", "1");
        // No thread beside the one that calls.
        command.env("GALLIUM_DRIVER", "llvmpipe").env("LP_NUM_THREADS", "0");
        let text = run::output(&mut command, Duration::from_secs(600), &self.interrupt)?;
        let value: Value = json(&text, "a program that draws")?;
        let seconds = |name: &str| {
            let seconds = value.get(name).and_then(Value::as_f64);
            Ok::<f64, anyhow::Error>(seconds.context("no seconds")? * 1e6 / f64::from(count))
        };
        let by = value.get("by").and_then(Value::as_str).context("no name")?.to_owned();
        Ok(Run { clock: seconds("seconds")?, processor: seconds("processor")?, by })
    }

    /// Ours draws `what` with `isa` on so many threads.
    fn ours(&self, what: &str, height: u32, isa: &str, threads: u32) -> Result<Run> {
        let numbers = [height, OURS, threads].map(|number| number.to_string());
        self.run(&self.raster, &[what, &numbers[0], &numbers[1], isa, &numbers[2]], OURS)
    }

    fn peer(&self, height: u32) -> Result<Run> {
        self.run(&self.raster, &["peer", &height.to_string(), &PEERS.to_string()], PEERS)
    }

    /// Through a card whose daemon draws on so many threads: `stream` or `whole`.
    fn card(&self, what: &str, height: u32, threads: u32) -> Result<Run> {
        let numbers = [height, OURS, threads].map(|number| number.to_string());
        self.run(&self.card, &[what, &numbers[0], &numbers[1], &numbers[2]], OURS)
    }
}

/// Measures; returns the table's new columns.
pub(super) fn measure(report: &mut Report, interrupt: &Interrupt) -> Result<Vec<Column>> {
    let mut missing = deps::ensure_llvmpipe().err().map(|error| format!("{error:#}"));
    let load = Load::build(interrupt)?;
    let names =
        ["rasteriser", "rasteriser, 2 threads", "llvmpipe", "card: DMA, decode", "the whole path"];
    let mut columns = names.map(|name| Column { name: name.into(), seconds: Vec::new() });
    for row in &TABLE {
        if missing.is_none() {
            missing = load.peer(row.height).err().map(|error| format!("{error:#}"));
        }
        let seconds = measure_row(report, &load, row, missing.as_deref())?;
        columns.iter_mut().zip(seconds).for_each(|(column, seconds)| column.seconds.push(seconds));
    }
    Ok(columns.into())
}

/// One height: seconds of one thread, of two, of the peer, of a card, and of the whole path.
fn measure_row(
    report: &mut Report,
    load: &Load,
    row: &Row,
    missing: Option<&str>,
) -> Result<[Option<f64>; 5]> {
    let height = row.height;
    progress(&format!("triangles of height {height}: {ROUNDS} rounds"));
    let (mut rounds, mut isa) = (Rounds::default(), String::new());
    for _ in 0..ROUNDS {
        let vertices = load.ours("vertices", height, "best", 1)?;
        rounds.vertices.push(vertices.processor);
        if missing.is_none() {
            let peer = load.peer(height)?;
            rounds.peer.push(peer.processor);
            report.extra("peer", peer.by);
        }
        rounds.stream.push(load.card("stream", height, 1)?.processor);
        let whole = load.card("whole", height, 1)?;
        rounds.whole.push(whole.processor);
        rounds.whole_by_clock.push(whole.clock);
        rounds.whole_two_by_clock.push(load.card("whole", height, 2)?.clock);
        rounds.one_by_clock.push(vertices.clock);
        rounds.two_by_clock.push(load.ours("vertices", height, "best", 2)?.clock);
        rounds.trapezoids.push(load.ours("trapezoids", height, "best", 1)?.processor);
        rounds.flat.push(load.ours("flat", height, "best", 1)?.processor);
        rounds.clear.push(load.ours("clear", height, "best", 1)?.processor);
        isa = vertices.by;
    }
    rounds.tell(report, row, &isa, missing);
    let seconds = |of: &[f64]| (!of.is_empty()).then(|| median(of.to_vec()));
    let Rounds { vertices, two_by_clock, peer, stream, whole, .. } = &rounds;
    Ok([vertices, two_by_clock, peer, stream, whole].map(|of| seconds(of)))
}

/// Seconds for a million triangles, round by round.
#[derive(Clone, Debug, Default)]
struct Rounds {
    vertices: Vec<f64>,
    trapezoids: Vec<f64>,
    one_by_clock: Vec<f64>,
    two_by_clock: Vec<f64>,
    peer: Vec<f64>,
    flat: Vec<f64>,
    clear: Vec<f64>,
    stream: Vec<f64>,
    whole: Vec<f64>,
    whole_by_clock: Vec<f64>,
    whole_two_by_clock: Vec<f64>,
}

impl Rounds {
    fn tell(&self, report: &mut Report, row: &Row, isa: &str, missing: Option<&str>) {
        let height = row.height;
        let ours = median(self.vertices.clone());
        let about = format!("{ours:.3} s for a million, {isa}, one thread");
        let name = format!("(a) rasteriser, height {height}: against llvmpipe, 1 thread");
        match missing {
            Some(why) => report.unmeasured(&name, "ratio", AGAINST_PEER, why),
            None => {
                let (ratio, range) = times(&self.peer, &self.vertices);
                let note = format!("{range}; {about}; llvmpipe {:.3} s", median(self.peer.clone()));
                report.target(&name, ratio, "ratio", AGAINST_PEER, &note);
            }
        }
        let name = format!("(a) rasteriser, height {height}: against the card of 1997");
        let note = format!(
            "{about}; the card {} s, the proposal's virtual card {} s, as published",
            row.card_1997, row.virtual_card
        );
        report.target(&name, row.card_1997 / ours, "ratio", AGAINST_1997, &note);
        let (two, range) = times(&self.one_by_clock, &self.two_by_clock);
        let name = format!("(a) rasteriser, height {height}: two threads against one");
        report.figure(&name, two, "ratio", &format!("by the clock; {range}"));
        let (set_up, range) = times(&self.vertices, &self.trapezoids);
        let name = format!("(a) rasteriser, height {height}: vertices against trapezoids");
        report.figure(&name, set_up, "ratio", &format!("what setting up costs; {range}"));
        // Flat triangles of the same shape are bound by walking and by stores, clearing by stores alone.
        let (share, range) = times(&self.clear, &self.vertices);
        let pixels = 0.577_35 * f64::from(height * height) / 1e3;
        let note = format!(
            "{range}; {:.2} Gpixel/s, clearing {:.2} Gpixel/s, flat triangles {:.2} Gpixel/s",
            pixels / ours,
            pixels / median(self.clear.clone()),
            pixels / median(self.flat.clone())
        );
        let name = format!("(a) rasteriser, height {height}: share of the rate of clearing");
        report.figure(&name, share, "ratio", &note);
        self.tell_card(report, row, missing);
        for (what, seconds) in [
            ("vertices", &self.vertices),
            ("card: DMA, decode", &self.stream),
            ("the whole path", &self.whole),
            ("the whole path, by the clock", &self.whole_by_clock),
            ("the whole path, 2 threads, by the clock", &self.whole_two_by_clock),
            ("trapezoids", &self.trapezoids),
            ("vertices, by the clock", &self.one_by_clock),
            ("vertices, 2 threads, by the clock", &self.two_by_clock),
            ("llvmpipe", &self.peer),
            ("flat", &self.flat),
            ("clear", &self.clear),
        ] {
            report
                .extra(&format!("height {height}: {what}: seconds for a million"), seconds.clone());
        }
    }

    /// Part (b).
    fn tell_card(&self, report: &mut Report, row: &Row, missing: Option<&str>) {
        let height = row.height;
        let stream = median(self.stream.clone());
        let name = format!("(b) card, height {height}: DMA, decode and drawing against llvmpipe");
        match missing {
            Some(why) => report.unmeasured(&name, "ratio", AGAINST_PEER, why),
            None => {
                let (ratio, range) = times(&self.peer, &self.stream);
                let note = format!("{range}; {stream:.3} s for a million, one thread");
                report.target(&name, ratio, "ratio", AGAINST_PEER, &note);
            }
        }
        let whole = median(self.whole.clone());
        let name = format!("(b) whole path, height {height}: against the card of 1997");
        let note = format!(
            "{whole:.3} s for a million: a program sets triangles up, rings the doorbell for each \
             buffer, is interrupted for each; one process, one thread"
        );
        report.target(&name, row.card_1997 / whole, "ratio", WHOLE_AGAINST_1997, &note);
        let (share, range) = times(&self.vertices, &self.whole);
        let name = format!("(b) whole path, height {height}: share of rasterising");
        report.figure(&name, share, "ratio", &range);
        let (two, range) = times(&self.whole_by_clock, &self.whole_two_by_clock);
        let name = format!("(b) whole path, height {height}: drawn by two threads against one");
        report.figure(&name, two, "ratio", &format!("by the clock; {range}"));
    }
}

/// How many times as long `theirs` took, round by round: the median, and what it is the median of.
fn times(theirs: &[f64], ours: &[f64]) -> (f64, String) {
    let ratios: Vec<f64> = theirs.iter().zip(ours).map(|(theirs, ours)| theirs / ours).collect();
    let (least, most) = range(&ratios);
    let range = format!("median of {} rounds ({least:.2} to {most:.2})", ratios.len());
    (median(ratios), range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds() -> Rounds {
        Rounds {
            vertices: vec![0.2, 0.1, 0.4],
            trapezoids: vec![0.1; 3],
            one_by_clock: vec![0.2; 3],
            two_by_clock: vec![0.1; 3],
            peer: vec![2.0; 3],
            flat: vec![0.1; 3],
            clear: vec![0.05; 3],
            stream: vec![0.25; 3],
            whole: vec![0.4; 3],
            whole_by_clock: vec![0.4; 3],
            whole_two_by_clock: vec![0.32; 3],
        }
    }

    #[test]
    fn ratios_are_round_by_round_and_judged() {
        let mut report = Report::new("vcd");
        rounds().tell(&mut report, &TABLE[0], "avx2", None);
        let figure = |part: &str| {
            let found = report.targets.iter().find(|t| t.name.contains(part)).expect(part);
            (found.value.expect(part), found.met)
        };
        assert_eq!(figure("against llvmpipe"), (10.0, true));
        assert_eq!(figure("against the card"), (3.876 / 0.2, false));
        assert_eq!(figure("height 20: two threads"), (2.0, true));
        assert_eq!(figure("drawn by two threads"), (1.25, true));
        assert_eq!(figure("share of the rate"), (0.25, true));
        assert_eq!(figure("DMA, decode and drawing"), (8.0, true));
        assert_eq!(figure("whole path, height 20: against"), (3.876 / 0.4, false));
        assert_eq!(figure("share of rasterising"), (0.5, true));
    }

    #[test]
    fn without_the_peer_its_target_is_missed() {
        let mut report = Report::new("vcd");
        let without = Rounds { peer: Vec::new(), vertices: vec![0.1; 3], ..rounds() };
        without.tell(&mut report, &TABLE[0], "avx2", Some("no libEGL"));
        assert!(!report.met());
        assert!(report.targets[0].value.is_none() && report.targets[0].note == "no libEGL");
        assert!(report.targets[1].met);
    }
}
