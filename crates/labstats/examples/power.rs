//! How often `lgbench compare` sees a change that is there, and one that is not:
//! `cargo run -p labstats --example power --release`.

#[path = "../tests/support/simulate.rs"]
mod simulate;

use simulate::{Bench, shares};

const PAIRS: usize = 10_000;

fn main() {
    println!(
        "{PAIRS} simulated pairs each; level 5 %, margin 1 %; 100 samples to a run, lag-1 0.8"
    );
    println!("runs  run to run  effect     same  faster  slower  undecided");
    for runs in [4, 5, 10, 20] {
        for between in [0.005, 0.02] {
            for effect in [0.0, 0.01, 0.02, 0.05, 0.1] {
                let bench = Bench { runs, samples: 100, between, within: 0.05, lag1: 0.8 };
                let s = shares(&bench, effect, 0.01, PAIRS, 1);
                let [same, faster, slower, undecided] =
                    [s.same, s.faster, s.slower, s.undecided].map(|v| 100.0 * v);
                println!(
                    "{runs:4}  {:8.1} %  {:4.0} %  {same:5.1} %  {faster:4.1} %  {slower:4.1} %  {undecided:7.1} %",
                    100.0 * between,
                    100.0 * effect,
                );
            }
        }
    }
}
