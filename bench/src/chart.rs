//! The report as a chart: requests per second of each server, a group of bars for each workload.

use std::fmt::Write as _;

use crate::kind::Kind;
use crate::outcome::Outcome;

const WIDTH: f64 = 760.0;
/// Where the bars begin, after the servers' names.
const LEFT: f64 = 130.0;
/// Length of the longest bar. Its number follows it.
const LONGEST: f64 = 480.0;
const ROW: f64 = 20.0;
const HEADING: f64 = 34.0;

/// Returns the chart as SVG. Each group has its own scale, in which the fastest server has the longest
/// bar.
pub fn svg(outcomes: &[Outcome]) -> String {
    let rows: usize = outcomes.iter().map(|outcome| outcome.figures.len()).sum();
    let height = rows as f64 * ROW + outcomes.len() as f64 * HEADING + 12.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n\
         <title>Requests a second of each server, by load</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let mut y = 0.0;
    for outcome in outcomes {
        y += HEADING;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "<text x=\"8\" y=\"{}\" font-weight=\"bold\">{}, requests/s</text>",
            y - 10.0,
            outcome.title()
        );
        let rates = || {
            outcome
                .figures
                .iter()
                .map(|(kind, of)| (*kind, of.requests_per_second))
        };
        let most = rates()
            .map(|(_, rate)| rate.median)
            .fold(f64::MIN_POSITIVE, f64::max);
        for (kind, rate) in rates() {
            let middle = y + ROW * 0.7;
            let length = rate.median / most * LONGEST;
            let _ = writeln!(
                text,
                "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>\
                 <rect x=\"{LEFT}\" y=\"{}\" width=\"{length:.1}\" height=\"{}\" fill=\"{}\"/>\
                 <text x=\"{:.1}\" y=\"{middle}\">{rate:.0}</text>",
                LEFT - 8.0,
                kind.label(),
                y + 3.0,
                ROW - 6.0,
                color(kind),
                LEFT + length + 6.0,
            );
            y += ROW;
        }
    }
    text + "</svg>\n"
}

fn color(kind: Kind) -> &'static str {
    match kind {
        Kind::Host | Kind::HostWithoutSync | Kind::HostWithoutRecordings => "#3565b8",
        Kind::Twin => "#7a8aa0",
        Kind::FastApi | Kind::Flask | Kind::WasmtimeServe => "#c4cbd6",
    }
}
