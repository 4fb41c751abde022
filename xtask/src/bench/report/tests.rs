//! What a report says of figures that are made up.

use super::*;
use crate::bench::chart;
use crate::bench::instantiation::Instantiation;
use crate::bench::workload::WORKLOADS;

fn always(figure: f64) -> Spread {
    Spread {
        median: figure,
        min: figure,
        max: figure,
    }
}

/// The first workload, GET one, with these ratios to the twin.
fn report(throughput: f64, cpu: f64, core_used: f64) -> Report {
    let figures = Figures {
        requests_per_second: always(1000.0),
        p50_ms: always(1.0),
        p99_ms: always(2.0),
        cpu_us: always(40.0),
        core_used: always(core_used),
    };
    let ratio = Ratio {
        throughput: always(throughput),
        cpu: always(cpu),
    };
    Report {
        cores: 2,
        plan: Plan::QUICK,
        outcomes: vec![Outcome {
            workload: WORKLOADS[0],
            figures: vec![(Kind::Host, figures.clone()), (Kind::Twin, figures)],
            ratios: vec![(Kind::Twin, ratio)],
            instantiation: Instantiation {
                mean_us: 7.0,
                median_at_most_us: 5.0,
                count: 100.0,
            },
        }],
        starts: Starts {
            cached_ms: always(14.0),
            compiling_ms: always(1400.0),
            idle_mb: always(34.0),
        },
    }
}

#[test]
fn the_json_has_the_ratio_of_throughputs_where_scripts_look_for_it() {
    let json = report(0.62, 0.6, 1.0).json();
    assert_eq!(json["ratios"]["get_one"]["native"], json!(0.62));
}

#[test]
fn a_table_says_what_was_met_and_what_was_missed() {
    let text = report(0.78, 0.6, 1.0).markdown();
    assert!(text.contains("| 0.75 | 0.78 (0.78..0.78); by CPU time 0.60 (0.60..0.60) | met |"));
    assert!(text.contains("| 1000 | 1400.0 (1400.0..1400.0) | missed |"));
}

#[test]
fn the_chart_has_a_bar_for_each_server() {
    let chart = chart::svg(&report(0.5, 0.5, 1.0).outcomes);
    assert_eq!(chart.matches("fill=\"#").count(), 3, "two bars on a ground");
    assert!(chart.contains(">native twin</text>"));
    assert!(chart.contains(">1000 (1000..1000)</text>"));
}

#[test]
fn a_server_that_was_not_saturated_is_judged_by_its_cpu_time() {
    let report = report(0.86, 0.55, 0.47);
    assert!(
        report
            .markdown()
            .contains("| 0.75 | by CPU time 0.55 (0.55..0.55); throughput")
    );
    assert_eq!(report.json()["ratios"]["get_one"]["native"], json!(0.55));
    assert_eq!(report.json()["workloads"]["get_one"]["judged_by"], "cpu");
}
