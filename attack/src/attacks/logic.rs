//! Against the host through its logic: logic that fails, never ends, takes memory or writes to the log,
//! and clients that use up what the host keeps for them.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Mutex;
use std::thread;

use anyhow::Result;
use serde_json::json;
use testkit::client::Request;

use super::{Attack, Logic};
use crate::target::{Target, scramble};

pub fn attacks() -> Vec<Attack> {
    vec![
        Attack::new(
            "traps",
            "100 concurrent requests whose logic traps or overflows its stack",
            "a fresh instance for each request",
            Logic::Counter,
            |target| call(target, &["trap", "recursion"]),
        ),
        Attack::new(
            "endless-loops",
            "100 concurrent requests whose logic or statement never ends, reads and writes",
            "`--cpu-limit`, `--request-timeout`, `--write-hold`, `--max-concurrency`, `--max-queue`",
            Logic::Counter,
            |target| call(target, &["endless-loop", "endless-calls", "slow-sql", "POST endless-loop"]),
        )
        .holding_the_writer()
        .lasting(2),
        Attack::new(
            "memory-hogs",
            "100 concurrent requests whose logic takes memory, rows or parameters without end",
            "`--memory-limit`, `--row-limit`, `--byte-limit`, `--handover-limit`, `--max-concurrency`",
            Logic::Counter,
            |target| {
                let paths = [
                    "memory?mebibytes=1000",
                    "rows?count=1000000",
                    "wide-rows?count=1000&bytes=1000000",
                    "parameters?bytes=1000000&times=1000",
                    "large-result?bytes=30000000",
                ];
                call(target, &paths)
            },
        )
        .lasting(2),
        Attack::new(
            "log-floods",
            "32 concurrent requests whose logic writes a thousand lines of 1 MB",
            "`--log-line-limit`; the data that a request hands to the host",
            Logic::Counter,
            |target| call_on(target, 32, &["log?bytes=1000000&times=1000", "log?bytes=100&times=100000"]),
        ),
        Attack::new(
            "event-streams",
            "1500 clients follow the events and read nothing, while others change tasks",
            "`--max-event-streams`; a slow follower reads the feed from the database later",
            Logic::Tasks,
            event_streams,
        )
        .lasting(2),
        Attack::new(
            "idempotency-keys",
            "64 connections create tasks, each with a key of 255 bytes that is used once",
            "keys are rows of the database and expire",
            Logic::Tasks,
            idempotency_keys,
        ),
    ]
}

fn call(target: &Target, functions: &[&str]) -> Result<String> {
    call_on(target, 100, functions)
}

/// Calls functions of the counter service's `naughty`, in turns. The method is GET unless it is named.
fn call_on(target: &Target, connections: usize, functions: &[&str]) -> Result<String> {
    let tally = target.flood(connections, |number| {
        let function = functions[number as usize % functions.len()];
        let (method, function) = function.split_once(' ').unwrap_or(("GET", function));
        Request::new(target.api, method, &format!("/naughty/{function}"))
    });
    Ok(tally.to_string())
}

fn event_streams(target: &Target) -> Result<String> {
    let open = Mutex::new(Vec::new());
    let tally = thread::scope(|scope| {
        scope.spawn(|| {
            let mut open = open.lock().expect("nobody else has it");
            while open.len() < 1500 && !target.over() {
                let follow = |mut stream: TcpStream| {
                    stream.write_all(b"GET /events HTTP/1.1\r\nhost: x\r\n\r\n")?;
                    Ok(stream)
                };
                open.extend(target.connect().and_then(follow));
            }
        });
        target.flood(4, |number| {
            let task = json!({"title": "Seen by all", "category": "testing"});
            let mut tasks = vec![task; 50];
            tasks[0]["title"] = json!(format!("Number {number}"));
            Request::new(target.api, "POST", "/tasks/bulk").json(&json!(tasks))
        })
    });
    let open = open.into_inner().expect("the opener does not panic");
    let (all, closed) = (open.len(), target.hold(open));
    Ok(format!(
        "{all} followers, {closed} refused or closed; bulk changes: {tally}"
    ))
}

fn idempotency_keys(target: &Target) -> Result<String> {
    let tally = target.flood(64, |number| {
        let key = format!("{number:016x}").repeat(16);
        Request::new(target.api, "POST", "/tasks")
            .header("idempotency-key", &key[..255])
            .json(&json!({"title": format!("Once {}", scramble(number)), "category": "testing"}))
    });
    Ok(tally.to_string())
}
