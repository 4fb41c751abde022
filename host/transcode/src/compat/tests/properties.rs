//! Properties of comparisons of arbitrary types.

use std::cell::Cell;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::compat::ChangeKind;
use crate::compat::change::{BreakingChange, Effort, Findings};
use crate::compat::direction::Direction;
use crate::compat::input::Input;
use crate::compat::output::Output;
use crate::compat::place::Place;
use crate::read::{self, FieldErrors};
use crate::tests::arbitrary::{any_type, any_value};
use crate::tests::support::unlimited;
use crate::types::{
    Case, Enum, Field, HasName, Named, Record, ResultType, Type, TypeName, Variant,
};
use crate::{Val, json, write};

fn compare<D: Direction>(before: &Type, after: &Type) -> Vec<BreakingChange> {
    let mut effort = Effort::new();
    let mut findings = Findings::new("PUT /", &mut effort);
    D::compare(&mut findings, Place::Body, before, after);
    findings.into_changes()
}

/// Rebuilds a type from its leaves, with each type in it changed by `edit`.
fn edited(ty: &Type, edit: &dyn Fn(Type) -> Type) -> Type {
    let child = |ty: &Type| Arc::new(edited(ty, edit));
    // An option holds no option.
    let inner = |ty: &Type| match edited(ty, edit) {
        Type::Option(inner) => inner,
        ty => ty.into(),
    };
    let payload = |ty: &Option<Type>| ty.as_ref().map(|ty| edited(ty, edit));
    edit(match ty {
        Type::Option(ty) => Type::Option(inner(ty)),
        Type::Clearable(ty) => Type::Clearable(inner(ty)),
        Type::List(ty) => Type::List(child(ty)),
        Type::Map(ty) => Type::Map(child(ty)),
        Type::Tuple(types) => Type::Tuple(types.iter().map(|ty| edited(ty, edit)).collect()),
        Type::Record(ty) => {
            let mut record = Record::clone(ty);
            record.fields = changed(&record.fields, |fields| {
                for field in fields {
                    field.ty = edited(&field.ty, edit);
                }
            });
            Type::Record(record.into())
        }
        Type::Variant(ty) => {
            let mut variant = Variant::clone(ty);
            variant.cases = changed(&variant.cases, |cases| {
                for case in cases {
                    case.payload = payload(&case.payload);
                }
            });
            Type::Variant(variant.into())
        }
        Type::Result(ty) => {
            let (ok, error) = (payload(&ty.ok), payload(&ty.error));
            Type::Result(ResultType { ok, error }.into())
        }
        leaf => leaf.clone(),
    })
}

/// An object around a type, so that there is a record in it.
fn wrapped(ty: Type) -> Type {
    let fields = Named::from_iter([Field::new("wrapped", None, ty)]);
    let name = TypeName {
        interface: "test:api/things".to_owned(),
        name: "wrapper".to_owned(),
    };
    let docs = None;
    Type::Record(Record { name, docs, fields }.into())
}

/// Changes one record in a type. Any number chooses which one.
fn with_record_edited(ty: &Type, choice: usize, edit: &dyn Fn(&mut Record)) -> Type {
    let count = Cell::new(0);
    let counted = |ty: Type| {
        count.set(count.get() + usize::from(ty.as_record().is_some()));
        ty
    };
    edited(ty, &counted);
    let left = Cell::new(choice % count.get());
    edited(ty, &|ty| match &ty {
        Type::Record(record) => match left.replace(left.get().wrapping_sub(1)) {
            0 => {
                let mut record = Record::clone(record);
                edit(&mut record);
                Type::Record(record.into())
            }
            _ => ty,
        },
        _ => ty,
    })
}

/// Changes some types in a type. The dice decide which ones and how.
fn distorted(ty: &Type, dice: &[u8]) -> Type {
    let rolls = Cell::new(0);
    let roll = || {
        let number = rolls.replace(rolls.get() + 1);
        dice[number % dice.len()]
    };
    edited(ty, &|ty| match (roll(), ty) {
        (0, ty) if !ty.is_optional() => Type::Option(ty.into()),
        (1, Type::Option(inner)) => Type::clone(&inner),
        (2, Type::Record(ty)) => record(&ty, |fields| fields.truncate(1)),
        (3, Type::Record(ty)) => record(&ty, |fields| {
            fields.push(Field::new("extra", None, Type::Bool));
        }),
        (4, Type::Record(ty)) => record(&ty, |fields| {
            fields.push(Field::new("extra", None, Type::Option(Type::Bool.into())));
        }),
        (5, Type::Record(ty)) => record(&ty, |fields| {
            for field in fields {
                field.ty = match &field.ty {
                    Type::Option(inner) => Type::Clearable(inner.clone()),
                    Type::Clearable(inner) => Type::Option(inner.clone()),
                    ty => ty.clone(),
                };
            }
        }),
        (6, Type::Variant(ty)) => {
            let mut variant = Variant::clone(&ty);
            variant.cases = changed(&variant.cases, |cases| {
                for case in cases {
                    case.payload = case
                        .payload
                        .is_none()
                        .then_some(Type::Option(Type::U8.into()));
                }
            });
            Type::Variant(variant.into())
        }
        (0..4, Type::Enum(ty)) => Type::Enum(names(&ty, roll())),
        (0..4, Type::Flags(ty)) => Type::Flags(names(&ty, roll())),
        (4, Type::Enum(_)) => Type::String,
        (0..8, ty) => number(ty, roll()),
        (_, ty) => ty,
    })
}

