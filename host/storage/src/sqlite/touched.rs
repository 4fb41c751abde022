//! Which tables a statement reads and changes, also through views, triggers and the actions of
//! foreign keys.
//!
//! SQLite tells this to the authorizer while it compiles the statement, and again when it compiles it
//! anew after a change of the schema. Its update hook would not do: it misses tables without row ids,
//! and rows that REPLACE deletes.

use std::sync::Arc;

use rusqlite::hooks::AuthAction;

use super::policy::{Beyond, beyond_arguments};
use crate::Change;
use crate::seen::{Seen, Table, Tables};

/// What one statement touches, or all statements of a transaction.
#[derive(Debug, Clone, Default)]
pub(super) struct Touched {
    reads: Vec<Arc<Table>>,
    writes: Vec<Arc<Table>>,
    /// The change that the statement itself makes, without its triggers, and the name of its table. Of
    /// several statements, that of the last one.
    change: Option<(Change, Arc<str>)>,
    /// Whether a result may depend on the clock.
    clock: bool,
    /// Whether a result depends on chance.
    chance: bool,
}

impl Touched {
    /// Notes one action of a statement that is compiled.
    pub(super) fn note(&mut self, action: AuthAction<'_>, tables: &Tables) {
        // The names are those of the schema, however the statement writes them.
        match action {
            AuthAction::Read { table_name, .. } => add(&mut self.reads, &tables.table(table_name)),
            AuthAction::Insert { table_name } => self.write(Change::Insert, table_name, tables),
            AuthAction::Update { table_name, .. } => self.write(Change::Update, table_name, tables),
            AuthAction::Delete { table_name } => self.write(Change::Delete, table_name, tables),
            AuthAction::Function { function_name } => match beyond_arguments(function_name) {
                Beyond::Nothing => {}
                Beyond::Clock => self.clock = true,
                Beyond::Chance => self.chance = true,
            },
            _ => {}
        }
    }

    fn write(&mut self, change: Change, table: &str, tables: &Tables) {
        add(&mut self.writes, &tables.table(table));
        // SQLite tells the statement's own change before those of its triggers.
        self.change.get_or_insert_with(|| (change, table.into()));
    }

    /// Adds what another statement touches, which ran after these.
    pub(super) fn add(&mut self, other: &Touched) {
        for table in &other.reads {
            add(&mut self.reads, table);
        }
        for table in &other.writes {
            add(&mut self.writes, table);
        }
        self.change.clone_from(&other.change);
        self.clock |= other.clock;
        self.chance |= other.chance;
    }

    /// Returns the tables that may have changed.
    pub(super) fn writes(&self) -> &[Arc<Table>] {
        &self.writes
    }

    /// Returns the change that the last statement itself makes, and the name of its table.
    pub(super) fn change(&self) -> Option<&(Change, Arc<str>)> {
        self.change.as_ref()
    }

    /// Returns what these statements saw, if all commits up to `over` were over before they ran. `None`
    /// if a result depends on chance.
    pub(super) fn seen(&self, over: u64, tables: &Tables) -> Option<Seen> {
        match (self.chance, self.clock) {
            (true, _) => None,
            (false, true) => Some(Seen::unknown()),
            (false, false) => Some(tables.seen(over, &self.reads)),
        }
    }
}

fn add(tables: &mut Vec<Arc<Table>>, table: &Arc<Table>) {
    if !tables.iter().any(|known| Arc::ptr_eq(known, table)) {
        tables.push(table.clone());
    }
}
