//! Types that clients send: every value that was taken must be taken still, and mean the same.

use std::ops::RangeInclusive;

use super::change::{ChangeKind, Findings};
use super::direction::{Direction, pairs};
use super::place::Place;
use crate::types::{Case, Epoch, Record, Type, Variant};

/// Finds what is refused or ignored of the values that were taken.
pub(crate) enum Input {}

impl Direction for Input {
    fn compare(findings: &mut Findings<'_>, place: Place<'_>, before: &Type, after: &Type) {
        match (before, after) {
            (Type::Option(before), Type::Option(after))
            | (Type::Clearable(before), Type::Clearable(after)) => {
                Self::compare(findings, place, before, after);
            }
            (Type::Option(before), Type::Clearable(after)) => {
                let detail = "is emptied by null now, which stood for its absence";
                findings.add(ChangeKind::NullChanged, place, detail);
                Self::compare(findings, place, before, after);
            }
            (Type::Clearable(before), Type::Option(after)) => {
                let detail = "is not emptied by null any more, which stands for its absence now";
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
            match after.field(&field.json_name) {
                Some(after) => Self::compare(findings, place, &field.ty, &after.ty),
                None => findings.add(ChangeKind::NoLongerRead, place, "is no longer read"),
            }
        }
        for field in &after.fields {
            if before.field(&field.json_name).is_none() && !field.ty.is_optional() {
                let place = Place::Member(&place, &field.json_name);
                findings.add(ChangeKind::NewlyRequired, place, "is newly required");
            }
        }
    }

    fn variants(findings: &mut Findings<'_>, place: Place<'_>, before: &Variant, after: &Variant) {
        for (case, after) in pairs(&before.cases, &after.cases) {
            match after {
                Some(after) => {
                    let place = Place::Case(&place, &case.json_name);
                    let (before, after) = (case.payload.as_ref(), after.payload.as_ref());
                    Self::payloads(findings, place, before, after);
                }
                None => refused_case(findings, place, case),
            }
        }
    }

    /// Where nothing comes with a case, absence and null are taken for it.
    fn payloads(
        findings: &mut Findings<'_>,
        place: Place<'_>,
        before: Option<&Type>,
        after: Option<&Type>,
    ) {
        match (before, after) {
            (Some(before), Some(after)) => Self::compare(findings, place, before, after),
            (Some(_), None) => findings.add(ChangeKind::Narrowed, place, "takes no value any more"),
            (None, Some(after)) if !after.is_optional() => {
                findings.add(ChangeKind::NewlyRequired, place, "is newly required");
            }
            (None, _) => {}
        }
    }

    /// The wider types read every text or number of the narrower ones.
    fn scalars(findings: &mut Findings<'_>, place: Place<'_>, before: &Type, after: &Type) {
        if let (Some(took), Some(takes)) = (before.integer_range(), after.integer_range()) {
            if !contains(&takes, &took) {
                let detail = format!("takes {} now, and took {}", words(&takes), words(&took));
                findings.add(ChangeKind::Narrowed, place, detail);
            }
            return;
        }
        match (before, after) {
            (Type::Enum(before), Type::Enum(after)) | (Type::Flags(before), Type::Flags(after)) => {
                let gone = pairs(&before.cases, &after.cases).filter(|(_, after)| after.is_none());
                gone.for_each(|(case, _)| refused_case(findings, place, case));
            }
            (Type::Char | Type::Enum(_), Type::String)
            | (Type::F32, Type::F64)
            | (Type::Datetime(Epoch::Unsigned), Type::Datetime(Epoch::Signed)) => {}
            (Type::F64, Type::F32) => {
                let detail = "takes 32-bit floats now, and took 64-bit ones";
                findings.add(ChangeKind::Narrowed, place, detail);
            }
            (Type::Datetime(Epoch::Signed), Type::Datetime(Epoch::Unsigned)) => {
                let detail = "no longer takes moments before 1970";
                findings.add(ChangeKind::Narrowed, place, detail);
            }
            (integer, Type::F32) if is_exact(integer, f32::MANTISSA_DIGITS) => {}
            (integer, Type::F64) if is_exact(integer, f64::MANTISSA_DIGITS) => {}
            (before, after) if before == after => {}
            (before, after) => findings.add_type_change(place, before, after),
        }
    }
}

fn refused_case(findings: &mut Findings<'_>, place: Place<'_>, case: &Case) {
    let detail = format!("no longer takes {}", case.json_name);
    findings.add(ChangeKind::Narrowed, place, detail);
}

/// Whether the type is an integer of which a float with so many digits holds every value.
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
