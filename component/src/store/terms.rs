//! The terms that find tasks. See `domain::terms`.
//!
//! The index (`task_terms`) has a row for each term of each task. The terms of one task are spread over
//! the whole index, so adding them changes about as many pages as there are terms. Therefore a new task
//! *waits* on SQLite: `task_terms_new` has all its terms in one row. When [`GATHERED`] tasks wait, their terms
//! are sorted into parts (`task_terms_moving`), and every [`STEP_AFTER`]th new task *moves* a part into the index,
//! so that no request changes thousands of pages. A search reads the waiting tasks, too ([`waiting`]). During a
//! move, a task that waits has all its terms there, and some of them in the index, too.
//!
//! On PostgreSQL no new task waits: all writes would read and write the same page of that table, and
//! serializable transactions that do so conflict. Only an import from SQLite brings tasks that wait.
//!
//! While a database has the terms of earlier logic ([`State`]), no task waits, and both kinds of logic
//! write the same rows. In these, a folded term has the negative id of its task, and every other term
//! the positive id.

use std::fmt::Write as _;
use std::ops::Range;

use crate::contract::sql::{Dialect, Value};
use crate::contract::tasks::Task;
use crate::domain::terms::{self, earlier, is_same_as_earlier};
use crate::error::Error;
use crate::platform::Platform;
use crate::store::arrays::{self, Array, Pairs};
use crate::store::lists;
use task_host_sdk::rows::Table;

/// Number of waiting tasks with which a move begins. A search reads the waiting tasks, so a higher number
/// makes searches slower, and a lower one changes more pages.
pub const GATHERED: u64 = 512;

/// A new task whose id is a multiple of this moves a part of the waiting terms.
pub const STEP_AFTER: i64 = 8;

/// Number of rows in a part.
const ROWS_A_STEP: usize = 1_000;

/// On PostgreSQL, a new task whose id is a multiple of this moves everything that an import made wait.
const MERGED_AFTER: i64 = 256;

/// Maximum size of the terms of a waiting task, in bytes. Larger tasks go to the index at once, because
/// every search reads what waits.
const WAITING_BYTES: usize = 1_000;

/// Number of terms that one statement adds: their text stays well below the host's limits.
const ROWS: usize = 5_000;

/// What stands for "not begun" in [`State::indexing_to`].
const NOT_BEGUN: i64 = i64::MAX;

/// Adds the terms of new tasks.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails, and [`Error::Corrupt`] if a result is not a state.
pub fn add(platform: &mut impl Platform, tasks: &[Task]) -> Result<(), Error> {
    if let [task] = tasks
        && wait(platform, task.id, &of(task))?
    {
        return move_sometimes(platform, tasks);
    }
    // Many tasks have neighbours in the index, so gathering them would save little.
    let are_earlier = state(platform)?.is_some_and(|state| !state.has_begun());
    let mut pairs = Vec::new();
    for task in tasks {
        if are_earlier {
            let terms = of_earlier(task);
            pairs.extend(terms.plain.into_iter().map(|term| (term, task.id)));
            pairs.extend(terms.folded.into_iter().map(|term| (term, -task.id)));
        } else {
            pairs.extend(of(task).into_iter().map(|term| (term, task.id)));
        }
    }
    pairs.sort_unstable();
    add_all(platform, &pairs)?;
    move_sometimes(platform, tasks)
}

/// Makes a new task wait. Returns whether it does: not if its terms are large, if earlier logic may have to
/// find it, or if a move is under way that would pass over its terms.
fn wait(platform: &mut impl Platform, id: i64, terms: &[String]) -> Result<bool, Error> {
    if platform.dialect() == Dialect::Postgres {
        return Ok(false);
    }
    let terms = lists::write_tags(terms);
    if terms.len() > WAITING_BYTES {
        return Ok(false);
    }
    let statement = format!(
        "insert into task_terms_new (task_id, terms) select $1, $2 where not exists \
         (select 1 from task_terms_state where indexing_to = {NOT_BEGUN}) \
         and not exists (select 1 from task_terms_moving where last_task >= $1)"
    );
    let params = [Value::Integer(id), Value::Text(terms)];
    let waits = platform.execute(&statement, &params)?;
    Ok(waits == 1)
}

/// Moves waiting terms, if one of these new tasks has to.
fn move_sometimes(platform: &mut impl Platform, tasks: &[Task]) -> Result<(), Error> {
    let is_due = |after: i64| tasks.iter().any(|task| task.id % after == 0);
    match platform.dialect() {
        Dialect::Sqlite if is_due(STEP_AFTER) => step(platform),
        Dialect::Postgres if is_due(MERGED_AFTER) => merge(platform),
        _ => Ok(()),
    }
}

