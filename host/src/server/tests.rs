//! The public port through its router, over a backend that answers as each test says.

mod fixed;
mod logs;
mod operations;
mod problems;
