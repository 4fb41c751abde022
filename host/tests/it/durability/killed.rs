//! `kill -9` under load, several times on one database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::harness::{Host, Setup, eventually};

const ROUNDS: usize = 4;
const ACKNOWLEDGED_PER_ROUND: usize = 80;
/// Number of tasks in one bulk request, which creates all of them or none.
const BULK: usize = 4;

/// The markers that the writers sent, and those that the host acknowledged.
#[derive(Default)]
struct Ledger {
    sent: BTreeSet<String>,
    acknowledged: BTreeSet<String>,
}

#[test]
fn kill_nine_loses_no_acknowledged_write_and_leaves_no_partial_write() {
    let setup = Setup::tasks();
    let ledger = Mutex::new(Ledger::default());
    let steps = Mutex::new(0.0);
    let host = setup.start();
    let body = json!({"title": "The steps", "category": "feature", "estimated_hours": 0});
    host.post("/tasks", &body).expect(201);
    drop(host);
    for round in 0..ROUNDS {
        write_until_killed(setup.start(), round, &ledger, &steps);
        let host = setup.start();
        let ledger = ledger.lock().expect("writers do not panic");
        assert_matches(&host, &ledger);
        let kept = host.get("/tasks/1").expect(200).json()["estimated_hours"].as_f64();
        let mut acknowledged = steps.lock().expect("writers do not panic");
        assert!(
            kept == Some(*acknowledged) || kept == Some(*acknowledged + 0.5),
            "{kept:?} is stored, {acknowledged} was acknowledged"
        );
        *acknowledged = kept.unwrap_or_default();
    }
}

/// Runs three writers that create tasks and one that changes a task, and kills the host when enough
/// writes are acknowledged.
fn write_until_killed(host: Host, round: usize, ledger: &Mutex<Ledger>, steps: &Mutex<f64>) {
    let dead = AtomicBool::new(false);
    let before = ledger.lock().expect("no panic").acknowledged.len();
    let address = host.address;
    let host = Mutex::new(Some(host));
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let (dead, ledger) = (&dead, &ledger);
            scope.spawn(move || {
                for n in 0.. {
                    if dead.load(Ordering::Relaxed) {
                        break;
                    }
                    let marker = format!("r{round}w{writer}n{n}");
                    ledger.lock().expect("no panic").sent.insert(marker.clone());
                    let request = crate::client::Request::new(
                        address,
                        "POST",
                        if writer == 0 { "/tasks/bulk" } else { "/tasks" },
                    );
                    let body = match writer {
                        0 => (0..BULK).map(|_| task(&marker)).collect(),
                        _ => task(&marker),
                    };
                    if let Ok(answer) = request.json(&body).try_send() {
                        assert!([200, 201].contains(&answer.status), "{answer}");
                        ledger.lock().expect("no panic").acknowledged.insert(marker);
                    }
                }
            });
        }
        scope.spawn(|| {
            while !dead.load(Ordering::Relaxed) {
                let next = *steps.lock().expect("no panic") + 0.5;
                let request = crate::client::Request::new(address, "PUT", "/tasks/1");
                let body = json!({"estimated_hours": next});
                if let Ok(answer) = request.json(&body).try_send() {
                    assert_eq!(answer.status, 200, "{answer}");
                    *steps.lock().expect("no panic") = next;
                } else {
                    break;
                }
            }
        });
        eventually("enough writes are acknowledged", || {
            let acknowledged = ledger.lock().expect("no panic").acknowledged.len();
            (acknowledged >= before + ACKNOWLEDGED_PER_ROUND).then_some(())
        });
        host.lock()
            .expect("no panic")
            .take()
            .expect("the host runs")
            .kill();
        dead.store(true, Ordering::Relaxed);
    });
}

/// A task whose members are all derived from its marker.
fn task(marker: &str) -> Value {
    json!({
        "title": marker,
        "description": marker.repeat(40),
        "category": "feature",
        "tags": [marker, "kept"],
    })
}

/// Asserts that every acknowledged task is stored completely and once, and that every stored task
/// was sent.
fn assert_matches(host: &Host, ledger: &Ledger) {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for offset in (0..).step_by(1000) {
        let page = host
            .get(&format!(
                "/tasks?tags=kept&order=asc&limit=1000&offset={offset}"
            ))
            .expect(200)
            .json();
        let page = page.as_array().expect("a list").clone();
        for kept in &page {
            let marker = kept["title"].as_str().expect("a title").to_owned();
            let expected = task(&marker);
            for (member, value) in expected.as_object().expect("an object") {
                assert_eq!(&kept[member], value, "{member} of {marker}");
            }
            *found.entry(marker).or_default() += 1;
        }
        if page.len() < 1000 {
            break;
        }
    }
    for (marker, times) in &found {
        assert!(ledger.sent.contains(marker), "{marker} was never sent");
        let whole = if marker.contains("w0") { BULK } else { 1 };
        assert_eq!(*times, whole, "{marker}");
    }
    let lost: Vec<_> = ledger
        .acknowledged
        .iter()
        .filter(|marker| !found.contains_key(*marker))
        .collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}
