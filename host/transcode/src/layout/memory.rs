//! Checked access to the memory in which a result lies, and the errors of reading it.

use super::plan::Layout;

/// An instance's memory after a call, and how many bytes of it may still be read or lifted.
pub struct Memory<'a> {
    bytes: &'a [u8],
    left: usize,
}

/// Why a result in memory cannot be converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResultError {
    /// A part of it cannot be written as JSON. The text describes that part.
    Value(String),
    /// It is not a value of its type, or lies outside the memory. By the canonical ABI that is a
    /// trap. The text says what is wrong.
    Abi(&'static str),
    /// It is larger than the limit of what may be read.
    TooLarge,
    /// Its JSON is larger than the limit of an answer.
    AnswerTooLarge,
    /// It could not be written before the deadline.
    Deadline,
}

impl From<String> for ResultError {
    fn from(reason: String) -> Self {
        ResultError::Value(reason)
    }
}

impl<'a> Memory<'a> {
    /// Wraps a memory of which at most `limit_bytes` bytes may be read. What is lifted counts with its
    /// size in the host.
    pub fn new(bytes: &'a [u8], limit_bytes: usize) -> Self {
        Memory {
            bytes,
            left: limit_bytes,
        }
    }

    /// Returns the bytes of the value with this layout at an address.
    pub(crate) fn value(
        &mut self,
        address: usize,
        layout: &Layout,
    ) -> Result<&'a [u8], ResultError> {
        self.slice(address, layout.size, layout.align)
    }

    /// Returns the bytes of a list's elements. `header` is the list itself: the address of its
    /// elements and their number.
    pub(super) fn list(
        &mut self,
        header: &[u8],
        element_size: usize,
        align: usize,
    ) -> Result<&'a [u8], ResultError> {
        let (address, count) = (word(header), word(&header[4..]));
        let size = count
            .checked_mul(element_size)
            .ok_or(ResultError::TooLarge)?;
        self.slice(address, size, align)
    }

    /// Returns a string. `header` is the string itself: the address of its bytes and their number.
    pub(super) fn text(&mut self, header: &[u8]) -> Result<&'a str, ResultError> {
        let bytes = self.list(header, 1, 1)?;
        std::str::from_utf8(bytes).map_err(|_| ResultError::Abi("invalid utf-8 in a string"))
    }

    /// Charges memory of the host against the same limit as what is read.
    pub(super) fn charge(&mut self, size: usize) -> Result<(), ResultError> {
        self.left = self.left.checked_sub(size).ok_or(ResultError::TooLarge)?;
        Ok(())
    }

    /// Every read of the memory goes through here. It is charged before it is checked, so that an
    /// oversized length is [`ResultError::TooLarge`] whether or not the memory has as many bytes.
    fn slice(
        &mut self,
        address: usize,
        size: usize,
        align: usize,
    ) -> Result<&'a [u8], ResultError> {
        self.charge(size)?;
        if !address.is_multiple_of(align) {
            return Err(ResultError::Abi("pointer not aligned"));
        }
        let end = address.checked_add(size);
        end.and_then(|end| self.bytes.get(address..end))
            .ok_or(ResultError::Abi("pointer out of bounds of memory"))
    }
}

/// Returns the first bytes of a value as an array.
pub(super) fn first<const N: usize>(value: &[u8]) -> [u8; N] {
    *value
        .first_chunk()
        .expect("a value has as many bytes as its layout says")
}

fn word(bytes: &[u8]) -> usize {
    u32::from_le_bytes(first(bytes)) as usize
}
