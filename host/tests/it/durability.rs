//! What was acknowledged stays: through kill -9, and through a disk that holds back or fails.
//!
//! Killing a process proves no sync, for the page cache survives it. So the second half puts
//! itself between the host and `fdatasync`, and fails where the host does not wait for it.

mod killed;
mod sync;
