//! Tasks in the database: SQL that SQLite and PostgreSQL read alike.
//!
//! A task is one row, so that reading one or a hundred is one statement. What it is found by
//! lies in two indexes beside it (`task_terms`, `task_dependencies`), which only this module
//! writes. It checks before it writes: a failed statement would spend the transaction.
//!
//! The host counts statements, and engines cache them by their text: many rows go into one
//! statement, whose number of places is a power of two ([`placeholders`]).

pub mod dependencies;
pub mod figures;
pub mod list;
mod lists;
mod placeholders;
pub mod rows;
pub mod tasks;
pub mod terms;
