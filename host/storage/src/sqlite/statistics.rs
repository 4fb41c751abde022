//! The statistics of SQLite's query planner: when they are gathered, and how that stays harmless.
//!
//! SQLite plans by statistics in `sqlite_stat1`, which only ANALYZE writes. `PRAGMA optimize` knows which
//! tables need it: those with an index that has no statistics, and those that have grown or shrunk
//! tenfold. Here it only names them (mask 1). Each table is then analyzed in a write transaction of its
//! own, with an analysis limit: SQLite reads some hundred rows of each index instead of all. A
//! transaction that takes longer than [`HOLD`] is interrupted and rolled back, so other writes wait no
//! longer than that.
//!
//! What changes besides the plans:
//! - No kept answer is touched. Statistics are not data of the logic, which cannot read them; so the
//!   commit marks no table, and what was read before is still current.
//! - With a limit, SQLite takes no samples of values (`sqlite_stat4` stays empty), so the statistics
//!   contain no data. Plans do not depend on the values of parameters anyway (QPSG).
//! - A connection reads the statistics when it reads the schema. So connections of readers are replaced
//!   afterwards, together with the statements that they have compiled.
//! - A backup contains the statistics, because it copies the file. An export and an import do not.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Result};

use super::blocking::run_blocking;
use super::database::Sqlite;
use super::schema::host;
use crate::{Budget, Error, Stats};
use contract::Access;

/// How long the analysis of one table may hold the writer.
const HOLD: Duration = Duration::from_millis(100);

/// How long it waits for the writer in the queue.
const WAIT: Duration = Duration::from_secs(5);

/// How long it waits for a moment in which nobody writes, before it queues all the same.
const IDLE_WAIT: Duration = Duration::from_secs(2);

/// Pause between two looks whether somebody writes.
const IDLE_PAUSE: Duration = Duration::from_millis(20);

/// How many rows of each index SQLite reads. SQLite recommends 100 to 1000.
const ANALYSIS_LIMIT: u32 = 400;

impl Sqlite {
    /// Gathers statistics for the tables that need them, and returns how many were analyzed. See
    /// [`Database::analyze`](crate::Database::analyze).
    pub(super) async fn gather_statistics(&self) -> std::result::Result<u64, Error> {
        // Without a commit nothing has changed. Each look makes SQLite compile its statements again.
        let engine = &self.engine;
        let issued = engine.flusher.issued();
        if engine.statistics_at.swap(issued, Relaxed) == issued {
            return Ok(0);
        }
        let mut analyzed = 0;
        let complete = self.analyze_stale_tables(&mut analyzed).await;
        if complete != Ok(true) {
            // The rest is tried again at the next call, also if nothing has changed until then.
            engine.statistics_at.store(u64::MAX, Relaxed);
        }
        if analyzed > 0 {
            engine.stats.analyses.fetch_add(analyzed, Relaxed);
            engine.readers.renew();
        }
        complete.map(|_| analyzed)
    }

    /// Returns whether no table was left out, and counts those that were analyzed.
    async fn analyze_stale_tables(&self, analyzed: &mut u64) -> std::result::Result<bool, Error> {
        let Some(stale) = self.in_own_turn(stale_tables).await? else {
            return Ok(false);
        };
        let mut complete = true;
        for statement in &stale {
            match self
                .in_own_turn(|sqlite| analyze(sqlite, statement))
                .await?
            {
                Some(()) => *analyzed += 1,
                None => complete = false,
            }
        }
        Ok(complete)
    }

    /// Does work as the writer, if possible while nobody else writes, and commits it. Returns `None` if it
    /// took longer than [`HOLD`]: nothing was kept.
    async fn in_own_turn<T>(
        &self,
        mut work: impl FnMut(&Connection) -> Result<T>,
    ) -> std::result::Result<Option<T>, Error> {
        let until = Instant::now() + IDLE_WAIT;
        while writes(&self.engine.stats) && Instant::now() < until {
            tokio::time::sleep(IDLE_PAUSE).await;
        }
        let budget = Budget::of_host(WAIT, HOLD);
        let mut transaction = self.transaction(Access::Write, false, budget).await?;
        match transaction.host(|sqlite| run_blocking(|| work(sqlite))) {
            Ok(done) => {
                crate::Transaction::commit(Box::new(transaction)).await?;
                Ok(Some(done))
            }
            Err(Error::Deadline) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether a write runs or waits.
fn writes(stats: &Stats) -> bool {
    stats.writers_in_use.load(Relaxed) + stats.writer_waiting.load(Relaxed) > 0
}

/// Returns an ANALYZE statement for each table of the logic that needs new statistics. The host's own
/// tables need none: their statements were written for their indexes.
fn stale_tables(sqlite: &Connection) -> Result<Vec<String>> {
    // Compiled each time: what it does depends on the statistics that there are then.
    let mut statement = sqlite.prepare(host!("PRAGMA optimize(0x10003)"))?;
    let named: Vec<String> = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<_>>()?;
    let mut stale = Vec::new();
    for statement in named {
        let Some(table) = statement.strip_prefix("ANALYZE \"main\".") else {
            continue;
        };
        if table.starts_with("\"task_host_") {
            continue;
        }
        // An empty table without an index is named again and again: it gets no statistics.
        let any = format!(host!("SELECT EXISTS (SELECT 1 FROM {})"), table);
        if sqlite.query_row(&any, [], |row| row.get(0))? {
            stale.push(statement);
        }
    }
    Ok(stale)
}

fn analyze(sqlite: &Connection, statement: &str) -> Result<()> {
    sqlite.execute_batch(&format!(
        "{} = {ANALYSIS_LIMIT}; {statement}",
        host!("PRAGMA analysis_limit")
    ))
}
