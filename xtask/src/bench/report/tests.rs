//! What a report says of figures that are made up.

use super::*;
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
    let text = report(0.62, 0.6, 1.0).markdown();
    assert!(text.contains("| 0.60 | 0.62 (0.62..0.62); by CPU time 0.60 (0.60..0.60) | met |"));
    assert!(text.contains("| 1000 | 1400.0 (1400.0..1400.0) | missed |"));
}

#[test]
fn a_server_that_was_not_saturated_is_judged_by_its_cpu_time() {
    let text = report(0.86, 0.55, 0.47).markdown();
    assert!(text.contains("| missed by CPU time; the core was not saturated |"));
}
