//! Reads arrays and objects. All parts are read, even after an error in one of them.

use std::borrow::Cow;

use wasmtime::component::Val;

use super::place::{FieldErrors, Place};
use super::scalar::{case, one_of, scalar};
use super::value;
use crate::constraint::{Constraints, Part};
use crate::json::Json;
use crate::types::{Enum, Record, ResultType, Type, Variant};

/// An object's members.
type Members<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

pub(super) fn list(
    item: &Type,
    constraints: Option<&Constraints>,
    items: Vec<Json<'_>>,
    place: Place<'_>,
    errors: &mut FieldErrors,
) -> Option<Val> {
    errors.constrain_count(place, constraints, items.len());
    let each = constraints.and_then(|constraints| constraints.part(Part::Each));
    let mut values = Some(Vec::new());
    for (index, json) in items.into_iter().enumerate() {
        if errors.is_too_large() {
            return None;
        }
        collect(
            &mut values,
            value(item, each, json, Place::Item(&place, index), errors),
        );
    }
    if let Some(values) = &values {
        errors.constrain_items(constraints, values, |index| Place::Item(&place, index));
    }
    values.map(Val::List)
}

pub(super) fn map(
    item: &Type,
    constraints: Option<&Constraints>,
    members: Members<'_>,
    place: Place<'_>,
    errors: &mut FieldErrors,
) -> Option<Val> {
    errors.constrain_count(place, constraints, members.len());
    let each = constraints.and_then(|constraints| constraints.part(Part::Each));
    let mut values = Some(Vec::new());
    for (name, json) in members {
        errors.charge(2 * size_of::<Val>() + name.len());
        if errors.is_too_large() {
            return None;
        }
        let place = Place::Member(&place, &name);
        let key = errors.check(place, scalar(&Type::String, Cow::Borrowed(&name)));
        let value = value(item, each, json, place, errors);
        let entry = key
            .zip(value)
            .map(|(key, value)| Val::Tuple(vec![key, value]));
        collect(&mut values, entry);
    }
    values.map(Val::List)
}

pub(super) fn tuple(
    types: &[Type],
    constraints: Option<&Constraints>,
    items: Vec<Json<'_>>,
    place: Place<'_>,
    errors: &mut FieldErrors,
) -> Option<Val> {
    if items.len() != types.len() {
        return errors.add(place, format!("must have exactly {} items", types.len()));
    }
    let mut values = Some(Vec::with_capacity(items.len()));
    for (index, (ty, json)) in types.iter().zip(items).enumerate() {
        let part = constraints.and_then(|constraints| constraints.part(Part::Item(index)));
        collect(
            &mut values,
            value(ty, part, json, Place::Item(&place, index), errors),
        );
    }
    values.map(Val::Tuple)
}

pub(super) fn record(
    ty: &Record,
    mut members: Members<'_>,
    place: Place<'_>,
    errors: &mut FieldErrors,
) -> Option<Val> {
    sort_if_many(&mut members);
    let mut values = Some(Vec::with_capacity(ty.fields.len()));
    for field in &ty.fields {
        errors.charge(size_of::<(String, Val)>() + field.name.len());
        if errors.is_too_large() {
            return None;
        }
        let place = Place::Member(&place, &field.json_name);
        let value = match take(&mut members, &field.json_name) {
            Some(json) => {
                let constraints = field.constraints.as_deref();
                value(&field.ty, constraints, json, place, errors)
            }
            None if field.ty.is_optional() => Some(Val::Option(None)),
            None => errors.add(place, "is required"),
        };
        collect(&mut values, value.map(|value| (field.name.clone(), value)));
    }
    let is_known = |name: &str| ty.fields.find(name).is_some();
    expect_known(&members, &place, errors, is_known);
    values.map(Val::Record)
}

pub(super) fn variant(
    ty: &Variant,
    mut members: Members<'_>,
    place: Place<'_>,
    errors: &mut FieldErrors,
) -> Option<Val> {
    sort_if_many(&mut members);
    let at_case = Place::Member(&place, "case");
    let name = match take(&mut members, "case") {
        Some(Json::String(name)) => name,
        Some(_) => return errors.add(at_case, "must be a string"),
        None => return errors.add(at_case, "is required"),
    };
    let Some(case) = ty.cases.find(&name) else {
        return errors.add(at_case, one_of(&ty.cases));
    };
    let json = take(&mut members, "value");
    expect_known(&members, &place, errors, |name| {
        matches!(name, "case" | "value")
    });
    let payload = payload(
        case.payload.as_ref(),
        case.constraints.as_deref(),
        json,
        Place::Member(&place, "value"),
        errors,
    )?;
    Some(Val::Variant(case.name.clone(), payload))
}

