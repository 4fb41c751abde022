//! Reports of invented figures.

use super::*;
use crate::chart;
use crate::instantiation::Instantiation;
use crate::outcome::{PacedFigures, Ratio};
use crate::statistics::Spread;
use crate::store::Engine;
use crate::workload::WORKLOADS;

fn always(figure: f64) -> Spread {
    Spread {
        median: figure,
        min: figure,
        max: figure,
    }
}

/// A workload with these ratios to the twin and that many requests per second.
fn outcome(key: &str, ratio: [f64; 2], core_used: f64, rate: f64) -> Outcome {
    let workload = WORKLOADS.iter().find(|load| load.key == key).unwrap();
    let figures = Figures {
        requests_per_second: always(rate),
        full_load_p50_ms: always(1.0),
        full_load_p99_ms: always(2.0),
        cpu_us: always(40.0),
        core_used: always(core_used),
        paced: Some(PacedFigures {
            p50_ms: always(0.5),
            p99_ms: always(1.5),
            kept: always(1.0),
        }),
    };
    let ratio = Ratio {
        throughput: always(ratio[0]),
        cpu: always(ratio[1]),
        p99: Some(always(1.25)),
    };
    Outcome {
        workload: *workload,
        engine: Engine::Sqlite,
        figures: vec![(Kind::Host, figures.clone()), (Kind::Twin, figures)],
        ratios: vec![(Kind::Twin, ratio)],
        rate: Some(600.0),
        instantiation: Instantiation {
            mean_us: 7.0,
            median_at_most_us: 5.0,
            count: 100.0,
        },
    }
}

fn report(outcomes: Vec<Outcome>) -> Report {
    Report {
        cores: 2,
        sleep: "kept awake",
        plan: Plan::QUICK,
        built: "the profile `dist`".to_owned(),
        outcomes,
        failed: vec!["PostgreSQL, statistics".to_owned()],
        starts: Some(Starts {
            cached_ms: always(14.0),
            compiling_ms: always(1400.0),
            idle_mb: always(34.0),
            crowd_mb: always(200.0),
        }),
        commands: vec![(Kind::Host, "task-host serve --workers 1".to_owned())],
    }
}

fn get_one(throughput: f64, cpu: f64, core_used: f64) -> Report {
    report(vec![outcome(
        "get_one",
        [throughput, cpu],
        core_used,
        1000.0,
    )])
}

#[test]
fn the_json_has_the_ratio_of_throughputs_where_scripts_look_for_it() {
    let json = get_one(0.62, 0.6, 1.0).json();
    assert_eq!(json["ratios"]["get_one"]["native"], json!(0.62));
}

#[test]
fn a_workload_on_postgresql_has_a_key_of_its_own() {
    let mut outcome = outcome("get_one", [0.5, 0.5], 1.0, 1000.0);
    outcome.engine = Engine::Postgres;
    let json = report(vec![outcome]).json();
    assert_eq!(json["ratios"]["postgres_get_one"]["native"], json!(0.5));
}

#[test]
fn a_table_says_which_aims_were_met_and_missed() {
    let text = get_one(1.38, 0.6, 1.0).markdown();
    assert!(text.contains("| 1.3 | 1.38 (1.38..1.38); by CPU time 0.60 (0.60..0.60) | met |"));
    assert!(text.contains("| 1.5 | 1.25 (1.25..1.25) at 600/s | met |"));
    assert!(text.contains("| 1000 | 1400.0 (1400.0..1400.0) | missed |"));
    assert!(text.contains("| host | `task-host serve --workers 1` |"));
    assert!(text.contains("because it failed: PostgreSQL, statistics."));
}

#[test]
fn latencies_of_a_rate_that_was_not_kept_do_not_count() {
    let mut outcome = outcome("get_one", [0.8, 0.8], 1.0, 1000.0);
    let paced = outcome.figures[1].1.paced.as_mut().unwrap();
    paced.kept = always(0.5);
    let text = report(vec![outcome]).markdown();
    assert!(text.contains("1.25 (1.25..1.25) at 600/s, which was not kept | missed |"));
    assert!(text.contains("at 600/s, of which 50 % were answered |"));
}

#[test]
fn creates_at_64_connections_are_compared_with_those_at_one() {
    let alone = outcome("create", [1.0, 1.0], 0.5, 500.0);
    let many = outcome("create_64", [1.0, 1.0], 0.9, 2500.0);
    let text = report(vec![alone, many]).markdown();
    assert!(text.contains("in relation to one sync a create | 4 | 5.00 | met |"));
}

#[test]
fn the_chart_has_a_bar_for_each_server() {
    let chart = chart::svg(&get_one(0.5, 0.5, 1.0).outcomes);
    assert_eq!(chart.matches("fill=\"#").count(), 3, "two bars on a ground");
    assert!(chart.contains(">native twin</text>"));
    assert!(chart.contains(">1000 (1000..1000)</text>"));
}

#[test]
fn a_server_that_was_not_saturated_is_judged_by_its_cpu_time() {
    let report = get_one(0.86, 0.55, 0.47);
    assert!(
        report
            .markdown()
            .contains("| 1.3 | by CPU time 0.55 (0.55..0.55); throughput")
    );
    let json = report.json();
    assert_eq!(json["ratios"]["get_one"]["native"], json!(0.55));
    assert_eq!(
        json["workloads"]["get_one"]["ratios"]["native"]["judged_by"],
        "cpu"
    );
}
