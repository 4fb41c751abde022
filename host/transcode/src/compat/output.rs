//! Types that clients read: what was always present must still be present and have the same form.

use super::change::{ChangeKind, Findings};
use super::direction::{Direction, pairs};
use super::place::Place;
use crate::types::{Record, Type, Variant};

/// Finds parts of the new responses that clients of the old ones cannot read.
pub(crate) enum Output {}

impl Direction for Output {
    fn compare(findings: &mut Findings<'_>, place: Place<'_>, before: &Type, after: &Type) {
        let (was, before) = presence(before);
        let (is, after) = presence(after);
        if let Some(detail) = newly_missing(was, is) {
            findings.add(ChangeKind::NewlyNullable, place, detail);
        }
        Self::parts(findings, place, before, after);
    }

    fn records(findings: &mut Findings<'_>, place: Place<'_>, before: &Record, after: &Record) {
        for field in &before.fields {
            let place = Place::Member(&place, &field.json_name);
            match after.fields.find(&field.json_name) {
                Some(after) => Self::compare(findings, place, &field.ty, &after.ty),
                None => findings.add(ChangeKind::MemberRemoved, place, "is gone"),
            }
        }
    }

    fn variants(findings: &mut Findings<'_>, place: Place<'_>, before: &Variant, after: &Variant) {
        for (case, after) in pairs(&before.cases, &after.cases) {
            if let Some(after) = after {
                let place = Place::Case(&place, &case.json_name);
                let (before, after) = (case.payload.as_ref(), after.payload.as_ref());
                Self::payloads(findings, place, before, after);
            }
        }
    }

    /// A payload of a case that had none is like a new member.
    fn payloads(
        findings: &mut Findings<'_>,
        place: Place<'_>,
        before: Option<&Type>,
        after: Option<&Type>,
    ) {
        match (before, after) {
            (Some(before), Some(after)) => Self::compare(findings, place, before, after),
            (Some(_), None) => findings.add(ChangeKind::MemberRemoved, place, "is gone"),
            (None, _) => {}
        }
    }

    fn scalars(findings: &mut Findings<'_>, place: Place<'_>, before: &Type, after: &Type) {
        let is_float = |ty: &Type| matches!(ty, Type::F32 | Type::F64);
        let is_integer = |ty: &Type| ty.integer_range().is_some();
        match (before, after) {
            // Clients are expected to tolerate unknown cases.
            (Type::Enum(_), Type::Enum(_)) | (Type::Flags(_), Type::Flags(_)) => {}
            (Type::String, Type::Char | Type::Enum(_)) => {}
            (Type::Datetime(_), Type::Datetime(_)) => {}
            (before, after) if is_float(before) && is_float(after) => {}
            (before, after) if (is_float(before) || is_integer(before)) && is_integer(after) => {
                if has_64_bits(after) && !has_64_bits(before) {
                    let detail =
                        "is now a 64-bit integer: clients may lose digits of values beyond 2^53";
                    findings.add(ChangeKind::Widened, place, detail);
                }
            }
            (before, after) if before == after => {}
            (before, after) => findings.add_type_change(place, before, after),
        }
    }
}

/// Whether a value is always present.
#[derive(Clone, Copy, PartialEq)]
enum Presence {
    Always,
    Null,
    NullOrAbsent,
}

/// Splits a type into its presence and the type of a present value.
fn presence(ty: &Type) -> (Presence, &Type) {
    match ty {
        Type::Option(inner) => (Presence::Null, inner),
        Type::Clearable(inner) => (Presence::NullOrAbsent, inner),
        ty => (Presence::Always, ty),
    }
}

/// Describes how a value can now be missing that could not be missing in this way before.
fn newly_missing(was: Presence, is: Presence) -> Option<&'static str> {
    match (was, is) {
        (_, Presence::Always) | (Presence::NullOrAbsent, _) => None,
        (Presence::Null, Presence::Null) => None,
        (Presence::Null, Presence::NullOrAbsent) => Some("may now be absent"),
        (Presence::Always, Presence::Null) => Some("may now be null"),
        (Presence::Always, Presence::NullOrAbsent) => Some("may now be absent or null"),
    }
}

fn has_64_bits(ty: &Type) -> bool {
    matches!(ty, Type::U64 | Type::S64)
}
