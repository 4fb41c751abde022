//! The public port through its router, over a backend that answers as each test says.

mod fixed;
pub(super) mod logs;
mod operations;
mod problems;
