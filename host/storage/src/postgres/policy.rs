//! What SQL the logic may write. A statement is checked here before the server gets it. The limited
//! rights of the logic's login are the second line of defence.
//!
//! Checking the words is enough, because the logic can create nothing that runs a text as SQL: no
//! functions, no `DO`, no triggers, and no call of a server function that takes a query. So a name
//! that is not written in a statement or a migration is never called. A statement is refused unless
//! its first words are listed. A rule may add one INSERT, UPDATE or DELETE to the statements that
//! change a table. Its text is part of a migration, so it is checked like any other; the server
//! parses it when the rule is created.

use super::lexer::{Kind, Lexer, Token};
use crate::rules;
use crate::stop::{self, NO_STATEMENT, ONE_STATEMENT, REQUEST_STATEMENTS};

/// What is known about a statement before the server gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    /// The numbers of its parameters, counted from 1, sorted, each once.
    pub(super) parameters: Vec<u16>,
    /// Whether the number of rows that it reports is the number of changed rows.
    pub(super) counts_changes: bool,
    /// Whether its result depends on chance, as far as its own words tell: it may use a view that does.
    pub(super) chance: bool,
}

/// Checks one statement of a request.
///
/// # Errors
/// Returns why it is refused, as a sentence for the author of the logic.
pub(super) fn statement(text: &str) -> Result<Shape, String> {
    if text.contains('\0') {
        return Err("a statement may not contain U+0000".into());
    }
    let tokens = pieces(text)?;
    let tokens = match &tokens[..] {
        [] => return Err(NO_STATEMENT.into()),
        [one] => &one.tokens,
        _ => return Err(ONE_STATEMENT.into()),
    };
    let first = first_words(tokens);
    if !is_dml(&first[0]) {
        return Err(REQUEST_STATEMENTS.into());
    }
    check(tokens)?;
    Ok(Shape {
        parameters: parameters(tokens)?,
        counts_changes: changes(tokens),
        chance: tokens.iter().any(is_chance),
    })
}

/// Splits a migration into its statements and checks them.
///
/// # Errors
/// As [`statement`].
pub(super) fn migration(text: &str) -> Result<Vec<&str>, String> {
    if text.contains('\0') {
        return Err("a migration may not contain U+0000".into());
    }
    let mut statements = Vec::new();
    for piece in pieces(text)? {
        let first = first_words(&piece.tokens);
        if !is_dml(&first[0]) && !is_schema_change(&first) {
            let words = first.join(" ").trim_end().to_owned();
            return Err(format!("{words} … is not allowed in a migration"));
        }
        if first[0] == "create" && first[1] == "rule" {
            rule(&piece.tokens)?;
        }
        check(&piece.tokens)?;
        statements.push(piece.text);
    }
    Ok(statements)
}

/// One statement without the `;` that ends it.
struct Piece<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
}

/// Splits a text at each `;`. Pieces without a token are omitted.
fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut lexer = Lexer::new(text);
    let mut pieces = Vec::new();
    let mut tokens: Vec<Token<'_>> = Vec::new();
    loop {
        let token = lexer.next()?;
        match token {
            Some(token) if token.kind != Kind::End => tokens.push(token),
            end => {
                if let Some(first) = tokens.first() {
                    let until = end.as_ref().map_or(text.len(), |end| end.start);
                    pieces.push(Piece {
                        text: &text[first.start..until],
                        tokens: std::mem::take(&mut tokens),
                    });
                }
                if end.is_none() {
                    return Ok(pieces);
                }
            }
        }
    }
}

