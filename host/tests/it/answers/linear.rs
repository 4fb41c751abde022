//! Many clients read one task in several ways while others change it: every history must be
//! linearizable. A kept answer that is older than one that somebody has seen before would not be.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

use serde_json::json;

use super::{came, knows_its_tables};
use crate::client::Answer;
use crate::harness::{Setup, eventually};
use crate::replicas::linearizability::{Action, Operation, check_linearizable};
use crate::stop::StopOnDrop;

const READERS: usize = 4;
const WRITERS: usize = 2;
const READS: usize = 1500;

#[test]
fn reads_of_a_task_that_changes_all_the_time_are_linearizable() {
    let host = Setup::tasks().flag("--answer-check", "0.01").start();
    let body = json!({"title": "register", "category": "testing", "description": "0"});
    host.post("/tasks", &body).expect(201);
    let (epoch, next, stop) = (Instant::now(), AtomicU64::new(1), AtomicBool::new(false));
    let now = || u64::try_from(epoch.elapsed().as_nanos()).expect("less than 584 years");
    let history: Mutex<Vec<Operation>> = Mutex::default();
    let record = |called, action| {
        let answered = Some(now());
        history.lock().expect("no panic").push(Operation {
            called,
            answered,
            action,
        });
    };
    thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        for _ in 0..WRITERS {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    let value = next.fetch_add(1, Relaxed);
                    let called = now();
                    let change = json!({"description": value.to_string()});
                    host.put("/tasks/1", &change).expect(200);
                    record(called, Action::Write(value));
                    // Reads should find the task unchanged, too.
                    for _ in 0..3 {
                        host.get("/tasks?limit=1").expect(200);
                    }
                }
            });
        }
        for reader in 0..READERS {
            // The same data through several kept answers.
            let (path, member) = [
                ("/tasks/1", ""),
                ("/tasks?limit=10", "/0"),
                ("/tasks/1", ""),
                ("/tasks?q=register", "/0"),
            ][reader % 4];
            let (record, stop) = (&record, &stop);
            let host = &host;
            scope.spawn(move || {
                while !stop.load(Relaxed) {
                    let called = now();
                    let answer = host.get(path).expect(200);
                    record(called, Action::Read(value(&answer, member)));
                }
            });
        }
        eventually("enough was read", || {
            (history.lock().expect("no panic").len() > READS).then_some(())
        });
    });
    let operations = history.into_inner().expect("no panic");
    let came = came(&host);
    println!("{} operations, {came:?}", operations.len());
    if knows_its_tables() {
        assert!(came["unchanged"] > 50, "{came:?}");
    }
    check_linearizable(operations).unwrap_or_else(|reason| panic!("{reason}"));
}

#[track_caller]
fn value(answer: &Answer, member: &str) -> u64 {
    let body = answer.json();
    let text = body.pointer(&format!("{member}/description"));
    let text = text.and_then(|text| text.as_str()).expect("a description");
    text.parse().expect("a number")
}
