//! Tasks in the database: SQL that works on both SQLite and PostgreSQL.
//!
//! A task is one row, so reading one task or a hundred takes one statement. Two more tables serve as
//! indexes (`task_terms`, `task_dependencies`); only this module writes them. It checks before it
//! writes, because the transaction cannot continue after a failed statement.
//!
//! The host limits the number of statements, and engines cache statements by their text. So many
//! values go into one statement as one parameter ([`arrays`]), and the number of different texts is
//! fixed, whatever clients ask for.

mod arrays;
pub mod deleted;
pub mod dependencies;
pub mod figures;
pub mod history;
pub mod list;
mod lists;
pub mod tasks;
pub mod terms;
