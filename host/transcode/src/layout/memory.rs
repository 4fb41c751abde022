//! The memory that values are read from, and how reading can fail.

use super::plan::Layout;

/// A component's memory after a call, and how much of it may still be read.
pub struct Memory<'a> {
    bytes: &'a [u8],
    left: usize,
}

/// Why a result cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// It has no JSON form, in words.
    Value(String),
    /// It is no value of its type, or lies outside the memory, in words: a trap by the canonical ABI.
    Abi(&'static str),
    /// It is larger than what may be handed over.
    TooLarge,
}

impl From<String> for Unreadable {
    fn from(reason: String) -> Self {
        Unreadable::Value(reason)
    }
}

impl<'a> Memory<'a> {
    /// A memory of which that many bytes may be read.
    pub fn new(bytes: &'a [u8], limit_bytes: usize) -> Self {
        Memory {
            bytes,
            left: limit_bytes,
        }
    }

    /// The bytes of a value at an address.
    pub(crate) fn at(&mut self, address: usize, layout: &Layout) -> Result<&'a [u8], Unreadable> {
        self.slice(address, layout.size, layout.align)
    }

    fn slice(&mut self, address: usize, size: usize, align: usize) -> Result<&'a [u8], Unreadable> {
        self.left = self.left.checked_sub(size).ok_or(Unreadable::TooLarge)?;
        if !address.is_multiple_of(align) {
            return Err(Unreadable::Abi("pointer not aligned"));
        }
        let end = address.checked_add(size);
        end.and_then(|end| self.bytes.get(address..end))
            .ok_or(Unreadable::Abi("pointer out of bounds of memory"))
    }

    /// The elements of the list whose two words are given, each so many bytes.
    pub(super) fn list(
        &mut self,
        words: &[u8],
        size: usize,
        align: usize,
    ) -> Result<&'a [u8], Unreadable> {
        let (address, count) = (word(words), word(&words[4..]));
        let size = count.checked_mul(size).ok_or(Unreadable::TooLarge)?;
        self.slice(address, size, align)
    }

    /// The text whose two words are given.
    pub(super) fn text(&mut self, words: &[u8]) -> Result<&'a str, Unreadable> {
        let bytes = self.list(words, 1, 1)?;
        std::str::from_utf8(bytes).map_err(|_| Unreadable::Abi("invalid utf-8 in a string"))
    }
}

/// The number in the first bytes. The caller has as many.
pub(super) fn bytes<const N: usize>(bytes: &[u8]) -> [u8; N] {
    *bytes
        .first_chunk()
        .expect("a value's bytes are as many as its layout says")
}

fn word(words: &[u8]) -> usize {
    u32::from_le_bytes(bytes(words)) as usize
}
