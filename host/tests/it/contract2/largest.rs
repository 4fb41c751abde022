//! Every route answers, and within its bounds, on the largest data that the API allows.

use serde_json::{Value, json};

use super::{create, draft, draft_with};
use crate::client::Answer;
use crate::harness::{Host, Setup};

/// A page has at most 4 MiB, and every other answer less.
const LARGEST_ANSWER: usize = (4 << 20) + 2;

/// Tasks that need ten others: enough to exceed the host's limits, if one answer had all of them.
const LARGEST_TASKS: usize = 900;

/// Tasks that need the first task, each with an assignee of its own.
const DEPENDENTS: usize = 10_000;

/// A task whose texts are as long as the rules allow, in memory or as JSON.
fn largest(number: usize) -> Value {
    let tags: Vec<String> = (0..10)
        .map(|n| format!("{n}{}", "\u{1}".repeat(49)))
        .collect();
    draft_with(
        &format!("{number} {}", "\u{1}".repeat(190)),
        json!({
            "description": "\u{1}".repeat(1_000) + &"🦀".repeat(1_000),
            "assignee": "🦀".repeat(100),
            "tags": tags,
            "dependencies": [2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
            "due_at": "9999-12-31T23:59:59.999999Z",
            "estimated_hours": 0.1 + 0.2,
        }),
    )
}

fn fill(host: &Host) {
    let first: Value = (0..100).map(|n| draft(&format!("Needed {n}"))).collect();
    host.post("/tasks/bulk", &first).expect(200);
    for round in 0..DEPENDENTS / 100 {
        let waiting: Value = (0..100)
            .map(|n| {
                let name = format!("{:05}{}", round * 100 + n, "🦀".repeat(95));
                draft_with("Waits", json!({"dependencies": [1], "assignee": name}))
            })
            .collect();
        host.post("/tasks/bulk", &waiting).expect(200);
    }
    for round in 0..LARGEST_TASKS / 45 {
        let tasks: Value = (0..45).map(|n| largest(round * 45 + n)).collect();
        host.post("/tasks/bulk", &tasks).expect(200);
    }
}

/// Calls the operation with plausible and with large values.
fn call(host: &Host, method: &str, path: &str) -> Vec<Answer> {
    let id = if path.starts_with("/api") { 3 } else { 1 };
    let path = path.replace("{id}", &id.to_string());
    let bodies: Vec<Value> = match (method, path.as_str()) {
        ("POST", "/tasks/bulk") => vec![
            (0..45).map(largest).collect(),
            (0..100)
                .map(|_| {
                    let missing: Vec<i64> = (900_000..901_000).collect();
                    draft_with("Missing", json!({"dependencies": missing}))
                })
                .collect(),
        ],
        ("POST", _) => vec![largest(0), json!({"title": "x".repeat(900_000)})],
        ("PUT" | "PATCH", _) => {
            let mut change = largest(0);
            change["status"] = json!("completed");
            vec![change]
        }
        _ => vec![Value::Null],
    };
    let queries: &[&str] = match (method, path.as_str()) {
        ("GET", "/tasks") => &[
            "",
            "?limit=900",
            "?limit=1000&sort_by=updated_at",
            "?limit=1000&offset=9000&order=asc",
            "?limit=1000&q=w&tags=9%01",
            "?limit=1000&q=waits+w+wa+wai&overdue=true&due_before=9999-01-01T00:00:00Z",
        ],
        _ => &[""],
    };
    let mut answers = Vec::new();
    for body in &bodies {
        for query in queries {
            let request = host.request(method, &format!("{path}{query}"));
            answers.push(match body {
                Value::Null => request.send(),
                body => request.json(body).send(),
            });
        }
    }
    answers
}

#[test]
fn every_route_answers_within_its_bounds() {
    let host = Setup::tasks().start();
    fill(&host);
    let document = host.get("/openapi.json").expect(200).json();
    let mut calls: Vec<(String, String)> = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("operations").keys() {
            if ["get", "post", "put", "patch", "delete"].contains(&method.as_str()) {
                calls.push((method.to_uppercase(), path.clone()));
            }
        }
    }
    assert!(calls.len() >= 14, "{calls:?}");
    // The stream of events does not end.
    calls.retain(|(_, path)| path != "/events");
    // Reads first: what the others delete is part of the largest data.
    let rank = |method: &str| {
        ["GET", "POST", "PUT", "PATCH", "DELETE"]
            .iter()
            .position(|m| *m == method)
    };
    calls.sort_by_key(|(method, path)| (rank(method), path.clone()));
    for (method, path) in &calls {
        for answer in call(&host, method, path) {
            let size = answer.body.len();
            assert!(answer.status < 500, "{method} {path}: {}", answer.status);
            assert!(size <= LARGEST_ANSWER, "{method} {path}: {size} bytes");
        }
    }
    let gone = host.get("/tasks/1");
    assert_eq!(
        gone.status, 404,
        "the task that ten thousand need was not deleted"
    );
    host.delete("/tasks/2").expect(200);
}

#[test]
fn the_simple_list_continues_at_its_link() {
    let host = Setup::tasks().start();
    for round in 0..9 {
        let tasks: Value = (0..45)
            .map(|n| largest_without_needs(round * 45 + n))
            .collect();
        host.post("/tasks/bulk", &tasks).expect(200);
    }
    create(&host, &draft("The newest"));
    let (mut titles, mut target) = (Vec::new(), Some("/api/tasks".to_owned()));
    let mut pages = 0;
    while let Some(page) = target {
        let answer = host.get(&page).expect(200);
        for task in answer.json().as_array().expect("a list") {
            titles.push(task["title"].as_str().expect("a title").to_owned());
        }
        target = answer.header("link").map(|link| {
            let (target, rest) = link[1..].split_once('>').expect("a link");
            assert_eq!(rest, "; rel=\"next\"");
            assert!(target.starts_with("/api/tasks?cursor="), "{link}");
            target.to_owned()
        });
        pages += 1;
    }
    assert_eq!((titles.len(), pages), (406, 2));
    assert_eq!(titles[0], "The newest");
    assert!(titles[405].starts_with("0 "), "{}", titles[405]);
    host.get("/api/tasks?cursor=x")
        .problem(400, "validation-failed");
}

fn largest_without_needs(number: usize) -> Value {
    let mut task = largest(number);
    task["dependencies"] = json!([]);
    task["description"] = json!("\u{1}".repeat(2_000));
    task
}
