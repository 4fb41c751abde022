//! Query strings: `status=pending&tags=a,b&tags=c`.
//!
//! As in HTML forms, `+` is a space and escapes are UTF-8. Unknown parameters are ignored, unless the
//! client wants them to be errors. A list is comma-separated, repeated, or both (`style: form` of OpenAPI, with either value of
//! `explode`). It is split first and decoded then, so an escaped comma is part of a value.

use std::borrow::Cow;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use wasmtime::component::Val;

use crate::constraint::{Constraints, Part};
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
    /// What its value must be like.
    pub(crate) constraints: Option<Arc<Constraints>>,
}

impl QueryParam {
    /// Makes a parameter of that type, or returns `None` if a query cannot hold the type.
    pub(super) fn bind(
        name: &str,
        ty: &Type,
        constraints: Option<&Arc<Constraints>>,
    ) -> Option<QueryParam> {
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
            constraints: constraints.cloned(),
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
                (Some(value), None) => self.scalar(value, self.constraints.as_deref(), errors)?,
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
        values: impl Iterator<Item = &'a str>,
        errors: &mut FieldErrors,
    ) -> Option<Val> {
        let constraints = self.constraints.as_deref();
        let each = constraints.and_then(|constraints| constraints.part(Part::Each));
        let mut items = Vec::new();
        let mut count = 0;
        for item in values
            .filter(|value| !value.is_empty())
            .flat_map(|value| value.split(','))
        {
            items.extend(self.scalar(item, each, errors));
            count += 1;
        }
        let place = Place::Query(&self.name);
        errors.constrain_count(place, constraints, count);
        errors.constrain_items(constraints, &items, |_| place);
        (items.len() == count).then_some(Val::List(items))
    }

    fn scalar(
        &self,
        value: &str,
        constraints: Option<&Constraints>,
        errors: &mut FieldErrors,
    ) -> Option<Val> {
        let place = Place::Query(&self.name);
        let Ok(text) = decode(value) else {
            return errors.add(place, "is not valid UTF-8");
        };
        match read::scalar(&self.scalar, text) {
            Ok(value) => errors.constrained(place, constraints, Ok::<_, String>(value)),
            // `+` is a space in a query, and only texts may contain spaces.
            Err(detail) if value.contains('+') => {
                errors.add(place, format!("{detail}; write + as %2B in a query"))
            }
            Err(detail) => errors.add(place, detail),
        }
    }
}

/// The escapes of a text are not UTF-8.
struct NotUtf8;

/// A parsed query string.
pub(super) struct Query<'a> {
    /// Decoded names and raw values. If they are many, they are sorted by name, and those of one
    /// name stay in order.
    pairs: Vec<(Cow<'a, str>, &'a str)>,
}

impl<'a> Query<'a> {
    /// Maximum number of pairs that are searched one by one.
    const SEARCHED: usize = 32;

    pub(super) fn parse(raw: &'a str) -> Query<'a> {
        let parts = raw.split('&').filter(|part| !part.is_empty());
        let pairs = parts.map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            // No parameter has a name that is not UTF-8, nor one with the character that replaces it.
            let lossy = |_| percent_decode_str(name).decode_utf8_lossy();
            (decode(name).unwrap_or_else(lossy), value)
        });
        let mut pairs: Vec<_> = pairs.collect();
        if pairs.len() > Self::SEARCHED {
            pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
        }
        Query { pairs }
    }

    /// Returns the names of all parameters. A repeated parameter's name is repeated.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(name, _)| &**name)
    }

    /// Returns the raw values of a parameter, in order.
    fn values<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'a str> + use<'a, 'q> {
        let first = match self.pairs.len() {
            0..=Self::SEARCHED => 0,
            _ => self.pairs.partition_point(|(known, _)| **known < *name),
        };
        let is_sorted = self.pairs.len() > Self::SEARCHED;
        self.pairs[first..]
            .iter()
            .take_while(move |(known, _)| !is_sorted || known == name)
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| *value)
    }
}

fn decode(text: &str) -> Result<Cow<'_, str>, NotUtf8> {
    if !text.contains('+') {
        return percent_decode_str(text).decode_utf8().map_err(|_| NotUtf8);
    }
    let spaced = text.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(text) => Ok(Cow::Owned(text.into_owned())),
        Err(_) => Err(NotUtf8),
    }
}
