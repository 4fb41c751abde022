//! Values as wasmtime would have lifted them: for the few that are more than part of a body.

use wasmtime::component::Val;

use super::memory::{Memory, Unreadable, bytes};
use super::plan::{Choice, Layout, Part, Step};
use crate::types::Epoch;

impl Layout {
    /// The value at an address.
    pub(crate) fn lift(&self, memory: &mut Memory<'_>, at: &[u8]) -> Result<Val, Unreadable> {
        let part = |memory: &mut Memory<'_>, part: &Part| part.layout.lift(memory, part.of(at));
        let boxed = |memory: &mut Memory<'_>, inner: &Option<Part>| {
            let inner = inner.as_ref();
            let inner = inner.map(|inner| part(memory, inner)).transpose();
            inner.map(|val| val.map(Box::new))
        };
        Ok(match &self.step {
            Step::Bool => Val::Bool(at[0] != 0),
            Step::U8 => Val::U8(at[0]),
            Step::U16 => Val::U16(u16::from_le_bytes(bytes(at))),
            Step::U32 => Val::U32(u32::from_le_bytes(bytes(at))),
            Step::U64 => Val::U64(u64::from_le_bytes(bytes(at))),
            Step::S8 => Val::S8(i8::from_le_bytes(bytes(at))),
            Step::S16 => Val::S16(i16::from_le_bytes(bytes(at))),
            Step::S32 => Val::S32(i32::from_le_bytes(bytes(at))),
            Step::S64 => Val::S64(i64::from_le_bytes(bytes(at))),
            Step::F32 => Val::Float32(f32::from_le_bytes(bytes(at))),
            Step::F64 => Val::Float64(f64::from_le_bytes(bytes(at))),
            Step::Char => Val::Char(character(at)?),
            Step::String => Val::String(memory.text(at)?.to_owned()),
            Step::Bytes => {
                let list = memory.list(at, 1, 1)?;
                Val::List(list.iter().copied().map(Val::U8).collect())
            }
            Step::Datetime(epoch) => {
                let seconds = match epoch {
                    Epoch::Unsigned => Val::U64(u64::from_le_bytes(bytes(at))),
                    Epoch::Signed => Val::S64(i64::from_le_bytes(bytes(at))),
                };
                let nanoseconds = Val::U32(u32::from_le_bytes(bytes(&at[8..])));
                Val::Record(vec![
                    ("seconds".to_owned(), seconds),
                    ("nanoseconds".to_owned(), nanoseconds),
                ])
            }
            Step::Option(inner) | Step::Clearable(inner) => Val::Option(match is_some(at)? {
                true => Some(Box::new(part(memory, inner)?)),
                false => None,
            }),
            Step::List(item) | Step::Map(item, _) => {
                let list = memory.list(at, item.size, item.align)?;
                let items = list.chunks_exact(item.size);
                Val::List(
                    items
                        .map(|at| item.lift(memory, at))
                        .collect::<Result<_, _>>()?,
                )
            }
            Step::Tuple(parts) => {
                let parts = parts.iter().map(|inner| part(memory, inner));
                Val::Tuple(parts.collect::<Result<_, _>>()?)
            }
            Step::Record(members) => {
                let mut lifted = Vec::with_capacity(members.len());
                for member in members {
                    lifted.push((member.name.clone(), part(memory, &member.part)?));
                }
                Val::Record(lifted)
            }
            Step::Enum(choice) => Val::Enum(choice.of(at)?.0.wit.clone()),
            Step::Variant(choice) => {
                let (name, payload) = choice.of(at)?;
                Val::Variant(name.wit.clone(), boxed(memory, payload)?)
            }
            Step::Flags(names) => {
                let set = names.iter().enumerate().filter(|(bit, _)| is_set(at, *bit));
                Val::Flags(set.map(|(_, name)| name.wit.clone()).collect())
            }
            Step::Result { ok, error } => Val::Result(match is_error(at)? {
                false => Ok(boxed(memory, ok)?),
                true => Err(boxed(memory, error)?),
            }),
        })
    }
}

type At<'l, 'm> = (&'l Layout, &'m [u8]);

impl Layout {
    /// The payload of a result.
    pub(crate) fn sides<'l, 'm>(
        &'l self,
        at: &'m [u8],
    ) -> Result<Result<Option<At<'l, 'm>>, Option<At<'l, 'm>>>, Unreadable> {
        let Step::Result { ok, error } = &self.step else {
            return Err("no result with a problem".to_owned().into());
        };
        let payload =
            |part: &'l Option<Part>| part.as_ref().map(|part| (&*part.layout, part.of(at)));
        Ok(match is_error(at)? {
            false => Ok(payload(ok)),
            true => Err(payload(error)),
        })
    }

    /// A record's member.
    pub(crate) fn member<'l, 'm>(&'l self, at: &'m [u8], index: usize) -> Option<At<'l, 'm>> {
        let Step::Record(members) = &self.step else {
            return None;
        };
        let part = &members.get(index)?.part;
        Some((&part.layout, part.of(at)))
    }
}

impl Part {
    /// The bytes of this part of a value.
    pub(super) fn of<'a>(&self, whole: &'a [u8]) -> &'a [u8] {
        &whole[self.offset..][..self.layout.size]
    }
}

impl Choice {
    /// Which case it is.
    pub(super) fn of(&self, at: &[u8]) -> Result<&(super::plan::Name, Option<Part>), Unreadable> {
        let number = match self.size {
            1 => at[0].into(),
            2 => u16::from_le_bytes(bytes(at)).into(),
            _ => u32::from_le_bytes(bytes(at)) as usize,
        };
        self.cases.get(number).ok_or(NO_CASE)
    }
}

const NO_CASE: Unreadable = Unreadable::Abi("unexpected discriminant");

pub(super) fn is_some(at: &[u8]) -> Result<bool, Unreadable> {
    match at[0] {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(NO_CASE),
    }
}

/// Whether a result is an error: numbered as an option's some is.
pub(super) fn is_error(at: &[u8]) -> Result<bool, Unreadable> {
    is_some(at)
}

pub(super) fn is_set(at: &[u8], bit: usize) -> bool {
    at[bit / 8] & (1 << (bit % 8)) != 0
}

pub(super) fn character(at: &[u8]) -> Result<char, Unreadable> {
    let number = u32::from_le_bytes(bytes(at));
    char::from_u32(number).ok_or(Unreadable::Abi("no character has this number"))
}
