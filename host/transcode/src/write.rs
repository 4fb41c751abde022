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

use super::buffer::{AnswerLimits, Buffer};
use super::datetime::{self, Timestamp};
use super::layout::ResultError;
use super::types::{Field, Record, ResultType, Type, Variant, snake_case};

/// Appends a value's JSON.
///
/// # Errors
/// Returns [`ResultError::Value`] if a part cannot be written as JSON: NaN, an infinity, a timestamp
/// outside the years 0001 to 9999, a repeated map key. Returns the buffer's limit if a list exceeds
/// it; the caller must check the buffer at the end. Part of the value may have been written then.
pub(super) fn value(out: &mut Buffer, ty: &Type, val: &Val) -> Result<(), ResultError> {
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
            return Err(NOT_FINITE.to_owned().into());
        }
        (Type::Char, Val::Char(value)) => json(out, value),
        (Type::String, Val::String(value)) => string(out, value),
        (Type::Bytes, Val::List(bytes)) => base64(out, bytes)?,
        (Type::Datetime(_), Val::Record(members)) => {
            let timestamp = timestamp(members)?;
            out.push(b'"');
            if !datetime::write(out, timestamp) {
                return Err(datetime::OUTSIDE.to_owned().into());
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
        (Type::Enum(_), Val::Enum(name)) => json_name(out, name),
        (Type::Variant(ty), Val::Variant(name, payload)) => {
            variant(out, ty, name, payload.as_deref())?;
        }
        (Type::Flags(_), Val::Flags(names)) => separated(out, ARRAY, names, |out, name| {
            json_name(out, name);
            Ok(())
        })?,
        (Type::Result(ty), Val::Result(val)) => result(out, ty, val)?,
        _ => return Err(mismatch()),
    }
    Ok(())
}

/// Returns a scalar as text, for a path.
pub(super) fn scalar(ty: &Type, val: &Val, limits: AnswerLimits) -> Result<String, ResultError> {
    match val {
        Val::String(text) => return Ok(text.clone()),
        Val::Char(text) => return Ok(text.to_string()),
        Val::Enum(name) => return Ok(snake_case(name)),
        _ => {}
    }
    let mut out = Buffer::new(limits);
    value(&mut out, ty, val)?;
    let text = String::from_utf8(out.finish()?).map_err(|_| mismatch())?;
    // Timestamps are written in quotes and contain no escapes.
    Ok(text.trim_matches('"').to_owned())
}

/// Appends a scalar as serde_json writes it.
pub(super) fn json(out: &mut Buffer, scalar: &(impl Serialize + ?Sized)) {
    // A scalar can be serialized. If the buffer is full, it reports that itself.
    let _ = serde_json::to_writer(out, scalar);
}

/// Appends a string. Few strings need escapes. The search for them has no early exit, so that the
/// compiler can check many bytes at once.
pub(super) fn string(out: &mut Buffer, text: &str) {
    let needs_escape = |byte: &u8| (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\');
    let escapes = text
        .as_bytes()
        .iter()
        .fold(false, |found, byte| found | needs_escape(byte));
    if escapes {
        return json(out, text);
    }
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
fn duplicate_key(key: &str) -> String {
    let shown: String = key.chars().take(100).collect();
    format!("the map key {shown:?} twice")
}

/// Appends items in brackets, with commas between them. Ends early if the buffer is full.
pub(super) fn separated<T>(
    out: &mut Buffer,
    [open, close]: [u8; 2],
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Buffer, T) -> Result<(), ResultError>,
) -> Result<(), ResultError> {
    out.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item)?;
        out.check()?;
    }
    out.push(close);
    Ok(())
}

