//! Reads a function's arguments from a request.

use std::borrow::Cow;

use wasmtime::component::Val;

use super::query::Query;
use super::{Operation, Source};
use crate::constraint::Constraints;
use crate::json;
use crate::read::{self, FieldErrors, Place};
use crate::types::Type;
use contract::{FieldError, Method};

/// The parts of a request that carry arguments.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The path's parameters by their names in the template, percent-decoded.
    pub parameters: &'a [(String, String)],
    /// The raw query string, without `?`.
    pub query: Option<&'a str>,
    /// The `Content-Type` header.
    pub media_type: Option<&'a str>,
    /// The body, or empty if there is none.
    pub body: &'a [u8],
    /// Maximum memory of the arguments, in bytes.
    pub limit_bytes: usize,
    /// Whether unknown query parameters and unknown members of the body are errors. Otherwise they
    /// are ignored.
    pub strict: bool,
}

impl Default for Input<'_> {
    /// A request without arguments and without a limit, whose unknown parts are ignored.
    fn default() -> Self {
        Input {
            parameters: &[],
            query: None,
            media_type: None,
            body: &[],
            limit_bytes: usize::MAX,
            strict: false,
        }
    }
}

/// Why a request does not fit its operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The body is missing or is not JSON: 400. The text says what is wrong and where.
    #[error("{0}")]
    Malformed(String),
    /// Values do not fit their types or constraints: 422. Lists every error, at most 100.
    #[error("the request does not fit the operation's types")]
    Invalid(Vec<FieldError>),
    /// The operation does not accept the body's media type: 415. The text lists the media types
    /// that it accepts, comma-separated.
    #[error("the operation accepts {0}")]
    UnsupportedMediaType(&'static str),
    /// The arguments need more memory than they may: 413.
    #[error("the arguments need too much memory")]
    TooLarge,
}

pub(super) fn arguments(operation: &Operation, input: &Input<'_>) -> Result<Vec<Val>, InputError> {
    let query = Query::parse(input.query.unwrap_or_default());
    let mut errors = FieldErrors::new(input.limit_bytes, input.strict);
    let mut arguments = Vec::with_capacity(operation.sources.len());
    for source in &operation.sources {
        let argument = match source {
            Source::Path {
                name,
                ty,
                constraints,
            } => path(name, ty, constraints.as_deref(), input, &mut errors),
            Source::Query(param) => param.read(&query, &mut errors),
            Source::QueryRecord { record, fields } => {
                let mut members = Vec::with_capacity(fields.len());
                for (field, param) in record.fields.iter().zip(fields) {
                    if let Some(value) = param.read(&query, &mut errors) {
                        members.push((field.name.clone(), value));
                    }
                }
                Some(Val::Record(members))
            }
            Source::Body { ty, constraints } => {
                body(operation, ty, constraints.as_deref(), input, &mut errors)?
            }
        };
        arguments.extend(argument);
    }
    let parameters = operation.sources.iter().flat_map(Source::query_params);
    let is_known = |name: &str| parameters.clone().any(|known| known.name == name);
    errors.expect_known(query.names(), Place::Query, is_known);
    if errors.is_too_large() {
        Err(InputError::TooLarge)
    } else if errors.list.is_empty() {
        Ok(arguments)
    } else {
        Err(InputError::Invalid(errors.list))
    }
}

fn path(
    name: &str,
    ty: &Type,
    constraints: Option<&Constraints>,
    input: &Input<'_>,
    errors: &mut FieldErrors,
) -> Option<Val> {
    let place = Place::Path(name);
    let Some((_, text)) = input.parameters.iter().find(|(known, _)| known == name) else {
        return errors.add(place, "is required");
    };
    let value = read::scalar(ty, Cow::Borrowed(text));
    errors.constrained(place, constraints, value)
}

fn body(
    operation: &Operation,
    ty: &Type,
    constraints: Option<&Constraints>,
    input: &Input<'_>,
    errors: &mut FieldErrors,
) -> Result<Option<Val>, InputError> {
    if input.body.is_empty() {
        return match ty {
            Type::Option(_) => Ok(Some(Val::Option(None))),
            _ => Err(InputError::Malformed(
                "the body is empty; send JSON".to_owned(),
            )),
        };
    }
    if !is_accepted(operation.route.method, input.media_type) {
        return Err(InputError::UnsupportedMediaType(operation.media_types()));
    }
    let json = json::parse(input.body).map_err(|error| InputError::Malformed(error.to_string()))?;
    Ok(read::value(ty, constraints, json, Place::Body, errors))
}

/// Returns whether a `Content-Type` is JSON for this method. Its parameters are ignored: JSON is
/// always UTF-8 (RFC 8259, section 8.1).
fn is_accepted(method: Method, media_type: Option<&str>) -> bool {
    let Some(media_type) = media_type else {
        return false;
    };
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let patches = matches!(method, Method::Put | Method::Patch);
    essence.eq_ignore_ascii_case("application/json")
        || patches && essence.eq_ignore_ascii_case("application/merge-patch+json")
}
