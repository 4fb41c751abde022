//! Scrapes of recorded metrics.

use super::*;

/// Metrics with the revision of [`labels`] in memory.
fn watching() -> (Arc<Metrics>, Arc<RevisionStats>) {
    let (metrics, stats) = (Metrics::new(), Arc::default());
    metrics.revision_loaded(&"0123456789ab".repeat(5), &stats);
    (metrics, stats)
}

fn labels(status: u16) -> RequestLabels {
    RequestLabels {
        http_request_method: "GET",
        http_route: "/things/{id}".into(),
        http_response_status_code: status,
        task_host_revision: "0123456789ab".into(),
    }
}

#[test]
fn a_request_is_counted_under_its_template_and_revision() {
    let (metrics, _stats) = watching();
    metrics.request_ended(&labels(200), Duration::from_micros(200));
    metrics.request_ended(&labels(200), Duration::from_secs(20));
    let text = metrics.render(Format::Prometheus);
    let series = "http_request_method=\"GET\",http_route=\"/things/{id}\",\
                  http_response_status_code=\"200\",task_host_revision=\"0123456789ab\"";
    for line in [
        format!("http_server_request_duration_seconds_count{{{series}}} 2"),
        format!("http_server_request_duration_seconds_sum{{{series}}} 20.0002"),
        format!("http_server_request_duration_seconds_bucket{{le=\"0.0001\",{series}}} 0"),
        format!("http_server_request_duration_seconds_bucket{{le=\"0.00025\",{series}}} 1"),
        format!("http_server_request_duration_seconds_bucket{{le=\"10.0\",{series}}} 1"),
        format!("http_server_request_duration_seconds_bucket{{le=\"+Inf\",{series}}} 2"),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn a_duration_on_a_bound_counts_below_it() {
    let histogram = Histogram::of_requests();
    histogram.observe(Duration::from_millis(5));
    let (metrics, _stats) = watching();
    metrics.request_ended(&labels(200), Duration::from_millis(5));
    let text = metrics.render(Format::Prometheus);
    assert!(text.contains("le=\"0.005\"") && histogram.count() == 1);
    let line = text
        .lines()
        .find(|line| line.contains("le=\"0.005\""))
        .unwrap();
    assert!(line.ends_with(" 1"), "{line}");
}

#[test]
fn the_older_format_names_counters_by_their_samples() {
    let metrics = Metrics::new();
    metrics.faulted("memory-limit-exceeded");
    metrics.faulted("logic-trapped");
    let text = metrics.render(Format::Prometheus);
    assert!(text.contains(
        "# HELP task_host_faults_total Faults of the logic by kind.\n\
         # TYPE task_host_faults_total counter\n"
    ));
    assert!(text.contains("task_host_faults_total{kind=\"logic-trapped\"} 1\n"));
    assert!(text.contains("task_host_limits_hit_total{kind=\"memory-limit-exceeded\"} 1\n"));
    assert!(!text.contains("task_host_limits_hit_total{kind=\"logic-trapped\"}"));
    assert!(text.contains("# TYPE task_host_build_info gauge\n"));
    assert!(!text.contains("# UNIT") && !text.contains("# EOF"));
}

#[test]
fn open_metrics_is_sent_to_scrapers_that_ask_for_it() {
    let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    assert_eq!(Format::accepted(Some(accept)), Format::OpenMetrics);
    assert_eq!(Format::accepted(Some("*/*")), Format::Prometheus);
    assert_eq!(Format::accepted(None), Format::Prometheus);
    let text = Metrics::new().render(Format::OpenMetrics);
    assert!(text.contains("# TYPE task_host_instantiations counter\n"));
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn every_sample_belongs_to_a_declared_family() {
    let (metrics, _stats) = watching();
    metrics.request_ended(&labels(200), Duration::from_millis(1));
    metrics.transaction(Access::Write, Outcome::Commit, Duration::from_micros(30));
    metrics.revision_activated(&"0".repeat(64), "things", "1.0.0");
    let text = metrics.render(Format::Prometheus);
    let mut families = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(!families.contains(&name), "{name} is declared twice");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
            families.push(name);
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap();
            let last = families.last().unwrap();
            assert!(name.starts_with(last), "{name} is listed under {last}");
        }
    }
    assert!(
        families.contains(&"process_cpu_seconds_total"),
        "{families:?}"
    );
    assert!(families.contains(&"process_resident_memory_bytes"));
}

#[test]
fn gauges_decrease_when_their_guards_are_dropped() {
    let metrics = Metrics::new();
    let first = metrics.instance_lives();
    let second = metrics.instance_lives();
    drop(metrics.queued());
    drop(first);
    let text = metrics.render(Format::Prometheus);
    assert!(text.contains("\ntask_host_pool_in_use 1\n"));
    assert!(text.contains("\ntask_host_queue_waiting 0\n"));
    assert!(text.contains("\ntask_host_queue_duration_seconds_count 1\n"));
    drop(second);
    let text = metrics.render(Format::Prometheus);
    assert!(text.contains("\ntask_host_pool_in_use 0\n"));
}

#[test]
fn only_one_revision_is_active() {
    let metrics = Metrics::new();
    metrics.revision_activated(&"a".repeat(64), "things", "1.0.0");
    metrics.revision_activated(&"b".repeat(64), "things", "1.1.0");
    let text = metrics.render(Format::Prometheus);
    let active: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("task_host_revision{"))
        .collect();
    let expected = "task_host_revision{task_host_revision=\"bbbbbbbbbbbb\",\
                    service_name=\"things\",service_version=\"1.1.0\"} 1";
    assert_eq!(active, [expected]);
}

