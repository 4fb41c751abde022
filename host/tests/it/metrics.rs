//! Reads single samples from the Prometheus text that the host exposes.

use crate::harness::Host;

/// Returns the value of one series, such as `task_host_faults_total{kind="logic-trapped"}`, or
/// `None` if the host does not expose it. The series may have its labels in another order, and
/// additional labels.
pub fn figure(host: &Host, series: &str) -> Option<f64> {
    let text = host.admin("GET", "/metrics").send().expect(200).text();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .find(|line| matches(line, series))
        .and_then(|line| line.rsplit(' ').next())
        .and_then(|value| value.parse().ok())
}

/// Like [`figure`], but returns 0 for a series that does not exist yet.
pub fn count(host: &Host, series: &str) -> f64 {
    figure(host, series).unwrap_or(0.0)
}

fn matches(line: &str, series: &str) -> bool {
    let (name, labels) = split(series);
    let (found, others) = split(line.rsplit_once(' ').map_or(line, |(series, _)| series));
    name == found && labels.iter().all(|label| others.contains(label))
}

/// Splits a series into its name and its labels, each as `key="value"`.
fn split(series: &str) -> (&str, Vec<&str>) {
    match series.split_once('{') {
        None => (series, Vec::new()),
        Some((name, labels)) => (name, labels.trim_end_matches('}').split(',').collect()),
    }
}

#[test]
fn a_series_is_found_by_some_of_its_labels() {
    let line = r#"faults_total{kind="trap",revision="ab"} 3"#;
    assert!(matches(line, r#"faults_total{kind="trap"}"#));
    assert!(matches(line, "faults_total"));
    assert!(!matches(line, r#"faults_total{kind="other"}"#));
    assert!(!matches(line, r#"faults{kind="trap"}"#));
}
