//! The rules for tasks, without a database: what is valid, what a change does, what a task is
//! found by, and how it is fingerprinted.

pub mod change;
pub mod checksum;
pub mod draft;
pub mod moment;
pub mod names;
pub mod terms;
pub mod validation;
