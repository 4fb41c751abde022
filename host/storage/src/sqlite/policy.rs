//! What a statement may do, depending on who wrote it. SQLite asks while it compiles a statement,
//! also for what its views and triggers do, so a compiled statement follows these rules.
//!
//! Everything that is not listed is refused, so a new feature of a later SQLite is not allowed
//! automatically. Names are compared case-insensitively, as SQLite does.

use std::collections::HashSet;

use rusqlite::hooks::AuthAction;

use crate::stop::{self, REQUEST_STATEMENTS};

/// Who wrote the SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Mode {
    /// The logic, for a request.
    Logic,
    /// The logic, for a migration.
    Migration,
    /// The host.
    Host,
}

/// The names that the logic's SQL may not use as tables.
#[derive(Debug, Default)]
pub(super) struct Policy {
    /// Virtual table modules of this SQLite, in lower case. A module can be read like a table with
    /// its name (`dbstat`, `fts3tokenize`).
    modules: HashSet<String>,
}

impl Policy {
    /// Refuses these virtual tables, except those that only parse JSON.
    pub(super) fn new(modules: impl IntoIterator<Item = String>) -> Self {
        Self {
            modules: modules
                .into_iter()
                .map(|module| module.to_ascii_lowercase())
                .filter(|module| module != "json_each" && module != "json_tree")
                .collect(),
        }
    }

    /// Checks one action of a statement.
    ///
    /// # Errors
    /// Returns why it is refused, as a sentence for the author of the logic.
    pub(super) fn judge(
        &self,
        mode: Mode,
        action: AuthAction<'_>,
        database: Option<&str>,
    ) -> Result<(), String> {
        if mode == Mode::Host {
            return Ok(());
        }
        match action {
            AuthAction::Select | AuthAction::Recursive => Ok(()),
            // This is what CREATE, ALTER and DROP do first. SQLite's own message would not help.
            AuthAction::Insert { table_name }
            | AuthAction::Update { table_name, .. }
            | AuthAction::Delete { table_name }
                if mode == Mode::Logic && is_internal(table_name) =>
            {
                Err(REQUEST_STATEMENTS.to_owned())
            }
            AuthAction::Read { table_name, .. }
            | AuthAction::Insert { table_name }
            | AuthAction::Update { table_name, .. }
            | AuthAction::Delete { table_name } => self.table(mode, table_name, database),
            AuthAction::Function { function_name } => function(mode, function_name),
            action if mode == Mode::Migration => schema_change(action, database),
            _ => Err(REQUEST_STATEMENTS.to_owned()),
        }
    }

    fn table(&self, mode: Mode, name: &str, database: Option<&str>) -> Result<(), String> {
        let name = name.to_ascii_lowercase();
        not_host_name(&name)?;
        // SQLite carries DDL out with statements on its own tables. In defensive mode it refuses to
        // write them directly.
        let internal = is_internal(&name) || name == "pragma_quick_check";
        if internal && mode == Mode::Migration {
            return Ok(());
        }
        if internal || name.starts_with("pragma_") || self.modules.contains(&name) {
            return Err(format!("{name} belongs to SQLite"));
        }
        main_database(database)
    }
}

