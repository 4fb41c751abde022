//! How long the host takes to make an instance, from its own histogram.

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

const METRIC: &str = "task_host_instantiation_duration_seconds";

/// Time to make an instance, over all calls since the host started.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Instantiation {
    /// The mean, in microseconds.
    pub mean_us: f64,
    /// The upper bound of the bucket that holds the median, in microseconds.
    pub median_at_most_us: f64,
    /// Number of instances.
    pub count: f64,
}

impl Instantiation {
    /// Reads the histogram from metrics in the Prometheus text format.
    ///
    /// # Errors
    /// If the histogram is missing or empty.
    pub fn read(metrics: &str) -> Result<Self> {
        let of = |suffix: &str| {
            let name = format!("{METRIC}_{suffix}");
            let mut lines = metrics.lines().filter_map(move |line| {
                let (series, value) = line.rsplit_once(' ')?;
                let labels = series.strip_prefix(name.as_str())?;
                Some((labels.to_owned(), value.parse::<f64>().ok()?))
            });
            move || lines.next()
        };
        let (_, sum) = of("sum")().context("the histogram has no sum")?;
        let (_, count) = of("count")().context("the histogram has no count")?;
        ensure!(count > 0.0, "no instance was made");
        let mut buckets = of("bucket");
        let median = loop {
            let (labels, below) = buckets().context("no bucket holds the median")?;
            if below * 2.0 >= count {
                break bound(&labels).context("a bucket has no bound")?;
            }
        };
        Ok(Instantiation {
            mean_us: sum / count * 1e6,
            median_at_most_us: median * 1e6,
            count,
        })
    }
}

/// Returns the bound in `{le="5e-06"}`.
fn bound(labels: &str) -> Option<f64> {
    let (_, rest) = labels.split_once("le=\"")?;
    let (bound, _) = rest.split_once('"')?;
    bound.trim_start_matches('+').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: &str = "\
# TYPE task_host_instantiation_duration_seconds histogram
task_host_instantiation_duration_seconds_sum 0.0008
task_host_instantiation_duration_seconds_count 100
task_host_instantiation_duration_seconds_bucket{le=\"5e-06\"} 20
task_host_instantiation_duration_seconds_bucket{le=\"0.00001\"} 70
task_host_instantiation_duration_seconds_bucket{le=\"+Inf\"} 100
";

    #[test]
    fn the_mean_and_the_bucket_of_the_median_are_read() {
        let read = Instantiation::read(METRICS).unwrap();
        assert!((read.mean_us - 8.0).abs() < 1e-9, "{read:?}");
        assert!((read.median_at_most_us - 10.0).abs() < 1e-9, "{read:?}");
        assert_eq!(read.count, 100.0);
    }

    #[test]
    fn an_empty_histogram_is_an_error() {
        let empty = METRICS.replace("count 100", "count 0");
        assert!(Instantiation::read(&empty).is_err());
        assert!(Instantiation::read("").is_err());
    }
}
