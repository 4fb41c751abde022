//! The data that every round begins with, and the proof that both servers answer alike on it.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::http::{self, Answer};
use super::server::{Kind, Options, Setup};

/// Tasks in the database at the start of each round.
pub const TASKS: usize = 1000;
/// Members that no two servers give alike: of a new task those that come from the clock, of a
/// problem the request's id.
const OF_THE_MOMENT: [&str; 3] = ["created_at", "checksum", "request_id"];

/// Makes the database that each round copies, through the API.
///
/// # Errors
/// Where a task is refused.
pub fn make(setup: &Setup, options: Options<'_>) -> Result<PathBuf> {
    let server = setup.start(Kind::HostWithoutSync, options)?;
    for number in 1..=TASKS {
        let answer = http::post(server.api, "/tasks", &draft(number))?;
        ensure!(answer.status == 201, "a task was refused: {}", answer.body);
    }
    // It leaves everything in the one file: the log is folded into it at the end.
    server.stop()?;
    let seed = setup.folder.join("seed.sqlite");
    fs::copy(setup.database(), &seed).context("cannot keep the seeded database")?;
    Ok(seed)
}

/// Compares what the two servers answer.
///
/// # Errors
/// Where they differ, with both answers.
pub fn compare(setup: &Setup, options: Options<'_>) -> Result<()> {
    if setup.peers.is_some() {
        for peer in [Kind::FastApi, Kind::Flask] {
            compare_reads(setup, peer, options)?;
        }
    }
    let [host, twin] = [Kind::Host, Kind::Twin].map(|kind| answers(setup, kind, options));
    for (host, twin) in host?.into_iter().zip(twin?) {
        ensure!(
            host == twin,
            "the servers differ, so comparing their speed means nothing\nhost: {host:?}\ntwin: {twin:?}"
        );
    }
    Ok(())
}

/// A peer's answers have the same members with the same values; spaces are its own.
fn compare_reads(setup: &Setup, peer: Kind, options: Options<'_>) -> Result<()> {
    let read = |kind| -> Result<Vec<Value>> {
        let server = setup.start(kind, options)?;
        let read = ["/tasks/500", "/tasks?limit=100&offset=1"].map(|path| {
            let answer = http::get(server.api, path)?;
            ensure!(answer.status == 200, "{answer:?}");
            Ok(serde_json::from_str(&answer.body)?)
        });
        server.stop()?;
        read.into_iter().collect()
    };
    ensure!(
        read(Kind::Host)? == read(peer)?,
        "{} answers otherwise than the host, so comparing their speed means nothing",
        peer.name()
    );
    Ok(())
}

fn answers(setup: &Setup, kind: Kind, options: Options<'_>) -> Result<Vec<Answer>> {
    let server = setup.start(kind, options)?;
    let mut created = http::post(server.api, "/tasks", &draft(TASKS + 1))?;
    let mut missing = http::get(server.api, "/tasks/4711")?;
    for member in OF_THE_MOMENT {
        created.body = without(&created.body, member);
        missing.body = without(&missing.body, member);
    }
    let answers = vec![
        http::get(server.api, "/tasks/500")?,
        http::get(server.api, "/tasks?limit=100&offset=1")?,
        created,
        missing,
    ];
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    ensure!(statuses == [200, 200, 201, 404], "unexpected: {answers:?}");
    server.stop()?;
    Ok(answers)
}

/// A task of common size, each a little different.
pub fn draft(number: usize) -> String {
    let priority = ["low", "medium", "high", "critical"][number % 4];
    let category = ["development", "testing", "documentation", "bugfix"][number / 4 % 4];
    let hours = number % 16;
    format!(
        r#"{{"title":"Task number {number} of the benchmark","description":"Something to be done, in a sentence or two, as people write them into a list of tasks.","priority":"{priority}","category":"{category}","assignee":"person-{}","estimated_hours":{hours}.5,"tags":["benchmark","number-{}"]}}"#,
        number % 7,
        number % 10,
    )
}

/// A JSON object with one string member's value emptied.
fn without(json: &str, member: &str) -> String {
    let key = format!("\"{member}\":\"");
    let Some((before, rest)) = json.split_once(&key) else {
        return json.to_owned();
    };
    let (_, after) = rest.split_once('"').unwrap_or((rest, ""));
    format!("{before}{key}\"{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_members_value_is_emptied_and_the_rest_kept() {
        let json = r#"{"id":1,"created_at":"2026-03-01T10:20:30Z","checksum":"00ff"}"#;
        let emptied = without(&without(json, "created_at"), "checksum");
        assert_eq!(emptied, r#"{"id":1,"created_at":"","checksum":""}"#);
        assert_eq!(without(json, "tags"), json);
    }

    #[test]
    fn every_draft_is_json() {
        for number in 1..=TASKS {
            let draft: Value = serde_json::from_str(&draft(number)).unwrap();
            assert_eq!(draft.as_object().unwrap().len(), 7);
        }
    }
}
