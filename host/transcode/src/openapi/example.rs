//! Examples of request bodies, for readers and for the form that sends a request.
//!
//! The documentation of a record's field can state its example, in a line such as `Example: ana`. Other
//! values follow from the type, the constraints and the name. An example is part of the document only if the
//! host itself accepts it, so that nobody starts with a request that fails.

use serde_json::{Map, Value, json};

use crate::constraint::{Constraint, Constraints, Format, Part, Range};
use crate::json;
use crate::read::{self, FieldErrors, Place};
use crate::types::{Field, Record, Type, Variant};

/// Maximum number of values in an example. A type of 20 definitions can be a tree of a million nodes.
const MAX_VALUES: usize = 256;

/// Maximum number of characters or items that an example has because of a minimum.
const MAX_LENGTH: usize = 256;

/// What begins the line of an example in a doc comment.
const MARK: &str = "Example:";

/// Returns an example of a body, or `None` if no value is known to fit.
pub(super) fn of_body(ty: &Type, constraints: Option<&Constraints>) -> Option<Value> {
    let mut writer = Writer { left: MAX_VALUES };
    let value = writer.value(ty, constraints, "")?;
    let text = value.to_string();
    let mut errors = FieldErrors::new(usize::MAX, true);
    let json = json::parse(text.as_bytes()).ok()?;
    read::value(ty, constraints, json, Place::Body, &mut errors)?;
    errors.list.is_empty().then_some(value)
}

/// Returns the example that a doc comment states: JSON, or else a string.
pub(super) fn stated(docs: &str) -> Option<Value> {
    let line = docs
        .lines()
        .find_map(|line| line.trim().strip_prefix(MARK))?;
    let text = line.trim();
    let value = serde_json::from_str(text);
    Some(value.unwrap_or_else(|_| Value::String(text.to_owned())))
}