/// Whether a table is one of SQLite's own.
fn is_internal(name: &str) -> bool {
    const PREFIX: &[u8] = b"sqlite_";
    let start = name.as_bytes().get(..PREFIX.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

fn schema_change(action: AuthAction<'_>, database: Option<&str>) -> Result<(), String> {
    // A table in `temp` belongs to the connection and outlives the request. ALTER TABLE has the
    // database in its own argument, and has the column in this one.
    match action {
        AuthAction::AlterTable { database_name, .. } => main_database(Some(database_name))?,
        _ => main_database(database)?,
    }
    match action {
        AuthAction::CreateTable { table_name: name }
        | AuthAction::CreateView { view_name: name }
        | AuthAction::DropTable { table_name: name }
        | AuthAction::DropView { view_name: name }
        | AuthAction::Reindex { index_name: name }
        | AuthAction::AlterTable {
            table_name: name, ..
        } => not_host_name(name),
        AuthAction::CreateIndex {
            index_name: name,
            table_name,
        }
        | AuthAction::DropIndex {
            index_name: name,
            table_name,
        }
        | AuthAction::CreateTrigger {
            trigger_name: name,
            table_name,
        }
        | AuthAction::DropTrigger {
            trigger_name: name,
            table_name,
        } => not_host_name(name).and_then(|()| not_host_name(table_name)),
        // ALTER TABLE uses it to check the existing rows.
        AuthAction::Pragma {
            pragma_name: "quick_check",
            ..
        } => Ok(()),
        AuthAction::CreateVtable { .. } | AuthAction::DropVtable { .. } => {
            Err("virtual tables are not available".to_owned())
        }
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => {
            Err("the host runs all migrations of a component in one transaction".to_owned())
        }
        _ => Err(
            "migrations may only create, alter, drop and fill tables, indexes, views and triggers"
                .to_owned(),
        ),
    }
}

fn not_host_name(name: &str) -> Result<(), String> {
    const PREFIX: &[u8] = b"task_host_";
    match name.as_bytes().get(..PREFIX.len()) {
        Some(start) if start.eq_ignore_ascii_case(PREFIX) => Err(stop::host_name(name)),
        _ => Ok(()),
    }
}

fn main_database(name: Option<&str>) -> Result<(), String> {
    match name {
        None | Some("main") => Ok(()),
        Some(other) => Err(format!("the logic may not use the database {other}")),
    }
}

fn function(mode: Mode, name: &str) -> Result<(), String> {
    let name = name.to_ascii_lowercase();
    // SQLite carries ALTER TABLE out with functions that SQL cannot call directly.
    let internal = mode == Mode::Migration && name.starts_with("sqlite_") && name != "sqlite_log";
    if internal || FUNCTIONS.binary_search(&name.as_str()).is_ok() {
        Ok(())
    } else if matches!(&*name, "last_insert_rowid" | "changes" | "total_changes") {
        Err(format!(
            "{name}() may return results of other requests; use RETURNING"
        ))
    } else {
        Err(format!("the function {name}() is not available"))
    }
}

/// The functions that depend only on their arguments, the clock and randomness. Sorted.
/// `functions.rs` replaces those that SQLite computes too slowly for long texts. `json_patch` is
/// left out: for each member of one object it compares all members of the other.
#[rustfmt::skip]
const FUNCTIONS: &[&str] = &[
    "->", "->>", "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "avg", "ceil",
    "ceiling", "char", "coalesce", "concat", "concat_ws", "cos", "cosh", "count", "cume_dist",
    "current_date", "current_time", "current_timestamp", "date", "datetime", "degrees",
    "dense_rank", "exp", "first_value", "floor", "format", "glob", "group_concat", "hex", "if",
    "ifnull", "iif", "instr", "json", "json_array", "json_array_insert", "json_array_length",
    "json_error_position", "json_extract", "json_group_array", "json_group_object", "json_insert",
    "json_object", "json_pretty", "json_quote", "json_remove", "json_replace",
    "json_set", "json_type", "json_valid", "jsonb", "jsonb_array", "jsonb_array_insert",
    "jsonb_extract", "jsonb_group_array", "jsonb_group_object", "jsonb_insert", "jsonb_object",
    "jsonb_remove", "jsonb_replace", "jsonb_set", "julianday", "lag", "last_value",
    "lead", "length", "like", "likelihood", "likely", "ln", "log", "log10", "log2", "lower",
    "ltrim", "max", "median", "min", "mod", "nth_value", "ntile", "nullif", "octet_length",
    "percent_rank", "percentile", "percentile_cont", "percentile_disc", "pi", "pow", "power",
    "printf", "quote", "radians", "random", "randomblob", "rank", "replace", "round",
    "row_number", "rtrim", "sign", "sin", "sinh", "soundex", "sqrt", "strftime", "string_agg",
    "substr", "substring", "subtype", "sum", "tan", "tanh", "time", "timediff", "total", "trim",
    "trunc", "typeof", "unhex", "unicode", "unistr", "unistr_quote", "unixepoch", "unlikely",
    "upper", "zeroblob",
];

/// What the result of a function depends on besides its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beyond {
    Nothing,
    /// Perhaps the clock: these functions read it if an argument is `now` or left out.
    Clock,
    Chance,
}

/// Returns what the result of one of [`FUNCTIONS`] depends on.
pub(super) fn beyond_arguments(function: &str) -> Beyond {
    const CLOCK: [&str; 10] = [
        "current_date",
        "current_time",
        "current_timestamp",
        "date",
        "datetime",
        "julianday",
        "strftime",
        "time",
        "timediff",
        "unixepoch",
    ];
    let is = |name: &&str| function.eq_ignore_ascii_case(name);
    if CLOCK.iter().any(is) {
        Beyond::Clock
    } else if is(&"random") || is(&"randomblob") {
        Beyond::Chance
    } else {
        Beyond::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_functions_is_sorted_for_the_binary_search() {
        assert!(FUNCTIONS.is_sorted());
    }

    #[test]
    fn names_of_the_host_are_refused_in_upper_and_lower_case() {
        for name in ["task_host_answers", "TASK_HOST_x", "Task_Host_"] {
            assert_eq!(
                not_host_name(name),
                Err(format!("{name} is a name that is reserved for the host"))
            );
        }
        for name in ["tasks", "task_hosts", "x_task_host_", "tâsk_host_x"] {
            assert_eq!(not_host_name(name), Ok(()));
        }
    }

    #[test]
    fn the_host_itself_may_do_anything() {
        let policy = Policy::new(["dbstat".to_owned()]);
        let action = AuthAction::Attach { filename: "x" };
        assert_eq!(policy.judge(Mode::Host, action, None), Ok(()));
    }

    #[test]
    fn a_refused_change_of_the_schema_says_that_it_belongs_in_a_migration() {
        let policy = Policy::default();
        let action = AuthAction::Insert {
            table_name: "sqlite_master",
        };
        assert_eq!(
            policy.judge(Mode::Logic, action, Some("main")),
            Err(REQUEST_STATEMENTS.to_owned())
        );
        assert_eq!(policy.judge(Mode::Migration, action, Some("main")), Ok(()));
    }

    #[test]
    fn modules_cannot_be_read_as_tables_except_those_that_parse_json() {
        let policy = Policy::new(["DBSTAT".to_owned(), "json_each".to_owned()]);
        let read = |table_name| {
            let action = AuthAction::Read {
                table_name,
                column_name: "",
            };
            policy.judge(Mode::Logic, action, Some("main"))
        };
        assert_eq!(read("dbstat"), Err("dbstat belongs to SQLite".to_owned()));
        assert_eq!(read("json_each"), Ok(()));
    }
}
