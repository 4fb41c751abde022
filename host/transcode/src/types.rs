//! The types of an interface: a tree of our own, read once from a component and then immutable.
//!
//! Aliases are resolved and named types carry the interface that defines them, so two trees are
//! equal if and only if their WIT definitions are. WIT has no recursive types, so walking a tree
//! ends. The names in JSON (`json_name`, a member's escaped `key`) are computed here, once.
//!
//! Definitions are shared: a type of 20 definitions can be a tree of a million nodes. Code that
//! walks over types visits each definition once, by its [`Definition`], or is bounded by `size`.

use std::mem::{Discriminant, discriminant};
use std::ops::{Deref, RangeInclusive};
use std::sync::Arc;

use super::constraint::Constraints;

/// A WIT type, as far as JSON distinguishes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// `bool`.
    Bool,
    /// `u8`.
    U8,
    /// `u16`.
    U16,
    /// `u32`.
    U32,
    /// `u64`.
    U64,
    /// `s8`.
    S8,
    /// `s16`.
    S16,
    /// `s32`.
    S32,
    /// `s64`.
    S64,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `char`: a string of one Unicode scalar value.
    Char,
    /// `string`.
    String,
    /// `list<u8>`: base64.
    Bytes,
    /// The timestamp of `wasi:clocks`: RFC 3339.
    Datetime(Epoch),
    /// `option<T>`: absent or null is none.
    Option(Arc<Type>),
    /// `option<option<T>>` as a record's field: absent is none, null is some(none).
    Clearable(Arc<Type>),
    /// `list<T>`.
    List(Arc<Type>),
    /// `list<tuple<string, T>>`: an object with any members.
    Map(Arc<Type>),
    /// `tuple<…>`.
    Tuple(Arc<[Type]>),
    /// A record: an object.
    Record(Arc<Record>),
    /// An enum: a string.
    Enum(Arc<Enum>),
    /// A variant: an object with `case` and `value`.
    Variant(Arc<Variant>),
    /// Flags: an array of strings.
    Flags(Arc<Enum>),
    /// A `result` inside a value: an object with `ok` or `error`.
    Result(Arc<ResultType>),
}

/// The identity of a definition in memory, valid as long as a [`Type`] that refers to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Definition(Discriminant<Type>, usize);

/// The type of a timestamp's seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epoch {
    /// `u64`, as `datetime` of WASI 0.2: it cannot be before 1970.
    Unsigned,
    /// `s64`, as `instant` of WASI 0.3.
    Signed,
}

/// The identity of a named type: two types with equal names are one definition.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeName {
    /// The interface that defines it, without its version, such as `tasks:api/tasks`.
    pub interface: String,
    /// The name in that interface, in kebab-case.
    pub name: String,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its identity.
    pub name: TypeName,
    /// Its documentation.
    pub docs: Option<String>,
    /// Its fields, in WIT order.
    pub fields: Named<Field>,
}

impl Record {
    /// Returns the field with that name, in kebab-case or snake_case.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.find(&snake_case(name))
    }
}

/// An item with a name in JSON.
pub trait HasName {
    /// The name, in snake_case.
    fn json_name(&self) -> &str;
}

impl HasName for Field {
    fn json_name(&self) -> &str {
        &self.json_name
    }
}

impl HasName for Case {
    fn json_name(&self) -> &str {
        &self.json_name
    }
}

/// Fields or cases in WIT order, with an index of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<T> {
    items: Box<[T]>,
    /// The positions of the items, sorted by the items' names.
    by_name: Box<[u32]>,
}

impl<T: HasName> Named<T> {
    /// Returns the position of the item with that JSON name.
    pub fn position(&self, json_name: &str) -> Option<usize> {
        let name_of = |position: &u32| self.items[*position as usize].json_name();
        let found = self
            .by_name
            .binary_search_by(|position| name_of(position).cmp(json_name));
        found.ok().map(|found| self.by_name[found] as usize)
    }

    /// Returns the item with that JSON name.
    pub fn find(&self, json_name: &str) -> Option<&T> {
        self.position(json_name)
            .map(|position| &self.items[position])
    }
}

impl<T: HasName> FromIterator<T> for Named<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let items: Box<[T]> = items.into_iter().collect();
        // A component has less than 2^32 bytes of types.
        let mut by_name: Box<[u32]> = (0..items.len() as u32).collect();
        by_name.sort_by_key(|position| items[*position as usize].json_name());
        Named { items, by_name }
    }
}

impl<T> Deref for Named<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<'a, T> IntoIterator for &'a Named<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its WIT name.
    pub name: String,
    /// The member's name, in snake_case.
    pub json_name: String,
    /// The member's name as it is written in JSON, with quotes and colon.
    pub(super) key: String,
    /// Its documentation.
    pub docs: Option<String>,
    /// Its type.
    pub ty: Type,
    /// What a request's value must be like.
    pub(super) constraints: Option<Arc<Constraints>>,
}