/// Returns a doc comment without its example.
pub(super) fn without_example(docs: &str) -> String {
    let lines = docs.lines().filter(|line| !line.trim().starts_with(MARK));
    lines.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

struct Writer {
    /// The number of values that may still be written.
    left: usize,
}

impl Writer {
    fn value(&mut self, ty: &Type, constraints: Option<&Constraints>, name: &str) -> Option<Value> {
        self.left = self.left.checked_sub(1)?;
        let own = constraints.and_then(Constraints::own);
        let part = |part| constraints.and_then(|constraints| constraints.part(part));
        Some(match ty {
            Type::Bool => json!(true),
            Type::F32 | Type::F64 => float(own),
            Type::Char => json!("a"),
            Type::String => json!(text(name, own)?),
            Type::Bytes => json!("aGVsbG8="),
            Type::Datetime(_) => json!("2030-01-31T12:00:00Z"),
            Type::Option(inner) | Type::Clearable(inner) => self.value(inner, constraints, name)?,
            Type::List(item) => {
                let items = (0..count(own)).map(|index| {
                    let value = self.value(item, part(Part::Each), name)?;
                    let is_unique = own.is_some_and(|own| own.bounds.unique_items);
                    Some(match value {
                        Value::String(text) if is_unique && index > 0 => {
                            json!(format!("{text} {index}"))
                        }
                        value => value,
                    })
                });
                json!(items.collect::<Option<Vec<_>>>()?)
            }
            Type::Map(item) => {
                let members = (1..=count(own)).map(|index| {
                    Some((
                        format!("key{index}"),
                        self.value(item, part(Part::Each), name)?,
                    ))
                });
                Value::Object(members.collect::<Option<_>>()?)
            }
            Type::Tuple(types) => {
                let types = types.iter().enumerate();
                let items = types.map(|(index, ty)| self.value(ty, part(Part::Item(index)), name));
                json!(items.collect::<Option<Vec<_>>>()?)
            }
            Type::Record(ty) => self.record(ty)?,
            Type::Enum(ty) => json!(ty.cases.first()?.json_name),
            Type::Flags(ty) => {
                let first = ty.cases.first().map(|case| case.json_name.as_str());
                json!(first.into_iter().collect::<Vec<_>>())
            }
            Type::Variant(ty) => self.variant(ty)?,
            Type::Result(ty) => match &ty.ok {
                Some(ok) => json!({ "ok": self.value(ok, None, name)? }),
                None => json!({ "ok": null }),
            },
            ty => integer(ty, own)?,
        })
    }

    fn record(&mut self, ty: &Record) -> Option<Value> {
        let mut members = Map::new();
        for field in &ty.fields {
            if let Some(value) = field.docs.as_deref().and_then(stated) {
                members.insert(field.json_name.clone(), value);
            } else if !is_reference(field) {
                match self.value(&field.ty, field.constraints.as_deref(), &field.json_name) {
                    Some(value) => {
                        members.insert(field.json_name.clone(), value);
                    }
                    None if field.ty.is_optional() => {}
                    None => return None,
                }
            }
        }
        Some(Value::Object(members))
    }

    fn variant(&mut self, ty: &Variant) -> Option<Value> {
        let case = ty.cases.first()?;
        let mut value = json!({ "case": case.json_name });
        if let Some(payload) = &case.payload {
            let constraints = case.constraints.as_deref();
            value["value"] = self.value(payload, constraints, &case.json_name)?;
        }
        Some(value)
    }
}

/// Returns whether a field may be left out and probably names something that must exist: it is an id, or it is
/// a list of integers.
fn is_reference(field: &Field) -> bool {
    let inner = match &field.ty {
        Type::Option(inner) | Type::Clearable(inner) => inner,
        _ => return false,
    };
    let inner = match &**inner {
        Type::Option(inner) => inner,
        _ => inner,
    };
    let is_id = |name: &str| name == "id" || name.ends_with("_id") || name.ends_with("_ids");
    is_id(&field.json_name)
        || matches!(&**inner, Type::List(item) if item.integer_range().is_some())
}

/// Returns how many items a list has: one, or as many as it must have.
fn count(own: Option<&Constraint>) -> usize {
    let bounds = own.map(|own| &own.bounds);
    let min = bounds
        .and_then(|bounds| bounds.min_items)
        .unwrap_or(1)
        .max(1) as usize;
    let max = bounds.and_then(|bounds| bounds.max_items);
    min.min(max.map_or(MAX_LENGTH, |max| max as usize))
        .min(MAX_LENGTH)
}

fn integer(ty: &Type, own: Option<&Constraint>) -> Option<Value> {
    let range = ty.integer_range()?;
    let (mut min, mut max) = (*range.start(), *range.end());
    if let Some(Range::Integer(from, to)) = own.and_then(|own| own.range) {
        (min, max) = (min.max(from), max.min(to));
    }
    let value = if min <= 1 && max >= 1 { 1 } else { min };
    i64::try_from(value).ok().map(|value| json!(value))
}

fn float(own: Option<&Constraint>) -> Value {
    let Some(Range::Float((min, _), (max, _))) = own.and_then(|own| own.range) else {
        return json!(1.5);
    };
    let value = match (min.is_finite(), max.is_finite()) {
        _ if min < 1.5 && max > 1.5 => 1.5,
        (true, true) => min.midpoint(max),
        (true, false) => min + 1.0,
        _ => max - 1.0,
    };
    json!(value)
}

/// Returns a string that fits, or `None` if it must match a pattern and none of the usual texts does.
fn text(name: &str, own: Option<&Constraint>) -> Option<String> {
    let named = match name {
        "email" => "ann@example.org",
        "url" | "uri" | "link" | "href" | "address" => "https://example.org/",
        "title" | "subject" | "summary" => "An example",
        "description" | "text" | "body" | "comment" | "note" | "notes" => "A few words",
        "name" | "assignee" | "author" | "owner" | "user" => "Ann",
        "tags" | "labels" => "example",
        _ => "example",
    };
    let Some(own) = own else {
        return Some(named.to_owned());
    };
    let format = own.format.map(|format| match format {
        Format::Date => "2030-01-31",
        Format::DateTime => "2030-01-31T12:00:00Z",
        Format::Email => "ann@example.org",
        Format::Hostname => "example.org",
        Format::Ipv4 => "192.0.2.1",
        Format::Ipv6 => "2001:db8::1",
        Format::Uri => "https://example.org/",
        Format::Uuid => "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    });
    let candidates = [
        format.unwrap_or(named),
        "example",
        "abc",
        "ABC",
        "a",
        "A",
        "A1",
        "123",
        "1",
        "a-b",
        "2030-01-31",
    ];
    let min = own.bounds.min_length.unwrap_or(0) as usize;
    let max = own.bounds.max_length.map_or(usize::MAX, |max| max as usize);
    let mut fitting = candidates.iter().map(|candidate| {
        let padding = std::iter::repeat_n('x', min.min(MAX_LENGTH).saturating_sub(candidate.len()));
        candidate
            .chars()
            .chain(padding)
            .take(max)
            .collect::<String>()
    });
    fitting.find(|text| {
        own.pattern
            .as_ref()
            .is_none_or(|pattern| pattern.matches(text))
    })
}
