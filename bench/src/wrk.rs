//! The load generator: `wrk`, on a core of its own.
//!
//! It keeps every connection busy with one request at a time, so it measures the server's throughput.
//! It waits for an answer before it sends the next request, so its latencies leave out the delay that a
//! slow answer causes for later requests: `paced` measures that.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use xtask::step;

/// The core that the load generator runs on. The server has another one.
pub const CORE: &str = "1";

/// The measurements of wrk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Answered requests per second.
    pub requests_per_second: f64,
    /// The median latency.
    pub p50: Duration,
    /// The 99th percentile of the latency.
    pub p99: Duration,
}

/// Checks that wrk and taskset are installed.
///
/// # Errors
/// If one is missing. The text says how to install it.
pub fn require() -> Result<()> {
    // wrk exits with 1 for --version, so it is enough that it can be started.
    Command::new("wrk")
        .arg("--version")
        .output()
        .context("wrk is missing: apt-get install wrk")?;
    step::read(Command::new("taskset").arg("--version"))
        .context("taskset is missing: apt-get install util-linux")?;
    Ok(())
}

/// Sends the requests of a file, which the module `requests` writes, to a server.
///
/// # Errors
/// If wrk fails, or an answer has an unexpected status.
pub fn load(
    generator: &Generator,
    server: SocketAddr,
    connections: u32,
    duration: Duration,
) -> Result<Measured> {
    let mut command = Command::new("taskset");
    command
        .args(["-c", CORE, "wrk", "--latency", "--threads", "1"])
        .args(["--connections", &connections.to_string()])
        .args(["--duration", &format!("{}s", duration.as_secs())])
        .args(["--timeout", "10s", "--script"])
        .arg(&generator.script)
        .arg(format!("http://{server}"))
        .arg("--")
        .arg(&generator.requests);
    let output = step::read(&mut command)?;
    parse(&output, generator.refused).with_context(|| format!("the report of wrk:\n{output}"))
}

/// What wrk sends.
#[derive(Debug, Clone)]
pub struct Generator {
    /// The script that sends the requests of a file.
    pub script: PathBuf,
    /// The file of requests.
    pub requests: PathBuf,
    /// Whether every answer must be a refusal. Otherwise no answer may be one.
    pub refused: bool,
}

/// Reads wrk's report.
fn parse(report: &str, refused: bool) -> Result<Measured> {
    let mut found = (None, None, None);
    let (mut answers, mut refusals) = (0, 0);
    for line in report.lines().map(str::trim) {
        if let Some(errors) = line.strip_prefix("Socket errors:") {
            bail!("connections failed:{errors}");
        }
        if let Some(count) = line.strip_prefix("Non-2xx or 3xx responses:") {
            refusals = count.trim().parse().context("no number of refusals")?;
        }
        if let Some((count, _)) = line.split_once(" requests in ") {
            answers = count.parse::<u64>().context("no number of answers")?;
        }
        if let Some(rate) = line.strip_prefix("Requests/sec:") {
            found.0 = Some(rate.trim().parse().context("no number of requests")?);
        }
        if let Some(latency) = line.strip_prefix("50%") {
            found.1 = Some(duration(latency.trim())?);
        }
        if let Some(latency) = line.strip_prefix("99%") {
            found.2 = Some(duration(latency.trim())?);
        }
    }
    let expected = if refused { answers } else { 0 };
    ensure!(
        refusals == expected,
        "{refusals} of {answers} answers were refusals, and {expected} should have been"
    );
    let (Some(requests_per_second), Some(p50), Some(p99)) = found else {
        bail!("the report lacks its rate or its latencies");
    };
    Ok(Measured {
        requests_per_second,
        p50,
        p99,
    })
}

/// Reads `634.00us`, `1.23ms`, `2.10s` or `1.50m`.
fn duration(text: &str) -> Result<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds = match &text[digits.len()..] {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => bail!("{text} is not a duration"),
    };
    let count: f64 = digits
        .parse()
        .with_context(|| format!("{text} is not a duration"))?;
    Ok(Duration::try_from_secs_f64(count * seconds)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "\
Running 2s test @ http://127.0.0.1:8000/tasks/1
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.55ms    1.01ms  20.53ms   93.21%
    Req/Sec    25.30k     1.20k   27.01k    80.00%
  Latency Distribution
     50%    2.41ms
     75%    2.70ms
     90%    3.10ms
     99%  734.00us
  50412 requests in 2.00s, 30.10MB read
Requests/sec:  25199.07
Transfer/sec:     15.05MB
";

    #[test]
    fn rate_and_latencies_are_read_from_a_report() {
        let measured = parse(REPORT, false).unwrap();
        assert_eq!(measured.requests_per_second, 25199.07);
        assert_eq!(measured.p50, Duration::from_micros(2410));
        assert_eq!(measured.p99, Duration::from_micros(734));
    }

    #[test]
    fn unexpected_refusals_fail_the_run() {
        let report = format!("{REPORT}  Non-2xx or 3xx responses: 17\n");
        let error = parse(&report, false).unwrap_err();
        let said = "17 of 50412 answers were refusals, and 0 should have been";
        assert_eq!(error.to_string(), said);
        assert!(parse(&report, true).is_err());
        let all = format!("{REPORT}  Non-2xx or 3xx responses: 50412\n");
        assert!(parse(&all, true).is_ok());
    }

    #[test]
    fn failed_connections_fail_the_run() {
        let report = format!("{REPORT}  Socket errors: connect 0, read 3, write 0, timeout 0\n");
        let error = parse(&report, false).unwrap_err();
        assert_eq!(
            error.to_string(),
            "connections failed: connect 0, read 3, write 0, timeout 0"
        );
    }

    #[test]
    fn a_report_without_figures_is_an_error() {
        assert!(parse("Running 2s test", false).is_err());
    }

    #[test]
    fn durations_have_four_units() {
        assert_eq!(duration("634.00us").unwrap(), Duration::from_micros(634));
        assert_eq!(duration("1.25ms").unwrap(), Duration::from_micros(1250));
        assert_eq!(duration("2.50s").unwrap(), Duration::from_millis(2500));
        assert_eq!(duration("1.50m").unwrap(), Duration::from_secs(90));
        assert!(duration("12").is_err());
    }
}
