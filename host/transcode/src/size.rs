//! The size of an API: how large its description is when it is written out.
//!
//! Named types are written once, and every other type at each place where it is used. So a few
//! nested tuples can describe a document of gigabytes. Routes are bound only as long as the size
//! stays within limits, and everything that is made from bound routes is bounded by it.

use std::collections::HashMap;

use super::interface::{Function, Signature};
use super::types::{Case, Definition, Field, Type};

/// Maximum number of types, fields, cases and parameters.
pub(super) const MAX_NODES: usize = 50_000;
/// Maximum size of all names and documentation, in bytes.
pub(super) const MAX_TEXT: usize = 8 << 20;
/// Maximum number of routes.
pub(super) const MAX_ROUTES: usize = 2000;

/// Types, fields, cases and parameters, and the text of their names and documentation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Size {
    nodes: usize,
    text_bytes: usize,
}

impl Size {
    fn node(name: &str, docs: &Option<String>) -> Self {
        Size {
            nodes: 1,
            text_bytes: name.len() + docs.as_ref().map_or(0, String::len),
        }
    }

    fn plus(self, other: Size) -> Size {
        Size {
            nodes: self.nodes.saturating_add(other.nodes),
            text_bytes: self.text_bytes.saturating_add(other.text_bytes),
        }
    }
}

/// Adds up the size of an API, function by function.
#[derive(Default)]
pub(super) struct ApiSize {
    total: Size,
    /// The sizes of definitions at each place where they are used. The types keep the definitions
    /// alive, and so their identities.
    known: HashMap<Definition, (Type, Size)>,
}

impl ApiSize {
    /// Adds a route to a function. Returns whether the API is within its limits.
    pub(super) fn add(&mut self, function: &Function, signature: &Signature) -> bool {
        let mut size = Size::node(&function.name, &function.docs);
        for param in &signature.params {
            size = size
                .plus(Size::node(&param.name, &None))
                .plus(self.size_of(&param.ty));
            // The fields can be parameters of the query.
            if let Type::Record(record) = &param.ty {
                size = size.plus(self.fields(&record.fields));
            }
        }
        if let Some(ok) = &signature.ok {
            size = size.plus(self.size_of(ok));
        }
        self.total = self.total.plus(size);
        self.total.nodes <= MAX_NODES && self.total.text_bytes <= MAX_TEXT
    }

    /// Returns the size of a type at a place where it is used. The definition of a named type is
    /// added to the total when it is first seen.
    fn size_of(&mut self, ty: &Type) -> Size {
        let Some(definition) = ty.definition() else {
            return Size::node("", &None);
        };
        if let Some((_, size)) = self.known.get(&definition) {
            return *size;
        }
        let size = match ty {
            Type::Record(record) => {
                let fields = self.fields(&record.fields);
                self.defined(Size::node(&record.name.name, &record.docs), fields)
            }
            Type::Enum(names) | Type::Flags(names) => {
                let cases = self.cases(&names.cases);
                self.defined(Size::node(&names.name.name, &names.docs), cases)
            }
            Type::Variant(variant) => {
                let cases = self.cases(&variant.cases);
                self.defined(Size::node(&variant.name.name, &variant.docs), cases)
            }
            Type::Option(inner) | Type::Clearable(inner) | Type::List(inner) | Type::Map(inner) => {
                self.unnamed([&**inner])
            }
            Type::Tuple(items) => self.unnamed(items.iter()),
            Type::Result(result) => self.unnamed(result.ok.iter().chain(&result.error)),
            _ => Size::node("", &None),
        };
        self.known.insert(definition, (ty.clone(), size));
        size
    }

    /// Counts a definition. Where it is used there is only its name.
    fn defined(&mut self, definition: Size, parts: Size) -> Size {
        self.total = self.total.plus(definition).plus(parts);
        Size {
            nodes: 1,
            text_bytes: definition.text_bytes.min(100),
        }
    }

    fn unnamed<'a>(&mut self, parts: impl IntoIterator<Item = &'a Type>) -> Size {
        parts.into_iter().fold(Size::node("", &None), |sum, part| {
            sum.plus(self.size_of(part))
        })
    }

    fn fields(&mut self, fields: &[Field]) -> Size {
        fields.iter().fold(Size::default(), |sum, field| {
            let node = Size::node(&field.name, &field.docs);
            sum.plus(node).plus(self.size_of(&field.ty))
        })
    }

    fn cases(&mut self, cases: &[Case]) -> Size {
        cases.iter().fold(Size::default(), |sum, case| {
            let payload = case.payload.as_ref().map(|payload| self.size_of(payload));
            let node = Size::node(&case.name, &case.docs);
            sum.plus(node).plus(payload.unwrap_or_default())
        })
    }
}