/// Returns the first four words, in lower case. Missing ones are empty.
fn first_words(tokens: &[Token<'_>]) -> [String; 4] {
    let mut words = tokens
        .iter()
        .skip_while(|token| token.kind == Kind::Open)
        .map_while(|token| match token.kind {
            Kind::Word(word) => Some(word.to_ascii_lowercase()),
            _ => None,
        });
    [(); 4].map(|()| words.next().unwrap_or_default())
}

fn is_dml(first: &str) -> bool {
    matches!(
        first,
        "select" | "insert" | "update" | "delete" | "with" | "values"
    )
}

fn is_schema_change(first: &[String; 4]) -> bool {
    match first.each_ref().map(String::as_str) {
        ["comment" | "truncate" | "analyze" | "reindex", ..] => true,
        ["create", "or", "replace", object] => object == "view",
        ["create", "unique", object, _] => object == "index",
        ["refresh", object, ..] => object == "materialized",
        ["create" | "drop", "rule", ..] => true,
        ["create" | "alter" | "drop", object, ..] => matches!(
            object,
            "table"
                | "index"
                | "view"
                | "sequence"
                | "type"
                | "domain"
                | "statistics"
                | "materialized"
        ),
        _ => false,
    }
}

/// Refuses a rule that does something other than to add one change of rows to another: a rule can also
/// turn a table into a view, replace a statement, or send a notification.
fn rule(tokens: &[Token<'_>]) -> Result<(), String> {
    let is = |index: usize, words: &[&str]| {
        let kind = tokens.get(index).map(|token| &token.kind);
        matches!(kind, Some(Kind::Word(word)) if words.iter().any(|one| word.eq_ignore_ascii_case(one)))
    };
    const CHANGES: [&str; 3] = ["insert", "update", "delete"];
    // `create rule NAME as on EVENT to TABLE … do also …`. DO is a reserved word.
    let begins = is(3, &["as"]) && is(4, &["on"]) && is(5, &CHANGES) && is(6, &["to"]);
    let action = (0..tokens.len()).find(|index| is(*index, &["do"]));
    let adds = action.is_some_and(|at| is(at + 1, &["also"]) && is(at + 2, &CHANGES));
    match begins && adds {
        true => Ok(()),
        false => Err(
            "a rule is written `create rule NAME as on INSERT|UPDATE|DELETE to TABLE do also …`, with \
             one INSERT, UPDATE or DELETE at the end"
                .into(),
        ),
    }
}

/// Refuses whatever could access something other than the logic's tables.
fn check(tokens: &[Token<'_>]) -> Result<(), String> {
    let mut before = "";
    for token in tokens {
        let word = match token.kind {
            Kind::Word(word) => word,
            Kind::Quoted(name) => {
                name_allowed(name)?;
                ""
            }
            _ => "",
        };
        if word.eq_ignore_ascii_case("into") && !before.eq_ignore_ascii_case("insert") {
            return Err(format!("SELECT INTO creates a table; {REQUEST_STATEMENTS}"));
        }
        name_allowed(word)?;
        before = word;
    }
    Ok(())
}

/// Functions that access the session, other sessions or large objects, or that run a text as SQL.
/// Sorted. All names that begin with `pg_` are refused too, because PostgreSQL reserves them.
const FUNCTIONS: [&str; 31] = [
    "current_setting",
    "currtid2",
    "currval",
    "gin_clean_pending_list",
    "lastval",
    "lo_close",
    "lo_creat",
    "lo_create",
    "lo_export",
    "lo_from_bytea",
    "lo_get",
    "lo_import",
    "lo_lseek",
    "lo_lseek64",
    "lo_open",
    "lo_put",
    "lo_tell",
    "lo_tell64",
    "lo_truncate",
    "lo_truncate64",
    "lo_unlink",
    "loread",
    "lowrite",
    "set_config",
    "setseed",
    "setval",
    "ts_rewrite",
    "ts_stat",
    "txid_current",
    "txid_status",
    "unique_key_recheck",
];

fn name_allowed(name: &str) -> Result<(), String> {
    let name = name.to_ascii_lowercase();
    if name == "task_host" || name.starts_with("task_host_") {
        return Err(stop::host_name(&name));
    }
    let reserved = name.starts_with("pg_")
        || name.starts_with("txid_")
        || name.starts_with("brin_")
        || name.starts_with("binary_upgrade_")
        || name.contains("_to_xml")
        || name == "information_schema"
        || FUNCTIONS.binary_search(&name.as_str()).is_ok();
    match reserved {
        true => Err(format!("{name} belongs to PostgreSQL")),
        false => Ok(()),
    }
}

fn parameters(tokens: &[Token<'_>]) -> Result<Vec<u16>, String> {
    let mut numbers = Vec::new();
    for token in tokens {
        let Kind::Parameter(digits) = token.kind else {
            continue;
        };
        numbers.push(rules::number(digits)?);
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

/// Whether a token names a function, or a kind of sample, that draws random numbers.
fn is_chance(token: &Token<'_>) -> bool {
    const NAMES: [&str; 6] = [
        "gen_random_uuid",
        "random",
        "random_normal",
        "tablesample",
        "uuidv4",
        "uuidv7",
    ];
    let (Kind::Word(name) | Kind::Quoted(name)) = token.kind else {
        return false;
    };
    NAMES.iter().any(|chance| name.eq_ignore_ascii_case(chance))
}

/// Whether the statement itself changes rows. After WITH, the first verb outside of parentheses
/// decides.
fn changes(tokens: &[Token<'_>]) -> bool {
    let mut depth = 0_usize;
    for token in tokens {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Word(word) if depth == 0 => match word.to_ascii_lowercase().as_str() {
                "insert" | "update" | "delete" => return true,
                "select" | "values" => return false,
                _ => {}
            },
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_functions_is_sorted_for_the_binary_search() {
        assert!(FUNCTIONS.is_sorted());
    }

    #[test]
    fn a_statement_is_recognized_by_its_first_word() {
        for text in [
            "select 1",
            "  -- x\n(SELECT 1) union (select 2)",
            "with a as (select 1) select * from a",
            "values (1); -- the end",
            "insert into notes (title) values ('into; drop table x')",
            "delete from notes where title = 'pg_sleep'",
        ] {
            assert!(statement(text).is_ok(), "{text}");
        }
        for text in ["create table x ()", "set a = 1", "table x", "'x'", "$1"] {
            assert_eq!(
                statement(text),
                Err(REQUEST_STATEMENTS.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn each_parameter_is_listed_once() {
        let shape = statement("select $2, $1, $2, '$7', $12").unwrap();
        assert_eq!(shape.parameters, [1, 2, 12]);
        for (text, words) in [
            ("select $0", "write $1, $2 and so on"),
            ("select $01", "write $1, $2 and so on"),
            ("select $2001", "at most 2000 parameters"),
            ("select $99999999", "at most 2000 parameters"),
        ] {
            let reason = statement(text).unwrap_err();
            assert!(reason.contains(words), "{reason}");
        }
    }

    #[test]
    fn statements_that_report_changed_rows_are_recognized() {
        for (text, changes) in [
            ("select 1", false),
            ("update notes set rank = 1 returning id", true),
            (
                "with a as (select 1) insert into notes select * from a",
                true,
            ),
            (
                "with a as (delete from notes returning id) select * from a",
                false,
            ),
        ] {
            assert_eq!(statement(text).unwrap().counts_changes, changes, "{text}");
        }
    }

    #[test]
    fn a_migration_is_split_where_its_statements_end() {
        let text = "create table a (b text default ';'); -- x;\n insert into a values ($$;$$) ;;";
        assert_eq!(
            migration(text).unwrap(),
            [
                "create table a (b text default ';')",
                "insert into a values ($$;$$) "
            ]
        );
        assert_eq!(migration(" -- nothing\n ").unwrap(), [""; 0]);
    }

    #[test]
    fn a_migration_cannot_create_code() {
        for text in [
            "create function a() returns int language sql as 'select 1'",
            "create or replace function a() returns int language sql as 'select 1'",
            "CREATE OR REPLACE PROCEDURE a() LANGUAGE sql AS ''",
            "create trigger a after insert on b execute function c()",
            "create constraint trigger a after insert on b execute function c()",
            "create rule a as on insert to b do nothing",
            "do $$ begin end $$",
            "create temp table a ()",
            "create role a",
            "grant all on a to public",
            "commit",
            "set role none",
            "copy a from '/etc/passwd'",
        ] {
            assert!(migration(text).is_err(), "{text}");
        }
        assert_eq!(
            migration("set a = 1").unwrap_err(),
            "set a … is not allowed in a migration"
        );
    }

    #[test]
    fn a_rule_may_only_add_one_change_of_rows() {
        for text in [
            "create rule a as on insert to b do also insert into c select new.x",
            "CREATE RULE a AS ON DELETE TO b WHERE old.x > 0 DO ALSO UPDATE c SET n = n - 1",
            "create rule a as on update to b do also insert into c values (1) on conflict do nothing",
            "drop rule a on b",
        ] {
            assert!(migration(text).is_ok(), "{text}");
        }
        for text in [
            "create rule a as on insert to b do nothing",
            "create rule a as on insert to b do also notify c",
            "create rule a as on insert to b do also select 1",
            "create rule a as on insert to b do also (insert into c values (1))",
            "create rule a as on insert to b do insert into c values (1)",
            "create rule a as on insert to b do instead delete from c",
            "create rule \"_RETURN\" as on select to b do instead select 1",
            "create or replace rule a as on insert to b do also insert into c values (1)",
            "create rule a as on insert to b do also insert into c select pg_sleep(1)",
            "create rule a as on insert to b do also delete from task_host.answers",
            "alter rule a on b rename to c",
        ] {
            assert!(migration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reserved_names_are_refused_however_they_are_written() {
        for text in [
            "select pg_sleep(1)",
            "select PG_SLEEP(1)",
            "select \"pg_sleep\"(1)",
            "select pg_catalog.lower('x')",
            "select set_config('role', 'none', false)",
            "select * from task_host.answers",
            "select * from \"task_host\".answers",
            "select query_to_xml('select 1', true, true, '')",
            "select 1 into mine",
            "with a as (select 1) select * into mine from a",
        ] {
            assert!(statement(text).is_err(), "{text}");
        }
        for text in [
            "select pgtable, task_hosts from lo_res",
            "select 'pg_sleep'",
        ] {
            assert!(statement(text).is_ok(), "{text}");
        }
    }
}
