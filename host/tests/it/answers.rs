//! Kept answers: what clients see is what they would see without them.
//!
//! `task_host_answers` says how each answer came about, so each test also shows that kept answers were
//! given.

mod equal;
mod linear;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::client::Answer;
use crate::harness::{Host, Setup, eventually};
use crate::metrics::count;

/// How many answers came about in each way: run, unchanged, verified, shared.
fn came(host: &Host) -> BTreeMap<&'static str, u64> {
    let kinds = ["run", "unchanged", "verified", "shared"];
    let of =
        |kind: &str| count(host, &format!("task_host_answers_total{{kind=\"{kind}\"}}")) as u64;
    kinds.into_iter().map(|kind| (kind, of(kind))).collect()
}

/// Whether the engine knows that no other host changes its tables.
fn knows_its_tables() -> bool {
    std::env::var("TASK_HOST_TEST_ENGINE").as_deref() != Ok("postgres")
}

fn task(host: &Host, title: &str) -> Value {
    let body = json!({"title": title, "category": "testing"});
    host.post("/tasks", &body).expect(201).json()
}

#[test]
fn a_repeated_read_has_the_same_body_tag_and_link_and_respects_conditions_and_compression() {
    let host = Setup::tasks().flag("--answer-check", "0").start();
    for n in 0..40 {
        task(&host, &format!("Task {n}"));
    }
    for path in ["/tasks/7", "/tasks?limit=30", "/tasks/999", "/api/tasks"] {
        let first = host.get(path);
        let again = host.get(path);
        let seen = |answer: &Answer| {
            let headers = [
                "content-type",
                "etag",
                "link",
                "cache-control",
                "content-length",
            ];
            (
                answer.status,
                answer.body.clone(),
                headers.map(|name| answer.header(name).map(str::to_owned)),
            )
        };
        if first.status == 200 {
            assert_eq!(seen(&first), seen(&again), "{path}");
            let tag = first.expect_header("etag");
            let same = host
                .request("GET", path)
                .header("if-none-match", tag)
                .send();
            assert_eq!((same.status, &*same.body), (304, &b""[..]), "{path}");
            let head = host.request("HEAD", path).send().expect(200);
            assert_eq!(head.header("etag"), Some(tag), "{path}");
        } else {
            assert_eq!(first.status, again.status, "{path}");
            let (mut first, mut again) = (first.json(), again.json());
            for problem in [&mut first, &mut again] {
                // The request's id.
                problem["instance"].take();
                problem["request_id"].take();
            }
            assert_eq!(first, again, "{path}");
        }
    }
    let zipped = host
        .request("GET", "/tasks?limit=30")
        .header("accept-encoding", "gzip")
        .send();
    assert_eq!(zipped.expect(200).header("content-encoding"), Some("gzip"));
    let came = came(&host);
    let proven = if knows_its_tables() {
        "unchanged"
    } else {
        "verified"
    };
    assert!(came[proven] >= 8, "{came:?}");
}

#[test]
fn the_log_and_the_metrics_say_how_an_answer_came_about() {
    let host = Setup::tasks().flag("--answer-check", "0").start();
    let id = task(&host, "One")["id"].clone();
    let path = format!("/tasks/{id}");
    host.get(&path).expect(200);
    host.get(&path).expect(200);
    host.put(&path, &json!({"title": "Two"})).expect(200);
    let changed = host.get(&path).expect(200).json();
    assert_eq!(changed["title"], "Two");
    // The last run had other results than the one before, so the next one is not verified.
    for title in ["Another", "One more"] {
        task(&host, title);
        host.get(&path).expect(200);
    }
    let kinds = eventually("all lines are written", || {
        let lines = host.log.all().into_iter();
        let lines = lines.filter(|line| line.to_string().contains("GET /tasks/{id} 200"));
        let of = |line: Value| find(&line, "answer.source").unwrap_or("run".into());
        let kinds: Vec<_> = lines.map(of).collect();
        (kinds.len() >= 5).then_some(kinds)
    });
    let expected = if knows_its_tables() {
        ["run", "unchanged", "run", "run", "verified"]
    } else {
        ["run", "verified", "run", "run", "verified"]
    };
    assert_eq!(kinds, expected);
    let instances = count(&host, "task_host_instantiations_total");
    host.get(&path).expect(200);
    host.get(&path).expect(200);
    assert!(count(&host, "task_host_instantiations_total") <= instances + 1.0);
    assert!(count(&host, "task_host_answer_cache_bytes") > 0.0);
}

/// Finds a member of a JSON value at any depth.
fn find(value: &Value, name: &str) -> Option<String> {
    match value {
        Value::Object(members) => members.iter().find_map(|(key, value)| match key == name {
            true => value.as_str().map(str::to_owned),
            false => find(value, name),
        }),
        _ => None,
    }
}

#[test]
fn an_answer_that_depends_on_the_clock_is_run_each_time() {
    let host = Setup::tasks().start();
    let due = json!({"title": "Due", "category": "testing", "due_at": "2020-01-01T00:00:00Z"});
    host.post("/tasks", &due).expect(201);
    for _ in 0..3 {
        let figures = host.get("/tasks/stats/summary").expect(200).json();
        assert_eq!(figures["overdue_tasks"], 1);
    }
    assert_eq!(came(&host)["run"], 3);
}

#[test]
fn kill_nine_and_a_restart_never_take_back_what_a_kept_answer_has_shown() {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
    let setup = Setup::tasks();
    let host = setup.start();
    let body = json!({"title": "Steps", "category": "testing", "estimated_hours": 0});
    host.post("/tasks", &body).expect(201);
    let mut host = Some(host);
    let (mut next, shown) = (0, AtomicU64::new(0));
    for _ in 0..3 {
        let running = host.take().unwrap_or_else(|| setup.start());
        let value = |answer: &Answer| answer.json()["estimated_hours"].as_f64().unwrap() as u64;
        let kept = value(&running.get("/tasks/1").expect(200));
        assert!(kept >= shown.load(SeqCst), "{kept} is less than was shown");
        next = next.max(kept);
        let (address, dead) = (running.address, AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !dead.load(SeqCst) {
                        let read = crate::client::Request::new(address, "GET", "/tasks/1");
                        if let Ok(answer) = read.try_send() {
                            shown.fetch_max(value(&answer.expect(200)), SeqCst);
                        }
                    }
                });
            }
            let last = next + 60;
            while next < last {
                next += 1;
                let write = crate::client::Request::new(address, "PUT", "/tasks/1");
                let written = write.json(&json!({"estimated_hours": next})).try_send();
                written.expect("the host runs").expect(200);
            }
            let came = came(&running);
            let proven = came["unchanged"] + came["verified"];
            assert!(proven > 0, "{came:?}");
            running.kill();
            dead.store(true, SeqCst);
        });
        assert!(shown.load(SeqCst) > 0);
    }
}
