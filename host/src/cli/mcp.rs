//! `task-host mcp`: connects an agent that speaks the Model Context Protocol only over standard input and
//! output to a running host.
//!
//! Messages pass as they are, one on a line, so the bridge speaks every version that the host speaks. It
//! reads of a message only what HTTP needs: the method and the id, and the protocol's version for a header.
//! A request that HTTP cannot deliver is answered with an error, so no agent waits in vain.

use std::collections::HashMap;
use std::io::{self, BufRead as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use parking_lot::Mutex;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::client::sse::Decoder;
use super::process::block_on;
use crate::failure::Failure;
use crate::stdout::Stdout;
use crate::tls;

const VERSION: &str = "mcp-protocol-version";
const SESSION: &str = "mcp-session-id";

/// Maximum size of an answer, in bytes.
const MAX_ANSWER: usize = 256 << 20;

/// Pause before the stream of notices is opened again.
const RECONNECT: Duration = Duration::from_secs(1);

/// The error code of a request that the host did not answer (JSON-RPC: the server's own codes).
const NOT_ANSWERED: i32 = -32000;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The host's address
    #[arg(long, env = "TASK_HOST_TO", default_value = "http://127.0.0.1:8000")]
    to: Url,

    /// A header of every request, such as `Authorization: Bearer …` for a gateway in front of the host;
    /// repeatable
    #[arg(long, env = "TASK_HOST_MCP_HEADER", value_name = "NAME: VALUE", value_parser = header, hide_env_values = true)]
    header: Vec<(HeaderName, HeaderValue)>,
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("give a name, a colon and a value")?;
    let name = name
        .trim()
        .parse()
        .map_err(|_| "the name is not that of a header")?;
    let mut value: HeaderValue = value
        .trim()
        .parse()
        .map_err(|_| "the value has characters that a header cannot have")?;
    value.set_sensitive(true);
    Ok((name, value))
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let client = tls::client_builder(&args.to)
        .default_headers(args.header.iter().cloned().collect())
        .build()
        .map_err(anyhow::Error::from)?;
    let bridge = Arc::new(Bridge {
        client,
        url: endpoint(&args.to).map_err(|error| Failure::setting("--to", error))?,
        known: Mutex::default(),
        running: Mutex::default(),
    });
    Ok(block_on(bridge.run(lines()))?)
}

/// The address of the tools: that of the host, with its path if a proxy has one, and `/mcp`.
fn endpoint(to: &Url) -> Result<Url, &'static str> {
    let mut url = to.clone();
    if !matches!(url.scheme(), "http" | "https") {
        return Err("give an address such as http://127.0.0.1:8000");
    }
    let path = url.path().trim_end_matches('/');
    if !path.ends_with("/mcp") {
        let path = format!("{path}/mcp");
        url.set_path(&path);
    }
    Ok(url)
}

/// Reads standard input on a thread of its own, because a read cannot be interrupted.
fn lines() -> mpsc::Receiver<io::Result<String>> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// What the host said at the beginning, which later messages repeat.
#[derive(Default)]
struct Known {
    version: Option<HeaderValue>,
    session: Option<HeaderValue>,
}

struct Bridge {
    client: Client,
    url: Url,
    known: Mutex<Known>,
    /// The requests that are not answered yet, by their ids.
    running: Mutex<HashMap<String, AbortHandle>>,
}

impl Bridge {
    /// Passes messages on until standard input ends and every request is answered.
    async fn run(
        self: Arc<Self>,
        mut lines: mpsc::Receiver<io::Result<String>>,
    ) -> anyhow::Result<()> {
        let mut requests = JoinSet::new();
        let mut notices = None;
        while let Some(line) = lines.recv().await {
            let line = line.context("cannot read standard input")?;
            if line.trim().is_empty() {
                continue;
            }
            let message: Value = match serde_json::from_str(&line) {
                Ok(message) => message,
                Err(error) => {
                    say(&failure(
                        &Value::Null,
                        -32700,
                        &format!("this is not JSON: {error}"),
                    ));
                    continue;
                }
            };
            let method = message["method"].as_str();
            if method == Some("notifications/cancelled")
                && let Some(id) = message["params"].get("requestId")
                && let Some(running) = self.running.lock().remove(&id.to_string())
            {
                // The host rolls back what a disconnected client asked for.
                running.abort();
            }
            let is_ready = method == Some("notifications/initialized");
            let id = message.get("id").cloned();
            let bridge = self.clone();
            let headers = self.headers(&message);
            let handle = requests.spawn(async move { bridge.pass(line, message, headers).await });
            if let Some(id) = id {
                self.running.lock().insert(id.to_string(), handle);
            }
            if is_ready && notices.is_none() {
                notices = Some(tokio::spawn(self.clone().follow()));
            }
            while requests.try_join_next().is_some() {}
        }
        while requests.join_next().await.is_some() {}
        if let Some(notices) = notices {
            notices.abort();
        }
        Ok(())
    }

    /// Sends one message, and writes its answer.
    async fn pass(&self, line: String, message: Value, headers: HeaderMap) {
        let answered = self.ask(line, &message, headers).await;
        if let Some(id) = message.get("id") {
            self.running.lock().remove(&id.to_string());
        }
        let Err(error) = answered else {
            return;
        };
        let error = format!("{error:#}");
        match message
            .get("id")
            .filter(|_| message.get("method").is_some())
        {
            Some(id) => say(&failure(id, NOT_ANSWERED, &error)),
            None => complain(&error),
        }
    }