/// Moves the next part of the waiting terms into the index. If no move is under way and enough tasks wait, it
/// begins one.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails, and [`Error::Corrupt`] if a row is not a task.
fn step(platform: &mut impl Platform) -> Result<(), Error> {
    let statement = "select part, last_task from task_terms_moving order by part limit 2";
    let rows = platform.query(statement, &[])?;
    let mut rows = Table::new(&rows)?.rows();
    let Some(mut first) = rows.next() else {
        return begin_move(platform);
    };
    let (part, last_task) = (Value::Integer(first.integer()?), first.integer()?);
    let dialect = platform.dialect();
    let pairs = arrays::pairs(
        dialect,
        "(select terms from task_terms_moving where part = $1)",
    );
    let select = format!(
        "select p.name, cast(p.value as bigint) from {pairs} \
         where cast(p.value as bigint) in (select task_id from task_terms_new)"
    );
    let part = [part];
    platform.execute(&insertion(dialect, &select), &part)?;
    platform.execute("delete from task_terms_moving where part = $1", &part)?;
    if rows.next().is_none() {
        let statement = "delete from task_terms_new where task_id <= $1";
        platform.execute(statement, &[Value::Integer(last_task)])?;
    }
    Ok(())
}

/// Sorts the waiting terms into the parts of a move, if enough tasks wait.
fn begin_move(platform: &mut impl Platform) -> Result<(), Error> {
    let statement = "select count(*), coalesce(max(task_id), 0) from task_terms_new";
    let rows = platform.query(statement, &[])?;
    let mut row = Table::new(&rows)?.only()?;
    if row.count()? < GATHERED {
        return Ok(());
    }
    let last_task = row.integer()?;
    let waiting = waiting(platform, &[])?;
    for (part, rows) in (1..).zip(waiting.pairs().chunks(ROWS_A_STEP)) {
        let statement =
            "insert into task_terms_moving (part, last_task, terms) values ($1, $2, $3)";
        let terms = Pairs::of(rows).into_value();
        let params = [Value::Integer(part), Value::Integer(last_task), terms];
        platform.execute(statement, &params)?;
    }
    Ok(())
}

/// Moves the terms of all waiting tasks into the index.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails, and [`Error::Corrupt`] if a row is not a task.
pub fn merge(platform: &mut impl Platform) -> Result<(), Error> {
    let waiting = waiting(platform, &[])?;
    add_all(platform, &waiting.pairs())?;
    // Exactly the rows that were read: a transaction sees no others.
    platform.execute("delete from task_terms_new", &[])?;
    platform.execute("delete from task_terms_moving", &[])?;
    Ok(())
}

/// Changes the terms of a task whose texts have changed.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails, and [`Error::Corrupt`] if a result is not a state.
pub fn change(platform: &mut impl Platform, old: &Task, new: &Task) -> Result<(), Error> {
    let id = new.id;
    if remove_waiting(platform, old)? {
        let terms = of(new);
        return match wait(platform, id, &terms)? {
            true => Ok(()),
            false => insert(platform, id, &terms),
        };
    }
    match state(platform)? {
        Some(state) if !state.has_begun() => change_earlier(platform, old, new),
        _ if is_same(old) => {
            let (added, removed) = terms::difference(of(old), of(new));
            delete(platform, id, &removed)?;
            insert(platform, id, &added)
        }
        _ => {
            // The task may have the terms of earlier logic, of this one, or both.
            remove_all(platform, old)?;
            insert(platform, id, &of(new))
        }
    }
}

fn change_earlier(platform: &mut impl Platform, old: &Task, new: &Task) -> Result<(), Error> {
    let (old, new, id) = (of_earlier(old), of_earlier(new), new.id);
    let (added, removed) = terms::difference(old.plain, new.plain);
    delete(platform, id, &removed)?;
    insert(platform, id, &added)?;
    // The logic before folded terms did not write them, so the old ones may be missing.
    insert(platform, -id, &new.folded)?;
    let (_, removed) = terms::difference(old.folded, new.folded);
    delete(platform, -id, &removed)
}

/// Removes the terms of a task.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails.
pub fn remove(platform: &mut impl Platform, task: &Task) -> Result<(), Error> {
    match remove_waiting(platform, task)? {
        true => Ok(()),
        false => remove_all(platform, task),
    }
}

/// Removes the terms of a task that waits. Returns whether it did.
fn remove_waiting(platform: &mut impl Platform, task: &Task) -> Result<bool, Error> {
    let statement = "delete from task_terms_new where task_id = $1";
    let waited = platform.execute(statement, &[Value::Integer(task.id)])? == 1;
    if waited {
        // Those that were moved already.
        delete(platform, task.id, &of(task))?;
    }
    Ok(waited)
}

