//! Query strings: `status=pending&tags=a,b&tags=c`.
//!
//! As in HTML forms, `+` is a space and escapes are UTF-8. Unknown parameters are ignored. A list
//! is comma-separated, repeated, or both. An escaped comma separates too, because most clients
//! escape commas automatically.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use wasmtime::component::Val;

use crate::read::{self, FieldErrors, Place};
use crate::types::Type;

/// One parameter of the query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QueryParam {
    /// Its name, in snake_case.
    pub(crate) name: String,
    /// Whether it may be absent, which then means none.
    pub(crate) optional: bool,
    /// Whether it can hold several values.
    pub(crate) list: bool,
    /// The type of its value, or of each value if it is a list.
    pub(crate) scalar: Type,
}

impl QueryParam {
    /// Makes a parameter of that type, or returns `None` if a query cannot hold the type.
    pub(super) fn bind(name: &str, ty: &Type) -> Option<QueryParam> {
        let (optional, ty) = match ty {
            Type::Option(inner) => (true, &**inner),
            ty => (false, ty),
        };
        let (list, scalar) = match ty {
            Type::List(item) => (true, &**item),
            ty => (false, ty),
        };
        scalar.is_scalar().then(|| QueryParam {
            name: name.to_owned(),
            optional,
            list,
            scalar: scalar.clone(),
        })
    }

    pub(super) fn is_optional_string(&self) -> bool {
        self.optional && !self.list && self.scalar == Type::String
    }

    /// Reads the parameter. An absent list is none if it is optional, and empty otherwise. A list
    /// with an empty value is empty.
    pub(super) fn read(&self, query: &Query<'_>, errors: &mut FieldErrors) -> Option<Val> {
        let place = Place::Query(&self.name);
        let mut values = query.values(&self.name);
        let value = if self.list {
            let mut values = values.peekable();
            if values.peek().is_none() && self.optional {
                return Some(Val::Option(None));
            }
            self.list(values, errors)?
        } else {
            match (values.next(), values.next()) {
                (None, _) if self.optional => return Some(Val::Option(None)),
                (None, _) => return errors.add(place, "is required"),
                (Some(value), None) => self.scalar(value, errors)?,
                (Some(_), Some(_)) => return errors.add(place, "must not be repeated"),
            }
        };
        Some(if self.optional {
            read::some(value)
        } else {
            value
        })
    }

    fn list<'a>(
        &self,
        values: impl Iterator<Item = &'a Decoded<'a>>,
        errors: &mut FieldErrors,
    ) -> Option<Val> {
        let mut items = Vec::new();
        let mut complete = true;
        for value in values {
            let Ok(text) = value else {
                return self.scalar(value, errors);
            };
            if text.is_empty() {
                continue;
            }
            for item in text.split(',') {
                match self.scalar(&Ok(Cow::Borrowed(item)), errors) {
                    Some(item) => items.push(item),
                    None => complete = false,
                }
            }
        }
        complete.then_some(Val::List(items))
    }

    fn scalar(&self, value: &Decoded<'_>, errors: &mut FieldErrors) -> Option<Val> {
        let place = Place::Query(&self.name);
        let Ok(text) = value else {
            return errors.add(place, "is not valid UTF-8");
        };
        match read::scalar(&self.scalar, text.clone()) {
            Ok(value) => Some(value),
            Err(detail) => errors.add(place, detail),
        }
    }
}

/// Decoded text, or an error if its escapes are not UTF-8.
type Decoded<'a> = Result<Cow<'a, str>, NotUtf8>;

/// The escapes of a text are not UTF-8.
pub(super) struct NotUtf8;

/// A parsed query string.
pub(super) struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Decoded<'a>)>,
}

impl<'a> Query<'a> {
    pub(super) fn parse(raw: &'a str) -> Query<'a> {
        let parts = raw.split('&').filter(|part| !part.is_empty());
        let pairs = parts.filter_map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            // No parameter has a name that is not UTF-8.
            Some((decode(name).ok()?, decode(value)))
        });
        Query {
            pairs: pairs.collect(),
        }
    }

    fn values<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q Decoded<'a>> {
        self.pairs
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value)
    }
}

fn decode(text: &str) -> Decoded<'_> {
    if !text.contains('+') {
        return percent_decode_str(text).decode_utf8().map_err(|_| NotUtf8);
    }
    let spaced = text.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(text) => Ok(Cow::Owned(text.into_owned())),
        Err(_) => Err(NotUtf8),
    }
}
