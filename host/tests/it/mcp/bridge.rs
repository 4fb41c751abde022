//! `task-host mcp`: the bridge for agents that speak over standard input and output.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use super::agent::V2025;
use crate::harness::{Host, Setup, task_host};

/// A running bridge.
struct Bridge {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Bridge {
    fn to(address: &str) -> Self {
        let mut process = task_host()
            .args([
                "mcp",
                "--to",
                address,
                "--header",
                "Task-Host-Client: bridge",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the bridge starts");
        Self {
            input: process.stdin.take(),
            output: BufReader::new(process.stdout.take().expect("standard output")),
            process,
        }
    }

    fn of(host: &Host) -> Self {
        Self::to(&format!("http://{}", host.address))
    }

    fn say(&mut self, line: &str) {
        let input = self.input.as_mut().expect("standard input");
        writeln!(input, "{line}").expect("written");
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"))
    }

    fn ask(&mut self, id: u32, method: &str, params: &Value) -> Value {
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.say(&message.to_string());
        let answer = self.hear();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_bridge_passes_messages_until_its_input_ends() {
    let host = Setup::tasks().start();
    let mut bridge = Bridge::of(&host);
    let hello = json!({"protocolVersion": V2025, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
    let answer = bridge.ask(1, "initialize", &hello);
    assert_eq!(answer["result"]["protocolVersion"], V2025, "{answer}");
    bridge.say(r#"{"jsonrpc": "2.0", "method": "notifications/initialized"}"#);
    bridge.say("");
    let listed = bridge.ask(2, "tools/list", &json!({}));
    assert_eq!(
        listed["result"]["tools"].as_array().map(Vec::len),
        Some(super::TASK_TOOLS.len())
    );
    let call = json!({"name": "tasks_create", "arguments": {"title": "Through the bridge", "category": "feature"}});
    let created = bridge.ask(3, "tools/call", &call);
    assert_eq!(created["result"]["structuredContent"]["id"], 1, "{created}");
    bridge.say("this is not JSON");
    assert_eq!(bridge.hear()["error"]["code"], -32700);
    // What was asked before the input ended is answered.
    bridge.say(r#"{"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "tasks_summarize"}}"#);
    bridge.input = None;
    assert_eq!(bridge.hear()["result"]["structuredContent"]["total"], 1);
    assert!(bridge.process.wait().expect("it ends").success());
}

#[test]
fn the_bridge_answers_for_a_host_that_cannot_be_reached_or_has_no_tools() {
    let mut bridge = Bridge::to("http://127.0.0.1:1");
    let answer = bridge.ask(1, "tools/list", &json!({}));
    assert!(
        answer["error"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("http://127.0.0.1:1/mcp")),
        "{answer}"
    );
    let host = Setup::tasks().flag("--mcp", "off").start();
    let mut bridge = Bridge::of(&host);
    let answer = bridge.ask(1, "tools/list", &json!({}));
    assert!(
        answer["error"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("404")),
        "{answer}"
    );
}
