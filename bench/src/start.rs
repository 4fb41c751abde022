//! How long the host takes until it is ready, and its memory when idle and under load.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Serialize;
use testkit::client::Request;
use xtask::step;

use crate::kind::Kind;
use crate::setup::{CROWD, Options, Setup, Within};
use crate::statistics::Spread;
use crate::wrk::{self, Generator};

/// How long the host is left alone before its memory is measured.
const SETTLE: Duration = Duration::from_secs(2);
/// How long [`CROWD`] requests are in flight.
const CROWDED: Duration = Duration::from_secs(3);

/// Times and memory of starts.
#[derive(Debug, Clone, Serialize)]
pub struct Starts {
    /// From start to ready in milliseconds, with compiled code in the cache.
    pub cached_ms: Spread,
    /// From start to ready in milliseconds, with an empty cache.
    pub compiling_ms: Spread,
    /// Resident memory in MB after the start and a few requests.
    pub idle_mb: Spread,
    /// The peak of resident memory in MB while [`CROWD`] requests for lists of 100 tasks are always in
    /// flight, and all of them may run at once.
    pub crowd_mb: Spread,
}

/// Starts the host several times, on all cores. The `options` name a filled cache and a seeded database.
///
/// # Errors
/// If the host does not start.
pub fn measure(setup: &Setup, times: usize, options: Options<'_>, script: &Path) -> Result<Starts> {
    step::announce(&format!("Starting the host, {times} times each way…"));
    let empty = setup.folder.join("empty-cache");
    let (mut cached, mut compiling) = (Vec::new(), Vec::new());
    let (mut idle, mut crowd) = (Vec::new(), Vec::new());
    for _ in 0..times {
        cached.push(ready_after(setup, options)?);
        remove(&empty)?;
        let without_code = Options {
            cache: &empty,
            ..options
        };
        compiling.push(ready_after(setup, without_code)?);
    }
    let lists = Generator {
        script: script.to_owned(),
        requests: setup.folder.join("lists.txt"),
        refused: false,
    };
    fs::write(&lists.requests, "GET\t/tasks?limit=100\t\n")?;
    for _ in 0..times.min(3) {
        idle.push(idle_mb(setup, options)?);
        crowd.push(crowd_mb(setup, options, &lists)?);
    }
    let spread = |figures: Vec<f64>| Spread::of(figures).ok_or(anyhow::anyhow!("no starts"));
    let starts = Starts {
        cached_ms: spread(cached)?,
        compiling_ms: spread(compiling)?,
        idle_mb: spread(idle)?,
        crowd_mb: spread(crowd)?,
    };
    step::note(&format!(
        "ready after {:.0} ms, compiling {:.0} ms; {:.1} MB idle, {:.1} MB at most with {CROWD} requests",
        starts.cached_ms, starts.compiling_ms, starts.idle_mb, starts.crowd_mb
    ));
    Ok(starts)
}

fn ready_after(setup: &Setup, options: Options<'_>) -> Result<f64> {
    let server = setup.start(Kind::Host, options)?;
    let ready_after = server.ready_after.as_secs_f64() * 1e3;
    server.stop()?;
    Ok(ready_after)
}

fn idle_mb(setup: &Setup, options: Options<'_>) -> Result<f64> {
    let server = setup.start(Kind::Host, options)?;
    for path in ["/tasks/1", "/tasks/2", "/tasks?limit=100", "/health"] {
        let answer = Request::new(server.api, "GET", path).try_send()?;
        ensure!(answer.status == 200, "GET {path}: {}", answer.status);
    }
    thread::sleep(SETTLE);
    let resident = server.resident_bytes()?;
    server.stop()?;
    Ok(resident as f64 / 1e6)
}

fn crowd_mb(setup: &Setup, options: Options<'_>, lists: &Generator) -> Result<f64> {
    let options = Options {
        // What the runs take is measured.
        cold: true,
        within: Within::Crowd,
        ..options
    };
    let server = setup.start(Kind::Host, options)?;
    wrk::load(lists, server.api, CROWD, CROWDED)?;
    let resident = server.most_resident_bytes()?;
    server.stop()?;
    Ok(resident as f64 / 1e6)
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(())
}