pub(super) fn result(
    ty: &ResultType,
    mut members: Members<'_>,
    place: Place<'_>,
    errors: &mut FieldErrors,
) -> Option<Val> {
    sort_if_many(&mut members);
    let (ok, error) = (take(&mut members, "ok"), take(&mut members, "error"));
    expect_known(&members, &place, errors, |name| {
        matches!(name, "ok" | "error")
    });
    Some(Val::Result(match (ok, error) {
        (Some(json), None) => {
            let place = Place::Member(&place, "ok");
            Ok(payload(ty.ok.as_ref(), None, Some(json), place, errors)?)
        }
        (None, Some(json)) => {
            let place = Place::Member(&place, "error");
            Err(payload(ty.error.as_ref(), None, Some(json), place, errors)?)
        }
        _ => return errors.add(place, "must have either ok or error"),
    }))
}

/// Reads a case's payload. If the case has no payload, the JSON must be absent or null.
fn payload(
    ty: Option<&Type>,
    constraints: Option<&Constraints>,
    json: Option<Json<'_>>,
    place: Place<'_>,
    errors: &mut FieldErrors,
) -> Option<Option<Box<Val>>> {
    match (ty, json) {
        (None, None | Some(Json::Null)) => Some(None),
        (None, Some(_)) => errors.add(place, "must be absent"),
        (Some(Type::Option(_)), None) => Some(Some(Box::new(Val::Option(None)))),
        (Some(_), None) => errors.add(place, "is required"),
        (Some(ty), Some(json)) => {
            Some(Some(Box::new(value(ty, constraints, json, place, errors)?)))
        }
    }
}

pub(super) fn flags(
    ty: &Enum,
    items: Vec<Json<'_>>,
    place: Place<'_>,
    errors: &mut FieldErrors,
) -> Option<Val> {
    let mut names = Some(Vec::<String>::with_capacity(items.len()));
    for (index, json) in items.into_iter().enumerate() {
        let place = Place::Item(&place, index);
        let name = match json {
            Json::String(text) => errors.check(place, case(ty, &text)),
            _ => errors.add(place, "must be a string"),
        };
        let repeated = |name: &&str| names.iter().flatten().any(|known| known == name);
        let name = match name {
            Some(name) if repeated(&name) => errors.add(place, "must not be repeated"),
            name => name.map(str::to_owned),
        };
        collect(&mut names, name);
    }
    names.map(Val::Flags)
}

/// Maximum number of members that are searched one by one.
const SEARCHED: usize = 16;

/// Sorts the members of an object if they are too many to search them one by one.
fn sort_if_many(members: &mut Members<'_>) {
    if members.len() > SEARCHED {
        members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    }
}

/// Adds an error for each member whose name is not known, if unknown names are errors.
fn expect_known(
    members: &Members<'_>,
    place: &Place<'_>,
    errors: &mut FieldErrors,
    is_known: impl Fn(&str) -> bool,
) {
    let names = members.iter().map(|(name, _)| &**name);
    errors.expect_known(names, |name| Place::Member(place, name), is_known);
}

/// Takes the value of a member out of an object. Many members must have been sorted.
fn take<'a>(members: &mut [(Cow<'_, str>, Json<'a>)], name: &str) -> Option<Json<'a>> {
    let found = match members.len() {
        0..=SEARCHED => members.iter().position(|(known, _)| known == name)?,
        _ => members
            .binary_search_by(|(known, _)| (**known).cmp(name))
            .ok()?,
    };
    Some(std::mem::take(&mut members[found].1))
}

/// Adds a value to a collection. If the value is `None`, the collection becomes `None`.
fn collect<T>(values: &mut Option<Vec<T>>, value: Option<T>) {
    match (values.as_mut(), value) {
        (Some(values), Some(value)) => values.push(value),
        _ => *values = None,
    }
}
