//! "Did you mean ...?"

/// Words longer than this are no slip of the finger, and comparing them takes long.
const LONGEST: usize = 64;

/// The candidate closest to `word`, if it is close enough to be meant.
pub(super) fn closest<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    if word.len() > LONGEST {
        return None;
    }
    let lower = word.to_lowercase();
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    let distances = candidates.iter().map(|&one| (strsim::damerau_levenshtein(&lower, one), one));
    distances.filter(|(distance, _)| *distance <= allowed).min().map(|(_, one)| one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_other_words_are_not() {
        let known = ["offset", "access", "reset"];
        assert_eq!(closest("ofset", &known), Some("offset"));
        assert_eq!(closest("Acess", &known), Some("access"));
        assert_eq!(closest("colour", &known), None);
        assert_eq!(closest("", &known), None);
        assert_eq!(closest(&"x".repeat(100_000), &known), None);
    }
}
