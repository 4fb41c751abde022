//! Reads values in memory like wasmtime's own lifting, and rejects invalid ones.

use proptest::prelude::*;
use wasmtime::component::Val;

use super::arbitrary::{any_type, any_value};
use super::support::unlimited;
use crate::layout::{Layouts, Memory, ResultError};
use crate::types::{Type, Variant};
use crate::write;

/// A memory into which values are stored as a guest stores them. It is written from the text of the
/// canonical ABI and shares no code with `layout`.
struct Guest(Vec<u8>);

impl Guest {
    fn allocate(&mut self, size: usize, align: usize) -> usize {
        let address = self.0.len().next_multiple_of(align);
        self.0.resize(address + size, 0);
        address
    }

    fn set(&mut self, address: usize, bytes: &[u8]) {
        self.0[address..][..bytes.len()].copy_from_slice(bytes);
    }

    fn list_header(&mut self, at: usize, address: usize, count: usize) {
        self.set(at, &(address as u32).to_le_bytes());
        self.set(at + 4, &(count as u32).to_le_bytes());
    }

    fn text(&mut self, at: usize, text: &str) {
        let address = self.allocate(text.len(), 1);
        self.set(address, text.as_bytes());
        self.list_header(at, address, text.len());
    }

    fn list(&mut self, at: usize, item: &Type, items: &[Val]) {
        let (size, align) = shape(item);
        let address = self.allocate(size * items.len(), align);
        for (index, val) in items.iter().enumerate() {
            self.put(address + index * size, item, val);
        }
        self.list_header(at, address, items.len());
    }

    fn in_order<'a>(&mut self, at: usize, parts: impl Iterator<Item = (&'a Type, &'a Val)>) {
        let mut offset = 0_usize;
        for (ty, val) in parts {
            let (size, align) = shape(ty);
            offset = offset.next_multiple_of(align);
            self.put(at + offset, ty, val);
            offset += size;
        }
    }

    /// Stores a discriminant and the payload after it.
    fn case(&mut self, at: usize, cases: &[Option<&Type>], number: usize, payload: Option<&Val>) {
        self.set(at, &[u8::try_from(number).unwrap()]);
        if let (Some(ty), Some(val)) = (cases[number], payload) {
            let aligns = cases.iter().flatten().map(|ty| shape(ty).1);
            self.put(at + aligns.max().unwrap_or(1), ty, val);
        }
    }

    fn put(&mut self, at: usize, ty: &Type, val: &Val) {
        match (ty, val) {
            (_, Val::Bool(value)) => self.set(at, &[(*value).into()]),
            (_, Val::U8(value)) => self.set(at, &value.to_le_bytes()),
            (_, Val::U16(value)) => self.set(at, &value.to_le_bytes()),
            (_, Val::U32(value)) => self.set(at, &value.to_le_bytes()),
            (_, Val::U64(value)) => self.set(at, &value.to_le_bytes()),
            (_, Val::S8(value)) => self.set(at, &value.to_le_bytes()),
            (_, Val::S16(value)) => self.set(at, &value.to_le_bytes()),
            (_, Val::S32(value)) => self.set(at, &value.to_le_bytes()),
            (_, Val::S64(value)) => self.set(at, &value.to_le_bytes()),
            (_, Val::Float32(value)) => self.set(at, &value.to_le_bytes()),
            (_, Val::Float64(value)) => self.set(at, &value.to_le_bytes()),
            (_, Val::Char(value)) => self.set(at, &u32::from(*value).to_le_bytes()),
            (_, Val::String(text)) => self.text(at, text),
            (Type::Bytes, Val::List(items)) => self.list(at, &Type::U8, items),
            (Type::List(item), Val::List(items)) => self.list(at, item, items),
            (Type::Map(item), Val::List(items)) => {
                let pair = Type::Tuple([Type::String, (**item).clone()].into());
                self.list(at, &pair, items);
            }
            (Type::Datetime(_), Val::Record(members)) => {
                self.put(at, ty, &members[0].1);
                self.put(at + 8, ty, &members[1].1);
            }
            (Type::Option(inner), Val::Option(val)) => {
                let cases = [None, Some(&**inner)];
                self.case(at, &cases, val.is_some().into(), val.as_deref());
            }
            (Type::Clearable(inner), Val::Option(val)) => {
                let inner = Type::Option(inner.clone());
                let cases = [None, Some(&inner)];
                self.case(at, &cases, val.is_some().into(), val.as_deref());
            }
            (Type::Tuple(types), Val::Tuple(vals)) => self.in_order(at, types.iter().zip(vals)),
            (Type::Record(record), Val::Record(members)) => {
                let types = record.fields.iter().map(|field| &field.ty);
                self.in_order(at, types.zip(members.iter().map(|(_, val)| val)));
            }
            (Type::Enum(names), Val::Enum(name)) => {
                let number = names.cases.iter().position(|case| case.name == *name);
                self.set(at, &[u8::try_from(number.unwrap()).unwrap()]);
            }
            (Type::Flags(names), Val::Flags(set)) => {
                let bit = |name: &String| names.cases.iter().position(|case| case.name == *name);
                let bits = set.iter().map(|name| 1_u8 << bit(name).unwrap()).sum();
                self.set(at, &[bits]);
            }
            (Type::Variant(variant), Val::Variant(name, payload)) => {
                let number = variant.cases.iter().position(|case| case.name == *name);
                self.case(at, &payloads(variant), number.unwrap(), payload.as_deref());
            }
            (Type::Result(ty), Val::Result(val)) => {
                let cases = [ty.ok.as_ref(), ty.error.as_ref()];
                let (number, payload) = match val {
                    Ok(payload) => (0, payload),
                    Err(payload) => (1, payload),
                };
                self.case(at, &cases, number, payload.as_deref());
            }
            other => panic!("{other:?}"),
        }
    }
}

