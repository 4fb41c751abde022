//! What a transaction has done since its mark, see [`Transaction::effects`](crate::Transaction::effects).

use std::collections::BTreeMap;
use std::fmt;

use crate::Event;

/// What a transaction has done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effects {
    /// How many rows the logic has changed.
    pub rows: ChangedRows,
    /// What it has published, in order.
    pub events: Vec<Event>,
}

/// The number of changed rows by kind of change and table. A table without changed rows is not in it.
pub type ChangedRows = BTreeMap<(Change, String), u64>;

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It was inserted.
    Insert,
    /// It was updated.
    Update,
    /// It was deleted.
    Delete,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Change::Insert => "insert",
            Change::Update => "update",
            Change::Delete => "delete",
        })
    }
}
