//! Strategies for arbitrary types and for arbitrary values of a type.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use wasmtime::component::Val;

use crate::{Case, Enum, Epoch, Field, Record, ResultType, Type, TypeName, Variant};

/// Any type that can be represented in JSON.
pub(crate) fn any_type() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![
        Just(Type::Bool),
        Just(Type::U8),
        Just(Type::U16),
        Just(Type::U32),
        Just(Type::U64),
        Just(Type::S8),
        Just(Type::S16),
        Just(Type::S32),
        Just(Type::S64),
        Just(Type::F32),
        Just(Type::F64),
        Just(Type::Char),
        Just(Type::String),
        Just(Type::Bytes),
        Just(Type::Datetime(Epoch::Unsigned)),
        Just(Type::Datetime(Epoch::Signed)),
        (1_usize..6).prop_map(|cases| Type::Enum(names("kind-of", cases).into())),
        (1_usize..6).prop_map(|flags| Type::Flags(names("flag-no", flags).into())),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        let optional = prop_oneof![
            2 => inner.clone(),
            1 => inner.clone().prop_map(option),
        ];
        let field = prop_oneof![
            4 => optional.clone(),
            1 => inner.prop_map(|ty| Type::Clearable(not_optional(ty).into())),
        ];
        let side = proptest::option::of(optional.clone());
        prop_oneof![
            optional.clone(),
            optional.clone().prop_map(|item| match item {
                Type::U8 => Type::Bytes,
                item => Type::List(item.into()),
            }),
            optional.clone().prop_map(|item| Type::Map(item.into())),
            vec(optional.clone(), 1..5).prop_map(|items| Type::Tuple(items.into())),
            vec(field, 1..6).prop_map(|types| Type::Record(record(types).into())),
            vec(side.clone(), 1..5).prop_map(|payloads| Type::Variant(variant(payloads).into())),
            (side.clone(), side)
                .prop_map(|(ok, error)| Type::Result(ResultType { ok, error }.into())),
        ]
    })
}

pub(super) fn option(ty: Type) -> Type {
    Type::Option(not_optional(ty).into())
}

pub(super) fn not_optional(ty: Type) -> Type {
    match ty {
        Type::Option(inner) => (*inner).clone(),
        ty => ty,
    }
}

fn name(name: &str) -> TypeName {
    TypeName {
        interface: "test:api/things".to_owned(),
        name: name.to_owned(),
    }
}

pub(super) fn names(stem: &str, count: usize) -> Enum {
    let case = |number| Case::new(&format!("{stem}-{number}"), None, None);
    Enum {
        name: name(stem),
        docs: None,
        cases: (0..count).map(case).collect(),
    }
}

pub(super) fn record(types: Vec<Type>) -> Record {
    let field = |(number, ty)| Field::new(&format!("the-field{number}"), None, ty);
    Record {
        name: name("record"),
        docs: None,
        fields: types.into_iter().enumerate().map(field).collect(),
    }
}

pub(super) fn variant(payloads: Vec<Option<Type>>) -> Variant {
    let case = |(number, payload)| Case::new(&format!("the-case{number}"), None, payload);
    Variant {
        name: name("variant"),
        docs: None,
        cases: payloads.into_iter().enumerate().map(case).collect(),
    }
}

