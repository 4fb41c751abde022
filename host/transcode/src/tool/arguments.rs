//! Calls: arguments become the parts of a request, and the request's outcome becomes a result.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::{DRY_RUN, NEXT, Shape, Tool};
use contract::FieldError;

/// An argument that is not part of the body.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Argument {
    pub(super) name: String,
    pub(super) place: Place,
}

/// Where an argument goes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// A parameter of the path, by its name in the template.
    Path(String),
    /// A parameter of the query, by the argument's name.
    Query,
}

/// Where the body comes from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    /// The operation has no body.
    Absent,
    /// It is an object of all other arguments.
    Members,
    /// It is one argument.
    Argument { name: String, is_optional: bool },
}

/// The parts of a request that carry a call's arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolRequest {
    /// The path, percent-encoded.
    pub path: String,
    /// The query string without `?`.
    pub query: Option<String>,
    /// The body: JSON. `None`: the request has no body.
    pub body: Option<Vec<u8>>,
    /// Whether nothing is kept.
    pub dry_run: bool,
}

impl Tool {
    /// Turns a call's arguments into a request. Values are only moved, not checked: the request is read
    /// like every other one. Null is the same as an absent argument, except in the body. Unknown arguments
    /// become parts of the request that are unknown, too, and errors if it is handled strictly.
    ///
    /// # Errors
    /// Returns an error for each argument that a request cannot carry, with a pointer to it.
    pub fn request(
        &self,
        mut arguments: Map<String, Value>,
    ) -> Result<ToolRequest, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut error = |name: &str, detail: &str| {
            errors.push(FieldError {
                pointer: format!("#/{}", escape(name)),
                detail: detail.to_owned(),
            });
        };
        let mut in_path = Vec::new();
        let mut query = Vec::new();
        for Argument { name, place } in &self.arguments {
            let value = arguments.remove(name).filter(|value| !value.is_null());
            match (place, value) {
                (Place::Path(_), None) => error(name, "is required"),
                (Place::Path(_), Some(value)) => match text(&value) {
                    Some(text) if !text.is_empty() => in_path.push((name, text)),
                    Some(_) => error(name, "must not be empty"),
                    None => error(name, "must be a string, a number or a boolean"),
                },
                (Place::Query, None) => {}
                (Place::Query, Some(value)) => match list(&value) {
                    Ok(value) => query.push(format!("{}={value}", encode(name))),
                    Err(detail) => error(name, detail),
                },
            }
        }
        let dry_run = match self
            .has_dry_run
            .then(|| arguments.remove(DRY_RUN))
            .flatten()
        {
            None | Some(Value::Null) => false,
            Some(Value::Bool(dry_run)) => dry_run,
            Some(_) => {
                error(DRY_RUN, "must be true or false");
                false
            }
        };
        let body = match &self.body {
            Body::Absent => None,
            Body::Members => Some(Value::Object(std::mem::take(&mut arguments))),
            Body::Argument { name, is_optional } => {
                let body = arguments.remove(name);
                if body.is_none() && !is_optional {
                    error(name, "is required");
                }
                body
            }
        };
        query.extend(
            arguments
                .keys()
                .map(|unknown| format!("{}=", encode(unknown))),
        );
        if !errors.is_empty() {
            return Err(errors);
        }
        // In the template's order, which can differ from the function's.
        let values = self.path.parameters().map(|parameter| {
            let known = |argument: &&Argument| argument.place == Place::Path(parameter.to_owned());
            let argument = self.arguments.iter().find(known);
            let value = in_path
                .iter()
                .find(|(name, _)| Some(*name) == argument.map(|a| &a.name));
            value.map(|(_, text)| text.clone()).unwrap_or_default()
        });
        Ok(ToolRequest {
            path: self.path.fill(&values.collect::<Vec<_>>()),
            query: (!query.is_empty()).then(|| query.join("&")),
            body: body.map(|body| body.to_string().into_bytes()),
            dry_run,
        })
    }

    /// Makes the result of a success: the body if it is an object; a page with its cursor; anything else
    /// as the member `result`. `None`: the operation returns nothing.
    pub fn result(&self, body: Value, next: Option<&str>) -> Option<Value> {
        match &self.shape {
            Shape::Nothing => None,
            Shape::Object => Some(body),
            Shape::Member(member) => Some(json!({ member: body })),
            Shape::Page(member) => Some(json!({ member: body, NEXT: next })),
        }
    }

    /// Turns a pointer into a request (`#/query/limit`, `#/title`) into one to the argument.
    pub fn pointer(&self, pointer: &str) -> String {
        let place = ["#/path/", "#/query/"].into_iter().find_map(|prefix| {
            let name = pointer.strip_prefix(prefix)?;
            let first = name.split('/').next().unwrap_or_default();
            let argument = self
                .arguments
                .iter()
                .find(|argument| match &argument.place {
                    Place::Path(in_template) => prefix == "#/path/" && in_template == first,
                    Place::Query => prefix == "#/query/" && argument.name == first,
                });
            match argument {
                Some(argument) => Some(format!("#/{}{}", argument.name, &name[first.len()..])),
                // An unknown argument. A body of members could have one of this name.
                None if self.body != Body::Members => Some(format!("#/{name}")),
                None => None,
            }
        });
        match (place, &self.body) {
            (Some(place), _) => place,
            (None, Body::Argument { name, .. }) => match pointer.strip_prefix('#') {
                Some(rest) => format!("#/{name}{rest}"),
                None => pointer.to_owned(),
            },
            (None, _) => pointer.to_owned(),
        }
    }
}

/// The value of a query parameter, percent-encoded. The items of a list are encoded one by one, so that
/// an item can have a comma.
fn list(value: &Value) -> Result<String, &'static str> {
    let Value::Array(items) = value else {
        let text = text(value).ok_or("must be a string, a number, a boolean or a list of them")?;
        return Ok(encode(&text));
    };
    let items: Option<Vec<String>> = items.iter().map(text).collect();
    let items = items.ok_or("must have only strings, numbers and booleans")?;
    match &*items {
        [only] if only.is_empty() => Err("must not be a list of one empty string"),
        items => {
            let items: Vec<String> = items.iter().map(|item| encode(item)).collect();
            Ok(items.join(","))
        }
    }
}

/// The text of a scalar. `1.0` is an integer, as in a body.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => {
                format!("{float:.0}")
            }
            _ => number.to_string(),
        }),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Escapes a member's name for a JSON pointer (RFC 6901).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
