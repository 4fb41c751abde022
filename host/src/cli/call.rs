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
        url.set_query(Some(&prepared.query.join("&")));
    }
    let mut request = client.request(operation.method.parse()?, url);
    if let Some(body) = &prepared.body {
        request = request.json(body);
    }
    let response = request.send().await?;
    let status = response.status();
    let text = text_of(response).await?;
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

/// Maximum size of an answer, in bytes.
const MAX_ANSWER: usize = 256 << 20;

/// Reads an answer's text.
async fn text_of(mut response: reqwest::Response) -> anyhow::Result<String> {
    let mut content = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if content.len() + chunk.len() > MAX_ANSWER {
            bail!("the answer is larger than {} MiB", MAX_ANSWER >> 20);
        }
        content.extend_from_slice(&chunk);
    }
    String::from_utf8(content).context("the answer is not UTF-8")
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
    /// Names and values, each pair percent-encoded.
    query: Vec<String>,
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
                let value = scalar_text(name, &value)?;
                // Clients and servers resolve these segments, also percent-encoded.
                if matches!(value.as_str(), "" | "." | "..") {
                    bail!("the argument {name} cannot be {value:?}: no path can contain it");
                }
                path = path.replace(&format!("{{{name}}}"), &encode(&value));
            }
            Some("query") => match members.remove(name) {
                None | Some(Value::Null) => {}
                Some(value) => {
                    let value = query_value(name, &value)?;
                    query.push(format!("{}={value}", encode(name)));
                }
            },
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

/// Returns the value of a query parameter, percent-encoded. The items of a list are encoded one by
/// one and separated by commas (`style: form`, `explode: false` of OpenAPI), so that an item can
/// contain a comma.
fn query_value(name: &str, value: &Value) -> anyhow::Result<String> {
    let Value::Array(items) = value else {
        return Ok(encode(&scalar_text(name, value)?));
    };
    let items = items.iter().map(|item| scalar_text(name, item));
    let items: Vec<String> = items.collect::<Result<_, _>>()?;
    if let [only] = items.as_slice()
        && only.is_empty()
    {
        bail!("the argument {name} cannot be a list of one empty text: it would be an empty list");
    }
    let items: Vec<String> = items.iter().map(|item| encode(item)).collect();
    Ok(items.join(","))
}

/// Returns a value as text: a string without quotes.
fn scalar_text(name: &str, value: &Value) -> anyhow::Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            bail!("the argument {name} must be a text, a number, true or false, not {value}")
        }
    }
}

/// Percent-encodes a path segment, or a name or a value of the query.
pub(super) fn encode(text: &str) -> String {
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
        assert_eq!(prepared.query, ["tags=x,y"]);
        assert_eq!(prepared.body, Some(json!({"title": "t"})));
    }

    #[test]
    fn every_text_of_a_list_arrives_as_one_value() {
        let query = |tags: serde_json::Value| {
            let document = document();
            let operation = find(&document, "things.update").unwrap();
            let prepared = prepare(&operation, json!({"id": 7, "tags": tags}));
            prepared.map(|prepared| prepared.query.join("&"))
        };
        let text = json!(["a,b", "c d", "+", "100%", "é", "&=#"]);
        assert_eq!(
            query(text).unwrap(),
            "tags=a%2Cb,c%20d,%2B,100%25,%C3%A9,%26%3D%23"
        );
        assert_eq!(query(json!("a,b")).unwrap(), "tags=a%2Cb");
        assert_eq!(query(json!([1, true])).unwrap(), "tags=1,true");
        assert_eq!(query(json!(["", ""])).unwrap(), "tags=,");
        // An empty list is not an absent one.
        assert_eq!(query(json!([])).unwrap(), "tags=");
        assert_eq!(query(json!(null)).unwrap(), "");
        for unfit in [json!([""]), json!({}), json!([["a"]]), json!([null])] {
            let refused = query(unfit).unwrap_err().to_string();
            assert!(refused.starts_with("the argument tags "), "{refused}");
        }
    }

    #[test]
    fn a_path_argument_that_no_path_can_contain_is_refused() {
        for id in [json!(""), json!("."), json!(".."), json!(null), json!([1])] {
            let document = document();
            let operation = find(&document, "things.update").unwrap();
            let refused = prepare(&operation, json!({ "id": id })).err().unwrap();
            assert!(refused.to_string().starts_with("the argument id "));
        }
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