/// Any value of a type.
pub(crate) fn any_value(ty: &Type) -> BoxedStrategy<Val> {
    match ty {
        Type::Bool => any::<bool>().prop_map(Val::Bool).boxed(),
        Type::U8 => any::<u8>().prop_map(Val::U8).boxed(),
        Type::U16 => any::<u16>().prop_map(Val::U16).boxed(),
        Type::U32 => any::<u32>().prop_map(Val::U32).boxed(),
        Type::U64 => any::<u64>().prop_map(Val::U64).boxed(),
        Type::S8 => any::<i8>().prop_map(Val::S8).boxed(),
        Type::S16 => any::<i16>().prop_map(Val::S16).boxed(),
        Type::S32 => any::<i32>().prop_map(Val::S32).boxed(),
        Type::S64 => any::<i64>().prop_map(Val::S64).boxed(),
        Type::F32 => any::<f32>().prop_map(Val::Float32).boxed(),
        Type::F64 => any::<f64>().prop_map(Val::Float64).boxed(),
        Type::Char => any_char().prop_map(Val::Char).boxed(),
        Type::String => any_string().prop_map(Val::String).boxed(),
        Type::Bytes => vec(any::<u8>().prop_map(Val::U8), 0..20)
            .prop_map(Val::List)
            .boxed(),
        Type::Datetime(epoch) => any_timestamp(*epoch),
        Type::Option(inner) => maybe(any_value(inner)),
        Type::Clearable(inner) => maybe(maybe(any_value(inner))),
        Type::List(item) => vec(any_value(item), 0..4).prop_map(Val::List).boxed(),
        Type::Map(item) => proptest::collection::hash_map(any_string(), any_value(item), 0..4)
            .prop_map(|entries| {
                let entry = |(key, value)| Val::Tuple(vec![Val::String(key), value]);
                Val::List(entries.into_iter().map(entry).collect())
            })
            .boxed(),
        Type::Tuple(types) => {
            let items: Vec<_> = types.iter().map(any_value).collect();
            items.prop_map(Val::Tuple).boxed()
        }
        Type::Record(ty) => {
            let values: Vec<_> = ty.fields.iter().map(|field| any_value(&field.ty)).collect();
            let names: Vec<String> = ty.fields.iter().map(|field| field.name.clone()).collect();
            values
                .prop_map(move |values| Val::Record(names.iter().cloned().zip(values).collect()))
                .boxed()
        }
        Type::Enum(ty) => {
            let ty = ty.clone();
            let case = move |index: Index| Val::Enum(index.get(&ty.cases).name.clone());
            any::<Index>().prop_map(case).boxed()
        }
        Type::Flags(ty) => {
            let names: Vec<String> = ty.cases.iter().map(|case| case.name.clone()).collect();
            let count = names.len();
            subsequence(names, 0..=count).prop_map(Val::Flags).boxed()
        }
        Type::Variant(ty) => {
            let case = |case: &Case| {
                let name = case.name.clone();
                payload(case.payload.as_ref())
                    .prop_map(move |payload| Val::Variant(name.clone(), payload))
                    .boxed()
            };
            let cases: Vec<_> = ty.cases.iter().map(case).collect();
            proptest::strategy::Union::new(cases).boxed()
        }
        Type::Result(ty) => prop_oneof![
            payload(ty.ok.as_ref()).prop_map(|payload| Val::Result(Ok(payload))),
            payload(ty.error.as_ref()).prop_map(|payload| Val::Result(Err(payload))),
        ]
        .boxed(),
    }
}

fn payload(ty: Option<&Type>) -> BoxedStrategy<Option<Box<Val>>> {
    match ty {
        Some(ty) => any_value(ty)
            .prop_map(|value| Some(Box::new(value)))
            .boxed(),
        None => Just(None).boxed(),
    }
}

fn maybe(inner: BoxedStrategy<Val>) -> BoxedStrategy<Val> {
    let boxed = inner.prop_map(Box::new);
    proptest::option::of(boxed).prop_map(Val::Option).boxed()
}

fn any_char() -> impl Strategy<Value = char> {
    any::<char>().prop_filter("U+0000 is rejected", |c| *c != '\0')
}

fn any_string() -> impl Strategy<Value = String> {
    vec(any_char(), 0..8).prop_map(|chars| chars.into_iter().collect())
}

fn any_timestamp(epoch: Epoch) -> BoxedStrategy<Val> {
    let nanoseconds = prop_oneof![
        Just(0),
        (0..1000_u32).prop_map(|milliseconds| milliseconds * 1_000_000),
        0..1_000_000_000_u32,
    ];
    let seconds = match epoch {
        Epoch::Unsigned => (0..=253_402_300_799_u64).prop_map(Val::U64).boxed(),
        Epoch::Signed => (-62_135_596_800..=253_402_300_799_i64)
            .prop_map(Val::S64)
            .boxed(),
    };
    (seconds, nanoseconds)
        .prop_map(|(seconds, nanoseconds)| {
            Val::Record(vec![
                ("seconds".to_owned(), seconds),
                ("nanoseconds".to_owned(), Val::U32(nanoseconds)),
            ])
        })
        .boxed()
}
