//! Reads values in an instance's memory, without wasmtime lifting them first.
//!
//! When a route is bound, [`Layout`] computes where the canonical ABI puts each part of the
//! result's type. For each result, the JSON is then written straight from the memory (`write`), and
//! the few parts that are needed as values are lifted (`lift`). The host's `runtime` crate provides
//! the memory and the address; its module `direct` explains how.
//!
//! The guest wrote everything in its memory, so nothing there is trusted:
//!
//! - [`Memory`] is the only access to it. It checks that every address is aligned and that every
//!   value ends within the memory, and it charges the size of what is read against a limit first.
//! - Every text is checked to be UTF-8, every character to be a Unicode scalar value, every
//!   discriminant to be one of the type's cases.
//! - There is no `unsafe`. If a guest returns wrong addresses, the worst outcome is an error or a
//!   result made of other bytes of the same guest's memory.
//!
//! The results are the same as from values that wasmtime lifts, which property tests check. Two
//! lists may overlap, or even contain the same bytes. Types are not recursive and everything is
//! charged, so reading ends.

mod lift;
mod memory;
mod plan;
mod write;

pub use self::memory::{Memory, ResultError};
pub(super) use self::plan::{Layout, Layouts};