/// Removes the rows of a task, whichever logic wrote them.
fn remove_all(platform: &mut impl Platform, task: &Task) -> Result<(), Error> {
    let mut terms = of(task);
    if is_same(task) {
        return delete(platform, task.id, &terms);
    }
    let earlier = of_earlier(task);
    terms.extend(earlier.plain);
    delete(platform, task.id, &terms)?;
    delete(platform, -task.id, &earlier.folded)
}

/// Adds rows to the index, except for those that it has. They are sorted: in the order of the key,
/// neighbours are on the same pages.
fn add_all(platform: &mut impl Platform, pairs: &[(impl AsRef<str>, i64)]) -> Result<(), Error> {
    let dialect = platform.dialect();
    let pairs_of = arrays::pairs(dialect, "$1");
    let select = format!("select p.name, cast(p.value as bigint) from {pairs_of}");
    let statement = insertion(dialect, &select);
    for part in pairs.chunks(ROWS) {
        platform.execute(&statement, &[Pairs::of(part).into_value()])?;
    }
    Ok(())
}

/// Adds rows of one task, except for those that the index has.
fn insert(platform: &mut impl Platform, id: i64, terms: &[String]) -> Result<(), Error> {
    if terms.is_empty() {
        return Ok(());
    }
    let dialect = platform.dialect();
    let elements = arrays::elements(dialect, "$2");
    let statement = insertion(dialect, &format!("select v.value, $1 from {elements}"));
    platform.execute(&statement, &params(id, terms))?;
    Ok(())
}

/// Returns the statement that adds the rows of a query to the index, except for those that it has.
fn insertion(dialect: Dialect, select: &str) -> String {
    match dialect {
        // For `on conflict do nothing`, SQLite copies each page before it changes it, in case a column is null.
        Dialect::Sqlite => format!("insert or ignore into task_terms (term, task_id) {select}"),
        Dialect::Postgres => {
            format!("insert into task_terms (term, task_id) {select} on conflict do nothing")
        }
    }
}

/// Deletes rows of one task. Terms that the index does not have are ignored.
fn delete(platform: &mut impl Platform, id: i64, terms: &[String]) -> Result<(), Error> {
    if terms.is_empty() {
        return Ok(());
    }
    let statement = format!(
        "delete from task_terms where task_id = $1 and {}",
        arrays::is_in(platform.dialect(), "term", "$2")
    );
    platform.execute(&statement, &params(id, terms))?;
    Ok(())
}

fn params(id: i64, terms: &[String]) -> [Value; 2] {
    let terms = Array::of_texts(terms.iter().map(String::as_str));
    [Value::Integer(id), terms.into_value()]
}

fn of(task: &Task) -> Vec<String> {
    terms::of(&task.title, task.description.as_deref(), &task.tags)
}

fn of_earlier(task: &Task) -> earlier::Terms {
    earlier::of(&task.title, task.description.as_deref(), &task.tags)
}

fn is_same(task: &Task) -> bool {
    is_same_as_earlier(&task.title, task.description.as_deref(), &task.tags)
}

/// What a search needs besides the index.
#[derive(Debug, Default)]
pub struct Waiting {
    /// The waiting tasks, each with its terms as [`lists::write_tags`] encodes them.
    pub tasks: Vec<(i64, String)>,
    /// Whether tasks may have the terms of earlier logic.
    pub is_mixed: bool,
}

impl Waiting {
    /// Returns the rows of the index that these tasks have, sorted.
    fn pairs(&self) -> Vec<(&str, i64)> {
        let tasks = self.tasks.iter();
        let pairs =
            tasks.flat_map(|(id, terms)| lists::members(terms).map(move |term| (term, *id)));
        let mut pairs: Vec<_> = pairs.collect();
        pairs.sort_unstable();
        pairs
    }
}

/// Reads the waiting tasks of which a term contains one of the needles, whatever the case of its ASCII letters,
/// and perhaps others. Without needles, and on PostgreSQL, where few tasks wait, it reads all.
///
/// # Errors
/// Returns [`Error::Database`] if the statement fails, and [`Error::Corrupt`] if a row is not a task.
pub fn waiting(platform: &mut impl Platform, needles: &[String]) -> Result<Waiting, Error> {
    // The database looks for a text in less time than it takes to hand a row over to the logic.
    let needles: &[String] = match platform.dialect() {
        Dialect::Sqlite => needles,
        Dialect::Postgres => &[],
    };
    let mut statement = String::from("select task_id, terms from task_terms_new");
    for number in 1..=needles.len() {
        let before = if number == 1 { " where" } else { " or" };
        // Writing to a string cannot fail.
        let _ = write!(statement, "{before} terms like ${number}");
    }
    // No task has the id 0.
    statement.push_str(" union all select 0, '' from task_terms_state");
    // `%` and `_` in a needle match more than themselves, which does no harm.
    let patterns = needles.iter().map(|needle| format!("%{needle}%"));
    let params: Vec<Value> = patterns.map(Value::Text).collect();
    let rows = platform.query(&statement, &params)?;
    let rows = Table::new(&rows)?.rows();
    let mut waiting = Waiting {
        tasks: Vec::with_capacity(rows.len()),
        is_mixed: false,
    };
    for mut row in rows {
        match (row.integer()?, row.text()?) {
            (0, _) => waiting.is_mixed = true,
            (id, terms) => waiting.tasks.push((id, terms.to_owned())),
        }
    }
    Ok(waiting)
}

