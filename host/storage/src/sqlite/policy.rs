//! What SQL may do, by who wrote it. SQLite asks while it compiles a statement, also for what
//! views and triggers do, so a statement that compiled stays inside these rules.
//!
//! Everything is refused unless it is listed: a later SQLite that learns something new does not
//! open a door. Names are compared without regard to case, as SQLite does.

use std::collections::HashSet;

use rusqlite::hooks::AuthAction;

/// Whose SQL is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Mode {
    /// The logic's statements in a request.
    Guest,
    /// The logic's migrations.
    Migration,
    /// The host's own statements.
    Host,
}

/// Why a statement of another kind is refused in a request.
const STATEMENTS: &str = "only SELECT, INSERT, UPDATE, DELETE, WITH and VALUES run here; \
                          the schema changes in migrations";

/// The names that SQL of the logic may not use for tables, known once a connection is open.
#[derive(Debug, Default)]
pub(super) struct Policy {
    /// Virtual table modules of this SQLite, in lower case; a module may be read like a table
    /// of its name (`dbstat`, `fts3tokenize`).
    modules: HashSet<String>,
}

impl Policy {
    /// Refuses the virtual tables named, except those that only take JSON apart.
    pub(super) fn new(modules: impl IntoIterator<Item = String>) -> Self {
        Self {
            modules: modules
                .into_iter()
                .map(|module| module.to_ascii_lowercase())
                .filter(|module| module != "json_each" && module != "json_tree")
                .collect(),
        }
    }

    /// Judges one action of a statement.
    ///
    /// # Errors
    /// Why it is refused, as a sentence for the logic's author.
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
            // What CREATE, ALTER and DROP do first. SQLite's own words for it would not help.
            AuthAction::Insert { table_name }
            | AuthAction::Update { table_name, .. }
            | AuthAction::Delete { table_name }
                if mode == Mode::Guest && is_internal(table_name) =>
            {
                Err(STATEMENTS.to_owned())
            }
            AuthAction::Read { table_name, .. }
            | AuthAction::Insert { table_name }
            | AuthAction::Update { table_name, .. }
            | AuthAction::Delete { table_name } => self.table(mode, table_name, database),
            AuthAction::Function { function_name } => function(mode, function_name),
            action if mode == Mode::Migration => schema_change(action, database),
            _ => Err(STATEMENTS.to_owned()),
        }
    }

    fn table(&self, mode: Mode, name: &str, database: Option<&str>) -> Result<(), String> {
        let name = name.to_ascii_lowercase();
        host_name(&name)?;
        // DDL is carried out by statements on SQLite's own tables; writing them directly is
        // refused by SQLite itself in defensive mode.
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

/// Whether a table is one that SQLite keeps about the schema.
fn is_internal(name: &str) -> bool {
    const PREFIX: &[u8] = b"sqlite_";
    let start = name.as_bytes().get(..PREFIX.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

fn schema_change(action: AuthAction<'_>, database: Option<&str>) -> Result<(), String> {
    // A table of `temp` is the connection's, and outlives the request. ALTER TABLE names the
    // database itself, and the column at this place.
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
        } => host_name(name),
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
        } => host_name(name).and_then(|()| host_name(table_name)),
        // ALTER TABLE checks the rows that are there with it.
        AuthAction::Pragma {
            pragma_name: "quick_check",
            ..
        } => Ok(()),
        AuthAction::CreateVtable { .. } | AuthAction::DropVtable { .. } => {
            Err("virtual tables are not available".to_owned())
        }
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => {
            Err("all migrations of a component are one transaction of the host's".to_owned())
        }
        _ => Err(
            "migrations may create, alter, drop and fill tables, indexes, views and \
                      triggers, and nothing else"
                .to_owned(),
        ),
    }
}

fn host_name(name: &str) -> Result<(), String> {
    const PREFIX: &[u8] = b"task_host_";
    match name.as_bytes().get(..PREFIX.len()) {
        Some(start) if start.eq_ignore_ascii_case(PREFIX) => {
            Err(format!("{name} is a name of the host's"))
        }
        _ => Ok(()),
    }
}

fn main_database(name: Option<&str>) -> Result<(), String> {
    match name {
        None | Some("main") => Ok(()),
        Some(other) => Err(format!("there is no {other} database for the logic")),
    }
}

fn function(mode: Mode, name: &str) -> Result<(), String> {
    let name = name.to_ascii_lowercase();
    // SQLite carries ALTER TABLE out with functions that SQL cannot call by itself.
    let internal = mode == Mode::Migration && name.starts_with("sqlite_") && name != "sqlite_log";
    if internal || FUNCTIONS.binary_search(&name.as_str()).is_ok() {
        Ok(())
    } else if matches!(&*name, "last_insert_rowid" | "changes" | "total_changes") {
        Err(format!("{name}() tells of other requests; use RETURNING"))
    } else {
        Err(format!("the function {name}() is not available"))
    }
}

/// The functions that compute on their arguments alone, the clock and randomness. Sorted.
/// Those that SQLite computes too slowly on long texts are replaced in `functions`, or left out:
/// `json_patch` looks for each member of one object at all members of the other.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_functions_is_sorted_for_its_search() {
        assert!(FUNCTIONS.is_sorted());
    }

    #[test]
    fn host_names_are_known_in_any_case() {
        for name in ["task_host_answers", "TASK_HOST_x", "Task_Host_"] {
            assert_eq!(
                host_name(name),
                Err(format!("{name} is a name of the host's"))
            );
        }
        for name in ["tasks", "task_hosts", "x_task_host_", "tâsk_host_x"] {
            assert_eq!(host_name(name), Ok(()));
        }
    }

    #[test]
    fn the_host_itself_may_do_anything() {
        let policy = Policy::new(["dbstat".to_owned()]);
        let action = AuthAction::Attach { filename: "x" };
        assert_eq!(policy.judge(Mode::Host, action, None), Ok(()));
    }

    #[test]
    fn a_change_of_the_schema_in_a_request_is_told_where_it_belongs() {
        let policy = Policy::default();
        let action = AuthAction::Insert {
            table_name: "sqlite_master",
        };
        assert_eq!(
            policy.judge(Mode::Guest, action, Some("main")),
            Err(STATEMENTS.to_owned())
        );
        assert_eq!(policy.judge(Mode::Migration, action, Some("main")), Ok(()));
    }

    #[test]
    fn modules_are_no_tables_except_those_that_take_json_apart() {
        let policy = Policy::new(["DBSTAT".to_owned(), "json_each".to_owned()]);
        let read = |table_name| {
            let action = AuthAction::Read {
                table_name,
                column_name: "",
            };
            policy.judge(Mode::Guest, action, Some("main"))
        };
        assert_eq!(read("dbstat"), Err("dbstat belongs to SQLite".to_owned()));
        assert_eq!(read("json_each"), Ok(()));
    }
}