fn payloads(variant: &Variant) -> Vec<Option<&Type>> {
    let cases = variant.cases.iter();
    cases.map(|case| case.payload.as_ref()).collect()
}

/// Returns size and alignment.
fn shape(ty: &Type) -> (usize, usize) {
    let in_order = |types: &[&Type]| {
        let (mut size, mut most) = (0_usize, 1);
        for (part, align) in types.iter().map(|ty| shape(ty)) {
            size = size.next_multiple_of(align) + part;
            most = most.max(align);
        }
        (size.next_multiple_of(most), most)
    };
    let one_of = |types: &[Option<&Type>]| {
        let shapes = || types.iter().flatten().map(|ty| shape(ty));
        let align = shapes().map(|(_, align)| align).max().unwrap_or(1);
        let size = shapes().map(|(size, _)| size).max().unwrap_or(0);
        ((align + size).next_multiple_of(align), align)
    };
    match ty {
        Type::Bool | Type::U8 | Type::S8 | Type::Enum(_) | Type::Flags(_) => (1, 1),
        Type::U16 | Type::S16 => (2, 2),
        Type::U32 | Type::S32 | Type::F32 | Type::Char => (4, 4),
        Type::U64 | Type::S64 | Type::F64 => (8, 8),
        Type::String | Type::Bytes | Type::List(_) | Type::Map(_) => (8, 4),
        Type::Datetime(_) => (16, 8),
        Type::Option(inner) => one_of(&[None, Some(inner)]),
        Type::Clearable(inner) => one_of(&[None, Some(&Type::Option(inner.clone()))]),
        Type::Tuple(types) => in_order(&types.iter().collect::<Vec<_>>()),
        Type::Record(record) => in_order(
            &record
                .fields
                .iter()
                .map(|field| &field.ty)
                .collect::<Vec<_>>(),
        ),
        Type::Variant(variant) => one_of(&payloads(variant)),
        Type::Result(result) => one_of(&[result.ok.as_ref(), result.error.as_ref()]),
    }
}

fn type_and_value() -> impl Strategy<Value = (Type, Val)> {
    any_type().prop_flat_map(|ty| {
        let value = any_value(&ty);
        (Just(ty), value)
    })
}

