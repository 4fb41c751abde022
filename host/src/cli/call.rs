//! `task-host call`: calls one operation of a running host. The host's OpenAPI document says where
//! each argument goes.

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::process::block_on;
use crate::failure::Failure;
use crate::stdout::{print, print_json};
use crate::tls;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The operation's id, such as `tasks.get`; /openapi.json lists all of them
    operation: String,
    /// The arguments as one JSON object: members named like path and query parameters are those
    /// parameters, the other members are the body. An array is the whole body
    #[arg(default_value = "{}")]
    arguments: String,
    /// The host's address
    #[arg(long, env = "TASK_HOST_TO", default_value = "http://127.0.0.1:8000")]
    to: reqwest::Url,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let arguments: Value = serde_json::from_str(&args.arguments).map_err(|error| {
        Failure::setting("JSON", format!("the arguments are not JSON: {error}"))
    })?;
    Ok(block_on(call(args, arguments))?)
}

async fn call(args: &Args, arguments: Value) -> anyhow::Result<()> {
    let client = tls::client_builder(&args.to).build()?;
    let document: Value = client
        .get(args.to.join("/openapi.json")?)
        .send()
        .await
        .with_context(|| format!("no answer from {}", args.to))?
        .error_for_status()?
        .json()
        .await?;
    let operation = find(&document, &args.operation)?;
    let prepared = prepare(&operation, arguments)?;

    let mut url = args.to.join(&prepared.path)?;
    if !prepared.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&prepared.query);
    }
    let mut request = client.request(operation.method.parse()?, url);
    if let Some(body) = &prepared.body {
        request = request.json(body);
    }
    let response = request.send().await?;
    let status = response.status();
    let text = response.text().await?;
    let value = serde_json::from_str::<Value>(&text);
    if !status.is_success() {
        let shown = value.map_or(text, |value| format!("{value:#}"));
        bail!("{} answered {status}\n{shown}", args.operation);
    }
    let printed = match value {
        Ok(value) => print_json(&value),
        Err(_) => print(text.lines()),
    };
    printed.with_context(|| format!("{} answered {status}", args.operation))
}

/// An operation in the OpenAPI document.
struct Operation<'a> {
    path: &'a str,
    method: String,
    /// The operation object of the document.
    definition: &'a Value,
}

fn find<'a>(document: &'a Value, id: &str) -> anyhow::Result<Operation<'a>> {
    let mut known = Vec::new();
    let paths = document["paths"]
        .as_object()
        .context("/openapi.json has no paths")?;
    for (path, methods) in paths {
        for (method, definition) in methods.as_object().into_iter().flatten() {
            match definition["operationId"].as_str() {
                Some(found) if found == id => {
                    return Ok(Operation {
                        path,
                        method: method.to_uppercase(),
                        definition,
                    });
                }
                Some(other) => known.push(other),
                None => {}
            }
        }
    }
    bail!(
        "the service has no operation {id}; it has {}",
        known.join(", ")
    )
}

/// The parts of a request that depend on the arguments.
struct Prepared {
    path: String,
    query: Vec<(String, String)>,
    body: Option<Value>,
}

/// Distributes the arguments to the path, the query and the body, as the operation defines.
fn prepare(operation: &Operation<'_>, arguments: Value) -> anyhow::Result<Prepared> {
    let mut path = operation.path.to_owned();
    let mut query = Vec::new();
    let takes_body = operation.definition.get("requestBody").is_some();
    let mut members = match arguments {
        Value::Object(members) => members,
        body if takes_body => {
            return Ok(Prepared {
                path,
                query,
                body: Some(body),
            });
        }
        other => bail!("the arguments must be an object, not {other}"),
    };
    for parameter in operation.definition["parameters"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let Some(name) = parameter["name"].as_str() else {
            continue;
        };
        match parameter["in"].as_str() {
            Some("path") => {
                let value = members
                    .remove(name)
                    .with_context(|| format!("the operation needs the argument {name}"))?;
                path = path.replace(
                    &format!("{{{name}}}"),
                    &encode_segment(&parameter_text(&value)),
                );
            }
            Some("query") => {
                if let Some(value) = members.remove(name) {
                    query.push((name.to_owned(), parameter_text(&value)));
                }
            }
            _ => {}
        }
    }
    if !takes_body && !members.is_empty() {
        let names: Vec<&str> = members.keys().map(String::as_str).collect();
        bail!("the operation has no argument {}", names.join(", "));
    }
    Ok(Prepared {
        path,
        query,
        body: takes_body.then_some(Value::Object(members)),
    })
}

/// Returns a value as the text of a parameter: strings without quotes, lists separated by commas.
fn parameter_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values
            .iter()
            .map(parameter_text)
            .collect::<Vec<_>>()
            .join(","),
        other => other.to_string(),
    }
}

/// Percent-encodes one path segment.
fn encode_segment(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{find, prepare};

    fn document() -> serde_json::Value {
        json!({"paths": {"/things/{id}": {"put": {
            "operationId": "things.update",
            "parameters": [
                {"name": "id", "in": "path"},
                {"name": "tags", "in": "query"}
            ],
            "requestBody": {}
        }}}})
    }

    #[test]
    fn each_argument_goes_to_the_path_the_query_or_the_body() {
        let document = document();
        let operation = find(&document, "things.update").unwrap();
        let arguments = json!({"id": "a/b", "tags": ["x", "y"], "title": "t"});
        let prepared = prepare(&operation, arguments).unwrap();
        assert_eq!(operation.method, "PUT");
        assert_eq!(prepared.path, "/things/a%2Fb");
        assert_eq!(prepared.query, [("tags".to_owned(), "x,y".to_owned())]);
        assert_eq!(prepared.body, Some(json!({"title": "t"})));
    }

    #[test]
    fn an_unknown_operation_and_a_missing_argument_are_named() {
        let document = document();
        let unknown = find(&document, "things.get").err().unwrap().to_string();
        assert!(unknown.contains("things.update"), "{unknown}");
        let operation = find(&document, "things.update").unwrap();
        let missing = prepare(&operation, json!({})).err().unwrap().to_string();
        assert_eq!(missing, "the operation needs the argument id");
    }
}
