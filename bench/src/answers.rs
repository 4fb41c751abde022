//! The proof that two servers answer alike before their speed is compared.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::client::Request;

use crate::kind::Kind;
use crate::setup::{Options, Setup};
use crate::workload::{Ask, Workload};

/// A task that is there.
const ID: u64 = 500;
/// Members that no two servers give alike where something was written or refused: they come from
/// the clock, or name the request.
const OF_THE_MOMENT: [&str; 4] = ["created_at", "updated_at", "checksum", "request_id"];

/// Compares the host with each of the other servers, by what the loads ask of both.
///
/// # Errors
/// Where they differ, with both answers.
pub fn compare(setup: &Setup, workloads: &[Workload], options: Options<'_>) -> Result<()> {
    for kind in [Kind::Twin, Kind::FastApi, Kind::Flask, Kind::WasmtimeServe] {
        let mut asks: Vec<Ask> = Vec::new();
        for workload in workloads {
            if setup.has(kind, options.engine) && workload.servers.contains(&kind) {
                let new = |ask: &&Ask| !asks.iter().any(|known| alike(known, ask));
                let new: Vec<Ask> = workload.asks.iter().filter(new).copied().collect();
                asks.extend(new);
            }
        }
        if !asks.is_empty() {
            compare_with(setup, kind, &asks, options)?;
        }
    }
    Ok(())
}

fn alike(one: &Ask, other: &Ask) -> bool {
    (one.method, one.path, one.body) == (other.method, other.path, other.body)
}

fn compare_with(setup: &Setup, kind: Kind, asks: &[Ask], options: Options<'_>) -> Result<()> {
    let [host, other] = [Kind::Host, kind].map(|kind| answers(setup, kind, asks, options));
    for ((host, other), ask) in host?.into_iter().zip(other?).zip(asks) {
        // Others may set their spaces otherwise.
        let same = match kind.is_own() {
            true => host == other,
            false => host.status == other.status && parsed(&host)? == parsed(&other)?,
        };
        ensure!(
            same,
            "{} {}: the servers differ, so comparing their speed means nothing\nhost: {host:?}\n{}: {other:?}",
            ask.method,
            ask.path,
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

fn answers(setup: &Setup, kind: Kind, asks: &[Ask], options: Options<'_>) -> Result<Vec<Answer>> {
    let server = setup.start(kind, options)?;
    let answer = |ask: &Ask| {
        let (path, body) = (ask.path(ID), ask.body());
        let mut request = Request::new(server.api, ask.method, &path);
        if !body.is_empty() {
            request = request.body("application/json", body);
        }
        let answer = request
            .try_send()
            .with_context(|| format!("{} {path}", ask.method))?;
        let mut answer = Answer {
            status: answer.status,
            body: answer.text(),
        };
        ensure!(answer.status < 500 && answer.status != 404, "{answer:?}");
        if ask.method != "GET" {
            for member in OF_THE_MOMENT {
                answer.body = without(&answer.body, member);
            }
        }
        Ok(answer)
    };
    let answers = asks.iter().map(answer).collect::<Result<_>>();
    let answers = answers.with_context(|| format!("asking {}", kind.name()))?;
    server.stop()?;
    Ok(answers)
}

fn parsed(answer: &Answer) -> Result<Value> {
    Ok(serde_json::from_str(&answer.body)?)
}

/// A JSON object with one string member's value emptied.
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
