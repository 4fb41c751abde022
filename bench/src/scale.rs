//! `cargo xtask bench --scale`: how long one request takes with few and with many tasks.
//!
//! A host runs for each number of tasks, on a database of its own, and they are asked in turns by
//! one client: so the load that the machine has besides falls on all of them alike, and the
//! proportions hold where the figures themselves do not. The data goes in by `task-host import`.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use testkit::Settings;
use testkit::client::Connection;
use xtask::component;
use xtask::step;
use xtask::workspace::Workspace;

use crate::arguments::Arguments;
use crate::postgres::Cluster;
use crate::random::Random;
use crate::server::{Server, free_addresses};
use crate::{binaries, copy};

/// Requests of each kind to each host in a round.
const REQUESTS: u64 = 100;
/// When a turn ends early.
const TURN: Duration = Duration::from_secs(1);
/// Rounds that are measured, after one that is not.
const ROUNDS: u64 = 10;

/// A request's method and path, from a number that is drawn anew for each and the number of tasks.
type Kind = fn(u64, u64) -> (&'static str, String);

/// What is asked.
const KINDS: [(&str, Kind); 9] = [
    ("get one", |random, tasks| {
        ("GET", format!("/tasks/{}", random % tasks + 1))
    }),
    ("first page of 100", |_, _| ("GET", "/tasks".into())),
    ("filtered page", |random, _| {
        let assignee = random % copy::ASSIGNEES;
        let path = format!("/tasks?assignee=person-{assignee}&status=pending");
        ("GET", path)
    }),
    ("page by priority", |_, _| {
        ("GET", "/tasks?sort_by=priority&category=bugfix".into())
    }),
    ("search, 20 found", |_, _| {
        ("GET", format!("/tasks?q={}", copy::NEEDLE))
    }),
    ("search, a common word", |_, _| {
        ("GET", format!("/tasks?q={}", copy::COMMON))
    }),
    ("create", |_, _| ("POST", "/tasks".into())),
    ("health, which counts them", |_, _| {
        ("GET", "/health".into())
    }),
    ("statistics", |_, _| ("GET", "/tasks/stats/summary".into())),
];

/// Measures, and writes `scale.md` to `target/bench`.
///
/// # Errors
/// Where PostgreSQL is missing, data is refused, or a host does not answer.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let component = component::build(workspace, component::TASKS)?;
    let binaries = binaries::folder(workspace, arguments, &["task-host"])?;
    let folder = workspace.target.join("bench/scale");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let bench = Bench {
        host: binaries.join("task-host"),
        component,
        folder,
    };
    let cluster = Cluster::start()?;
    let mut markdown = String::new();
    for engine in ["SQLite", "PostgreSQL"] {
        let places = arguments.sizes.iter().map(|tasks| {
            let url = match engine {
                "SQLite" => format!("sqlite:{}/{tasks}.sqlite", bench.folder.display()),
                _ => cluster.database(*tasks)?,
            };
            bench.place(url, *tasks)
        });
        let mut places = places.collect::<Result<Vec<Place>>>()?;
        step::announce(&format!("Asking hosts on {engine} in turns…"));
        let rows = measure(&mut places)?;
        markdown += &table(engine, &places, &rows);
        for place in places {
            place.server.stop()?;
        }
    }
    fs::write(bench.folder.with_file_name("scale.md"), &markdown)?;
    print!("{markdown}");
    Ok(())
}

struct Bench {
    host: PathBuf,
    component: PathBuf,
    folder: PathBuf,
}

/// A host on so many tasks.
struct Place {
    tasks: u64,
    server: Server,
    client: Connection,
}

impl Bench {
    /// Fills a database and starts a host on it.
    fn place(&self, url: String, tasks: u64) -> Result<Place> {
        step::announce(&format!("Importing {tasks} tasks…"));
        // Its first start makes the tables.
        self.start(&url)?.stop()?;
        let empty = step::read(&mut self.command("export", &url))?;
        let began = Instant::now();
        let mut import = self.command("import", &url);
        let mut child = import
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
        let server = self.start(&url)?;
        let client = Connection::open(server.api)?;
        Ok(Place {
            tasks,
            server,
            client,
        })
    }

    fn start(&self, url: &str) -> Result<Server> {
        let (api, admin) = free_addresses()?;
        let log = File::create(self.folder.join("host.log"))?;
        let settings = Settings::new(&self.host)?
            .addresses(api, admin)
            .database(url)
            .component(&self.component)
            .cache(self.folder.join("code-cache"));
        let mut command = settings.command();
        Server::start(command.stdout(Stdio::null()).stderr(log), api, admin)
            .with_context(|| format!("see host.log in {}", self.folder.display()))
    }

    fn command(&self, name: &str, url: &str) -> Command {
        let mut command = Command::new(&self.host);
        // A developer's own settings must not decide what is measured.
        testkit::without_settings(&mut command)
            .args([name, "--database", url])
            .stdin(Stdio::null());
        command
    }
}

/// The times of one kind of request, for each place; none where it was refused.
type Times = Vec<Option<Vec<Duration>>>;

fn measure(places: &mut [Place]) -> Result<Vec<Times>> {
    let mut rows = Vec::with_capacity(KINDS.len());
    for (name, kind) in KINDS {
        let mut times: Times = vec![Some(Vec::new()); places.len()];
        let mut random = Random::new(7);
        for round in 0..=ROUNDS {
            for (place, times) in places.iter_mut().zip(&mut times) {
                let turn = Instant::now();
                for _ in 0..REQUESTS {
                    if turn.elapsed() > TURN {
                        break;
                    }
                    let (method, path) = kind(random.next(), place.tasks);
                    let body = match method {
                        "POST" => copy::draft(&mut random),
                        _ => String::new(),
                    };
                    let began = Instant::now();
                    let answered = place.client.send(method, &path, &body);
                    let took = began.elapsed();
                    let status = answered.with_context(|| format!("{method} {path}"))?.status;
                    match times {
                        Some(times) if matches!(status, 200 | 201) => {
                            times.extend((round > 0).then_some(took));
                        }
                        // Past its deadline, now or before.
                        _ if matches!(status, 200 | 504) => *times = None,
                        _ => bail!("{method} {path}: {status}"),
                    }
                }
            }
        }
        step::note(name);
        rows.push(times);
    }
    Ok(rows)
}

fn table(engine: &str, places: &[Place], rows: &[Times]) -> String {
    let mut text = format!("| {engine}, ms: p50, p99");
    for place in places {
        // Writing to a string cannot fail.
        let _ = write!(text, " | {} tasks", place.tasks);
    }
    let _ = writeln!(text, " | last to first, p50 |");
    let _ = writeln!(text, "{}", "| --- ".repeat(places.len() + 2) + "|");
    for ((name, _), times) in KINDS.iter().zip(rows) {
        let figures: Vec<_> = times
            .iter()
            .map(|times| times.as_deref().map(percentiles))
            .collect();
        let _ = write!(text, "| {name}");
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

/// The median and the 99th percentile in milliseconds.
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