/// How far the terms of this logic were added to the tasks of earlier logic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    indexed_to: i64,
    indexing_to: i64,
}

impl State {
    /// Whether it has begun, so that earlier logic must not serve any more.
    pub fn has_begun(self) -> bool {
        self.indexing_to < NOT_BEGUN
    }

    /// Returns how many ids have not been reached. Some of them may have no task any more.
    pub fn remaining(self) -> u64 {
        self.indexing_to.abs_diff(self.indexed_to)
    }
}

/// Returns the state. `None`: no task has only the terms of earlier logic.
fn state(platform: &mut impl Platform) -> Result<Option<State>, Error> {
    let statement = "select indexed_to, indexing_to from task_terms_state";
    let rows = platform.query(statement, &[])?;
    let Some(mut row) = Table::new(&rows)?.rows().next() else {
        return Ok(None);
    };
    Ok(Some(State {
        indexed_to: row.integer()?,
        indexing_to: row.integer()?,
    }))
}

/// Number of ids whose tasks one statement reads: the largest tasks stay below the host's limits.
const IDS_READ: i64 = 500;

/// After this many bytes of text, a call ends before it has reached all of its ids.
const REINDEXED_BYTES: usize = 2 << 20;

/// Adds the terms of this logic to the tasks of earlier logic with the next `ids` ids. Returns the state
/// afterwards, or `None` if no such task is left. From the first call on, new tasks have the terms of
/// this logic only.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails, and [`Error::Corrupt`] if a row is not a task.
pub fn reindex(platform: &mut impl Platform, ids: i64) -> Result<Option<State>, Error> {
    let Some(mut state) = state(platform)? else {
        return Ok(None);
    };
    if !state.has_begun() {
        let rows = platform.query("select coalesce(max(id), 0) from tasks", &[])?;
        state.indexing_to = Table::new(&rows)?.only()?.integer()?;
    }
    let end = state.indexed_to.saturating_add(ids).min(state.indexing_to);
    let (mut pairs, mut bytes) = (Vec::new(), 0);
    while state.indexed_to < end && bytes < REINDEXED_BYTES {
        let next = (state.indexed_to + IDS_READ).min(end);
        bytes += accented(platform, state.indexed_to..next, &mut pairs)?;
        state.indexed_to = next;
    }
    pairs.sort_unstable();
    add_all(platform, &pairs)?;
    if state.indexed_to >= state.indexing_to {
        platform.execute("delete from task_terms_state", &[])?;
        return Ok(None);
    }
    let statement = "update task_terms_state set indexed_to = $1, indexing_to = $2";
    let params = [state.indexed_to, state.indexing_to].map(Value::Integer);
    platform.execute(statement, &params)?;
    Ok(Some(state))
}

/// Collects the terms of the tasks whose texts are not ASCII: the terms of all others are the same for
/// earlier logic. The ids are those after the start of the range, up to its end. Returns the bytes of the
/// texts.
fn accented(
    platform: &mut impl Platform,
    ids: Range<i64>,
    pairs: &mut Vec<(String, i64)>,
) -> Result<usize, Error> {
    let texts = "title || coalesce(description, '') || tags";
    let octets = match platform.dialect() {
        Dialect::Sqlite => format!("length(cast({texts} as blob))"),
        Dialect::Postgres => format!("octet_length({texts})"),
    };
    let statement = format!(
        "select id, title, description, tags from tasks where id > $1 and id <= $2 \
         and {octets} <> length({texts})"
    );
    let rows = platform.query(&statement, &[ids.start, ids.end].map(Value::Integer))?;
    for mut row in Table::new(&rows)?.rows() {
        let id = row.integer()?;
        let (title, description) = (row.text()?, row.optional_text()?);
        let tags = lists::read_tags(row.text()?)?;
        let terms = terms::of(title, description, &tags);
        pairs.extend(terms.into_iter().map(|term| (term, id)));
    }
    Ok(rows.heap.len())
}
