//! Types that clients send: every value that was accepted must still be accepted and mean the same.

use std::ops::RangeInclusive;

use super::change::{ChangeKind, Findings};
use super::constraints;
use super::direction::{Direction, pairs};
use super::place::Place;
use crate::types::{Case, Epoch, Record, Type, Variant};

/// Finds values that were accepted and are now rejected or ignored.
pub(crate) enum Input {}

impl Direction for Input {
    fn compare(findings: &mut Findings<'_>, place: Place<'_>, before: &Type, after: &Type) {
        match (before, after) {
            (Type::Option(before), Type::Option(after))
            | (Type::Clearable(before), Type::Clearable(after)) => {
                Self::compare(findings, place, before, after);
            }
            (Type::Option(before), Type::Clearable(after)) => {
                let detail = "is now cleared by null, which was the same as leaving it out";
                findings.add(ChangeKind::NullChanged, place, detail);
                Self::compare(findings, place, before, after);
            }
            (Type::Clearable(before), Type::Option(after)) => {
                let detail =
                    "is no longer cleared by null, which is now the same as leaving it out";
                findings.add(ChangeKind::NullChanged, place, detail);
                Self::compare(findings, place, before, after);
            }
            (Type::Option(before) | Type::Clearable(before), after) => {
                let detail = "may no longer be absent or null";
                findings.add(ChangeKind::NewlyRequired, place, detail);
                Self::compare(findings, place, before, after);
            }
            (before, Type::Option(after) | Type::Clearable(after)) => {
                Self::compare(findings, place, before, after);
            }
            _ => Self::parts(findings, place, before, after),
        }
    }

    fn records(findings: &mut Findings<'_>, place: Place<'_>, before: &Record, after: &Record) {
        for field in &before.fields {
            let place = Place::Member(&place, &field.json_name);
            match after.fields.find(&field.json_name) {
                Some(after) => {
                    Self::compare(findings, place, &field.ty, &after.ty);
                    let before = (&field.ty, field.constraints.as_deref());
                    let after = (&after.ty, after.constraints.as_deref());
                    constraints::compare(findings, place, before, after);
                }
                None => findings.add(ChangeKind::NoLongerRead, place, "is no longer read"),
            }
        }
        for field in &after.fields {
            if before.fields.find(&field.json_name).is_none() && !field.ty.is_optional() {
                let place = Place::Member(&place, &field.json_name);
                findings.add(ChangeKind::NewlyRequired, place, "is now required");
            }
        }
    }

    fn variants(findings: &mut Findings<'_>, place: Place<'_>, before: &Variant, after: &Variant) {
        for (case, after) in pairs(&before.cases, &after.cases) {
            match after {
                Some(after) => {
                    let place = Place::Case(&place, &case.json_name);
                    let (before, now) = (case.payload.as_ref(), after.payload.as_ref());
                    Self::payloads(findings, place, before, now);
                    if let (Some(before), Some(now)) = (before, now) {
                        let before = (before, case.constraints.as_deref());
                        let now = (now, after.constraints.as_deref());
                        constraints::compare(findings, place, before, now);
                    }
                }
                None => rejected_case(findings, place, case),
            }
        }
    }

    /// If a case has no payload, an absent value and null are accepted for it.
    fn payloads(
        findings: &mut Findings<'_>,
        place: Place<'_>,
        before: Option<&Type>,
        after: Option<&Type>,
    ) {
        match (before, after) {
            (Some(before), Some(after)) => Self::compare(findings, place, before, after),
            (Some(_), None) => {
                findings.add(ChangeKind::Narrowed, place, "no longer accepts a value")
            }
            (None, Some(after)) if !after.is_optional() => {
                findings.add(ChangeKind::NewlyRequired, place, "is now required");
            }
            (None, _) => {}
        }
    }

    /// A wider type accepts every text or number of a narrower one.
    fn scalars(findings: &mut Findings<'_>, place: Place<'_>, before: &Type, after: &Type) {
        if let (Some(before), Some(now)) = (before.integer_range(), after.integer_range()) {
            if !contains(&now, &before) {
                let detail = format!("now accepts {} instead of {}", words(&now), words(&before));
                findings.add(ChangeKind::Narrowed, place, detail);
            }
            return;
        }
        match (before, after) {
            (Type::Enum(before), Type::Enum(after)) | (Type::Flags(before), Type::Flags(after)) => {
                if !findings.goes_on(before.cases.len()) {
                    return;
                }
                let gone = pairs(&before.cases, &after.cases).filter(|(_, after)| after.is_none());
                gone.for_each(|(case, _)| rejected_case(findings, place, case));
            }
            (Type::Char | Type::Enum(_), Type::String)
            | (Type::F32, Type::F64)
            | (Type::Datetime(Epoch::Unsigned), Type::Datetime(Epoch::Signed)) => {}
            (Type::F64, Type::F32) => {
                let detail = "now accepts 32-bit floats instead of 64-bit floats";
                findings.add(ChangeKind::Narrowed, place, detail);
            }
            (Type::Datetime(Epoch::Signed), Type::Datetime(Epoch::Unsigned)) => {
                let detail = "no longer accepts timestamps before 1970";
                findings.add(ChangeKind::Narrowed, place, detail);
            }
            (integer, Type::F32) if is_exact(integer, f32::MANTISSA_DIGITS) => {}
            (integer, Type::F64) if is_exact(integer, f64::MANTISSA_DIGITS) => {}
            (before, after) if before == after => {}
            (before, after) => findings.add_type_change(place, before, after),
        }
    }
}

fn rejected_case(findings: &mut Findings<'_>, place: Place<'_>, case: &Case) {
    let detail = format!("no longer accepts {}", case.json_name);
    findings.add(ChangeKind::Narrowed, place, detail);
}

/// Returns whether the type is an integer type, and a float with this number of mantissa digits can
/// represent each of its values exactly.
fn is_exact(ty: &Type, mantissa_digits: u32) -> bool {
    let limit = 1_i128 << mantissa_digits;
    ty.integer_range()
        .is_some_and(|range| contains(&(-limit..=limit), &range))
}

fn contains(outer: &RangeInclusive<i128>, inner: &RangeInclusive<i128>) -> bool {
    outer.contains(inner.start()) && outer.contains(inner.end())
}

fn words(range: &RangeInclusive<i128>) -> String {
    format!("{} to {}", range.start(), range.end())
}
