//! Lifts values as wasmtime would. Used for the few values that do not become JSON, such as an
//! entity tag or a problem. Also finds and checks the parts of a value, for all code that reads
//! them.

use wasmtime::component::Val;

use super::memory::{Memory, ResultError, first};
use super::plan::{CaseName, Cases, Kind, Layout, Part};
use crate::types::Epoch;

impl Layout {
    /// Lifts the value in these bytes. Its memory is charged like what is read, as wasmtime does.
    pub(crate) fn lift(&self, memory: &mut Memory<'_>, bytes: &[u8]) -> Result<Val, ResultError> {
        memory.charge(size_of::<Val>())?;
        let part =
            |memory: &mut Memory<'_>, part: &Part| part.layout.lift(memory, part.bytes_in(bytes));
        let boxed = |memory: &mut Memory<'_>, inner: &Option<Part>| {
            let inner = inner.as_ref();
            let inner = inner.map(|inner| part(memory, inner)).transpose();
            inner.map(|val| val.map(Box::new))
        };
        Ok(match &self.kind {
            Kind::Bool => Val::Bool(bytes[0] != 0),
            Kind::U8 => Val::U8(bytes[0]),
            Kind::U16 => Val::U16(u16::from_le_bytes(first(bytes))),
            Kind::U32 => Val::U32(u32::from_le_bytes(first(bytes))),
            Kind::U64 => Val::U64(u64::from_le_bytes(first(bytes))),
            Kind::S8 => Val::S8(i8::from_le_bytes(first(bytes))),
            Kind::S16 => Val::S16(i16::from_le_bytes(first(bytes))),
            Kind::S32 => Val::S32(i32::from_le_bytes(first(bytes))),
            Kind::S64 => Val::S64(i64::from_le_bytes(first(bytes))),
            Kind::F32 => Val::Float32(f32::from_le_bytes(first(bytes))),
            Kind::F64 => Val::Float64(f64::from_le_bytes(first(bytes))),
            Kind::Char => Val::Char(character(bytes)?),
            Kind::String => Val::String(memory.text(bytes)?.to_owned()),
            Kind::Bytes => {
                let list = memory.list(bytes, 1, 1)?;
                memory.charge(list.len().saturating_mul(size_of::<Val>()))?;
                Val::List(list.iter().copied().map(Val::U8).collect())
            }
            Kind::Datetime(epoch) => {
                let seconds = match epoch {
                    Epoch::Unsigned => Val::U64(u64::from_le_bytes(first(bytes))),
                    Epoch::Signed => Val::S64(i64::from_le_bytes(first(bytes))),
                };
                let nanoseconds = Val::U32(u32::from_le_bytes(first(&bytes[8..])));
                Val::Record(vec![
                    ("seconds".to_owned(), seconds),
                    ("nanoseconds".to_owned(), nanoseconds),
                ])
            }
            Kind::Option(inner) | Kind::Clearable(inner) => Val::Option(match is_some(bytes)? {
                true => Some(Box::new(part(memory, inner)?)),
                false => None,
            }),
            Kind::List(item) | Kind::Map(item, _) => {
                let list = memory.list(bytes, item.size, item.align)?;
                let items = list.chunks_exact(item.size);
                Val::List(
                    items
                        .map(|bytes| item.lift(memory, bytes))
                        .collect::<Result<_, _>>()?,
                )
            }
            Kind::Tuple(parts) => {
                let parts = parts.iter().map(|inner| part(memory, inner));
                Val::Tuple(parts.collect::<Result<_, _>>()?)
            }
            Kind::Record(members) => {
                let mut lifted = Vec::with_capacity(members.len());
                for member in members {
                    memory.charge(size_of::<String>() + member.name.len())?;
                    lifted.push((member.name.clone(), part(memory, &member.part)?));
                }
                Val::Record(lifted)
            }
            Kind::Enum(cases) => {
                let (name, _) = cases.find(bytes)?;
                memory.charge(name.wit.len())?;
                Val::Enum(name.wit.clone())
            }
            Kind::Variant(cases) => {
                let (name, payload) = cases.find(bytes)?;
                memory.charge(name.wit.len())?;
                Val::Variant(name.wit.clone(), boxed(memory, payload)?)
            }
            Kind::Flags(names) => {
                let set = names
                    .iter()
                    .enumerate()
                    .filter(|(bit, _)| is_set(bytes, *bit));
                let mut lifted = Vec::new();
                for (_, name) in set {
                    memory.charge(size_of::<String>() + name.wit.len())?;
                    lifted.push(name.wit.clone());
                }
                Val::Flags(lifted)
            }
            Kind::Result { ok, error } => Val::Result(match is_error(bytes)? {
                false => Ok(boxed(memory, ok)?),
                true => Err(boxed(memory, error)?),
            }),
        })
    }
}

/// A part of a value: its layout and its bytes.
type Located<'l, 'm> = (&'l Layout, &'m [u8]);

impl Layout {
    /// Returns the payload of a result.
    pub(crate) fn result_payload<'l, 'm>(
        &'l self,
        bytes: &'m [u8],
    ) -> Result<Result<Option<Located<'l, 'm>>, Option<Located<'l, 'm>>>, ResultError> {
        let Kind::Result { ok, error } = &self.kind else {
            return Err("not a result".to_owned().into());
        };
        let payload = |part: &'l Option<Part>| {
            part.as_ref()
                .map(|part| (&*part.layout, part.bytes_in(bytes)))
        };
        Ok(match is_error(bytes)? {
            false => Ok(payload(ok)),
            true => Err(payload(error)),
        })
    }

    /// Returns a record's member, or `None` if the value is not a record or has no such member.
    pub(crate) fn member<'l, 'm>(
        &'l self,
        bytes: &'m [u8],
        index: usize,
    ) -> Option<Located<'l, 'm>> {
        let Kind::Record(members) = &self.kind else {
            return None;
        };
        let part = &members.get(index)?.part;
        Some((&part.layout, part.bytes_in(bytes)))
    }
}

impl Part {
    /// Returns the bytes of this part in the bytes of the whole value.
    pub(super) fn bytes_in<'a>(&self, whole: &'a [u8]) -> &'a [u8] {
        &whole[self.offset..][..self.layout.size]
    }
}

impl Cases {
    /// Returns the case that the discriminant of a value names.
    pub(super) fn find(&self, bytes: &[u8]) -> Result<&(CaseName, Option<Part>), ResultError> {
        let discriminant = match self.discriminant_size {
            1 => bytes[0].into(),
            2 => u16::from_le_bytes(first(bytes)).into(),
            _ => u32::from_le_bytes(first(bytes)) as usize,
        };
        self.cases.get(discriminant).ok_or(UNKNOWN_CASE)
    }
}

const UNKNOWN_CASE: ResultError = ResultError::Abi("unexpected discriminant");

/// Returns whether an option is some.
pub(super) fn is_some(bytes: &[u8]) -> Result<bool, ResultError> {
    match bytes[0] {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(UNKNOWN_CASE),
    }
}

/// Returns whether a result is an error. The discriminants are those of an option.
pub(super) fn is_error(bytes: &[u8]) -> Result<bool, ResultError> {
    is_some(bytes)
}

/// Returns whether a flag is set.
pub(super) fn is_set(bytes: &[u8], bit: usize) -> bool {
    bytes[bit / 8] & (1 << (bit % 8)) != 0
}

/// Reads a character.
pub(super) fn character(bytes: &[u8]) -> Result<char, ResultError> {
    char::from_u32(u32::from_le_bytes(first(bytes)))
        .ok_or(ResultError::Abi("not a Unicode scalar value"))
}
