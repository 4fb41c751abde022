//! Writes JSON straight from memory. The output is byte for byte that of `crate::write` for the
//! same value, lifted.

use super::lift::{character, is_error, is_set, is_some};
use super::memory::{Memory, ResultError, first};
use super::plan::{Kind, Layout, Part};
use crate::buffer::Buffer;
use crate::datetime::{self, Timestamp};
use crate::types::Epoch;
use crate::write::{ARRAY, Keys, NOT_FINITE, OBJECT, base64_text, json, separated, string};

impl Layout {
    /// Appends the JSON of the value in these bytes.
    ///
    /// # Errors
    /// Returns any [`ResultError`]. Part of the value may have been written then. If no list exceeds
    /// the buffer's limits, only the buffer itself reports that the value does.
    pub(crate) fn write(
        &self,
        out: &mut Buffer,
        memory: &mut Memory<'_>,
        bytes: &[u8],
    ) -> Result<(), ResultError> {
        match &self.kind {
            Kind::Bool if bytes[0] == 0 => out.extend_from_slice(b"false"),
            Kind::Bool => out.extend_from_slice(b"true"),
            Kind::U8 => json(out, &bytes[0]),
            Kind::U16 => json(out, &u16::from_le_bytes(first(bytes))),
            Kind::U32 => json(out, &u32::from_le_bytes(first(bytes))),
            Kind::U64 => json(out, &u64::from_le_bytes(first(bytes))),
            Kind::S8 => json(out, &i8::from_le_bytes(first(bytes))),
            Kind::S16 => json(out, &i16::from_le_bytes(first(bytes))),
            Kind::S32 => json(out, &i32::from_le_bytes(first(bytes))),
            Kind::S64 => json(out, &i64::from_le_bytes(first(bytes))),
            Kind::F32 => match f32::from_le_bytes(first(bytes)) {
                value if value.is_finite() => json(out, &value),
                _ => return Err(not_finite()),
            },
            Kind::F64 => match f64::from_le_bytes(first(bytes)) {
                value if value.is_finite() => json(out, &value),
                _ => return Err(not_finite()),
            },
            Kind::Char => json(out, &character(bytes)?),
            Kind::String => string(out, memory.text(bytes)?),
            Kind::Bytes => {
                let list = memory.list(bytes, 1, 1)?;
                base64_text(out, list);
            }
            Kind::Datetime(epoch) => {
                let seconds = match epoch {
                    Epoch::Unsigned => {
                        i64::try_from(u64::from_le_bytes(first(bytes))).unwrap_or(i64::MAX)
                    }
                    Epoch::Signed => i64::from_le_bytes(first(bytes)),
                };
                let timestamp = Timestamp {
                    seconds,
                    nanoseconds: u32::from_le_bytes(first(&bytes[8..])),
                };
                out.push(b'"');
                if !datetime::write(out, timestamp) {
                    return Err(datetime::OUTSIDE.to_owned().into());
                }
                out.push(b'"');
            }
            Kind::Option(inner) => match is_some(bytes)? {
                true => inner.write(out, memory, bytes)?,
                false => out.extend_from_slice(b"null"),
            },
            // If the outer option is none, a record has left this member out already.
            Kind::Clearable(outer) => match is_some(bytes)? {
                true => outer.write(out, memory, bytes)?,
                false => out.extend_from_slice(b"null"),
            },
            Kind::List(item) => {
                let list = memory.list(bytes, item.size, item.align)?;
                let items = list.chunks_exact(item.size);
                separated(out, ARRAY, items, |out, bytes| {
                    item.write(out, memory, bytes)
                })?;
            }
            Kind::Map(pair, value) => {
                let list = memory.list(bytes, pair.size, pair.align)?;
                let mut keys = Keys::new(out, list.len() / pair.size)?;
                let pairs = list.chunks_exact(pair.size);
                separated(out, OBJECT, pairs, |out, bytes| {
                    let key = memory.text(bytes)?;
                    keys.insert(key)?;
                    string(out, key);
                    out.push(b':');
                    value.write(out, memory, bytes)
                })?;
                keys.release(out);
            }
            Kind::Tuple(parts) => {
                separated(out, ARRAY, parts, |out, part| {
                    part.write(out, memory, bytes)
                })?;
            }
            Kind::Record(members) => {
                let mut before = b'{';
                for member in members {
                    let value = member.part.bytes_in(bytes);
                    if matches!(member.part.layout.kind, Kind::Clearable(_)) && !is_some(value)? {
                        continue;
                    }
                    out.push(before);
                    before = b',';
                    out.extend_from_slice(member.key.as_bytes());
                    member.part.layout.write(out, memory, value)?;
                }
                if before == b'{' {
                    out.push(before);
                }
                out.push(b'}');
            }
            Kind::Enum(cases) => out.extend_from_slice(cases.find(bytes)?.0.json.as_bytes()),
            Kind::Variant(cases) => {
                let (name, payload) = cases.find(bytes)?;
                out.extend_from_slice(b"{\"case\":");
                out.extend_from_slice(name.json.as_bytes());
                if let Some(payload) = payload {
                    out.extend_from_slice(b",\"value\":");
                    payload.write(out, memory, bytes)?;
                }
                out.push(b'}');
            }
            Kind::Flags(names) => {
                let set = names
                    .iter()
                    .enumerate()
                    .filter(|(bit, _)| is_set(bytes, *bit));
                separated(out, ARRAY, set, |out, (_, name)| {
                    out.extend_from_slice(name.json.as_bytes());
                    Ok(())
                })?;
            }
            Kind::Result { ok, error } => {
                let (key, payload): (&[u8], _) = match is_error(bytes)? {
                    false => (b"{\"ok\":", ok),
                    true => (b"{\"error\":", error),
                };
                out.extend_from_slice(key);
                match payload {
                    Some(payload) => payload.write(out, memory, bytes)?,
                    None => out.extend_from_slice(b"null"),
                }
                out.push(b'}');
            }
        }
        Ok(())
    }
}

impl Part {
    fn write(
        &self,
        out: &mut Buffer,
        memory: &mut Memory<'_>,
        whole: &[u8],
    ) -> Result<(), ResultError> {
        self.layout.write(out, memory, self.bytes_in(whole))
    }
}

fn not_finite() -> ResultError {
    ResultError::Value(NOT_FINITE.to_owned())
}