impl Field {
    /// Makes a field. Its JSON names are derived from its WIT name.
    pub fn new(name: &str, docs: Option<String>, ty: Type) -> Field {
        let json_name = snake_case(name);
        Field {
            name: name.to_owned(),
            key: format!("\"{json_name}\":"),
            json_name,
            docs,
            ty,
            constraints: None,
        }
    }
}

/// An enum, or the names of a set of flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enum {
    /// Its identity.
    pub name: TypeName,
    /// Its documentation.
    pub docs: Option<String>,
    /// Its cases, in WIT order. They have no payload.
    pub cases: Named<Case>,
}

/// A variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Its identity.
    pub name: TypeName,
    /// Its documentation.
    pub docs: Option<String>,
    /// Its cases, in WIT order.
    pub cases: Named<Case>,
}

/// A case of a variant or an enum, or one of several flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its WIT name.
    pub name: String,
    /// Its name in JSON, in snake_case.
    pub json_name: String,
    /// Its documentation.
    pub docs: Option<String>,
    /// The type of its payload.
    pub payload: Option<Type>,
    /// What a request's payload must be like.
    pub(super) constraints: Option<Arc<Constraints>>,
}

impl Case {
    /// Makes a case. Its JSON name is derived from its WIT name.
    pub fn new(name: &str, docs: Option<String>, payload: Option<Type>) -> Case {
        Case {
            name: name.to_owned(),
            json_name: snake_case(name),
            docs,
            payload,
            constraints: None,
        }
    }
}

/// A `result` inside a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultType {
    /// The payload of a success.
    pub ok: Option<Type>,
    /// The payload of a failure.
    pub error: Option<Type>,
}

impl Type {
    /// Returns whether a value is a single text, which fits in a path segment or a query parameter.
    pub fn is_scalar(&self) -> bool {
        match self {
            Type::Bool
            | Type::U8
            | Type::U16
            | Type::U32
            | Type::U64
            | Type::S8
            | Type::S16
            | Type::S32
            | Type::S64
            | Type::F32
            | Type::F64
            | Type::Char
            | Type::String
            | Type::Datetime(_)
            | Type::Enum(_) => true,
            Type::Bytes
            | Type::Option(_)
            | Type::Clearable(_)
            | Type::List(_)
            | Type::Map(_)
            | Type::Tuple(_)
            | Type::Record(_)
            | Type::Variant(_)
            | Type::Flags(_)
            | Type::Result(_) => false,
        }
    }

    /// Returns whether a member of this type may be absent.
    pub fn is_optional(&self) -> bool {
        matches!(self, Type::Option(_) | Type::Clearable(_))
    }

    /// Returns the type inside of options.
    pub(super) fn present(&self) -> &Type {
        match self {
            Type::Option(inner) | Type::Clearable(inner) => inner.present(),
            ty => ty,
        }
    }

    /// Returns the range of an integer type, or `None` for other types.
    pub fn integer_range(&self) -> Option<RangeInclusive<i128>> {
        Some(match self {
            Type::U8 => 0..=u8::MAX.into(),
            Type::U16 => 0..=u16::MAX.into(),
            Type::U32 => 0..=u32::MAX.into(),
            Type::U64 => 0..=u64::MAX.into(),
            Type::S8 => i8::MIN.into()..=i8::MAX.into(),
            Type::S16 => i16::MIN.into()..=i16::MAX.into(),
            Type::S32 => i32::MIN.into()..=i32::MAX.into(),
            Type::S64 => i64::MIN.into()..=i64::MAX.into(),
            _ => return None,
        })
    }

    /// Returns the definition that this type refers to, or `None` if it has no parts.
    pub(super) fn definition(&self) -> Option<Definition> {
        fn address<T: ?Sized>(definition: &Arc<T>) -> usize {
            Arc::as_ptr(definition).cast::<()>().addr()
        }
        let address = match self {
            Type::Option(inner) | Type::Clearable(inner) | Type::List(inner) | Type::Map(inner) => {
                address(inner)
            }
            Type::Tuple(items) => address(items),
            Type::Record(record) => address(record),
            Type::Enum(names) | Type::Flags(names) => address(names),
            Type::Variant(variant) => address(variant),
            Type::Result(result) => address(result),
            _ => return None,
        };
        Some(Definition(discriminant(self), address))
    }

    /// Returns the record if this type is one.
    pub fn as_record(&self) -> Option<&Arc<Record>> {
        match self {
            Type::Record(record) => Some(record),
            _ => None,
        }
    }
}

/// Converts a WIT name to its JSON name. Two WIT names never differ only in case, so the conversion
/// is one to one.
pub(super) fn snake_case(name: &str) -> String {
    name.replace('-', "_").to_ascii_lowercase()
}
