//! Checks that two servers give the same answers before their speed is compared.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::client::Request;

use crate::kind::Kind;
use crate::setup::{Options, Setup};
use crate::workload::{RequestKind, Workload};

/// The id of an existing task.
const ID: u64 = 500;
/// Members that differ between two servers if a task was written or a request refused: they come from
/// the clock, or identify the request.
const VOLATILE: [&str; 4] = ["created_at", "updated_at", "checksum", "request_id"];

/// Compares the host's answers with each of the other servers', for the requests of their common
/// workloads.
///
/// # Errors
/// If two answers differ. The text has both.
pub fn compare(setup: &Setup, workloads: &[Workload], options: Options<'_>) -> Result<()> {
    for kind in [Kind::Twin, Kind::FastApi, Kind::Flask, Kind::WasmtimeServe] {
        let mut requests: Vec<RequestKind> = Vec::new();
        for workload in workloads {
            if setup.has(kind, options.engine) && workload.servers.contains(&kind) {
                let new =
                    |request: &&RequestKind| !requests.iter().any(|known| alike(known, request));
                let new: Vec<RequestKind> = workload.requests.iter().filter(new).copied().collect();
                requests.extend(new);
            }
        }
        if !requests.is_empty() {
            compare_with(setup, kind, &requests, options)?;
        }
    }
    Ok(())
}

fn alike(one: &RequestKind, other: &RequestKind) -> bool {
    (one.method, one.path, one.body) == (other.method, other.path, other.body)
}

fn compare_with(
    setup: &Setup,
    kind: Kind,
    requests: &[RequestKind],
    options: Options<'_>,
) -> Result<()> {
    let [host, other] = [Kind::Host, kind].map(|kind| answers(setup, kind, requests, options));
    for ((host, other), request) in host?.into_iter().zip(other?).zip(requests) {
        // Other servers may write JSON with other spaces.
        let same = match kind.is_own() {
            true => host == other,
            false => host.status == other.status && parsed(&host)? == parsed(&other)?,
        };
        ensure!(
            same,
            "{} {}: the servers differ, so comparing their speed means nothing\nhost: {host:?}\n{}: {other:?}",
            request.method,
            request.path,
            kind.name()
        );
    }
    Ok(())
}

/// What is compared of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    body: String,
}

fn answers(
    setup: &Setup,
    kind: Kind,
    requests: &[RequestKind],
    options: Options<'_>,
) -> Result<Vec<Answer>> {
    let server = setup.start(kind, options)?;
    let answer = |request: &RequestKind| {
        let (path, body) = (request.path(ID), request.body());
        let mut sent = Request::new(server.api, request.method, &path);
        if !body.is_empty() {
            sent = sent.body("application/json", body);
        }
        let answer = sent
            .try_send()
            .with_context(|| format!("{} {path}", request.method))?;
        let mut answer = Answer {
            status: answer.status,
            body: answer.text(),
        };
        ensure!(answer.status < 500 && answer.status != 404, "{answer:?}");
        if request.method != "GET" {
            for member in VOLATILE {
                answer.body = without(&answer.body, member);
            }
        }
        Ok(answer)
    };
    let answers = requests.iter().map(answer).collect::<Result<_>>();
    let answers = answers.with_context(|| format!("requests to {}", kind.name()))?;
    server.stop()?;
    Ok(answers)
}

fn parsed(answer: &Answer) -> Result<Value> {
    Ok(serde_json::from_str(&answer.body)?)
}

/// Returns a JSON object with the value of one string member emptied.
fn without(json: &str, member: &str) -> String {
    let key = format!("\"{member}\":\"");
    let Some((before, rest)) = json.split_once(&key) else {
        return json.to_owned();
    };
    let (_, after) = rest.split_once('"').unwrap_or((rest, ""));
    format!("{before}{key}\"{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_members_value_is_emptied_and_the_rest_kept() {
        let json = r#"{"id":1,"created_at":"2026-03-01T10:20:30Z","checksum":"00ff"}"#;
        let emptied = without(&without(json, "created_at"), "checksum");
        assert_eq!(emptied, r#"{"id":1,"created_at":"","checksum":""}"#);
        assert_eq!(without(json, "tags"), json);
    }
}