/// Changes fields or cases.
fn changed<T: Clone + HasName>(items: &Named<T>, edit: impl FnOnce(&mut Vec<T>)) -> Named<T> {
    let mut items = items.to_vec();
    edit(&mut items);
    items.into_iter().collect()
}

fn record(ty: &Record, edit: impl FnOnce(&mut Vec<Field>)) -> Type {
    let mut record = Record::clone(ty);
    record.fields = changed(&record.fields, edit);
    Type::Record(record.into())
}

/// Removes the first name, or adds one.
fn names(ty: &Enum, roll: u8) -> Arc<Enum> {
    let mut names = Enum::clone(ty);
    names.cases = changed(&names.cases, |cases| match roll % 2 {
        0 if cases.len() > 1 => drop(cases.remove(0)),
        _ => cases.push(Case::new("extra", None, None)),
    });
    names.into()
}

/// Replaces a number type by another one.
fn number(ty: Type, roll: u8) -> Type {
    if ty.integer_range().is_none() && !matches!(ty, Type::F32 | Type::F64) {
        return ty;
    }
    let numbers = [
        Type::U8,
        Type::U16,
        Type::U32,
        Type::U64,
        Type::S8,
        Type::S16,
        Type::S32,
        Type::S64,
        Type::F32,
        Type::F64,
    ];
    numbers[usize::from(roll) % numbers.len()].clone()
}

/// A type, and another type that was made from it or is unrelated.
fn two_types() -> impl Strategy<Value = (Type, Type)> {
    let dice = || vec(0_u8..40, 1..40);
    prop_oneof![
        8 => (any_type(), dice()).prop_map(|(ty, dice)| (distorted(&ty, &dice), ty)),
        8 => (any_type(), dice()).prop_map(|(ty, dice)| (ty.clone(), distorted(&ty, &dice))),
        1 => (any_type(), any_type()),
    ]
}

/// The errors of a value that is written as one type and read as another.
fn errors_of(written_as: &Type, value: &Val, read_as: &Type) -> Vec<String> {
    let mut out = unlimited();
    write::value(&mut out, written_as, value).unwrap();
    let text = out.finish().unwrap();
    let mut errors = FieldErrors::new(usize::MAX, false);
    let json = json::parse(&text).unwrap();
    read::value(read_as, None, json, read::Place::Body, &mut errors);
    errors.list.into_iter().map(|error| error.detail).collect()
}

/// Whether an error is one that responses may cause: clients are expected to tolerate the values.
fn is_tolerated(error: &str) -> bool {
    // New cases, numbers outside the earlier range, and payloads of cases that had none.
    [
        "must be one of",
        "must be from",
        "must be absent",
        "is outside the range",
        "must not be before",
    ]
    .iter()
    .any(|tolerated| error.starts_with(tolerated))
}

proptest! {
    #[test]
    fn a_type_does_not_break_itself(ty in any_type()) {
        prop_assert_eq!(compare::<Input>(&ty, &ty), []);
        prop_assert_eq!(compare::<Output>(&ty, &ty), []);
    }

    #[test]
    fn a_new_optional_member_breaks_no_request(ty in any_type(), choice in any::<usize>()) {
        let before = wrapped(ty);
        let after = with_record_edited(&before, choice, &|record| {
            let ty = Type::Option(Type::String.into());
            record.fields = changed(&record.fields, |fields| {
                fields.insert(0, Field::new("extra", None, ty));
            });
        });
        prop_assert_eq!(compare::<Input>(&before, &after), []);
        prop_assert_eq!(compare::<Output>(&before, &after), []);
        // In the opposite direction the member is removed.
        prop_assert_ne!(compare::<Input>(&after, &before), []);
    }

    #[test]
    fn a_member_that_is_removed_from_a_response_is_reported(
        ty in any_type(),
        choice in any::<usize>(),
    ) {
        let before = wrapped(ty);
        let after = with_record_edited(&before, choice, &|record| {
            record.fields = changed(&record.fields, |fields| {
                fields.remove(choice % fields.len());
            });
        });
        let changes = compare::<Output>(&before, &after);
        let kinds: Vec<ChangeKind> = changes.iter().map(|change| change.kind).collect();
        prop_assert_eq!(kinds, [ChangeKind::MemberRemoved]);
    }

    #[test]
    fn a_compatible_type_reads_every_earlier_request(
        (after, (before, value)) in two_types().prop_flat_map(|(before, after)| {
            let value = any_value(&before);
            (Just(after), (Just(before), value))
        })
    ) {
        if compare::<Input>(&before, &after).is_empty() {
            prop_assert_eq!(errors_of(&before, &value, &after), [""; 0]);
        }
    }

    #[test]
    fn a_compatible_type_writes_responses_that_clients_read(
        (before, (after, value)) in two_types().prop_flat_map(|(before, after)| {
            let value = any_value(&after);
            (Just(before), (Just(after), value))
        })
    ) {
        if compare::<Output>(&before, &after).is_empty() {
            let mut errors = errors_of(&after, &value, &before);
            errors.retain(|error| !is_tolerated(error));
            prop_assert_eq!(errors, [""; 0]);
        }
    }
}