/// Makes a guest's memory with a value in it. Returns the value's address too.
fn guest(ty: &Type, value: &Val) -> (Guest, usize) {
    // Nothing is allocated at address 0, although it is a valid address.
    let mut guest = Guest(vec![0xff; 11]);
    let (size, align) = shape(ty);
    let address = guest.allocate(size, align);
    guest.put(address, ty, value);
    (guest, address)
}

proptest! {
    #[test]
    fn a_value_in_memory_is_read_like_the_lifted_value((ty, value) in type_and_value()) {
        let (guest, address) = guest(&ty, &value);
        let layout = Layouts::default().of(&ty);
        let mut memory = Memory::new(&guest.0, usize::MAX);
        let bytes = memory.value(address, &layout).unwrap();
        let lifted = layout.lift(&mut memory, bytes);
        prop_assert_eq!(lifted.as_ref(), Ok(&value));

        let (mut written, mut expected) = (unlimited(), unlimited());
        prop_assert_eq!(layout.write(&mut written, &mut memory, bytes), Ok(()));
        prop_assert_eq!(write::value(&mut expected, &ty, &value), Ok(()));
        prop_assert_eq!(
            String::from_utf8(written.finish().unwrap()),
            String::from_utf8(expected.finish().unwrap())
        );
    }

    /// A guest can return any bytes. The worst outcome is an error.
    #[test]
    fn any_bytes_are_read_or_rejected(
        ty in any_type(),
        bytes in proptest::collection::vec(prop_oneof![Just(0), 0..4_u8, any::<u8>()], 0..200),
        address in 0..200_usize,
    ) {
        let layout = Layouts::default().of(&ty);
        let mut memory = Memory::new(&bytes, 1 << 16);
        if let Ok(value) = memory.value(address, &layout) {
            let mut out = unlimited();
            if layout.write(&mut out, &mut memory, value).is_ok() {
                let text = out.finish().unwrap();
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&text).is_ok());
            }
            let _ = layout.lift(&mut memory, value);
        }
    }
}

fn written(ty: &Type, bytes: &[u8], limit_bytes: usize) -> Result<String, ResultError> {
    let layout = Layouts::default().of(ty);
    let mut memory = Memory::new(bytes, limit_bytes);
    let bytes = memory.value(0, &layout)?;
    let mut out = unlimited();
    layout.write(&mut out, &mut memory, bytes)?;
    Ok(String::from_utf8(out.finish()?).unwrap())
}

#[test]
fn violations_of_the_abi_are_named() {
    let text = |address: u8, length: u8| [address, 0, 0, 0, length, 0, 0, 0, b'o', b'k', 0xff];
    assert_eq!(written(&Type::String, &text(8, 2), 100).unwrap(), "\"ok\"");
    let abi = |reason| Err(ResultError::Abi(reason));
    let outside = "pointer out of bounds of memory";
    assert_eq!(written(&Type::String, &text(8, 4), 100), abi(outside));
    assert_eq!(written(&Type::String, &text(200, 0), 100), abi(outside));
    assert_eq!(
        written(&Type::String, &text(8, 3), 100),
        abi("invalid utf-8 in a string")
    );
    let list = Type::List(Type::U32.into());
    assert_eq!(written(&list, &text(9, 0), 100), abi("pointer not aligned"));
    let option = Type::Option(Type::Bool.into());
    assert_eq!(
        written(&option, &[2, 0], 100),
        abi("unexpected discriminant")
    );
    assert_eq!(
        written(&Type::Char, &[0, 0xd8, 0, 0], 100),
        abi("not a Unicode scalar value")
    );
}

#[test]
fn bytes_are_charged_before_they_are_read() {
    let text = [8, 0, 0, 0, 2, 0, 0, 0, b'o', b'k'];
    assert_eq!(written(&Type::String, &text, 10).unwrap(), "\"ok\"");
    assert_eq!(written(&Type::String, &text, 9), Err(ResultError::TooLarge));
    // A list that claims to have 2^32 - 1 elements.
    let many = [8, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
    let list = Type::List(Type::U64.into());
    assert_eq!(written(&list, &many, 1 << 20), Err(ResultError::TooLarge));
}