    async fn ask(&self, line: String, message: &Value, headers: HeaderMap) -> anyhow::Result<()> {
        let request = self
            .client
            .post(self.url.clone())
            .headers(headers)
            .body(line);
        let response = request.send().await;
        let response = response.with_context(|| format!("no answer from {}", self.url))?;
        let status = response.status();
        if let Some(session) = response.headers().get(SESSION) {
            self.known.lock().session = Some(session.clone());
        }
        if is_stream(&response) {
            return pass_messages(response, &mut None).await;
        }
        let text = text_of(response).await?;
        let answer: Option<Value> = serde_json::from_str(&text).ok();
        match answer {
            Some(answer) if answer.get("jsonrpc").is_some() => {
                if message["method"] == "initialize"
                    && let Some(version) = answer["result"]["protocolVersion"].as_str()
                {
                    self.known.lock().version = version.parse().ok();
                }
                // A message is one line.
                say(&text.replace(['\r', '\n'], " "));
                Ok(())
            }
            _ if status.is_success() && message.get("id").is_none() => Ok(()),
            Some(problem) if problem.get("title").is_some() => {
                let title = problem["title"].as_str().unwrap_or_default();
                let detail = problem["detail"].as_str().unwrap_or_default();
                bail!("the host answered {status}: {title}. {detail}")
            }
            _ => bail!("the host answered {status}: {text}"),
        }
    }

    /// The headers of a message. Versions since 2026-07-28 name the method and its subject, too.
    fn headers(&self, message: &Value) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let json = HeaderValue::from_static("application/json");
        let both = HeaderValue::from_static("application/json, text/event-stream");
        headers.insert(CONTENT_TYPE, json);
        headers.insert(ACCEPT, both);
        let params = &message["params"];
        let version = params["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str();
        if let Some(version) = version {
            let subject = params.get("name").or_else(|| params.get("uri"));
            for (name, value) in [
                (VERSION, Some(version)),
                ("mcp-method", message["method"].as_str()),
                ("mcp-name", subject.and_then(Value::as_str)),
            ] {
                if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
                    headers.insert(name, value);
                }
            }
        } else if message["method"] != "initialize" {
            let known = self.known.lock();
            for (name, value) in [(VERSION, &known.version), (SESSION, &known.session)] {
                if let Some(value) = value {
                    headers.insert(name, value.clone());
                }
            }
        }
        headers
    }

    /// Follows the notices of the host, until the task is aborted or the host has none.
    async fn follow(self: Arc<Self>) {
        let mut seen = None;
        loop {
            let mut headers = self.headers(&Value::Null);
            headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
            if let Some(Ok(seen)) = seen.as_deref().map(HeaderValue::try_from) {
                headers.insert("last-event-id", seen);
            }
            let response = self
                .client
                .get(self.url.clone())
                .headers(headers)
                .send()
                .await;
            match response {
                Ok(response) if is_stream(&response) => {
                    // A stream ends with its host. The next host knows what was seen.
                    let _ = pass_messages(response, &mut seen).await;
                }
                Ok(response) if response.status() == StatusCode::METHOD_NOT_ALLOWED => return,
                Ok(_) | Err(_) => {}
            }
            tokio::time::sleep(RECONNECT).await;
        }
    }
}

fn is_stream(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok());
    response.status().is_success() && kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
}

/// Writes the messages of a stream until it ends. `seen` becomes the id of the last one.
async fn pass_messages(mut response: Response, seen: &mut Option<String>) -> anyhow::Result<()> {
    let mut decoder = Decoder::default();
    while let Some(chunk) = response.chunk().await.context("the stream broke off")? {
        for message in decoder.feed(&chunk)? {
            say(&message.data.replace('\n', " "));
            if message.id.is_some() {
                *seen = message.id;
            }
        }
    }
    Ok(())
}

async fn text_of(mut response: Response) -> anyhow::Result<String> {
    let mut content = Vec::new();
    while let Some(chunk) = response.chunk().await.context("the answer broke off")? {
        if content.len() + chunk.len() > MAX_ANSWER {
            bail!("the answer is larger than {} MiB", MAX_ANSWER >> 20);
        }
        content.extend_from_slice(&chunk);
    }
    String::from_utf8(content).context("the answer is not UTF-8")
}

fn failure(id: &Value, code: i32, message: &str) -> String {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}).to_string()
}

/// Writes one message. If nobody reads it, the agent is gone, and standard input will end.
fn say(message: &str) {
    let mut stdout = Stdout::new(io::stdout().lock());
    stdout.json(message);
    stdout.flush();
}

/// Writes a line for the agent's log.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "task-host: {}", crate::escape::line(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tools_are_below_the_address_of_the_host() {
        for (to, expected) in [
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000/mcp"),
            ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/mcp"),
            ("http://127.0.0.1:8000/mcp", "http://127.0.0.1:8000/mcp"),
            (
                "https://example.com/staging",
                "https://example.com/staging/mcp",
            ),
        ] {
            let url = endpoint(&to.parse().unwrap()).unwrap();
            assert_eq!(url.as_str(), expected);
        }
        assert!(endpoint(&"file:///tmp".parse().unwrap()).is_err());
    }

    #[test]
    fn a_header_has_a_name_and_a_value() {
        let (name, value) = header("Authorization: Bearer a:b").unwrap();
        assert_eq!(
            (name.as_str(), value.to_str().unwrap()),
            ("authorization", "Bearer a:b")
        );
        for wrong in ["Authorization", ": x", "two words: x", "a: b\nc"] {
            assert!(header(wrong).is_err(), "{wrong:?}");
        }
    }
}
