//! `cargo xtask bench --instructions`: how many instructions a request costs, for CI.
//!
//! The real host serves one connection under `valgrind --tool=callgrind`, which counts every
//! instruction outside the kernel, the guest's compiled code included. The count depends on the code
//! and hardly on the machine: a slow-down shows as a number in review, however busy the machine is.
//! No route counts as long there (`--long-run`), because under valgrind every run takes so long that all of them
//! would. Two influences remain: the epoch ticker interrupts the guest more often if valgrind is slower, and
//! statements that take a millisecond or more run as blocking work.
//!
//! The counts hold for one toolchain and one family of processors, because libraries choose their
//! fastest loops at run time. If they changed for a good reason, `--record` records the new ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use testkit::client::Connection;
use xtask::step;
use xtask::workspace::Workspace;

use crate::binaries;
use crate::kind::Kind;
use crate::seed;
use crate::server::Server;
use crate::setup::{Options, Setup, Within};
use crate::store::Engine;
use crate::workload::TASKS;

/// How far a count may exceed the recorded one. Runs on one machine differed by less than 1 %, and
/// libraries run other code on another processor.
const TOLERANCE: f64 = 0.05;

/// The number of tasks whose words the task component moves into its index together. As many creates have their
/// share of that work, wherever the counting begins.
const MOVE: u32 = 512;

/// A request whose instructions are counted.
struct Counted {
    key: &'static str,
    path: &'static str,
    /// The body of a POST. `None` for a GET.
    body: Option<String>,
    /// Number of requests that are counted, after a fifth as many that warm up.
    times: u32,
}

fn counted() -> [Counted; 3] {
    let get = |key, path, times| Counted {
        key,
        path,
        body: None,
        times,
    };
    [
        get("get_one", "/tasks/500", 500),
        get("list_100", "/tasks?limit=100", 50),
        Counted {
            key: "create",
            path: "/tasks",
            body: Some(seed::draft(TASKS + 1)),
            times: MOVE,
        },
    ]
}

/// Fails if valgrind is missing, and says how to install it.
fn require() -> Result<()> {
    step::read(Command::new("valgrind").arg("--version"))
        .context("valgrind is missing: apt-get install valgrind")?;
    Ok(())
}

/// Counts, and compares the counts with the recorded ones, or records them.
///
/// # Errors
/// If valgrind is missing, a build fails, or a count exceeds the recorded one by more than the
/// tolerance.
pub fn run(workspace: &Workspace, record: bool) -> Result<()> {
    require()?;
    let binaries = binaries::build(workspace, "release", &["task-host"])?;
    let setup = &Setup::prepare(workspace, &binaries, &[Engine::Sqlite])?;
    let recorded = workspace.root.join("bench/instructions.json");
    let cache = setup.folder.join("code-cache");
    let empty = Options {
        engine: Engine::Sqlite,
        seed: None,
        // What a run takes is counted.
        cold: true,
        within: Within::Nothing,
        cache: &cache,
    };
    step::announce("Seeding…");
    seed::make(setup, empty, TASKS)?;
    let out = setup.folder.join("callgrind.out");
    let options = Options {
        seed: Some(TASKS),
        within: Within::Callgrind(&out),
        ..empty
    };
    step::announce("Counting instructions under valgrind…");
    let server = setup.start(Kind::Host, options)?;
    // The start is not counted, which makes it much faster.
    monitor(&server, &["instrumentation", "on"])?;
    let mut figures = BTreeMap::new();
    let mut dumps = 0;
    for counted in counted() {
        let figure = count(&server, &counted, &out, &mut dumps)
            .with_context(|| format!("counting {}", counted.key))?;
        figures.insert(counted.key.to_owned(), figure);
    }
    server.stop()?;

    if record {
        let text = serde_json::to_string_pretty(&figures)? + "\n";
        fs::write(&recorded, text).with_context(|| format!("{}", recorded.display()))?;
        step::note(&format!("recorded: {figures:?}"));
        return Ok(());
    }
    let known = fs::read_to_string(&recorded).with_context(|| format!("{}", recorded.display()))?;
    let known: BTreeMap<String, u64> = serde_json::from_str(&known)?;
    let (table, above) = compare(&known, &figures);
    print!("{table}");
    ensure!(
        above.is_empty(),
        "{} takes more instructions than recorded in bench/instructions.json. If that is worth it, \
         run `cargo xtask bench --instructions --record`, and say why in the commit",
        above.join(", ")
    );
    Ok(())
}

fn count(server: &Server, counted: &Counted, out: &Path, dumps: &mut u32) -> Result<u64> {
    let mut connection = Connection::open(server.api)?;
    let mut send = |times| -> Result<()> {
        for _ in 0..times {
            let answer = match &counted.body {
                None => connection.get(counted.path)?,
                Some(body) => connection.post(counted.path, body)?,
            };
            ensure!(matches!(answer.status, 200 | 201), "{answer}");
        }
        Ok(())
    };
    send(counted.times / 5)?;
    // A dump also resets the counter.
    dump(server, out, dumps)?;
    send(counted.times)?;
    let total = dump(server, out, dumps)?;
    Ok(total / u64::from(counted.times))
}

/// Makes callgrind write what it has counted since the last dump, and returns the total.
fn dump(server: &Server, out: &Path, dumps: &mut u32) -> Result<u64> {
    monitor(server, &["dump"])?;
    *dumps += 1;
    let file = format!("{}.{}.{dumps}", out.display(), server.id());
    let text = fs::read_to_string(&file).with_context(|| file.clone())?;
    let total = text
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("totals: "));
    let Some(total) = total else {
        bail!("{file} has no total");
    };
    Ok(total.trim().parse()?)
}

/// Sends a command to valgrind.
fn monitor(server: &Server, command: &[&str]) -> Result<()> {
    let pid = format!("--pid={}", server.id());
    step::read(Command::new("vgdb").arg(pid).args(command))?;
    Ok(())
}

/// A table, and what lies above its recorded figure.
fn compare(known: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> (String, Vec<String>) {
    let mut table = String::from("| request | recorded | now | |\n| --- | --- | --- | --- |\n");
    let mut above = Vec::new();
    for (key, now) in now {
        let recorded = known.get(key).copied().unwrap_or(0);
        let change = *now as f64 / recorded as f64 - 1.0;
        // Also true if nothing is recorded: the quotient is infinite then.
        if change > TOLERANCE {
            above.push(key.clone());
        }
        table += &format!(
            "| {key} | {recorded} | {now} | {:+.1} % |\n",
            change * 100.0
        );
    }
    (table, above)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(pairs: [(&str, u64); 2]) -> BTreeMap<String, u64> {
        pairs.map(|(key, figure)| (key.to_owned(), figure)).into()
    }

    #[test]
    fn a_count_above_the_tolerance_is_named() {
        let known = figures([("create", 1000), ("get_one", 100)]);
        let now = figures([("create", 1010), ("get_one", 106)]);
        let (table, above) = compare(&known, &now);
        assert_eq!(above, ["get_one"]);
        assert!(table.contains("| create | 1000 | 1010 | +1.0 % |"));
    }

    #[test]
    fn a_count_that_was_never_recorded_is_named() {
        let now = figures([("create", 1), ("get_one", 1)]);
        assert_eq!(compare(&BTreeMap::new(), &now).1, ["create", "get_one"]);
    }

    #[test]
    fn fewer_instructions_are_accepted() {
        let known = figures([("create", 1000), ("get_one", 100)]);
        let now = figures([("create", 10), ("get_one", 10)]);
        assert!(compare(&known, &now).1.is_empty());
    }
}
