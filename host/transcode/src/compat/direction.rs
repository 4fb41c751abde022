//! Walks over two types at once. Requests and responses have different rules.

use super::change::Findings;
use super::place::Place;
use crate::types::{Case, Named, Record, Type, Variant};

/// The rules for values that are sent in one direction: in requests or in responses.
pub(crate) trait Direction {
    /// Finds what breaks if a value of the type `before` now has the type `after`.
    fn compare(findings: &mut Findings<'_>, place: Place<'_>, before: &Type, after: &Type);

    /// Compares records. Called once for each pair of definitions.
    fn records(findings: &mut Findings<'_>, place: Place<'_>, before: &Record, after: &Record);

    /// Compares variants. Called once for each pair of definitions.
    fn variants(findings: &mut Findings<'_>, place: Place<'_>, before: &Variant, after: &Variant);

    /// Compares the payloads of a variant's case, or of one side of a result.
    fn payloads(
        findings: &mut Findings<'_>,
        place: Place<'_>,
        before: Option<&Type>,
        after: Option<&Type>,
    );

    /// Compares types without parts, and types of different structure.
    fn scalars(findings: &mut Findings<'_>, place: Place<'_>, before: &Type, after: &Type);

    /// Compares types of the same structure part by part. Options are left to
    /// [`Direction::compare`].
    fn parts(findings: &mut Findings<'_>, place: Place<'_>, before: &Type, after: &Type) {
        if !findings.goes_on(1) {
            return;
        }
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
                let parts = before.fields.len() + after.fields.len();
                if findings.is_new(before, after) && findings.goes_on(parts) {
                    Self::records(findings, place, before, after);
                }
            }
            (Type::Variant(before), Type::Variant(after)) => {
                let parts = before.cases.len();
                if findings.is_new(before, after) && findings.goes_on(parts) {
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

/// Returns each case of `before` with the case of the same name in `after`.
pub(super) fn pairs<'a>(
    before: &'a [Case],
    after: &'a Named<Case>,
) -> impl Iterator<Item = (&'a Case, Option<&'a Case>)> {
    before
        .iter()
        .map(move |case| (case, after.find(&case.json_name)))
}
