//! `cargo xtask bench --scale`: how long one request takes with few and with many tasks.
//!
//! A host runs for each number of tasks, on a database of its own. One client sends to them in turns,
//! so that other load on the machine affects all of them alike: the ratios hold even if the times
//! themselves do not. `task-host import` fills the databases.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use testkit::client::Connection;
use xtask::step;
use xtask::workspace::Workspace;

use crate::arguments::Arguments;
use crate::copy;
use crate::hosts::Hosts;
use crate::postgres::Cluster;
use crate::random::Random;
use crate::server::Server;

/// Requests of each kind to each host in a round.
const REQUESTS_A_TURN: u64 = 100;
/// After this time a turn ends early.
const TURN: Duration = Duration::from_secs(1);
/// Rounds that are measured, after one that is not.
const ROUNDS: u64 = 10;

/// Returns a request's method and path for a random number and the number of tasks.
type Draw = fn(u64, u64) -> (&'static str, String);

/// The kinds of requests, each with its title.
const REQUESTS: [(&str, Draw); 13] = [
    ("get one", |random, tasks| {
        ("GET", format!("/tasks/{}", random % tasks + 1))
    }),
    ("first page of 100", |_, _| ("GET", "/tasks".into())),
    ("filtered page", |random, _| {
        let assignee = random % copy::ASSIGNEES;
        let path = format!("/tasks?assignee=person-{assignee}&status=pending");
        ("GET", path)
    }),
    ("page of a category, by priority", |_, _| {
        ("GET", "/tasks?category=bugfix&sort_by=priority".into())
    }),
    ("page of a status, by due time", |_, _| {
        ("GET", "/tasks?status=pending&sort_by=due_at".into())
    }),
    ("page of an assignee, by time of change", |random, _| {
        let assignee = random % copy::ASSIGNEES;
        let path = format!("/tasks?assignee=person-{assignee}&sort_by=updated_at");
        ("GET", path)
    }),
    ("page of a label, by status", |random, _| {
        let label = random % copy::LABELS;
        let path = format!("/tasks?tags=label-{label}&sort_by=status");
        ("GET", path)
    }),
    ("search, 20 found", |_, _| {
        ("GET", format!("/tasks?q={}", copy::NEEDLE))
    }),
    ("search, a common word", |_, _| {
        ("GET", format!("/tasks?q={}", copy::COMMON))
    }),
    ("create", |_, _| ("POST", "/tasks".into())),
    ("health", |_, _| ("GET", "/health".into())),
    ("summary", |_, _| ("GET", "/tasks/stats/summary".into())),
    ("productivity", |_, _| {
        ("GET", "/tasks/analytics/productivity".into())
    }),
];

/// Measures, and writes `scale.md` to `target/bench`.
///
/// # Errors
/// If PostgreSQL is missing, data is refused, or a host does not answer.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let hosts = Hosts::prepare(workspace, arguments, "scale")?;
    let cluster = Cluster::start()?;
    let mut markdown = String::new();
    for engine in ["SQLite", "PostgreSQL"] {
        let filled = arguments.sizes.iter().map(|tasks| {
            let url = match engine {
                "SQLite" => format!("sqlite:{}/{tasks}.sqlite", hosts.folder.display()),
                _ => cluster.database(*tasks)?,
            };
            Filled::start(&hosts, url, *tasks)
        });
        let mut filled = filled.collect::<Result<Vec<_>>>()?;
        step::announce(&format!("Sending requests to hosts on {engine} in turns…"));
        let rows = measure(&mut filled)?;
        markdown += &table(engine, &filled, &rows);
        for host in filled {
            host.server.stop()?;
        }
    }
    fs::write(hosts.folder.with_file_name("scale.md"), &markdown)?;
    print!("{markdown}");
    Ok(())
}

/// A host on a database with a number of tasks.
struct Filled {
    tasks: u64,
    server: Server,
    client: Connection,
}

