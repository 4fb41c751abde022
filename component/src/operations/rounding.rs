//! Percentages and averages, rounded to two decimal places.

/// Returns `part` as a percentage of `whole`, rounded, or 0 if `whole` is 0.
pub fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 {
        two_decimals(part / whole * 100.0)
    } else {
        0.0
    }
}

/// Rounds to two decimal places. The digits after these depend on the order in which an engine adds
/// fractions.
pub fn two_decimals(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
