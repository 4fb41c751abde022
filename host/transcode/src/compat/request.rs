//! Compares the requests of one route.

use std::collections::HashMap;

use super::change::{BreakingChange, ChangeKind, Effort, Findings};
use super::constraints::{self, Constrained};
use super::direction::Direction;
use super::input::Input;
use super::place::Place;
use crate::operation::{Operation, QueryParam, Source};
use crate::types::Type;

/// Returns the breaking changes in the requests of one route.
pub(super) fn changes(
    route: &str,
    before: &Operation,
    after: &Operation,
    effort: &mut Effort,
) -> Vec<BreakingChange> {
    let mut findings = Findings::new(route, effort);
    path(&mut findings, before, after);
    query(&mut findings, before, after);
    body(&mut findings, body_of(before), body_of(after));
    findings.into_changes()
}

/// Compares path parameters by position, because clients do not send their names.
fn path(findings: &mut Findings<'_>, before: &Operation, after: &Operation) {
    let names_after = path_parameters(after);
    for (name, name_after) in path_parameters(before).zip(names_after) {
        let types = path_type(before, name).zip(path_type(after, name_after));
        if let Some((before, after)) = types {
            Input::compare(findings, Place::Path(name), before.0, after.0);
            constraints::compare(findings, Place::Path(name), before, after);
        }
    }
}

fn path_parameters(operation: &Operation) -> impl Iterator<Item = &str> {
    let segments = operation.route().path.split('/');
    segments.filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn path_type<'a>(operation: &'a Operation, wanted: &str) -> Option<Constrained<'a>> {
    operation.sources().iter().find_map(|source| match source {
        Source::Path {
            name,
            ty,
            constraints,
        } if name == wanted => Some((ty, constraints.as_deref())),
        _ => None,
    })
}

/// Compares query parameters by name, whether or not they are fields of a record.
fn query(findings: &mut Findings<'_>, before: &Operation, after: &Operation) {
    let was = by_name(before);
    let is = by_name(after);
    for param in query_params(before) {
        let place = Place::Query(&param.name);
        match is.get(param.name.as_str()) {
            Some(after) => query_param(findings, place, param, after),
            None => findings.add(ChangeKind::NoLongerRead, place, "is no longer read"),
        }
    }
    for param in query_params(after) {
        let is_new = !was.contains_key(param.name.as_str());
        if is_new && is_required(param) {
            let place = Place::Query(&param.name);
            findings.add(ChangeKind::NewlyRequired, place, "is now required");
        }
    }
}

fn query_param(
    findings: &mut Findings<'_>,
    place: Place<'_>,
    before: &QueryParam,
    after: &QueryParam,
) {
    if is_required(after) && !is_required(before) {
        findings.add(ChangeKind::NewlyRequired, place, "may no longer be absent");
    }
    if before.list && !after.list {
        findings.add(
            ChangeKind::Narrowed,
            place,
            "now accepts one value instead of several",
        );
    }
    // One value is a list of one item, unless it may contain commas.
    if after.list && !before.list && matches!(before.scalar, Type::String | Type::Char) {
        findings.add(
            ChangeKind::TypeChanged,
            place,
            "is now a list, split at commas, instead of one value",
        );
    }
    Input::compare(findings, place, &before.scalar, &after.scalar);
    let are_lists = before.list && after.list;
    let before = (&before.scalar, before.constraints.as_deref());
    let after = (&after.scalar, after.constraints.as_deref());
    match are_lists {
        true => constraints::compare_lists(findings, place, before, after),
        false => constraints::compare(findings, place, before, after),
    }
}

fn query_params(operation: &Operation) -> impl Iterator<Item = &QueryParam> {
    operation.sources().iter().flat_map(Source::query_params)
}

fn by_name(operation: &Operation) -> HashMap<&str, &QueryParam> {
    let params = query_params(operation);
    params.map(|param| (param.name.as_str(), param)).collect()
}

/// Returns whether the parameter must be sent. An absent list is empty.
fn is_required(param: &QueryParam) -> bool {
    !param.optional && !param.list
}

fn body(
    findings: &mut Findings<'_>,
    before: Option<Constrained<'_>>,
    after: Option<Constrained<'_>>,
) {
    match (before, after) {
        (Some(before), Some(after)) => {
            Input::compare(findings, Place::Body, before.0, after.0);
            constraints::compare(findings, Place::Body, before, after);
        }
        (Some(_), None) => {
            findings.add(ChangeKind::NoLongerRead, Place::Body, "is no longer read");
        }
        (None, Some((after, _))) if !after.is_optional() => {
            findings.add(ChangeKind::NewlyRequired, Place::Body, "is now required");
        }
        (None, _) => {}
    }
}

fn body_of(operation: &Operation) -> Option<Constrained<'_>> {
    operation.sources().iter().find_map(|source| match source {
        Source::Body { ty, constraints } => Some((ty, constraints.as_deref())),
        _ => None,
    })
}
