//! JSON and text into WIT values, collecting every fault with its place.
//!
//! A value that cannot be read leaves a fault and is `None`; its siblings are read all the
//! same, so that one answer tells a client everything. Places are chains on the stack: a
//! pointer is only spelled out once there is a fault to report.

mod composite;
mod place;
mod scalar;

use wasmtime::component::Val;

use self::composite::{flags, list, map, record, result, tuple, variant};
pub(super) use self::place::{Faults, Place};
use self::scalar::bytes;
pub(super) use self::scalar::scalar;
use super::json::Json;
use super::number;
use super::types::Type;

/// Reads a JSON value.
pub(super) fn value(
    ty: &Type,
    json: Json<'_>,
    place: Place<'_>,
    faults: &mut Faults,
) -> Option<Val> {
    match (ty, json) {
        (Type::Option(_), Json::Null) => Some(Val::Option(None)),
        (Type::Option(inner), json) => Some(some(value(inner, json, place, faults)?)),
        (Type::Clearable(_), Json::Null) => Some(some(Val::Option(None))),
        (Type::Clearable(inner), json) => Some(some(some(value(inner, json, place, faults)?))),
        (_, Json::Null) => faults.add(place, "must not be null"),
        (Type::Bool, Json::Bool(value)) => Some(Val::Bool(value)),
        (Type::F32 | Type::F64, Json::Number(text)) => faults.keep(place, number::read(ty, text)),
        (_, Json::Number(text)) if ty.integer_range().is_some() => {
            faults.keep(place, number::read(ty, text))
        }
        (Type::String | Type::Char | Type::Enum(_) | Type::Datetime(_), Json::String(text)) => {
            faults.keep(place, scalar(ty, text))
        }
        (Type::Bytes, Json::String(text)) => faults.keep(place, bytes(&text)),
        (Type::List(item), Json::Array(items)) => list(item, items, place, faults),
        (Type::Map(item), Json::Object(members)) => map(item, members, place, faults),
        (Type::Tuple(types), Json::Array(items)) => tuple(types, items, place, faults),
        (Type::Record(ty), Json::Object(members)) => record(ty, members, place, faults),
        (Type::Variant(ty), Json::Object(members)) => variant(ty, members, place, faults),
        (Type::Flags(ty), Json::Array(items)) => flags(ty, items, place, faults),
        (Type::Result(ty), Json::Object(members)) => result(ty, members, place, faults),
        (ty, _) => faults.add(place, format!("must be {}", in_words(ty))),
    }
}

/// A present option.
pub(super) fn some(value: Val) -> Val {
    Val::Option(Some(Box::new(value)))
}

/// What a value of a type looks like: the end of "must be …".
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
