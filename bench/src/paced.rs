//! Measures latency at a constant rate with `oha`, on the load generator's core.
//!
//! If a server stalls, every request that is due meanwhile is late, and its latency is counted from the
//! tick in which it was due (no coordinated omission). The clock of oha ticks in milliseconds, and all
//! requests of one tick are sent together: the same for every server.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::requests;
use crate::workload::{RequestKind, Workload};
use crate::wrk::CORE;

/// Seconds at the start that do not count, because connections are made then.
const SETTLE: f64 = 0.5;

/// The measurements at a constant rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paced {
    /// The median latency in milliseconds.
    pub p50_ms: f64,
    /// The 99th percentile of the latency in milliseconds.
    pub p99_ms: f64,
    /// Answers as a fraction of the requests that were due. Below 1 the server did not keep up, and the
    /// latencies are too small.
    pub kept: f64,
}

/// Sends a workload's requests at a constant rate.
///
/// # Errors
/// If oha fails, or an answer has an unexpected status.
pub fn load(
    oha: &Path,
    folder: &Path,
    server: SocketAddr,
    workload: &Workload,
    rate: f64,
    duration: Duration,
) -> Result<Paced> {
    let mut running = Vec::new();
    for (number, request) in workload.requests.iter().enumerate() {
        let file = |what: &str| folder.join(format!("paced-{number}.{what}"));
        let (urls, out) = (file("urls"), file("csv"));
        requests::write_urls(&urls, request, workload.named_tasks(), server)?;
        let child = command(oha, workload, request, rate, duration, [&urls, &out]).spawn();
        running.push((Running(child.context("cannot start oha")?), out));
    }
    let mut durations = Vec::new();
    for (mut child, out) in running {
        let status = child.0.wait()?;
        ensure!(status.success(), "oha failed: {status}");
        let text = fs::read_to_string(&out).with_context(|| format!("{}", out.display()))?;
        read(&text, workload.refused, &mut durations)?;
    }
    let expected = rate * (duration.as_secs_f64() - SETTLE);
    summary(durations, expected)
}

fn command(
    oha: &Path,
    workload: &Workload,
    request: &RequestKind,
    rate: f64,
    duration: Duration,
    [urls, out]: [&PathBuf; 2],
) -> Command {
    let share = f64::from(request.share) / 100.0;
    let connections = (f64::from(workload.connections) * share).ceil();
    let mut command = Command::new("taskset");
    command
        .args(["-c", CORE])
        .arg(oha)
        .args(["--no-tui", "--latency-correction", "--disable-compression"])
        .args(["--wait-ongoing-requests-after-deadline", "-t", "10s"])
        .args(["-z", &format!("{}s", duration.as_secs())])
        .args(["-q", &format!("{:.1}", rate * share)])
        .args(["-c", &connections.to_string()])
        .args(["-m", request.method])
        .args(["--output-format", "csv", "-o"])
        .arg(out);
    let body = request.body();
    if !body.is_empty() {
        command.args(["-T", "application/json", "-d", &body]);
    }
    command
        .arg("--urls-from-file")
        .arg(urls)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// A running load generator. Dropping it kills the process.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads the duration of each answer in seconds from oha's table.
fn read(table: &str, refused: bool, durations: &mut Vec<f64>) -> Result<()> {
    for line in table.lines().skip(1) {
        let mut cells = line.split(',');
        let begun: f64 = cells.next().context("no start")?.parse()?;
        let took: f64 = cells.nth(3).context("no duration")?.parse()?;
        let status: u16 = cells.nth(1).context("no status")?.parse()?;
        ensure!(
            (200..300).contains(&status) != refused && status < 500,
            "an answer was {status}"
        );
        durations.extend((begun >= SETTLE).then_some(took));
    }
    Ok(())
}

fn summary(mut durations: Vec<f64>, expected: f64) -> Result<Paced> {
    durations.sort_by(f64::total_cmp);
    let at = |part: usize| {
        let seconds = durations.get(durations.len() * part / 100);
        seconds.map(|seconds| seconds * 1e3)
    };
    Ok(Paced {
        p50_ms: at(50).context("nothing was answered")?,
        p99_ms: at(99).context("nothing was answered")?,
        kept: durations.len() as f64 / expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
request-start,DNS,DNS+dialup,Response-delay,request-duration,bytes,status
0.1,0,0.001,0.009,0.009,120,200
0.6,0,0,0.001,0.002,120,200
0.7,0,0,0.001,0.004,120,200
";

    #[test]
    fn durations_count_after_the_connections_are_made() {
        let mut durations = Vec::new();
        read(TABLE, false, &mut durations).unwrap();
        assert_eq!(durations, [0.002, 0.004]);
        let paced = summary(durations, 4.0).unwrap();
        assert_eq!((paced.p50_ms, paced.p99_ms, paced.kept), (4.0, 4.0, 0.5));
    }

    #[test]
    fn an_answer_with_an_unexpected_status_fails_the_run() {
        assert!(read(TABLE, true, &mut Vec::new()).is_err());
        let failed = TABLE.replace("120,200", "120,503");
        assert!(read(&failed, true, &mut Vec::new()).is_err());
        let refused = TABLE.replace("120,200", "120,422");
        assert!(read(&refused, true, &mut Vec::new()).is_ok());
    }

    #[test]
    fn a_run_without_answers_is_an_error() {
        assert!(summary(Vec::new(), 10.0).is_err());
    }
}
