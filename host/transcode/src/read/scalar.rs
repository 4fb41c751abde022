//! Reads single values from text.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use wasmtime::component::Val;

use super::in_words;
use crate::types::{Case, Enum, Epoch, Type};
use crate::{datetime, json, number};

/// Maximum number of bytes that a base64 string may encode.
const MAX_BYTES: usize = 1 << 20;

/// Reads a scalar from text: a path segment, a query value, or a JSON string for types that are
/// strings in JSON.
///
/// # Errors
/// Returns what is wrong, as the end of a sentence about the value.
pub(crate) fn scalar(ty: &Type, text: Cow<'_, str>) -> Result<Val, String> {
    if text.contains('\0') {
        return Err("must not contain U+0000".to_owned());
    }
    match ty {
        Type::String => Ok(Val::String(text.into_owned())),
        Type::Bool => match &*text {
            "true" => Ok(Val::Bool(true)),
            "false" => Ok(Val::Bool(false)),
            _ => Err("must be true or false".to_owned()),
        },
        Type::Char => {
            let mut chars = text.chars();
            match (chars.next(), chars.next()) {
                (Some(only), None) => Ok(Val::Char(only)),
                _ => Err(format!("must be {}", in_words(ty))),
            }
        }
        Type::Enum(ty) => case(ty, &text).map(|name| Val::Enum(name.to_owned())),
        Type::Datetime(epoch) => {
            let timestamp = datetime::read(&text, *epoch)?;
            let seconds = match epoch {
                // `datetime::read` has rejected timestamps before 1970.
                Epoch::Unsigned => Val::U64(timestamp.seconds.unsigned_abs()),
                Epoch::Signed => Val::S64(timestamp.seconds),
            };
            Ok(Val::Record(vec![
                ("seconds".to_owned(), seconds),
                ("nanoseconds".to_owned(), Val::U32(timestamp.nanoseconds)),
            ]))
        }
        _ if json::is_number(&text) => number::read(ty, &text),
        _ => Err(format!("must be {}", in_words(ty))),
    }
}

/// Reads base64.
pub(super) fn bytes(text: &str) -> Result<Val, String> {
    // The length is checked before decoding, because each byte becomes a `Val`.
    if text.len() > MAX_BYTES.div_ceil(3) * 4 {
        return Err(format!("must encode at most {MAX_BYTES} bytes"));
    }
    match BASE64.decode(text) {
        Ok(bytes) if bytes.len() > MAX_BYTES => {
            Err(format!("must encode at most {MAX_BYTES} bytes"))
        }
        Ok(bytes) => Ok(Val::List(bytes.into_iter().map(Val::U8).collect())),
        Err(_) => Err(format!("must be {}", in_words(&Type::Bytes))),
    }
}

/// Returns the WIT name of a case without a payload.
pub(super) fn case<'a>(ty: &'a Enum, json_name: &str) -> Result<&'a str, String> {
    match ty.cases.find(json_name) {
        Some(case) => Ok(&case.name),
        None => Err(one_of(&ty.cases)),
    }
}

/// Maximum number of cases, and of their names' bytes, that an error lists.
const LISTED: usize = 50;
const LISTED_BYTES: usize = 1000;

/// Describes the names of these cases, as the end of a sentence about a value that is none of them.
pub(super) fn one_of(cases: &[Case]) -> String {
    let mut text = String::from("must be one of: ");
    for (index, case) in cases.iter().enumerate() {
        if index == LISTED || text.len() + case.json_name.len() > LISTED_BYTES {
            let more = cases.len() - index;
            text.push_str(&format!("… ({more} more)"));
            return text;
        }
        text.push_str(&case.json_name);
        if index + 1 < cases.len() {
            text.push_str(", ");
        }
    }
    text
}
