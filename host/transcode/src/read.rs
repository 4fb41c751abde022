//! Reads WIT values from JSON and text, and collects every error with its place.
//!
//! If a value cannot be read, the error is added to the [`FieldErrors`] and the result is `None`.
//! The other values are read all the same, so that one response reports all errors to the client. A
//! [`Place`] is a chain on the stack. Its JSON pointer is built only for an error.

mod composite;
mod place;
mod scalar;

use wasmtime::component::Val;

use self::composite::{flags, list, map, record, result, tuple, variant};
pub(super) use self::place::{FieldErrors, Place};
use self::scalar::bytes;
pub(super) use self::scalar::scalar;
use super::constraint::Constraints;
use super::json::Json;
use super::number;
use super::types::Type;

/// Reads a JSON value, and checks its constraints.
pub(super) fn value(
    ty: &Type,
    constraints: Option<&Constraints>,
    json: Json<'_>,
    place: Place<'_>,
    errors: &mut FieldErrors,
) -> Option<Val> {
    errors.charge(size_of::<Val>());
    match (ty, json) {
        (Type::Option(_), Json::Null) => Some(Val::Option(None)),
        (Type::Option(inner), json) => Some(some(value(inner, constraints, json, place, errors)?)),
        (Type::Clearable(_), Json::Null) => Some(some(Val::Option(None))),
        (Type::Clearable(inner), json) => {
            Some(some(some(value(inner, constraints, json, place, errors)?)))
        }
        (_, Json::Null) => errors.add(place, "must not be null"),
        (Type::Bool, Json::Bool(value)) => Some(Val::Bool(value)),
        (Type::F32 | Type::F64, Json::Number(text)) => {
            errors.constrained(place, constraints, number::read(ty, text))
        }
        (_, Json::Number(text)) if ty.integer_range().is_some() => {
            errors.constrained(place, constraints, number::read(ty, text))
        }
        (Type::String | Type::Char | Type::Enum(_) | Type::Datetime(_), Json::String(text)) => {
            errors.charge(text.len());
            errors.constrained(place, constraints, scalar(ty, text))
        }
        (Type::Bytes, Json::String(text)) => {
            errors.charge(text.len().saturating_mul(size_of::<Val>()) / 4 * 3);
            match errors.is_too_large() {
                true => None,
                false => errors.check(place, bytes(&text)),
            }
        }
        (Type::List(item), Json::Array(items)) => list(item, constraints, items, place, errors),
        (Type::Map(item), Json::Object(members)) => map(item, constraints, members, place, errors),
        (Type::Tuple(types), Json::Array(items)) => tuple(types, constraints, items, place, errors),
        (Type::Record(ty), Json::Object(members)) => record(ty, members, place, errors),
        (Type::Variant(ty), Json::Object(members)) => variant(ty, members, place, errors),
        (Type::Flags(ty), Json::Array(items)) => flags(ty, items, place, errors),
        (Type::Result(ty), Json::Object(members)) => result(ty, members, place, errors),
        (ty, _) => errors.add(place, format!("must be {}", in_words(ty))),
    }
}

/// Wraps a value in an option.
pub(super) fn some(value: Val) -> Val {
    Val::Option(Some(Box::new(value)))
}

/// Describes the JSON of a type, as the end of "must be …".
fn in_words(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "true or false",
        Type::F32 | Type::F64 => "a number",
        Type::Char => "a string of one character",
        Type::String | Type::Enum(_) | Type::Datetime(_) => "a string",
        Type::Bytes => "a base64 string (RFC 4648, with padding)",
        Type::Option(inner) | Type::Clearable(inner) => in_words(inner),
        Type::List(_) | Type::Tuple(_) | Type::Flags(_) => "an array",
        Type::Map(_) | Type::Record(_) | Type::Variant(_) | Type::Result(_) => "an object",
        _ => "an integer",
    }
}
