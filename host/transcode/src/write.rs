//! Writes WIT values that wasmtime lifted as JSON.
//!
//! This is a hot path: the JSON is written straight into bytes, without a tree in between, and the
//! escaped names of members come from the type. wasmtime lifted the value with the same component's
//! types. So if a value does not fit its type, that is a bug in the host; it returns an error like
//! the logic's faults instead of panicking.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use wasmtime::component::Val;

use super::datetime::{self, Timestamp};
use super::types::{Field, Record, ResultType, Type, Variant};

/// Appends a value's JSON.
///
/// # Errors
/// Returns a description of what cannot be written as JSON: NaN, an infinity, a timestamp outside
/// the years 0001 to 9999, a repeated map key. Part of the value may have been written then.
pub(super) fn value(out: &mut Vec<u8>, ty: &Type, val: &Val) -> Result<(), String> {
    match (ty, val) {
        (Type::Bool, Val::Bool(true)) => out.extend_from_slice(b"true"),
        (Type::Bool, Val::Bool(false)) => out.extend_from_slice(b"false"),
        (Type::U8, Val::U8(value)) => json(out, value),
        (Type::U16, Val::U16(value)) => json(out, value),
        (Type::U32, Val::U32(value)) => json(out, value),
        (Type::U64, Val::U64(value)) => json(out, value),
        (Type::S8, Val::S8(value)) => json(out, value),
        (Type::S16, Val::S16(value)) => json(out, value),
        (Type::S32, Val::S32(value)) => json(out, value),
        (Type::S64, Val::S64(value)) => json(out, value),
        (Type::F32, Val::Float32(value)) if value.is_finite() => json(out, value),
        (Type::F64, Val::Float64(value)) if value.is_finite() => json(out, value),
        (Type::F32, Val::Float32(_)) | (Type::F64, Val::Float64(_)) => {
            return Err(NOT_FINITE.to_owned());
        }
        (Type::Char, Val::Char(value)) => json(out, value),
        (Type::String, Val::String(value)) => string(out, value),
        (Type::Bytes, Val::List(bytes)) => base64(out, bytes)?,
        (Type::Datetime(_), Val::Record(members)) => {
            let timestamp = timestamp(members)?;
            out.push(b'"');
            if !datetime::write(out, timestamp) {
                return Err(datetime::OUTSIDE.to_owned());
            }
            out.push(b'"');
        }
        (Type::Option(_) | Type::Clearable(_), Val::Option(None)) => out.extend_from_slice(b"null"),
        (Type::Option(inner), Val::Option(Some(val))) => value(out, inner, val)?,
        (Type::Clearable(inner), Val::Option(Some(val))) => match &**val {
            Val::Option(None) => out.extend_from_slice(b"null"),
            Val::Option(Some(val)) => value(out, inner, val)?,
            _ => return Err(mismatch()),
        },
        (Type::List(item), Val::List(values)) => {
            separated(out, ARRAY, values, |out, val| value(out, item, val))?;
        }
        (Type::Map(item), Val::List(entries)) => map(out, item, entries)?,
        (Type::Tuple(types), Val::Tuple(values)) if types.len() == values.len() => {
            separated(out, ARRAY, types.iter().zip(values), |out, (ty, val)| {
                value(out, ty, val)
            })?;
        }
        (Type::Record(ty), Val::Record(members)) => record(out, ty, members)?,
        (Type::Enum(_), Val::Enum(name)) => snake_case(out, name),
        (Type::Variant(ty), Val::Variant(name, payload)) => {
            variant(out, ty, name, payload.as_deref())?;
        }
        (Type::Flags(_), Val::Flags(names)) => separated(out, ARRAY, names, |out, name| {
            snake_case(out, name);
            Ok::<_, String>(())
        })?,
        (Type::Result(ty), Val::Result(val)) => result(out, ty, val)?,
        _ => return Err(mismatch()),
    }
    Ok(())
}

/// Returns a scalar as text, for a path.
pub(super) fn scalar(ty: &Type, val: &Val) -> Result<String, String> {
    if let Val::String(text) = val {
        return Ok(text.clone());
    }
    if let Val::Char(text) = val {
        return Ok(text.to_string());
    }
    let mut out = Vec::new();
    value(&mut out, ty, val)?;
    let text = String::from_utf8(out).map_err(|_| mismatch())?;
    // Enums and timestamps are written in quotes and contain no escapes.
    Ok(text.trim_matches('"').to_owned())
}

/// Appends a scalar as serde_json writes it.
pub(super) fn json(out: &mut Vec<u8>, scalar: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(out, scalar)
        .expect("a scalar can be serialized, and writing to a Vec cannot fail");
}

/// Appends a string. Few strings need escapes. The search for them has no early exit, so that the
/// compiler can check many bytes at once.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    let needs_escape = |byte: &u8| (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\');
    let escapes = text
        .as_bytes()
        .iter()
        .fold(false, |found, byte| found | needs_escape(byte));
    if escapes {
        return json(out, text);
    }
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// The brackets of an array and of an object.
pub(super) const ARRAY: [u8; 2] = [b'[', b']'];
pub(super) const OBJECT: [u8; 2] = [b'{', b'}'];

