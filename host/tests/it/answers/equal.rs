//! Two hosts get the same requests, one with kept answers and one without. Every answer must be the
//! same, apart from times.

use std::hash::{BuildHasher as _, RandomState};

use serde_json::{Value, json};

use super::{came, knows_its_tables};
use crate::client::Answer;
use crate::harness::{Host, Setup};

/// Number of requests to each service.
const REQUESTS: usize = 500;

struct Pair {
    /// Keeps answers.
    keeps: Host,
    /// Runs the logic each time.
    runs: Host,
}

impl Pair {
    fn start(setup: impl Fn() -> Setup) -> Self {
        Pair {
            keeps: setup().flag("--answer-check", "0").start(),
            runs: setup().flag("--answer-cache", "0").start(),
        }
    }

    /// Sends a request to both hosts, and asserts that the answers are the same.
    fn send(&self, method: &str, target: &str, body: Option<&Value>) {
        let ask = |host: &Host| {
            let request = host.request(method, target);
            let answer = match body {
                Some(body) => request.json(body).send(),
                None => request.send(),
            };
            comparable(&answer)
        };
        assert_eq!(
            ask(&self.keeps),
            ask(&self.runs),
            "{method} {target} {body:?}"
        );
    }

    fn check(&self) {
        let came = came(&self.keeps);
        println!("{came:?}");
        if knows_its_tables() {
            assert!(came["unchanged"] > 20, "{came:?}");
        }
        assert!(came["verified"] > 3, "{came:?}");
        assert!(came["run"] > 20, "{came:?}");
        let without = super::came(&self.runs);
        assert_eq!(
            without["unchanged"] + without["verified"] + without["shared"],
            0
        );
    }
}

/// What must be the same: the status, the body without times, and which headers there are.
fn comparable(answer: &Answer) -> (u16, Value, Vec<(&'static str, bool)>) {
    let mut body = match answer.body.is_empty() {
        true => Value::Null,
        false => answer.json(),
    };
    remove_times(&mut body);
    let headers = ["etag", "link", "location", "content-type", "cache-control"];
    let headers = headers.map(|name| (name, answer.header(name).is_some()));
    (answer.status, body, headers.to_vec())
}

fn remove_times(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match name.as_str() {
                    // The ids of the requests differ.
                    "request_id" | "instance" => *value = Value::Null,
                    // It is one of a time, too.
                    "checksum" => *value = Value::Null,
                    name if name.ends_with("_at") && !value.is_null() => *value = json!("a time"),
                    _ => remove_times(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(remove_times),
        _ => {}
    }
}

/// Random numbers from a seed that is printed if the test fails.
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let seed = RandomState::new().hash_one(0) | 1;
        println!("the seed is {seed}");
        Dice(seed)
    }

    /// Returns a number below `end`.
    fn below(&mut self, end: usize) -> usize {
        // Marsaglia's xorshift64*.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as usize % end
    }

    fn pick<'a>(&mut self, among: &[&'a str]) -> &'a str {
        among[self.below(among.len())]
    }
}

#[test]
fn random_reads_and_writes_of_tasks_have_the_same_answers_with_and_without_kept_ones() {
    let pair = Pair::start(Setup::tasks);
    let mut dice = Dice::new();
    for _ in 0..REQUESTS {
        let id = 1 + dice.below(8);
        match dice.below(12) {
            0 => {
                let body = json!({
                    "title": dice.pick(&["Write it", "Read it", "Sell the boat"]),
                    "category": dice.pick(&["testing", "feature"]),
                    "priority": dice.pick(&["low", "high"]),
                    "assignee": dice.pick(&["ann", "bob"]),
                    "tags": [dice.pick(&["a", "b", "c"])],
                });
                pair.send("POST", "/tasks", Some(&body));
            }
            1 => {
                // Often the same value again.
                let status = dice.pick(&["pending", "in_progress"]);
                pair.send(
                    "PUT",
                    &format!("/tasks/{id}"),
                    Some(&json!({"status": status})),
                );
            }
            2 => {
                let needs = json!({"dependencies": [1 + dice.below(8)]});
                pair.send("PATCH", &format!("/tasks/{id}"), Some(&needs));
            }
            3 if dice.below(3) == 0 => pair.send("DELETE", &format!("/tasks/{id}"), None),
            // Refused by the rules, so it is rolled back.
            4 => pair.send("PUT", &format!("/tasks/{id}"), Some(&json!({"title": ""}))),
            5 => {
                let list = dice.pick(&[
                    "/tasks",
                    "/tasks?status=pending&sort_by=title&order=asc",
                    "/tasks?q=boat",
                    "/tasks?assignee=ann&limit=2",
                    "/tasks?tags=a",
                    "/tasks?limit=0",
                    "/tasks?overdue=true",
                    "/tasks/stats/summary",
                    "/tasks/analytics/productivity",
                    "/api/tasks",
                ]);
                pair.send("GET", list, None);
            }
            6 => pair.send("GET", &format!("/api/tasks/{id}"), None),
            7 => pair.send("HEAD", &format!("/tasks/{id}"), None),
            _ => pair.send("GET", &format!("/tasks/{id}"), None),
        }
    }
    pair.check();
}

#[test]
fn random_reads_and_writes_of_a_toy_service_have_the_same_answers_with_and_without_kept_ones() {
    let pair = Pair::start(Setup::counter);
    let mut dice = Dice::new();
    for _ in 0..REQUESTS {
        let name = dice.pick(&["a", "b", "c%20d"]);
        let path = format!("/counters/{name}");
        match dice.below(9) {
            0 => {
                let value = dice.below(3);
                pair.send(
                    "PUT",
                    &path,
                    Some(&json!({"value": value, "color": "green"})),
                );
            }
            1 => pair.send("POST", &format!("{path}/increment"), Some(&json!({}))),
            2 if dice.below(3) == 0 => pair.send("DELETE", &path, None),
            3 => {
                let list = dice.pick(&[
                    "/counters",
                    "/counters?colors=green",
                    "/counters?minimum=2&limit=1",
                    "/echo/word/7",
                ]);
                pair.send("GET", list, None);
            }
            4 => pair.send("POST", "/echo", Some(&json!({}))),
            _ => pair.send("GET", &path, None),
        }
    }
    pair.check();
}
