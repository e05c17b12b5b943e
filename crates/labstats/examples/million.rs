//! How long `lgbench compare` takes for two files of a million samples each:
//! `cargo run -p labstats --example million --release [RUNS]`.

#[path = "../tests/support/simulate.rs"]
mod simulate;

use std::time::Instant;

use labstats::compare::{Options, compare, table};
use labstats::random::Random;
use labstats::results::{Environment, Experiment, Results};
use simulate::{Bench, series};

const SAMPLES: usize = 1_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runs = std::env::args().nth(1).map_or(Ok(20), |text| text.parse::<usize>())?.max(1);
    let bench = Bench { runs, samples: SAMPLES / runs, between: 0.01, within: 0.2, lag1: 0.8 };
    let mut random = Random::new(1);
    let mut text = |center| -> Result<String, Box<dyn std::error::Error>> {
        let mut one = Experiment::new("exp1", "idle-idle", "kvm");
        one.complete = true;
        one.series.push(series(&bench, center, &mut random));
        let mut results = Results::new("2026-01-31T12:00:00Z", Environment::default());
        results.experiments.push(one);
        Ok(results.to_json()?)
    };
    let (old, new) = (text(75_000.0)?, text(77_000.0)?);
    println!("{runs} runs, files of {:.1} MB", old.len() as f64 / 1e6);
    let begin = Instant::now();
    let old = Results::from_json("old", old.as_bytes())?;
    let new = Results::from_json("new", new.as_bytes())?;
    println!("read      {:6.2} s", begin.elapsed().as_secs_f64());
    let found = compare(("old", &old), ("new", &new), &Options::default())?;
    println!("compared  {:6.2} s", begin.elapsed().as_secs_f64());
    print!("{}", table(&found));
    Ok(())
}
