//! What a read has seen, as far as an engine with a single writer knows it: which tables, and which
//! commits. With it the host finds out, without running a statement, that a result still holds.
//!
//! Commits have numbers, in the order in which they become visible. A commit notes its number at
//! each table that it may change **before** it becomes visible; when it is visible, or has failed, it
//! is *over*. A reader notes the last number that is over **before** it takes its snapshot. So if no
//! table that it read has a higher number, none of them has changed since that snapshot, and no
//! commit that would change one is visible or about to become so.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use parking_lot::Mutex;

/// Which commit last changed each table of a database.
#[derive(Default)]
pub(crate) struct Tables {
    by_name: Mutex<HashMap<Box<str>, Arc<Table>>>,
    /// Changes of the schema, and of tables that are not known one by one.
    whole: Arc<Table>,
}

/// One table.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// The last commit that may have changed it.
    changed: AtomicU64,
}

/// What the statements of a read transaction have seen.
#[derive(Debug, Clone)]
pub struct Seen(Option<SeenTables>);

#[derive(Debug, Clone)]
struct SeenTables {
    /// Every commit up to this one is in the snapshot. Later ones may be.
    over: u64,
    tables: Arc<[Arc<Table>]>,
}

impl Tables {
    /// Returns the table with a name, also if no such table exists yet.
    pub(crate) fn table(&self, name: &str) -> Arc<Table> {
        let mut by_name = self.by_name.lock();
        if let Some(table) = by_name.get(name) {
            return table.clone();
        }
        let table = Arc::new(Table::default());
        by_name.insert(name.into(), table.clone());
        table
    }

    /// Returns what stands for every table.
    pub(crate) fn whole(&self) -> &Arc<Table> {
        &self.whole
    }

    /// Returns what was seen by a transaction that read `tables`, and that began when all commits up
    /// to `over` were over.
    pub(crate) fn seen(&self, over: u64, tables: &[Arc<Table>]) -> Seen {
        Seen(Some(SeenTables {
            over,
            tables: [&self.whole].into_iter().chain(tables).cloned().collect(),
        }))
    }
}

impl Table {
    /// Notes that a commit may change the table, before it becomes visible.
    pub(crate) fn changes(&self, commit: u64) {
        self.changed.fetch_max(commit, SeqCst);
    }
}

impl Seen {
    /// What was seen by a transaction whose results do not only depend on tables that this host alone
    /// changes: it is never current.
    pub(crate) fn unknown() -> Self {
        Seen(None)
    }

    /// Whether all tables are as they were in the snapshot, at the moment of this call.
    pub(crate) fn is_current(&self) -> bool {
        // Numbers only rise. So if the last table has not changed by now, all of them were unchanged
        // when the first one was looked at.
        self.0.as_ref().is_some_and(|seen| {
            let mut tables = seen.tables.iter();
            tables.all(|table| table.changed.load(SeqCst) <= seen.over)
        })
    }

    /// Returns how much memory this takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let tables = self.0.as_ref().map(|seen| size_of_val(&*seen.tables));
        tables.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_current_until_a_commit_is_about_to_change_one_of_its_tables() {
        let tables = Tables::default();
        let (a, b) = (tables.table("a"), tables.table("b"));
        a.changes(4);
        let seen = tables.seen(4, std::slice::from_ref(&a));
        assert!(seen.is_current());
        b.changes(5);
        assert!(seen.is_current(), "it read another table");
        tables.table("a").changes(6);
        assert!(!seen.is_current());
        // Commit 6 is not over, so a snapshot of now may or may not have it.
        assert!(!tables.seen(5, std::slice::from_ref(&a)).is_current());
        assert!(tables.seen(6, &[a]).is_current());
    }

    #[test]
    fn a_change_of_the_schema_concerns_also_reads_without_tables() {
        let tables = Tables::default();
        let seen = tables.seen(0, &[]);
        assert!(seen.is_current());
        tables.whole().changes(1);
        assert!(!seen.is_current());
    }
}
