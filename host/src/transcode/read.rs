//! JSON and text into WIT values, collecting every fault with its place.
//!
//! A value that cannot be read leaves a fault and is `None`; its siblings are read all the
//! same, so that one answer tells a client everything. Places are chains on the stack: a
//! pointer is only spelled out once there is a fault to report.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use wasmtime::component::Val;

use super::json::{self, Json};
use super::types::{Enum, Record, ResultType, Type, Variant};
use super::{datetime, number};
use crate::contract::FieldError;

/// How many faults one answer names; the rest would only amplify a hostile request.
pub(super) const MAX_FAULTS: usize = 100;
/// The most bytes that a base64 string may stand for.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// Where a value stands in the request.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    /// The body, `#`.
    Body,
    /// A path parameter.
    Path(&'a str),
    /// A query parameter.
    Query(&'a str),
    /// A member of an object.
    Member(&'a Place<'a>, &'a str),
    /// An item of an array.
    Item(&'a Place<'a>, usize),
}

impl Place<'_> {
    /// The place as a JSON pointer (RFC 6901) after `#`.
    fn pointer(self) -> String {
        let mut pointer = match self {
            Place::Body => return "#".to_owned(),
            Place::Path(_) => "#/path".to_owned(),
            Place::Query(_) => "#/query".to_owned(),
            Place::Member(parent, _) | Place::Item(parent, _) => parent.pointer(),
        };
        pointer.push('/');
        match self {
            Place::Path(name) | Place::Query(name) | Place::Member(_, name) => {
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            }
            Place::Item(_, index) => pointer.push_str(&index.to_string()),
            Place::Body => {}
        }
        pointer
    }
}

/// What is wrong with a request, in the order found.
#[derive(Default)]
pub(super) struct Faults(pub(super) Vec<FieldError>);

impl Faults {
    /// Notes a fault; `None` stands for the value that could not be read.
    pub(super) fn add<T>(&mut self, place: Place<'_>, detail: impl Into<String>) -> Option<T> {
        if self.0.len() < MAX_FAULTS {
            self.0.push(FieldError {
                pointer: place.pointer(),
                detail: detail.into(),
            });
        }
        None
    }

    fn keep<T>(&mut self, place: Place<'_>, value: Result<T, impl Into<String>>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(detail) => self.add(place, detail),
        }
    }
}

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

/// Reads a scalar from text: a path segment, a query value, or a JSON string for the types
/// that JSON writes as strings. The error says what is wrong.
pub(super) fn scalar(ty: &Type, text: Cow<'_, str>) -> Result<Val, String> {
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
            let moment = datetime::read(&text, *epoch)?;
            let seconds = match epoch {
                // `read` refused what is before 1970.
                super::types::Epoch::Unsigned => Val::U64(moment.seconds.unsigned_abs()),
                super::types::Epoch::Signed => Val::S64(moment.seconds),
            };
            Ok(Val::Record(vec![
                ("seconds".to_owned(), seconds),
                ("nanoseconds".to_owned(), Val::U32(moment.nanoseconds)),
            ]))
        }
        _ if json::is_number(&text) => number::read(ty, &text),
        _ => Err(format!("must be {}", in_words(ty))),
    }
}

/// A present option.
pub(super) fn some(value: Val) -> Val {
    Val::Option(Some(Box::new(value)))
}

fn bytes(text: &str) -> Result<Val, String> {
    // Refused before it is decoded: each byte becomes a value of its own.
    if text.len() > MAX_BYTES.div_ceil(3) * 4 {
        return Err(format!("must stand for at most {MAX_BYTES} bytes"));
    }
    match BASE64.decode(text) {
        Ok(bytes) if bytes.len() > MAX_BYTES => {
            Err(format!("must stand for at most {MAX_BYTES} bytes"))
        }
        Ok(bytes) => Ok(Val::List(bytes.into_iter().map(Val::U8).collect())),
        Err(_) => Err(format!("must be {}", in_words(&Type::Bytes))),
    }
}

fn list(item: &Type, items: Vec<Json<'_>>, place: Place<'_>, faults: &mut Faults) -> Option<Val> {
    let mut values = Some(Vec::with_capacity(items.len()));
    for (index, json) in items.into_iter().enumerate() {
        collect(
            &mut values,
            value(item, json, Place::Item(&place, index), faults),
        );
    }
    values.map(Val::List)
}

fn map(
    item: &Type,
    members: Vec<(Cow<'_, str>, Json<'_>)>,
    place: Place<'_>,
    faults: &mut Faults,
) -> Option<Val> {
    let mut values = Some(Vec::with_capacity(members.len()));
    for (name, json) in members {
        let place = Place::Member(&place, &name);
        let key = faults.keep(place, scalar(&Type::String, Cow::Borrowed(&name)));
        let value = value(item, json, place, faults);
        let entry = key
            .zip(value)
            .map(|(key, value)| Val::Tuple(vec![key, value]));
        collect(&mut values, entry);
    }
    values.map(Val::List)
}

