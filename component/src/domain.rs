//! The rules for tasks, without a database: which values are valid, what a change does, which terms
//! find a task, and how its checksum is computed.

pub mod change;
pub mod checksum;
pub mod draft;
pub mod names;
pub mod terms;
pub mod text;
pub mod timestamp;
pub mod validation;
