//! Values in a component's memory: where the canonical ABI puts each part of a type, worked out
//! once when a route is bound, and the JSON or the value that is read there.
//!
//! The way around wasmtime's own lifting, see `runtime/direct.rs`. What stands in the memory is the
//! logic's doing and is never trusted: each address is checked against the memory's end, each text
//! for UTF-8, each case for one that the type has, and what is read is charged.

mod lift;
mod memory;
mod plan;
mod write;

pub use self::memory::{Memory, Unreadable};
pub(super) use self::plan::Layout;
