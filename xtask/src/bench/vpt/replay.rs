//! How fast the model runs when no clock holds it back.

use std::time::Duration;

use anyhow::Result;

use super::lab::{Lab, median, number, progress};
use crate::bench::{Is, Report};

const REQUESTS: &str = "5000000";

pub(super) fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    progress("replay: three times 5 million requests");
    let mut rates = Vec::new();
    for _ in 0..3 {
        let args = ["replay", "--bench", REQUESTS, "--disk", "linear-example", "--json"];
        let value = lab.ask(&args, Duration::from_secs(120))?;
        rates.push(number(&value, "requests_per_second")? / 1e6);
    }
    let note = "linear model, one core, parsed requests, with all accounting";
    report.target("replay", median(rates), "million/s", Is::AtLeast(5.0), note);
    Ok(())
}
