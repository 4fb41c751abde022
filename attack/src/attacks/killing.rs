//! Against durability: the process is killed while it writes.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::json;
use testkit::client::Request;
use testkit::{Host, until};

use super::{Attack, Logic, Run};
use crate::campaign::Campaign;

/// Clients that write until the host is gone.
const WRITERS: usize = 8;
/// Acknowledged rows before the next kill.
const ROWS: usize = 50;
/// Tasks on a page when the rows are read.
const PAGE: usize = 1000;

pub fn attacks() -> Vec<Attack> {
    let beside = Attack::new(
        "kill-nine",
        "`kill -9` again and again while 8 connections write",
        "an answer is sent after its commit is on disk",
        Logic::Tasks,
        |_| unreachable!("it runs alone"),
    );
    vec![Attack {
        run: Run::Alone(kill_nine),
        ..beside
    }]
}

fn kill_nine(campaign: &Campaign) -> Result<String> {
    let settings = campaign.settings(campaign.binary(), Logic::Tasks, "kill-nine")?;
    let acknowledged = Mutex::new(BTreeSet::new());
    let end = Instant::now() + campaign.duration();
    let mut kills = 0;
    while Instant::now() < end {
        write_until_killed(Host::start(&settings)?, kills, &acknowledged);
        kills += 1;
    }
    let acknowledged = acknowledged.into_inner().expect("no writer panics");
    let kept = rows(&Host::start(&settings)?)?;
    let lost = acknowledged.difference(&kept).count();
    let (rows, note) = (acknowledged.len(), format!("{kills} kills"));
    ensure!(
        lost == 0,
        "{lost} of {rows} acknowledged rows are missing after {note}"
    );
    Ok(format!(
        "{rows} acknowledged rows, none missing after {note}"
    ))
}

/// Starts writers, and kills the host when enough rows are acknowledged.
fn write_until_killed(host: Host, round: usize, acknowledged: &Mutex<BTreeSet<String>>) {
    let gone = &AtomicBool::new(false);
    let address = host.address;
    let count = || acknowledged.lock().expect("no writer panics").len();
    let enough = count() + ROWS;
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                for number in 0.. {
                    if gone.load(Ordering::Relaxed) {
                        break;
                    }
                    let title = format!("row {round}-{writer}-{number}");
                    let body = json!({"title": title, "category": "testing", "tags": ["row"]});
                    let answer = Request::new(address, "POST", "/tasks")
                        .json(&body)
                        .try_send();
                    if answer.is_ok_and(|answer| answer.status == 201) {
                        acknowledged.lock().expect("no writer panics").insert(title);
                    }
                }
            });
        }
        until(testkit::DEADLINE, || (count() >= enough).then_some(()));
        host.kill();
        gone.store(true, Ordering::Relaxed);
    });
}

/// The titles of all rows that were written.
fn rows(host: &Host) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for offset in (0..).step_by(PAGE) {
        let path = format!("/tasks?tags=row&order=asc&limit={PAGE}&offset={offset}");
        let answer = host.request("GET", &path).try_send()?;
        ensure!(answer.status == 200, "{answer}");
        let page = answer.json();
        let tasks = page.as_array().map_or(&[][..], Vec::as_slice);
        found.extend(
            tasks
                .iter()
                .filter_map(|task| Some(task["title"].as_str()?.to_owned())),
        );
        if tasks.len() < PAGE {
            break;
        }
    }
    Ok(found)
}
