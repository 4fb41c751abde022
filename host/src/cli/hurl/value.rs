//! Values of answers and of conditions, and how they compare.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Value as Json;

use super::template::{self, Variables};
use super::{Error, Literal};

/// Number of characters of a value that a message shows.
const SHOWN: usize = 300;

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Json(Json),
    Bytes(Vec<u8>),
    /// A regular expression, in conditions only.
    Regex(regex::Regex),
}

impl Value {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Value::Json(Json::String(text.into()))
    }

    /// Returns the value of a literal.
    ///
    /// # Errors
    /// A variable has no value, or a regular expression is not one.
    pub(super) fn of(literal: &Literal, variables: &Variables, line: usize) -> Result<Self, Error> {
        Ok(match literal {
            Literal::Null => Value::Json(Json::Null),
            Literal::Bool(value) => Value::Json((*value).into()),
            Literal::Number(number) => Value::Json(Json::Number(number.clone())),
            Literal::Text(text) => Value::text(template::expand(text, variables, line)?),
            Literal::Variable(name) => {
                Value::Json(template::variable(name, variables, line)?.clone())
            }
            Literal::Regex(text) => Value::Regex(regex(text, line)?),
            Literal::Bytes(bytes) => Value::Bytes(bytes.clone()),
        })
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Value::Json(Json::String(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_equal(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Json(one), Value::Json(other)) => are_equal(one, other),
            (Value::Bytes(one), Value::Bytes(other)) => one == other,
            _ => false,
        }
    }

    /// Compares two numbers or two texts. `None`: they have no order.
    pub(super) fn order(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Json(Json::Number(one)), Value::Json(Json::Number(other))) => {
                match (one.as_i128(), other.as_i128()) {
                    (Some(one), Some(other)) => Some(one.cmp(&other)),
                    _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
                }
            }
            _ => Some(self.as_text()?.cmp(other.as_text()?)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Value::Json(Json::String(text)) => text.is_empty(),
            Value::Json(Json::Array(items)) => items.is_empty(),
            Value::Json(Json::Object(members)) => members.is_empty(),
            Value::Bytes(bytes) => bytes.is_empty(),
            _ => false,
        }
    }
}

/// Compiles a regular expression.
pub(super) fn regex(text: &str, line: usize) -> Result<regex::Regex, Error> {
    regex::Regex::new(text).map_err(|error| Error {
        line,
        reason: format!("/{text}/ is not a regular expression: {error}"),
    })
}

/// Compares two values of JSON: numbers by their value, objects without regard to the order of members.
pub(super) fn are_equal(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => match (one.as_i128(), other.as_i128()) {
            (Some(one), Some(other)) => one == other,
            _ => one.as_f64() == other.as_f64(),
        },
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| are_equal(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| {
                    other.get(name).is_some_and(|other| are_equal(value, other))
                })
        }
        (one, other) => one == other,
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Value::Json(value) => value.to_string(),
            Value::Bytes(bytes) => format!("hex,{};", hex::encode(bytes)),
            Value::Regex(regex) => format!("/{regex}/"),
        };
        f.write_str(&shortened(&text))
    }
}

/// Returns the beginning of a long text.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}
