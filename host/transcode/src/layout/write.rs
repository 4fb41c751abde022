//! JSON straight from memory: what `transcode/write.rs` makes of lifted values, byte for byte.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::lift::{character, is_error, is_set, is_some};
use super::memory::{Memory, Unreadable, bytes};
use super::plan::{Layout, Part, Step};
use crate::datetime::{self, Moment};
use crate::types::Epoch;
use crate::write::{ARRAY, OBJECT, json, separated, string};

impl Layout {
    /// Appends the JSON of the value in these bytes.
    ///
    /// # Errors
    /// Every [`Unreadable`]. Part of the value may have been written.
    pub(crate) fn write(
        &self,
        out: &mut Vec<u8>,
        memory: &mut Memory<'_>,
        at: &[u8],
    ) -> Result<(), Unreadable> {
        match &self.step {
            Step::Bool if at[0] == 0 => out.extend_from_slice(b"false"),
            Step::Bool => out.extend_from_slice(b"true"),
            Step::U8 => json(out, &at[0]),
            Step::U16 => json(out, &u16::from_le_bytes(bytes(at))),
            Step::U32 => json(out, &u32::from_le_bytes(bytes(at))),
            Step::U64 => json(out, &u64::from_le_bytes(bytes(at))),
            Step::S8 => json(out, &i8::from_le_bytes(bytes(at))),
            Step::S16 => json(out, &i16::from_le_bytes(bytes(at))),
            Step::S32 => json(out, &i32::from_le_bytes(bytes(at))),
            Step::S64 => json(out, &i64::from_le_bytes(bytes(at))),
            Step::F32 => match f32::from_le_bytes(bytes(at)) {
                value if value.is_finite() => json(out, &value),
                _ => return Err(not_finite()),
            },
            Step::F64 => match f64::from_le_bytes(bytes(at)) {
                value if value.is_finite() => json(out, &value),
                _ => return Err(not_finite()),
            },
            Step::Char => json(out, &character(at)?),
            Step::String => string(out, memory.text(at)?),
            Step::Bytes => {
                let list = memory.list(at, 1, 1)?;
                out.push(b'"');
                out.extend_from_slice(BASE64.encode(list).as_bytes());
                out.push(b'"');
            }
            Step::Datetime(epoch) => {
                let seconds = match epoch {
                    Epoch::Unsigned => {
                        i64::try_from(u64::from_le_bytes(bytes(at))).unwrap_or(i64::MAX)
                    }
                    Epoch::Signed => i64::from_le_bytes(bytes(at)),
                };
                let moment = Moment {
                    seconds,
                    nanoseconds: u32::from_le_bytes(bytes(&at[8..])),
                };
                out.push(b'"');
                if !datetime::write(out, moment) {
                    return Err(datetime::OUTSIDE.to_owned().into());
                }
                out.push(b'"');
            }
            Step::Option(inner) => match is_some(at)? {
                true => inner.write(out, memory, at)?,
                false => out.extend_from_slice(b"null"),
            },
            // As a record's member it is left out by the record where the outer one is none.
            Step::Clearable(outer) => match is_some(at)? {
                true => outer.write(out, memory, at)?,
                false => out.extend_from_slice(b"null"),
            },
            Step::List(item) => {
                let list = memory.list(at, item.size, item.align)?;
                let items = list.chunks_exact(item.size);
                separated(out, ARRAY, items, |out, at| item.write(out, memory, at))?;
            }
            Step::Map(pair, value) => {
                let list = memory.list(at, pair.size, pair.align)?;
                let mut keys = HashSet::with_capacity(list.len() / pair.size);
                let pairs = list.chunks_exact(pair.size);
                separated(out, OBJECT, pairs, |out, at| {
                    let key = memory.text(at)?;
                    if !keys.insert(key) {
                        return Err(format!("the map key {key:?} twice").into());
                    }
                    string(out, key);
                    out.push(b':');
                    value.write(out, memory, at)
                })?;
            }
            Step::Tuple(parts) => {
                separated(out, ARRAY, parts, |out, part| part.write(out, memory, at))?;
            }
            Step::Record(members) => {
                let mut before = b'{';
                for member in members {
                    let value = member.part.of(at);
                    if matches!(member.part.layout.step, Step::Clearable(_)) && !is_some(value)? {
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
            Step::Enum(choice) => out.extend_from_slice(choice.of(at)?.0.json.as_bytes()),
            Step::Variant(choice) => {
                let (name, payload) = choice.of(at)?;
                out.extend_from_slice(b"{\"case\":");
                out.extend_from_slice(name.json.as_bytes());
                if let Some(payload) = payload {
                    out.extend_from_slice(b",\"value\":");
                    payload.write(out, memory, at)?;
                }
                out.push(b'}');
            }
            Step::Flags(names) => {
                let set = names.iter().enumerate().filter(|(bit, _)| is_set(at, *bit));
                separated(out, ARRAY, set, |out, (_, name)| {
                    out.extend_from_slice(name.json.as_bytes());
                    Ok::<_, Unreadable>(())
                })?;
            }
            Step::Result { ok, error } => {
                let (key, payload): (&[u8], _) = match is_error(at)? {
                    false => (b"{\"ok\":", ok),
                    true => (b"{\"error\":", error),
                };
                out.extend_from_slice(key);
                match payload {
                    Some(payload) => payload.write(out, memory, at)?,
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
        out: &mut Vec<u8>,
        memory: &mut Memory<'_>,
        whole: &[u8],
    ) -> Result<(), Unreadable> {
        self.layout.write(out, memory, self.of(whole))
    }
}

fn not_finite() -> Unreadable {
    Unreadable::Value("a number that is not finite".to_owned())
}
