//! Tests of the public port's router, with a backend that answers as each test sets it.

mod fixed;
pub(super) mod logs;
mod operations;
mod problems;