impl Filled {
    /// Fills a database and starts a host on it.
    fn start(hosts: &Hosts, url: String, tasks: u64) -> Result<Self> {
        step::announce(&format!("Importing {tasks} tasks…"));
        let start = || {
            hosts.start("host", |settings| {
                let cache = hosts.folder.join("code-cache");
                let settings = settings.database(&url).cache(cache);
                // What is measured is what the database does.
                settings.flag("--answer-cache", "0")
            })
        };
        // The first start makes the tables.
        start()?.stop()?;
        let empty = step::read(&mut command(hosts, "export", &url))?;
        let began = Instant::now();
        let mut child = command(hosts, "import", &url)
            .arg("-")
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let input = child.stdin.take().context("standard input is piped")?;
        let written = copy::write(&empty, tasks, input);
        if !child.wait()?.success() {
            bail!("the import failed");
        }
        written?;
        step::note(&format!("{:.1} s", began.elapsed().as_secs_f64()));
        let server = start()?;
        let mut client = Connection::open(server.api)?;
        recount(&mut client)?;
        Ok(Self {
            tasks,
            server,
            client,
        })
    }
}

/// Counts the imported tasks for the figures over all tasks.
fn recount(client: &mut Connection) -> Result<()> {
    let began = Instant::now();
    loop {
        let answer = client.post("/tasks/stats/recount", "")?;
        if answer.status != 200 {
            bail!("the recount answered {}: {}", answer.status, answer.text());
        }
        if answer.text().contains("\"complete\":true") {
            step::note(&format!(
                "counted in {:.1} s",
                began.elapsed().as_secs_f64()
            ));
            return Ok(());
        }
    }
}

/// A subcommand of the host on a database.
fn command(hosts: &Hosts, name: &str, url: &str) -> Command {
    let mut command = Command::new(&hosts.binary);
    testkit::without_settings(&mut command)
        .args([name, "--database", url])
        .stdin(Stdio::null());
    command
}

/// The times of one kind of request on each host. `None` for a host that refused it.
type Times = Vec<Option<Vec<Duration>>>;

fn measure(hosts: &mut [Filled]) -> Result<Vec<Times>> {
    let mut rows = Vec::with_capacity(REQUESTS.len());
    for (title, draw) in REQUESTS {
        let mut times: Times = vec![Some(Vec::new()); hosts.len()];
        let mut random = Random::new(7);
        for round in 0..=ROUNDS {
            for (host, times) in hosts.iter_mut().zip(&mut times) {
                let turn = Instant::now();
                for _ in 0..REQUESTS_A_TURN {
                    if turn.elapsed() > TURN {
                        break;
                    }
                    let (method, path) = draw(random.next(), host.tasks);
                    let body = match method {
                        "POST" => copy::draft(&mut random),
                        _ => String::new(),
                    };
                    let began = Instant::now();
                    let answered = host.client.send(method, &path, &body);
                    let took = began.elapsed();
                    let status = answered.with_context(|| format!("{method} {path}"))?.status;
                    match times {
                        Some(times) if matches!(status, 200 | 201) => {
                            times.extend((round > 0).then_some(took));
                        }
                        // It missed its deadline, in this round or in an earlier one.
                        _ if matches!(status, 200 | 504) => *times = None,
                        _ => bail!("{method} {path}: {status}"),
                    }
                }
            }
        }
        step::note(title);
        rows.push(times);
    }
    Ok(rows)
}

fn table(engine: &str, hosts: &[Filled], rows: &[Times]) -> String {
    let mut text = format!("| {engine}, ms: p50, p99");
    for host in hosts {
        // Writing to a string cannot fail.
        let _ = write!(text, " | {} tasks", host.tasks);
    }
    let _ = writeln!(text, " | last to first, p50 |");
    let _ = writeln!(text, "{}", "| --- ".repeat(hosts.len() + 2) + "|");
    for ((title, _), times) in REQUESTS.iter().zip(rows) {
        let figures: Vec<_> = times
            .iter()
            .map(|times| times.as_deref().map(percentiles))
            .collect();
        let _ = write!(text, "| {title}");
        for figure in &figures {
            let _ = match figure {
                Some((p50, p99)) => write!(text, " | {p50:.2}, {p99:.2}"),
                None => write!(text, " | past the deadline"),
            };
        }
        let _ = match (figures.first(), figures.last()) {
            (Some(Some(first)), Some(Some(last))) => writeln!(text, " | {:.2} |", last.0 / first.0),
            _ => writeln!(text, " | - |"),
        };
    }
    text + "\n"
}

/// Returns the median and the 99th percentile in milliseconds.
fn percentiles(times: &[Duration]) -> (f64, f64) {
    let mut times: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    times.sort_by(f64::total_cmp);
    let at = |part: usize| times.get(times.len() * part / 100).copied();
    (at(50).unwrap_or(f64::NAN), at(99).unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_times() {
        let times: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(percentiles(&times), (101.0, 199.0));
    }
}
