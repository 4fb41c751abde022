//! The logic of __NAME__: typed functions that use SQL. The host does HTTP, JSON and transactions.

mod bindings;
mod database;
mod notes;
mod service;

/// What the exports are implemented on.
struct Logic;

bindings::export!(Logic with_types_in bindings);
