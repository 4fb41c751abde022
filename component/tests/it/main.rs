//! Tests the operations of both contracts on SQLite in memory, without a host.

mod bounds;
mod bulk;
mod database;
mod dependencies;
mod drafts;
mod events;
mod figures;
mod history;
mod lists;
mod numbers;
mod plans;
mod restore;
mod search;
mod service;
mod simple;
mod statements;
mod sums;
mod text;
mod updates;
