//! Semesters by number, for tests.
#![allow(dead_code, reason = "each test program uses a part of it")]

use devgen::source::{self, Made};
use regmap::Card;
use regmap::passes::parse_semester;

/// SplitMix64: the same features on every machine.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^ (z >> 31)
    }
}

/// Features that can be on one card: with an even seed all of the base card's, else what chance leaves.
pub(crate) fn features(template: &Card, seed: u32) -> Vec<String> {
    let mut rng = Rng(seed.into());
    let mut chosen: Vec<String> = Vec::new();
    for feature in &template.features {
        let clash = chosen.iter().any(|one| template.exclude_each_other(one, &feature.id));
        let needs = feature.requires.iter().all(|one| chosen.contains(&one.id));
        let wanted =
            if seed.is_multiple_of(2) { feature.default } else { !rng.next().is_multiple_of(3) };
        if needs && !clash && wanted {
            chosen.push(feature.id.clone());
        }
    }
    for group in &template.one_of {
        if !group.iter().any(|one| chosen.contains(&one.id)) {
            chosen.push(group[rng.next() as usize % group.len()].id.clone());
        }
    }
    chosen
}

/// The card of a seed.
pub(crate) fn made(template: &Card, seed: u32) -> Made {
    let features = features(template, seed);
    let text = format!(
        "[semester]\nid = \"seed-{seed}\"\ntitle = \"Card {seed}\"\nseed = {seed}\nfeatures = {features:?}\n"
    );
    let semester = parse_semester("seed.toml", &text).unwrap_or_else(|errors| panic!("{errors}"));
    source::made(template.clone(), semester, "seed.toml", &text)
        .unwrap_or_else(|error| panic!("seed {seed}, {features:?}: {error}"))
}