fn record(out: &mut Buffer, ty: &Record, members: &[(String, Val)]) -> Result<(), ResultError> {
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

fn map(out: &mut Buffer, item: &Type, entries: &[Val]) -> Result<(), ResultError> {
    let mut keys = Keys::new(out, entries.len())?;
    separated(out, OBJECT, entries, |out, entry| {
        let Val::Tuple(entry) = entry else {
            return Err(mismatch());
        };
        let [Val::String(key), val] = &entry[..] else {
            return Err(mismatch());
        };
        keys.insert(key)?;
        string(out, key);
        out.push(b':');
        value(out, item, val)
    })?;
    keys.release(out);
    Ok(())
}

/// The keys of a map that is being written. Their memory counts as part of the answer.
pub(super) struct Keys<'a> {
    seen: HashSet<&'a str>,
    claimed: usize,
}

impl<'a> Keys<'a> {
    /// Memory for each key: a `HashSet` is up to half empty.
    const SIZE: usize = 2 * (size_of::<&str>() + 1);

    pub(super) fn new(out: &mut Buffer, count: usize) -> Result<Self, ResultError> {
        let claimed = count.saturating_mul(Self::SIZE);
        out.claim(claimed);
        out.check()?;
        Ok(Keys {
            seen: HashSet::with_capacity(count),
            claimed,
        })
    }

    pub(super) fn insert(&mut self, key: &'a str) -> Result<(), ResultError> {
        match self.seen.insert(key) {
            true => Ok(()),
            false => Err(duplicate_key(key).into()),
        }
    }

    pub(super) fn release(self, out: &mut Buffer) {
        out.release(self.claimed);
    }
}

fn variant(
    out: &mut Buffer,
    ty: &Variant,
    name: &str,
    payload: Option<&Val>,
) -> Result<(), ResultError> {
    out.extend_from_slice(b"{\"case\":");
    json_name(out, name);
    if let Some(val) = payload {
        let case = ty.cases.find(&snake_case(name));
        let Some(ty) = case.and_then(|case| case.payload.as_ref()) else {
            return Err(format!("the case {name} with a payload").into());
        };
        out.extend_from_slice(b",\"value\":");
        value(out, ty, val)?;
    }
    out.push(b'}');
    Ok(())
}

fn result(
    out: &mut Buffer,
    ty: &ResultType,
    val: &Result<Option<Box<Val>>, Option<Box<Val>>>,
) -> Result<(), ResultError> {
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

fn base64(out: &mut Buffer, bytes: &[Val]) -> Result<(), ResultError> {
    let byte = |val: &Val| match val {
        Val::U8(byte) => Ok(*byte),
        _ => Err(mismatch()),
    };
    let bytes = bytes
        .iter()
        .map(byte)
        .collect::<Result<Vec<u8>, ResultError>>()?;
    base64_text(out, &bytes);
    Ok(())
}

/// Appends bytes as a base64 string.
pub(super) fn base64_text(out: &mut Buffer, bytes: &[u8]) {
    out.push(b'"');
    out.extend_with(bytes.len().div_ceil(3).saturating_mul(4), |text| {
        let written = BASE64.encode_slice(bytes, text);
        debug_assert!(written.is_ok(), "three bytes take four characters");
    });
    out.push(b'"');
}

fn timestamp(members: &[(String, Val)]) -> Result<Timestamp, ResultError> {
    let (seconds, nanoseconds) = match members {
        [(_, Val::U64(seconds)), (_, Val::U32(nanoseconds))] => {
            let seconds = i64::try_from(*seconds).unwrap_or(i64::MAX);
            (seconds, *nanoseconds)
        }
        [(_, Val::S64(seconds)), (_, Val::U32(nanoseconds))] => (*seconds, *nanoseconds),
        _ => return Err(mismatch()),
    };
    Ok(Timestamp {
        seconds,
        nanoseconds,
    })
}

/// Appends the JSON name of a WIT name, in quotes. WIT names are ASCII and contain no quotes.
fn json_name(out: &mut Buffer, name: &str) {
    out.push(b'"');
    out.extend_with(name.len(), |written| {
        for (byte, of_name) in written.iter_mut().zip(name.bytes()) {
            *byte = match of_name {
                b'-' => b'_',
                other => other.to_ascii_lowercase(),
            };
        }
    });
    out.push(b'"');
}

fn mismatch() -> ResultError {
    ResultError::Value("a value that is not of its type".to_owned())
}
