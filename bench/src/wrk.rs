//! The load generator: `wrk`, on a core of its own.
//!
//! It keeps every connection busy with one request at a time, so what it measures is the
//! server's throughput. It waits for an answer before it asks again, so its latencies leave out
//! the waits that a slow answer makes for others: `paced` measures those.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use xtask::step;

/// The core that wrk runs on; the server has another.
pub const CORE: &str = "1";

/// What wrk measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Requests answered in a second.
    pub requests_per_second: f64,
    /// Half of the answers came within this.
    pub p50: Duration,
    /// 99 % of the answers came within this.
    pub p99: Duration,
}

/// Fails where wrk or taskset is missing, and says how to get it.
///
/// # Errors
/// As it says.
pub fn require() -> Result<()> {
    // wrk ends with 1 on --version, as on no arguments: that it can be started is enough.
    Command::new("wrk")
        .arg("--version")
        .output()
        .context("wrk is missing: apt-get install wrk")?;
    step::read(Command::new("taskset").arg("--version"))
        .context("taskset is missing: apt-get install util-linux")?;
    Ok(())
}

/// Sends the requests of a file (see `requests`) to a server.
///
/// # Errors
/// Where wrk fails, or any answer was not what it is to be.
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
    parse(&output, generator.refused).with_context(|| format!("wrk said:\n{output}"))
}

/// What wrk sends.
#[derive(Debug, Clone)]
pub struct Generator {
    /// The script that sends a file's requests.
    pub script: PathBuf,
    /// The file.
    pub requests: PathBuf,
    /// Whether every answer is to be a refusal; otherwise none may be.
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
        _ => bail!("{text} is no duration"),
    };
    let count: f64 = digits
        .parse()
        .with_context(|| format!("{text} is no duration"))?;
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
    fn a_report_tells_rate_and_latencies() {
        let measured = parse(REPORT, false).unwrap();
        assert_eq!(measured.requests_per_second, 25199.07);
        assert_eq!(measured.p50, Duration::from_micros(2410));
        assert_eq!(measured.p99, Duration::from_micros(734));
    }

    #[test]
    fn answers_that_were_no_success_fail_the_run() {
        let report = format!("{REPORT}  Non-2xx or 3xx responses: 17\n");
        let error = parse(&report, false).unwrap_err();
        let said = "17 of 50412 answers were refusals, and 0 should have been";
        assert_eq!(error.to_string(), said);
        assert!(parse(&report, true).is_err());
        let all = format!("{REPORT}  Non-2xx or 3xx responses: 50412\n");
        assert!(parse(&all, true).is_ok());
    }

    #[test]
    fn connections_that_failed_fail_the_run() {
        let report = format!("{REPORT}  Socket errors: connect 0, read 3, write 0, timeout 0\n");
        let error = parse(&report, false).unwrap_err();
        assert_eq!(
            error.to_string(),
            "connections failed: connect 0, read 3, write 0, timeout 0"
        );
    }

    #[test]
    fn a_report_without_its_figures_is_no_measurement() {
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
