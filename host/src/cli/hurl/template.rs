//! `{{variables}}` in texts.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Error;

/// The values of variables: given ones and captured ones.
pub(in crate::cli) type Variables = BTreeMap<String, Value>;

/// Replaces each `{{name}}`.
///
/// # Errors
/// A name has no value.
pub(super) fn expand(text: &str, variables: &Variables, line: usize) -> Result<String, Error> {
    let (mut expanded, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else {
            break;
        };
        expanded.push_str(before);
        match variable(name, variables, line)? {
            Value::String(text) => expanded.push_str(text),
            other => expanded.push_str(&other.to_string()),
        }
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// Returns the value of a variable.
///
/// # Errors
/// It has none.
pub(super) fn variable<'a>(
    name: &str,
    variables: &'a Variables,
    line: usize,
) -> Result<&'a Value, Error> {
    let name = name.trim();
    variables.get(name).ok_or_else(|| {
        let known: Vec<_> = variables.keys().map(String::as_str).collect();
        Error {
            line,
            reason: format!(
                "the variable {name} has no value here; there are {}",
                known.join(", ")
            ),
        }
    })
}
