//! "Did you mean ...?"

/// The candidate closest to `word`, if it is close enough to be a slip of the finger.
pub(super) fn closest<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    if word.len() > 64 {
        return None; // no slip of the finger, and the distance below is quadratic
    }
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .iter()
        .map(|&c| (distance(word, c), c))
        .filter(|&(d, _)| d <= allowed)
        .min_by_key(|&(d, _)| d)
        .map(|(_, c)| c)
}

/// Edit distance: insertions, deletions, replacements and swaps of neighbours, case ignored.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let best = replace.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swapped { best.min(rows[i - 2][j - 2] + 1) } else { best }
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_other_words_are_not() {
        let keys = ["full_ms", "base_ms", "family"];
        assert_eq!(closest("ful_ms", &keys), Some("full_ms"));
        assert_eq!(closest("Full_MS", &keys), Some("full_ms"));
        assert_eq!(closest("fulL_sm", &keys), Some("full_ms"));
        assert_eq!(closest("famliy", &keys), Some("family"));
        assert_eq!(closest("colour", &keys), None);
        assert_eq!(closest("", &keys), None);
        assert_eq!(closest(&"x".repeat(100_000), &keys), None);
    }

    #[test]
    fn distances_are_the_known_ones() {
        for (a, b, d) in
            [("kitten", "sitting", 3), ("", "abc", 3), ("ab", "ba", 1), ("same", "same", 0)]
        {
            assert_eq!(distance(a, b), d, "{a} {b}");
        }
    }
}
