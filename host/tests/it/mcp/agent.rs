//! A client of `/mcp` that hides nothing: one HTTP request for each message.

use serde_json::{Value, json};

use crate::client::{Answer, Request};
use crate::harness::Host;

/// The latest version with a handshake.
pub const V2025: &str = "2025-11-25";
/// The version in which each message is complete in itself.
pub const V2026: &str = "2026-07-28";

pub struct Agent<'a> {
    host: &'a Host,
    version: &'static str,
}

impl<'a> Agent<'a> {
    pub fn of(host: &'a Host, version: &'static str) -> Self {
        Self { host, version }
    }

    /// Begins a request with the message and the headers that this version demands.
    pub fn request(&self, method: &str, mut params: Value) -> Request {
        let mut request = self
            .host
            .request("POST", "/mcp")
            .header("accept", "application/json, text/event-stream");
        if method != "initialize" {
            request = request.header("mcp-protocol-version", self.version);
        }
        if self.version == V2026 {
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = V2026.into();
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
            request = request.header("mcp-method", method);
            if let Some(name) = params["name"].as_str() {
                request = request.header("mcp-name", name);
            }
        }
        request.json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    }

    #[track_caller]
    pub fn send(&self, method: &str, params: Value) -> Answer {
        self.request(method, params).send()
    }

    /// Sends a request that must have a result, and returns it.
    #[track_caller]
    pub fn ask(&self, method: &str, params: Value) -> Value {
        let answer = self.send(method, params).expect(200).json();
        assert!(answer["result"].is_object(), "{answer}");
        answer["result"].clone()
    }

    /// Sends a request that must be refused by the protocol, and returns the error.
    #[track_caller]
    pub fn refusal(&self, method: &str, params: Value) -> Value {
        let answer = self.send(method, params).json();
        assert!(answer["error"].is_object(), "{answer}");
        answer["error"].clone()
    }

    /// Calls a tool, and returns its result.
    #[track_caller]
    pub fn call(&self, name: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({"name": name, "arguments": arguments}))
    }

    /// Calls a tool that must succeed. Returns the structured result, which the text repeats.
    #[track_caller]
    pub fn result(&self, name: &str, arguments: Value) -> Value {
        let result = self.call(name, arguments);
        assert_eq!(result["isError"], false, "{result}");
        let structured = result["structuredContent"].clone();
        let text = result["content"][0]["text"].as_str().expect("a text");
        assert_eq!(
            serde_json::from_str::<Value>(text).ok(),
            Some(structured.clone())
        );
        structured
    }

    /// Calls a tool that must fail, and returns the problem.
    #[track_caller]
    pub fn failure(&self, name: &str, arguments: Value) -> Value {
        let result = self.call(name, arguments);
        assert_eq!(result["isError"], true, "{result}");
        assert!(result.get("structuredContent").is_none(), "{result}");
        let text = result["content"][0]["text"].as_str().expect("a text");
        serde_json::from_str(text).expect("JSON")
    }

    /// The names of all tools, sorted.
    #[track_caller]
    pub fn tool_names(&self) -> Vec<String> {
        let listed = self.ask("tools/list", json!({}))["tools"].clone();
        let names = listed.as_array().expect("a list").iter();
        let mut names: Vec<_> = names
            .map(|tool| tool["name"].as_str().expect("a name").to_owned())
            .collect();
        names.sort();
        names
    }

    /// What is listed of a tool.
    #[track_caller]
    pub fn tool(&self, name: &str) -> Value {
        let listed = self.ask("tools/list", json!({}))["tools"].clone();
        let mut tools = listed.as_array().expect("a list").iter();
        tools
            .find(|tool| tool["name"] == name)
            .unwrap_or_else(|| panic!("no {name}: {listed}"))
            .clone()
    }
}

/// The pointers of a problem, sorted.
pub fn pointers(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let mut pointers: Vec<_> = errors
        .iter()
        .filter_map(|error| error["pointer"].as_str())
        .collect();
    pointers.sort_unstable();
    pointers
}
