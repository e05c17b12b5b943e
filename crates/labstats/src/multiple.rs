//! Many tests at once: the more there are, the likelier one of them cries wolf.

/// Holm's correction (Scandinavian Journal of Statistics 6, 1979): p values such that, if all that are
/// at most alpha are believed, the chance of believing anything false is at most alpha.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut corrected = vec![1.0; p.len()];
    let mut largest: f64 = 0.0;
    for (rank, &i) in order.iter().enumerate() {
        largest = largest.max((p.len() - rank) as f64 * p[i]).min(1.0);
        corrected[i] = largest;
    }
    corrected
}