fn tuple(
    types: &[Type],
    items: Vec<Json<'_>>,
    place: Place<'_>,
    faults: &mut Faults,
) -> Option<Val> {
    if items.len() != types.len() {
        return faults.add(place, format!("must have exactly {} items", types.len()));
    }
    let mut values = Some(Vec::with_capacity(items.len()));
    for (index, (ty, json)) in types.iter().zip(items).enumerate() {
        collect(
            &mut values,
            value(ty, json, Place::Item(&place, index), faults),
        );
    }
    values.map(Val::Tuple)
}

fn record(
    ty: &Record,
    mut members: Vec<(Cow<'_, str>, Json<'_>)>,
    place: Place<'_>,
    faults: &mut Faults,
) -> Option<Val> {
    let mut values = Some(Vec::with_capacity(ty.fields.len()));
    for field in &ty.fields {
        let place = Place::Member(&place, &field.json_name);
        let value = match take(&mut members, &field.json_name) {
            Some(json) => value(&field.ty, json, place, faults),
            None if field.ty.is_optional() => Some(Val::Option(None)),
            None => faults.add(place, "is required"),
        };
        collect(&mut values, value.map(|value| (field.name.clone(), value)));
    }
    values.map(Val::Record)
}

fn variant(
    ty: &Variant,
    mut members: Vec<(Cow<'_, str>, Json<'_>)>,
    place: Place<'_>,
    faults: &mut Faults,
) -> Option<Val> {
    let at_case = Place::Member(&place, "case");
    let name = match take(&mut members, "case") {
        Some(Json::String(name)) => name,
        Some(_) => return faults.add(at_case, "must be a string"),
        None => return faults.add(at_case, "is required"),
    };
    let Some(case) = ty.cases.iter().find(|case| case.json_name == name) else {
        return faults.add(at_case, one_of(&ty.cases));
    };
    let json = take(&mut members, "value");
    let payload = payload(
        case.payload.as_ref(),
        json,
        Place::Member(&place, "value"),
        faults,
    )?;
    Some(Val::Variant(case.name.clone(), payload))
}

fn result(
    ty: &ResultType,
    mut members: Vec<(Cow<'_, str>, Json<'_>)>,
    place: Place<'_>,
    faults: &mut Faults,
) -> Option<Val> {
    let (ok, error) = (take(&mut members, "ok"), take(&mut members, "error"));
    Some(Val::Result(match (ok, error) {
        (Some(json), None) => {
            let place = Place::Member(&place, "ok");
            Ok(payload(ty.ok.as_ref(), Some(json), place, faults)?)
        }
        (None, Some(json)) => {
            let place = Place::Member(&place, "error");
            Err(payload(ty.error.as_ref(), Some(json), place, faults)?)
        }
        _ => return faults.add(place, "must have either ok or error"),
    }))
}

/// A case's payload. One without a type must be absent or null.
fn payload(
    ty: Option<&Type>,
    json: Option<Json<'_>>,
    place: Place<'_>,
    faults: &mut Faults,
) -> Option<Option<Box<Val>>> {
    match (ty, json) {
        (None, None | Some(Json::Null)) => Some(None),
        (None, Some(_)) => faults.add(place, "must be absent"),
        (Some(Type::Option(_)), None) => Some(Some(Box::new(Val::Option(None)))),
        (Some(_), None) => faults.add(place, "is required"),
        (Some(ty), Some(json)) => Some(Some(Box::new(value(ty, json, place, faults)?))),
    }
}

fn flags(ty: &Enum, items: Vec<Json<'_>>, place: Place<'_>, faults: &mut Faults) -> Option<Val> {
    let mut names = Some(Vec::<String>::with_capacity(items.len()));
    for (index, json) in items.into_iter().enumerate() {
        let place = Place::Item(&place, index);
        let name = match json {
            Json::String(text) => faults.keep(place, case(ty, &text)),
            _ => faults.add(place, "must be a string"),
        };
        let repeated = |name: &&str| names.iter().flatten().any(|known| known == name);
        let name = match name {
            Some(name) if repeated(&name) => faults.add(place, "must not be repeated"),
            name => name.map(str::to_owned),
        };
        collect(&mut names, name);
    }
    names.map(Val::Flags)
}

/// The WIT name of a case without a payload.
fn case<'a>(ty: &'a Enum, json_name: &str) -> Result<&'a str, String> {
    match ty.cases.iter().find(|case| case.json_name == json_name) {
        Some(case) => Ok(&case.name),
        None => Err(one_of(&ty.cases)),
    }
}

fn one_of(cases: &[super::types::Case]) -> String {
    let names: Vec<&str> = cases.iter().map(|case| case.json_name.as_str()).collect();
    format!("must be one of: {}", names.join(", "))
}

/// Takes a member's value out of an object.
fn take<'a>(members: &mut [(Cow<'_, str>, Json<'a>)], name: &str) -> Option<Json<'a>> {
    let (_, json) = members.iter_mut().find(|(known, _)| known == name)?;
    Some(std::mem::take(json))
}

/// Adds a value to a collection, which is lost once one of its values is.
fn collect<T>(values: &mut Option<Vec<T>>, value: Option<T>) {
    match (values.as_mut(), value) {
        (Some(values), Some(value)) => values.push(value),
        _ => *values = None,
    }
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
