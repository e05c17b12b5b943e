//! What a laboratory does with samples: keep them, describe them, compare them.
//!
//! Pure: no clock, no file, no source of randomness but a seed that is given.
//!
//! | module | duty |
//! | --- | --- |
//! | [`results`] | the file: what was measured, where, under which conditions |
//! | [`describe`] | samples in numbers: quantiles, mean, spread, outliers |
//! | [`interval`] | confidence intervals in closed form, for independent values |
//! | [`bootstrap`] | confidence intervals by drawing whole runs again |
//! | [`correlation`] | how much the samples of a run depend on each other |
//! | [`rank`] | Mann and Whitney's test, Cliff's delta |
//! | [`shift`] | Hodges and Lehmann's shift with its interval |
//! | [`multiple`] | Holm's correction for many tests at once |
//! | [`verdict`] | same, faster, slower or undecided |
//! | [`compare`] | two sets of results, matched and judged; one against the report's Table 1 |
//! | [`penalty`] | what a virtual machine costs, by paired runs in it and on the metal |
//! | [`special`], [`random`] | distributions, and random numbers from a seed |
//!
//! Samples within a run depend on each other, so whatever is *judged* is judged on one value per run;
//! whatever is *described* uses all samples.
#![forbid(unsafe_code)]

pub mod bootstrap;
pub mod compare;
pub mod correlation;
pub mod describe;
pub mod interval;
pub mod multiple;
pub mod penalty;
pub mod random;
pub mod rank;
pub mod results;
pub mod shift;
pub mod special;
pub mod verdict;
