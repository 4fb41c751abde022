//! The types that this host reads from the functions of the platform's `service` interface.
//!
//! They say what [`description`](super::description) relies on, no more: members that a host can do
//! without may be missing, and unknown members are ignored. So components of every 1.x contract fit.

use wasmparser::PrimitiveValType;
use wasmparser::component_types::{
    ComponentDefinedType, ComponentFuncType, ComponentValType, RecordType,
};
use wasmparser::types::TypesRef;

/// The functions that every component exports, with the types of their results.
pub(super) const SERVICE: [(&str, Shape); 4] = [
    ("describe", DESCRIPTION),
    ("assets", Shape::List(&ASSET)),
    ("check", Shape::Result(None)),
    ("health", Shape::Result(Some(&Shape::List(&FIGURE)))),
];

const DESCRIPTION: Shape = Shape::Record(&[
    Member::required("name", Shape::String),
    Member::required("version", Shape::String),
    Member::optional("routes", Shape::List(&ROUTE)),
    Member::optional("migrations", Shape::List(&MIGRATION)),
    Member::optional("constraints", Shape::List(&CONSTRAINT)),
]);
const ROUTE: Shape = Shape::Record(&[
    Member::required("path", Shape::String),
    Member::required("operation", Shape::String),
]);
const MIGRATION: Shape = Shape::Record(&[
    Member::required("name", Shape::String),
    Member::required("sqlite", Shape::String),
    Member::required("postgres", Shape::String),
]);
const CONSTRAINT: Shape = Shape::Record(&[Member::required("place", Shape::String)]);
const ASSET: Shape = Shape::Record(&[
    Member::required("path", Shape::String),
    Member::required("media-type", Shape::String),
    Member::required("content", Shape::List(&Shape::Byte)),
]);
const FIGURE: Shape = Shape::Pair(&Shape::String, &Shape::Integer);

/// What a type has to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    String,
    /// `u8`
    Byte,
    /// `s64`
    Integer,
    List(&'static Shape),
    Pair(&'static Shape, &'static Shape),
    Record(&'static [Member]),
    /// A result whose success has this shape. `None`: it may have any.
    Result(Option<&'static Shape>),
}

/// A member of a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    name: &'static str,
    required: bool,
    shape: Shape,
}

impl Member {
    const fn required(name: &'static str, shape: Shape) -> Self {
        Member {
            name,
            required: true,
            shape,
        }
    }

    const fn optional(name: &'static str, shape: Shape) -> Self {
        Member {
            name,
            required: false,
            shape,
        }
    }
}

/// Returns everything in which a function's type differs from what this host calls and reads, each as a
/// sentence.
pub(super) fn faults(
    types: TypesRef<'_>,
    name: &str,
    function: &ComponentFuncType,
    shape: Shape,
) -> Vec<String> {
    let mut faults = Vec::new();
    if function.async_ {
        faults.push(format!("{name} is async"));
    }
    if !function.params.is_empty() {
        faults.push(format!("{name} has parameters, but the host passes none"));
    }
    match &function.result {
        None => faults.push(format!(
            "{name} returns nothing instead of {}",
            shape.word()
        )),
        Some(result) => shape.compare(
            types,
            &format!("the result of {name}"),
            *result,
            &mut faults,
        ),
    }
    faults
}

impl Shape {
    fn word(self) -> &'static str {
        match self {
            Shape::String => "a string",
            Shape::Byte => "a u8",
            Shape::Integer => "an s64",
            Shape::List(Shape::Byte) => "a list<u8>",
            Shape::List(_) => "a list",
            Shape::Pair(..) => "a tuple of two",
            Shape::Record(_) => "a record",
            Shape::Result(_) => "a result",
        }
    }

    fn compare(
        self,
        types: TypesRef<'_>,
        what: &str,
        found: ComponentValType,
        faults: &mut Vec<String>,
    ) {
        let primitive = primitive(types, found);
        let defined = match found {
            ComponentValType::Type(id) => Some(&types[id]),
            ComponentValType::Primitive(_) => None,
        };
        match (self, defined) {
            (Shape::String, _) if primitive == Some(PrimitiveValType::String) => {}
            (Shape::Byte, _) if primitive == Some(PrimitiveValType::U8) => {}
            (Shape::Integer, _) if primitive == Some(PrimitiveValType::S64) => {}
            // Of a list of bytes only the list is named.
            (Shape::List(Shape::Byte), Some(ComponentDefinedType::List { element, .. }))
                if self::primitive(types, *element) == Some(PrimitiveValType::U8) => {}
            (Shape::List(item), Some(ComponentDefinedType::List { element, .. }))
                if !matches!(item, Shape::Byte) =>
            {
                item.compare(types, &format!("an item of {what}"), *element, faults);
            }
            (Shape::Pair(one, two), Some(ComponentDefinedType::Tuple(tuple)))
                if tuple.types.len() == 2 =>
            {
                one.compare(
                    types,
                    &format!("the first of {what}"),
                    tuple.types[0],
                    faults,
                );
                two.compare(
                    types,
                    &format!("the second of {what}"),
                    tuple.types[1],
                    faults,
                );
            }
            (Shape::Record(members), Some(ComponentDefinedType::Record(record))) => {
                for member in members {
                    member.compare(types, what, record, faults);
                }
            }
            (Shape::Result(None), Some(ComponentDefinedType::Result { .. })) => {}
            (Shape::Result(Some(success)), Some(ComponentDefinedType::Result { ok, .. })) => {
                let what = format!("the success of {what}");
                match ok {
                    Some(ok) => success.compare(types, &what, *ok, faults),
                    None => faults.push(format!("{what} is not {}", success.word())),
                }
            }
            _ => faults.push(format!("{what} is not {}", self.word())),
        }
    }
}

impl Member {
    fn compare(
        &self,
        types: TypesRef<'_>,
        what: &str,
        record: &RecordType,
        faults: &mut Vec<String>,
    ) {
        let mut fields = record.fields.iter();
        match fields.find(|(name, _)| name.as_str() == self.name) {
            Some((_, found)) => {
                let what = format!("{} of {what}", self.name);
                self.shape.compare(types, &what, *found, faults);
            }
            None if self.required => {
                faults.push(format!(
                    "{what} has no {}, {}",
                    self.name,
                    self.shape.word()
                ));
            }
            None => {}
        }
    }
}

/// A primitive type, also one that has a name.
fn primitive(types: TypesRef<'_>, found: ComponentValType) -> Option<PrimitiveValType> {
    match found {
        ComponentValType::Primitive(primitive) => Some(primitive),
        ComponentValType::Type(id) => match &types[id] {
            ComponentDefinedType::Primitive(primitive) => Some(*primitive),
            _ => None,
        },
    }
}
