//! Notices of new logic, and the bound of the streams that wait for them.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::agent::{Agent, V2025, V2026};
use crate::client::Request;
use crate::harness::{Host, Setup, built, eventually, run, task_host};
use crate::hostile::probe::Probe;

/// An open stream of messages.
struct Stream(BufReader<TcpStream>);

impl Stream {
    #[track_caller]
    fn open(request: Request) -> Self {
        let mut stream = Self(BufReader::new(request.open().expect("a connection")));
        let status = stream.line().expect("a status");
        assert!(status.starts_with("HTTP/1.1 200 "), "{status}");
        stream
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).expect("a line");
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// Waits for the next message. `None`: the stream ends.
    fn message(&mut self) -> Option<Value> {
        loop {
            let line = self.line()?;
            if let Some(data) = line.strip_prefix("data: ").filter(|data| !data.is_empty()) {
                return Some(serde_json::from_str(data).expect("JSON"));
            }
        }
    }

    /// Waits for the stream's first position.
    fn position(&mut self) -> String {
        loop {
            let line = self.line().expect("the stream continues");
            if let Some(id) = line.strip_prefix("id: ") {
                return id.to_owned();
            }
        }
    }
}

fn get(host: &Host) -> Request {
    host.request("GET", "/mcp")
        .header("accept", "text/event-stream")
}

fn subscription(host: &Host) -> Request {
    let wanted = json!({"notifications": {"toolsListChanged": true}});
    Agent::of(host, V2026).request("subscriptions/listen", wanted)
}

fn deploy(host: &Host, name: &str) {
    let mut command = task_host();
    command.arg("deploy").arg(built(name)).args([
        "--allow-breaking",
        "--to",
        &format!("http://{}", host.admin_address),
    ]);
    let output = run(command);
    assert_eq!(output.code, Some(0), "{output:#?}");
}

#[test]
fn connected_agents_learn_of_new_logic_and_get_its_tools() {
    let host = Probe::good().setup().flag("--probation", "100ms").start();
    let agent = Agent::of(&host, V2025);
    assert_eq!(agent.tool_names(), ["api_get"]);
    let mut followed = Stream::open(get(&host));
    let before = followed.position();
    let mut subscribed = Stream::open(subscription(&host));
    let acknowledged = subscribed.message().expect("an acknowledgement");
    assert_eq!(
        acknowledged["method"],
        "notifications/subscriptions/acknowledged"
    );

    deploy(&host, "counter.wasm");
    for stream in [&mut followed, &mut subscribed] {
        let notice = stream.message().expect("a notice");
        assert_eq!(
            notice["method"], "notifications/tools/list_changed",
            "{notice}"
        );
    }
    assert!(agent.tool_names().contains(&"counters_create".to_owned()));
    assert_eq!(
        agent.refusal(
            "tools/call",
            json!({"name": "api_get", "arguments": {"id": 1}})
        )["code"],
        -32602
    );

    // A client that was away while the logic changed learns of it when it returns; another does not.
    let mut returned = Stream::open(get(&host).header("last-event-id", &before));
    let now = returned.position();
    assert_ne!(now, before);
    let notice = returned.message().expect("a notice");
    assert_eq!(notice["method"], "notifications/tools/list_changed");
    let mut current = Stream::open(get(&host).header("last-event-id", &now));
    current.position();
    host.terminate();
    for stream in [&mut followed, &mut returned, &mut current] {
        assert_eq!(stream.message(), None, "a drain ends the stream");
    }
    let end = subscribed.message().expect("the end of the subscription");
    assert!(end["result"].is_object(), "{end}");
}

#[test]
fn streams_are_bounded_and_calls_are_not() {
    let host = Setup::tasks().flag("--max-mcp-streams", "1").start();
    let mut only = Stream::open(get(&host));
    only.position();
    get(&host).send().problem(503, "too-many-mcp-streams");
    let mut refused = Stream::open(subscription(&host));
    let last = std::iter::from_fn(|| refused.message())
        .last()
        .expect("an answer");
    assert!(
        last["error"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("Too many")),
        "{last}"
    );
    Agent::of(&host, V2025).result("tasks_summarize", json!({}));
    // The place is free again when the client is gone.
    drop(only);
    eventually("a place for another stream", || {
        let again = get(&host).open().ok().map(BufReader::new)?;
        let mut again = Stream(again);
        again
            .line()
            .filter(|status| status.starts_with("HTTP/1.1 200"))
    });
}