#[test]
fn the_series_of_a_revision_are_removed_with_it() {
    let (metrics, stats) = watching();
    let other: Arc<RevisionStats> = Arc::default();
    metrics.revision_loaded(&"b".repeat(64), &other);
    metrics.request_ended(&labels(200), Duration::from_millis(1));
    drop(stats.began());
    stats.failed();
    let running = stats.began();
    let text = metrics.render(Format::Prometheus);
    let of = "{task_host_revision=\"0123456789ab\"}";
    for line in [
        format!("task_host_revision_requests_total{of} 1"),
        format!("task_host_revision_failures_total{of} 1"),
        format!("task_host_revision_in_flight{of} 1"),
        "task_host_revisions_alive 2".to_owned(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    drop(running);
    drop(stats);
    let text = metrics.render(Format::Prometheus);
    assert!(!text.contains("0123456789ab"), "{text}");
    assert!(text.contains("\ntask_host_revisions_alive 1\n"));
    // The revision's last request may be recorded a moment later.
    metrics.request_ended(&labels(200), Duration::from_millis(1));
    let text = metrics.render(Format::Prometheus);
    assert!(!text.contains("0123456789ab"), "{text}");
}

#[test]
fn an_expected_fault_is_zero_before_the_first() {
    let metrics = Metrics::new();
    metrics.expect_faults(&["logic-trapped", "deadline-exceeded"]);
    let text = metrics.render(Format::Prometheus);
    assert!(text.contains("task_host_faults_total{kind=\"logic-trapped\"} 0\n"));
    assert!(text.contains("task_host_faults_total{kind=\"deadline-exceeded\"} 0\n"));
    assert!(text.contains("task_host_limits_hit_total{kind=\"deadline-exceeded\"} 0\n"));
    assert!(!text.contains("task_host_limits_hit_total{kind=\"logic-trapped\"}"));
}

#[test]
fn the_end_of_a_deployment_is_recorded_as_a_time() {
    let metrics = Metrics::new();
    metrics.deployed("rolled-back", "traps", &[("check", 0.5)]);
    let text = metrics.render(Format::Prometheus);
    let start = "task_host_deployment_ended_timestamp_seconds{outcome=\"rolled-back\"} ";
    let ended = text
        .lines()
        .find_map(|line| line.strip_prefix(start))
        .unwrap();
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    assert!(
        (now.as_secs_f64() - ended.parse::<f64>().unwrap()).abs() < 60.0,
        "{ended}"
    );
}
