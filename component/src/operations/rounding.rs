//! Percentages, hours and averages, rounded to two decimal places.

/// Returns `part` as a percentage of `whole`, rounded, or 0 if `whole` is 0.
pub fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 {
        two_decimals(part / whole * 100.0)
    } else {
        0.0
    }
}

/// Converts millionths of an hour to hours, rounded.
pub fn hours(millionths: i64) -> f64 {
    two_decimals(millionths as f64 / 1e6)
}

/// Returns the average of the sums of some groups, in hours, rounded. Each group has a sum in millionths of
/// an hour, and the number of its values. 0 if there are no values.
pub fn average_hours(groups: impl Iterator<Item = (i64, u64)>) -> f64 {
    let (sum, count) = groups.fold((0, 0), |(sum, count), (more, counted)| {
        (sum + more, count + counted)
    });
    if count > 0 {
        two_decimals(sum as f64 / 1e6 / count as f64)
    } else {
        0.0
    }
}

fn two_decimals(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
