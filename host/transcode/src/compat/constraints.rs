//! Compares the constraints of values that clients send: every value within the old bounds must be
//! within the new ones.

use std::fmt::Display;

use super::change::{ChangeKind, Findings};
use super::place::Place;
use crate::constraint::{Constraint, Constraints, Part, Range, number};
use crate::types::Type;

/// A type and the constraints of its values.
pub(super) type Constrained<'a> = (&'a Type, Option<&'a Constraints>);

/// Finds values that the bounds of the value and of its parts no longer allow.
pub(super) fn compare(
    findings: &mut Findings<'_>,
    place: Place<'_>,
    before: Constrained<'_>,
    after: Constrained<'_>,
) {
    // Without new constraints, every value is allowed.
    let Some(constraints) = after.1 else {
        return;
    };
    let (before, after) = (
        (before.0.present(), before.1),
        (after.0.present(), constraints),
    );
    if let Some(own) = after.1.own() {
        let stated = before.1.and_then(Constraints::own);
        own_bounds(findings, place, (before.0, stated), own);
    }
    let part = |part| before.1.and_then(|constraints| constraints.part(part));
    match (before.0, after.0) {
        (Type::List(was), Type::List(is)) | (Type::Map(was), Type::Map(is)) => {
            let each = (&**is, after.1.part(Part::Each));
            let place = match after.0 {
                Type::Map(_) => Place::Values(&place),
                _ => Place::Items(&place),
            };
            compare(findings, place, (was, part(Part::Each)), each);
        }
        (Type::Tuple(was), Type::Tuple(is)) => {
            for (index, (was, is)) in was.iter().zip(is.iter()).enumerate() {
                let item = Part::Item(index);
                let place = Place::Item(&place, index);
                compare(findings, place, (was, part(item)), (is, after.1.part(item)));
            }
        }
        _ => {}
    }
}

/// Compares two lists of the query, whose items have these types.
pub(super) fn compare_lists(
    findings: &mut Findings<'_>,
    place: Place<'_>,
    before: Constrained<'_>,
    after: Constrained<'_>,
) {
    let Some(constraints) = after.1 else {
        return;
    };
    if let Some(own) = constraints.own() {
        let stated = before.1.and_then(Constraints::own);
        own_bounds(findings, place, (before.0, stated), own);
    }
    let each = |constraints: &'_ Constraints| constraints.part(Part::Each).is_some();
    if each(constraints) {
        let was = before
            .1
            .and_then(|constraints| constraints.part(Part::Each));
        let is = constraints.part(Part::Each);
        compare(
            findings,
            Place::Items(&place),
            (before.0, was),
            (after.0, is),
        );
    }
}

fn own_bounds(
    findings: &mut Findings<'_>,
    place: Place<'_>,
    (ty, before): (&Type, Option<&Constraint>),
    after: &Constraint,
) {
    let none = contract::Bounds::default();
    let was = before.map_or(&none, |constraint| &constraint.bounds);
    let is = &after.bounds;
    let mut narrowed = |is_stated: bool, is_narrower: bool, detail: String| {
        // What the logic enforces itself is probably not new.
        if is_narrower && (is_stated || after.enforced) {
            findings.add(ChangeKind::Narrowed, place, detail);
        }
    };
    for (was, is, what) in [
        (was.min_length, is.min_length, "characters"),
        (was.min_items, is.min_items, "items"),
    ] {
        if let Some(min) = is {
            let detail = format!("now accepts at least {min} {what}{}", instead(was));
            narrowed(was.is_some(), min > was.unwrap_or(0), detail);
        }
    }
    for (was, is, what) in [
        (was.max_length, is.max_length, "characters"),
        (was.max_items, is.max_items, "items"),
    ] {
        if let Some(max) = is {
            let detail = format!("now accepts at most {max} {what}{}", instead(was));
            narrowed(was.is_some(), was.is_none_or(|was| max < was), detail);
        }
    }
    for (was, is, what) in [
        (&was.pattern, &is.pattern, "the pattern"),
        (&was.format, &is.format, "the format"),
    ] {
        if let Some(is) = is {
            let instead = was
                .as_ref()
                .map_or(String::new(), |was| format!(" instead of {was}"));
            let detail = format!("must now have {what} {is}{instead}");
            narrowed(was.is_some(), was.as_ref() != Some(is), detail);
        }
    }
    if is.unique_items {
        let detail = "no longer accepts repeated items".to_owned();
        narrowed(false, !was.unique_items, detail);
    }
    let (lower_stated, upper_stated) = (
        was.minimum.or(was.exclusive_minimum).is_some(),
        was.maximum.or(was.exclusive_maximum).is_some(),
    );
    let was = before.and_then(|constraint| constraint.range).or_else(|| {
        let range = ty.integer_range()?;
        Some(Range::Integer(*range.start(), *range.end()))
    });
    match (was, after.range) {
        (Some(Range::Integer(was_min, was_max)), Some(Range::Integer(min, max))) => {
            let was = lower_stated.then_some(was_min);
            let detail = format!("now accepts at least {min}{}", instead(was));
            narrowed(lower_stated, min > was_min, detail);
            let was = upper_stated.then_some(was_max);
            let detail = format!("now accepts at most {max}{}", instead(was));
            narrowed(upper_stated, max < was_max, detail);
        }
        (was, Some(Range::Float(min, max))) => {
            let (was_min, was_max) = match was {
                Some(Range::Float(min, max)) => (min, max),
                // Any integer that a float holds exactly.
                Some(Range::Integer(min, max)) => ((min as f64, false), (max as f64, false)),
                None => ((f64::NEG_INFINITY, false), (f64::INFINITY, false)),
            };
            let is_narrower = min.0 > was_min.0 || min.0 == was_min.0 && min.1 && !was_min.1;
            let words = if min.1 { "more than" } else { "at least" };
            let detail = format!("now accepts {words} {}", number(min.0));
            narrowed(lower_stated, is_narrower, detail);
            let is_narrower = max.0 < was_max.0 || max.0 == was_max.0 && max.1 && !was_max.1;
            let words = if max.1 { "less than" } else { "at most" };
            let detail = format!("now accepts {words} {}", number(max.0));
            narrowed(upper_stated, is_narrower, detail);
        }
        // Their types have nothing in common.
        _ => {}
    }
}

fn instead(was: Option<impl Display>) -> String {
    was.map_or(String::new(), |was| format!(" instead of {was}"))
}