/// Description of NaN and infinities.
pub(super) const NOT_FINITE: &str = "a number that is not finite";

/// Description of a map with two entries of the same key.
pub(super) fn duplicate_key(key: &str) -> String {
    format!("the map key {key:?} twice")
}

/// Appends items in brackets, with commas between them.
pub(super) fn separated<T, E>(
    out: &mut Vec<u8>,
    [open, close]: [u8; 2],
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T) -> Result<(), E>,
) -> Result<(), E> {
    out.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item)?;
    }
    out.push(close);
    Ok(())
}

fn record(out: &mut Vec<u8>, ty: &Record, members: &[(String, Val)]) -> Result<(), String> {
    out.push(b'{');
    let mut first = true;
    for (field, (_, val)) in ty.fields.iter().zip(members) {
        if is_absent(field, val) {
            continue;
        }
        if !first {
            out.push(b',');
        }
        first = false;
        out.extend_from_slice(field.key.as_bytes());
        value(out, &field.ty, val)?;
    }
    out.push(b'}');
    Ok(())
}

/// Returns whether a member is left out: the outer option of an `option<option<T>>` is none.
fn is_absent(field: &Field, val: &Val) -> bool {
    matches!((&field.ty, val), (Type::Clearable(_), Val::Option(None)))
}

fn map(out: &mut Vec<u8>, item: &Type, entries: &[Val]) -> Result<(), String> {
    let mut keys = HashSet::with_capacity(entries.len());
    out.push(b'{');
    for (index, entry) in entries.iter().enumerate() {
        let Val::Tuple(entry) = entry else {
            return Err(mismatch());
        };
        let [Val::String(key), val] = &entry[..] else {
            return Err(mismatch());
        };
        if !keys.insert(key.as_str()) {
            return Err(duplicate_key(key));
        }
        if index > 0 {
            out.push(b',');
        }
        string(out, key);
        out.push(b':');
        value(out, item, val)?;
    }
    out.push(b'}');
    Ok(())
}

fn variant(
    out: &mut Vec<u8>,
    ty: &Variant,
    name: &str,
    payload: Option<&Val>,
) -> Result<(), String> {
    out.extend_from_slice(b"{\"case\":");
    snake_case(out, name);
    if let Some(val) = payload {
        let case = ty.cases.iter().find(|case| case.name == name);
        let Some(ty) = case.and_then(|case| case.payload.as_ref()) else {
            return Err(format!("the case {name} with a payload"));
        };
        out.extend_from_slice(b",\"value\":");
        value(out, ty, val)?;
    }
    out.push(b'}');
    Ok(())
}

fn result(
    out: &mut Vec<u8>,
    ty: &ResultType,
    val: &Result<Option<Box<Val>>, Option<Box<Val>>>,
) -> Result<(), String> {
    let (key, ty, payload): (&[u8], _, _) = match val {
        Ok(payload) => (b"{\"ok\":", &ty.ok, payload),
        Err(payload) => (b"{\"error\":", &ty.error, payload),
    };
    out.extend_from_slice(key);
    match (ty, payload) {
        (Some(ty), Some(val)) => value(out, ty, val)?,
        _ => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
    Ok(())
}

fn base64(out: &mut Vec<u8>, bytes: &[Val]) -> Result<(), String> {
    let byte = |val: &Val| match val {
        Val::U8(byte) => Ok(*byte),
        _ => Err(mismatch()),
    };
    let bytes = bytes.iter().map(byte).collect::<Result<Vec<u8>, _>>()?;
    out.push(b'"');
    out.extend_from_slice(BASE64.encode(bytes).as_bytes());
    out.push(b'"');
    Ok(())
}

fn timestamp(members: &[(String, Val)]) -> Result<Timestamp, String> {
    let (seconds, nanoseconds) = match members {
        [(_, Val::U64(seconds)), (_, Val::U32(nanoseconds))] => {
            let seconds = i64::try_from(*seconds).unwrap_or(i64::MAX);
            (seconds, *nanoseconds)
        }
        [(_, Val::S64(seconds)), (_, Val::U32(nanoseconds))] => (*seconds, *nanoseconds),
        _ => return Err("a timestamp without seconds and nanoseconds".to_owned()),
    };
    Ok(Timestamp {
        seconds,
        nanoseconds,
    })
}

/// Appends the JSON name of a WIT name, in quotes. WIT names are ASCII and contain no quotes.
fn snake_case(out: &mut Vec<u8>, name: &str) {
    out.push(b'"');
    out.extend(name.bytes().map(|byte| match byte {
        b'-' => b'_',
        byte => byte.to_ascii_lowercase(),
    }));
    out.push(b'"');
}

fn mismatch() -> String {
    "a value that is not of its type".to_owned()
}
