//! The walk over two types at once, with rules of its own for each direction.

use super::change::Findings;
use super::place::Place;
use crate::types::{Case, Record, Type, Variant};

/// What holds for values that travel one way: requests to the service, or answers to clients.
pub(crate) trait Direction {
    /// Finds what breaks where a value was of the type `before` and is of the type `after`.
    fn compare(findings: &mut Findings<'_>, place: Place<'_>, before: &Type, after: &Type);

    /// Objects, once for each pair of definitions.
    fn records(findings: &mut Findings<'_>, place: Place<'_>, before: &Record, after: &Record);

    /// Variants, once for each pair of definitions.
    fn variants(findings: &mut Findings<'_>, place: Place<'_>, before: &Variant, after: &Variant);

    /// What comes with a case of a variant, or with either side of a result.
    fn payloads(
        findings: &mut Findings<'_>,
        place: Place<'_>,
        before: Option<&Type>,
        after: Option<&Type>,
    );

    /// Values without parts, and types of different structure.
    fn scalars(findings: &mut Findings<'_>, place: Place<'_>, before: &Type, after: &Type);

    /// Types of the same structure, part by part. Options are [`Direction::compare`]'s.
    fn parts(findings: &mut Findings<'_>, place: Place<'_>, before: &Type, after: &Type) {
        match (before, after) {
            (Type::List(before), Type::List(after)) => {
                Self::compare(findings, Place::Items(&place), before, after);
            }
            (Type::Map(before), Type::Map(after)) => {
                Self::compare(findings, Place::Values(&place), before, after);
            }
            (Type::Tuple(before), Type::Tuple(after)) if before.len() == after.len() => {
                if findings.is_new(before, after) {
                    for (index, (before, after)) in before.iter().zip(after.iter()).enumerate() {
                        Self::compare(findings, Place::Item(&place, index), before, after);
                    }
                }
            }
            (Type::Record(before), Type::Record(after)) => {
                if findings.is_new(before, after) {
                    Self::records(findings, place, before, after);
                }
            }
            (Type::Variant(before), Type::Variant(after)) => {
                if findings.is_new(before, after) {
                    Self::variants(findings, place, before, after);
                }
            }
            (Type::Result(before), Type::Result(after)) => {
                if findings.is_new(before, after) {
                    let (ok, error) = (Place::Member(&place, "ok"), Place::Member(&place, "error"));
                    Self::payloads(findings, ok, before.ok.as_ref(), after.ok.as_ref());
                    Self::payloads(findings, error, before.error.as_ref(), after.error.as_ref());
                }
            }
            _ => Self::scalars(findings, place, before, after),
        }
    }
}

/// Each case of `before`, and the one of that name in `after`.
pub(super) fn pairs<'a>(
    before: &'a [Case],
    after: &'a [Case],
) -> impl Iterator<Item = (&'a Case, Option<&'a Case>)> {
    let find = |case: &Case| after.iter().find(|after| after.json_name == case.json_name);
    before.iter().map(move |case| (case, find(case)))
}
