//! Replacements for functions of SQLite that take quadratic time.
//!
//! The guard checks the deadline between instructions, and a function call is one instruction.
//! SQLite's `instr`, `replace` and `trim` compare every position of one text with all of the other,
//! so one call with texts of some megabytes would run for days and could not be interrupted. These
//! replacements take linear time. Like PostgreSQL's functions they refuse a real number, because its
//! text depends on the engine: the logic must cast it.

use std::collections::HashSet;

use memchr::memmem;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Error, Result};

/// Replaces the functions on a connection with this maximum length of a value.
pub(super) fn replace_slow(sqlite: &Connection, length_bytes: u32) -> Result<()> {
    // Innocuous: the logic's views and indexes may use them, as they may use SQLite's own.
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    sqlite.create_scalar_function("instr", 2, flags, instr)?;
    sqlite.create_scalar_function("replace", 3, flags, move |call| {
        replace(call, length_bytes as usize)
    })?;
    for (name, start, end) in [
        ("trim", true, true),
        ("ltrim", true, false),
        ("rtrim", false, true),
    ] {
        sqlite.create_scalar_function(name, 2, flags, move |call| trim(call, start, end))?;
    }
    sqlite.create_scalar_function("unhex", 2, flags, |_| -> Result<Value> {
        Err(refused("call unhex() with one argument"))
    })
}

/// `instr(text, part)`: the position of the part, counted from 1, or 0 if the text does not contain
/// it. Counts bytes if both are blobs, otherwise characters.
fn instr(call: &Context<'_>) -> Result<Option<i64>> {
    let (Some(text), Some(part)) = (argument(call, 0)?, argument(call, 1)?) else {
        return Ok(None);
    };
    let Some(at) = memmem::find(&text.bytes, &part.bytes) else {
        return Ok(Some(0));
    };
    let before = match text.is_blob && part.is_blob {
        true => at,
        false => characters(&text.bytes[..at]),
    };
    Ok(Some(before as i64 + 1))
}

/// `replace(text, part, other)`: the text with each occurrence of the part replaced by the other.
fn replace(call: &Context<'_>, length_bytes: usize) -> Result<Option<Value>> {
    let arguments = (argument(call, 0)?, argument(call, 1)?, argument(call, 2)?);
    let (Some(text), Some(part), Some(other)) = arguments else {
        return Ok(None);
    };
    if part.bytes.is_empty() {
        return as_text(text.bytes).map(Some);
    }
    let mut replaced = Vec::with_capacity(text.bytes.len());
    let mut rest = 0;
    for at in memmem::find_iter(&text.bytes, &part.bytes) {
        replaced.extend_from_slice(&text.bytes[rest..at]);
        replaced.extend_from_slice(&other.bytes);
        rest = at + part.bytes.len();
        // SQLite would also refuse the result, but only after all of it was made.
        if replaced.len() > length_bytes {
            return Err(refused("string or blob too big"));
        }
    }
    replaced.extend_from_slice(&text.bytes[rest..]);
    as_text(replaced).map(Some)
}

/// `trim(text, characters)`: the text without the characters at its start, its end or both.
fn trim(call: &Context<'_>, start: bool, end: bool) -> Result<Option<Value>> {
    let (Some(text), Some(set)) = (argument(call, 0)?, argument(call, 1)?) else {
        return Ok(None);
    };
    let (text, set) = (utf8(&text.bytes)?, utf8(&set.bytes)?);
    let set: HashSet<char> = set.chars().collect();
    let mut trimmed = text;
    if start {
        trimmed = trimmed.trim_start_matches(|c| set.contains(&c));
    }
    if end {
        trimmed = trimmed.trim_end_matches(|c| set.contains(&c));
    }
    Ok(Some(Value::Text(trimmed.to_owned())))
}

struct Argument {
    bytes: Vec<u8>,
    is_blob: bool,
}

/// Returns an argument as bytes. `None` if it is null.
fn argument(call: &Context<'_>, index: usize) -> Result<Option<Argument>> {
    let (bytes, is_blob) = match call.get_raw(index) {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(value) => (value.to_string().into_bytes(), false),
        ValueRef::Text(text) => (text.to_vec(), false),
        ValueRef::Blob(blob) => (blob.to_vec(), true),
        ValueRef::Real(_) => {
            return Err(refused("cast a real number to text: cast(… as text)"));
        }
    };
    Ok(Some(Argument { bytes, is_blob }))
}

fn characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

fn as_text(bytes: Vec<u8>) -> Result<Value> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Value::Text(text)),
        Err(_) => Err(refused("the result is not UTF-8")),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| refused("the text is not UTF-8"))
}

fn refused(reason: &str) -> Error {
    Error::UserFunctionError(reason.into())
}
