//! Parameters, values, failures by cause, limits and deadlines.

use std::time::{Duration, Instant};

use contract::Access;
use storage::{Budget, Cause, Limit, Span, Usage};

use super::*;

conformance! {
    parameters_bind_by_number_out_of_order_and_repeated,
    other_parameters_and_missing_ones_are_refused,
    values_are_returned_as_they_were_given,
    the_columns_of_a_result_have_names,
    sums_of_integers_are_integers_and_averages_are_reals,
    a_statement_returns_its_rows_and_how_many_it_changed,
    each_violated_constraint_has_its_cause_and_its_name,
    a_call_runs_one_statement,
    each_limit_ends_the_transaction,
    a_deadline_interrupts_an_endless_statement,
    texts_that_take_long_to_prepare_are_refused_or_end_at_the_deadline,
    parameters_and_lengths_have_a_maximum,
    an_id_is_never_used_again,
}

async fn refusal(engine: Engine, statement: &str, params: &[Value]) -> String {
    let database = fresh(engine).await;
    let mut writing = writer(&*database).await;
    let failure = writing.query(statement, params).await.unwrap().unwrap_err();
    assert_eq!((failure.cause, &failure.constraint), (Cause::Other, &None));
    failure.detail
}

async fn parameters_bind_by_number_out_of_order_and_repeated(engine: Engine) {
    let database = fresh(engine).await;
    let mut reading = reader(&*database).await;
    let params = [Value::Integer(1), Value::Integer(2), Value::Integer(3)];
    for _ in 0..2 {
        let rows = reading
            .query("SELECT $2, $1, $2", &params)
            .await
            .unwrap()
            .unwrap();
        let expected = [Cell::Integer(2), Cell::Integer(1), Cell::Integer(2)];
        assert_eq!((rows.width, &rows.cells[..]), (3, &expected[..]));
    }
}

async fn other_parameters_and_missing_ones_are_refused(engine: Engine) {
    let one = [Value::Integer(1)];
    // In PostgreSQL the other names are operators without a left operand.
    let names: &[&str] = match engine {
        Engine::Sqlite => &["?", "?1", ":a", "@a", "$a", "$0", "$01"],
        Engine::Postgres => &["$0", "$01"],
    };
    for name in names {
        let detail = refusal(engine, &format!("SELECT {name}"), &one).await;
        assert!(
            detail.ends_with("is not a parameter; write $1, $2 and so on"),
            "{detail}"
        );
    }
    let detail = refusal(engine, "SELECT $1, $3", &one).await;
    assert_eq!(detail, "the statement uses $3 but has 1 parameters");
    let detail = refusal(engine, "SELECT $1", &[text("a\0b")]).await;
    assert_eq!(detail, "$1 contains U+0000");
    let detail = refusal(engine, "SELECT $1", &[Value::Real(f64::NAN)]).await;
    assert_eq!(detail, "$1 is NaN");
}

async fn values_are_returned_as_they_were_given(engine: Engine) {
    let database = fresh(engine).await;
    let mut reading = reader(&*database).await;
    let params = [
        Value::Null,
        Value::Boolean(true),
        Value::Integer(i64::MIN),
        Value::Real(0.1),
        text("grün"),
        Value::Blob(vec![0, 255]),
        text(""),
        Value::Blob(vec![]),
    ];
    let statement = "SELECT $1, $2, $3, $4, $5, $6, $7, $8";
    let rows = reading.query(statement, &params).await.unwrap().unwrap();
    let span = |start, len| Span { start, len };
    assert_eq!(
        rows.cells,
        [
            Cell::Null,
            match engine {
                Engine::Sqlite => Cell::Integer(1),
                Engine::Postgres => Cell::Boolean(true),
            },
            Cell::Integer(i64::MIN),
            Cell::Real(0.1),
            Cell::Text(span(0, 5)),
            Cell::Blob(span(5, 2)),
            Cell::Text(span(7, 0)),
            Cell::Blob(span(7, 0)),
        ]
    );
    assert_eq!(
        rows.heap,
        "grün\u{0}".bytes().chain([255]).collect::<Vec<_>>()
    );
}

async fn the_columns_of_a_result_have_names(engine: Engine) {
    let database = fresh(engine).await;
    let mut reading = reader(&*database).await;
    let statement = " SELECT 1 AS one, 'x' AS \"Two\" ";
    reading.query(statement, &[]).await.unwrap().unwrap();
    assert_eq!(reading.columns(statement).await, ["one", "Two"]);
    // It is no statement of the logic, so it is not charged.
    assert_eq!(reading.usage().statements, 1);
    let failed = reading.query("SELECT nothing FROM nowhere", &[]).await;
    assert!(failed.unwrap().is_err());
    assert_eq!(reading.columns("SELECT 1 AS one").await, [""; 0]);
}

async fn sums_of_integers_are_integers_and_averages_are_reals(engine: Engine) {
    let database = fresh(engine).await;
    let mut reading = reader(&*database).await;
    let statement = "WITH n (i) AS (VALUES (1), (2)) SELECT sum(i), avg(i), count(*) FROM n";
    let rows = query(&mut *reading, statement).await.unwrap();
    assert_eq!(
        rows.cells,
        [Cell::Integer(3), Cell::Real(1.5), Cell::Integer(2)]
    );
    assert_eq!(
        refusal(
            engine,
            "SELECT sum(i) FROM (SELECT $1 AS i UNION ALL SELECT 1) AS n",
            &[Value::Integer(i64::MAX)]
        )
        .await,
        "integer overflow"
    );
    if engine == Engine::Sqlite {
        // In PostgreSQL every text is UTF-8.
        assert_eq!(
            refusal(engine, "SELECT CAST(x'ff' AS TEXT)", &[]).await,
            "a text in the result is not UTF-8"
        );
    }
}

async fn a_statement_returns_its_rows_and_how_many_it_changed(engine: Engine) {
    let database = fresh(engine).await;
    let mut writing = writer(&*database).await;
    let two = "INSERT INTO notes (title) VALUES ('a'), ('b')";
    assert_eq!(execute(&mut *writing, two).await, Ok(2));
    assert_eq!(execute(&mut *writing, "SELECT 1").await, Ok(0));
    let update = "UPDATE notes SET rank = 1 RETURNING id";
    let rows = query(&mut *writing, update).await.unwrap();
    assert_eq!(
        (rows.width, rows.cells),
        (1, vec![Cell::Integer(1), Cell::Integer(2)])
    );
    assert_eq!(execute(&mut *writing, update).await, Ok(2));
    let none = query(&mut *writing, "SELECT id, title FROM notes WHERE id = 9")
        .await
        .unwrap();
    assert_eq!((none.width, none.cells.len()), (2, 0));
    assert_eq!(
        execute(&mut *writing, "DELETE FROM notes WHERE id = 9").await,
        Ok(0)
    );
    assert_eq!(execute(&mut *writing, "DELETE FROM notes").await, Ok(2));
}

async fn each_violated_constraint_has_its_cause_and_its_name(engine: Engine) {
    let database = fresh(engine).await;
    write(&*database, "INSERT INTO notes (title) VALUES ('a')").await;
    write(
        &*database,
        "INSERT INTO marks (note, label) VALUES (1, 'x')",
    )
    .await;
    // PostgreSQL reports a constraint's name, SQLite its columns.
    let named = |sqlite, postgres| match engine {
        Engine::Sqlite => sqlite,
        Engine::Postgres => Some(postgres),
    };
    for (statement, cause, constraint) in [
        (
            "INSERT INTO notes (title) VALUES ('a')",
            Cause::Unique,
            named(Some("notes.title"), "notes_title_key"),
        ),
        (
            "INSERT INTO notes (id, title) VALUES (1, 'b')",
            Cause::Unique,
            named(Some("notes.id"), "notes_pkey"),
        ),
        (
            "INSERT INTO marks VALUES (1, 'x')",
            Cause::Unique,
            named(Some("marks.note, marks.label"), "marks_pkey"),
        ),
        (
            "INSERT INTO notes (title, rank) VALUES ('b', 0)",
            Cause::Check,
            Some("rank_is_positive"),
        ),
        (
            "INSERT INTO notes (title) VALUES (NULL)",
            Cause::NotNull,
            Some("notes.title"),
        ),
        (
            "INSERT INTO marks VALUES (9, 'x')",
            Cause::ForeignKey,
            named(None, "marks_note_fkey"),
        ),
        (
            "DELETE FROM notes",
            Cause::ForeignKey,
            named(None, "marks_note_fkey"),
        ),
        (
            "INSERT INTO notes (id, title) VALUES ('x', 'b')",
            Cause::Other,
            None,
        ),
        ("SELEKT 1", Cause::Other, None),
        ("SELECT * FROM nothing", Cause::Other, None),
    ] {
        let mut writing = writer(&*database).await;
        let failure = execute(&mut *writing, statement).await.unwrap_err();
        assert_eq!(failure.cause, cause, "{statement}");
        assert_eq!(failure.constraint.as_deref(), constraint, "{statement}");
        assert!(!failure.detail.is_empty());
    }
}

async fn a_call_runs_one_statement(engine: Engine) {
    let several = "a call runs one statement, and the text has several";
    assert_eq!(refusal(engine, "SELECT 1; SELECT 2", &[]).await, several);
    assert_eq!(
        refusal(engine, "SELECT 1; ; -- x\n SELECT 2", &[]).await,
        several
    );
    for nothing in ["", "  ", ";", "-- x", "/* x */"] {
        assert_eq!(
            refusal(engine, nothing, &[]).await,
            "the text contains no statement"
        );
    }
    assert_eq!(
        refusal(engine, "SELECT 1 \0 x", &[]).await,
        "a statement may not contain U+0000"
    );
    let database = fresh(engine).await;
    let mut reading = reader(&*database).await;
    assert_eq!(
        integer(&mut *reading, " SELECT 1; -- the end\n ; ").await,
        1
    );
}

async fn each_limit_ends_the_transaction(engine: Engine) {
    let three_rows = "VALUES ('abc'), ('abc'), ('abc')";
    for (budget, limit) in [
        (
            Budget {
                statements: 1,
                ..generous()
            },
            Limit::Statements,
        ),
        (
            Budget {
                rows: 5,
                ..generous()
            },
            Limit::Rows,
        ),
        (
            Budget {
                bytes: 17,
                ..generous()
            },
            Limit::Bytes,
        ),
    ] {
        let database = fresh(engine).await;
        let mut limited = database.begin(Access::Write, budget).await.unwrap();
        assert_eq!(
            query(&mut *limited, three_rows).await.unwrap().cells.len(),
            3
        );
        let used = Usage {
            statements: 1,
            rows: 3,
            bytes: 9,
        };
        assert_eq!(limited.usage(), used);
        assert_eq!(
            limited.query(three_rows, &[]).await,
            Err(Error::Limit(limit))
        );
        assert!(limited.spent());
        assert_eq!(
            limited.query("SELECT 1", &[]).await,
            Err(Error::Limit(limit))
        );
        assert_eq!(limited.commit().await, Err(Error::Limit(limit)));
    }
}

async fn a_deadline_interrupts_an_endless_statement(engine: Engine) {
    let database = fresh(engine).await;
    let endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                   SELECT max(i) FROM n";
    for access in [Access::Read, Access::Write] {
        let begun = Instant::now();
        let deadline = begun + Duration::from_millis(300);
        let budget = Budget {
            deadline,
            ..generous()
        };
        let mut late = database.begin(access, budget).await.unwrap();
        assert_eq!(late.query(endless, &[]).await, Err(Error::Deadline));
        assert_eq!(late.query("SELECT 1", &[]).await, Err(Error::Deadline));
        // The rest of the time may have been spent on opening a connection.
        assert!(late.busy() >= Duration::from_millis(40));
        assert_eq!(late.commit().await, Err(Error::Deadline));
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    // The connections can be used again.
    write(&*database, "INSERT INTO notes (title) VALUES ('a')").await;
    assert_eq!(notes(&*database).await, 1);
}

/// Repeats a part of a statement with ascending numbers.
fn list(count: usize, part: impl Fn(usize) -> String) -> String {
    (1..=count).map(part).collect::<Vec<_>>().join(",")
}

async fn texts_that_take_long_to_prepare_are_refused_or_end_at_the_deadline(engine: Engine) {
    let database = fresh(engine).await;
    let windows = list(3500, |n| format!("sum(rank) OVER (ORDER BY rank + {n})"));
    let names = list(1999, |n| format!("${n}"));
    let expressions = list(8000, |n| format!("c{n} AS (SELECT {n})"));
    let texts = [
        format!("SELECT rank IN ({windows}) FROM notes"),
        format!(
            "SELECT 1 FROM notes WHERE rank IN ({names},{})",
            list(40_000, |_| "$2000".into())
        ),
        format!(
            "SELECT 1 FROM notes WHERE rank IN ({})",
            list(120_000, |_| "1".into())
        ),
        format!(
            "INSERT INTO marks VALUES {}",
            list(20_000, |n| format!("({n},'')"))
        ),
        format!("WITH {expressions} SELECT 1"),
        format!("SELECT {}1{}", "(".repeat(120_000), ")".repeat(120_000)),
        format!(
            "SELECT 1 FROM {}",
            list(15_000, |n| format!("notes AS n{n}"))
        ),
        vec!["SELECT 1"; 15_000].join(" UNION "),
        format!("SELECT {}", vec!["1"; 100_000].join("+")),
        format!(
            "SELECT rank FROM notes WHERE {}",
            vec!["rank=1"; 25_000].join(" OR ")
        ),
        format!("SELECT {}1", "-- (\n".repeat(40_000)),
    ];
    let params = vec![Value::Integer(1); 2000];
    for text in texts {
        assert!(text.len() <= 256 << 10, "{}", text.len());
        let begun = Instant::now();
        let budget = Budget {
            deadline: begun + Duration::from_secs(1),
            ..generous()
        };
        let mut writing = database.begin(Access::Write, budget).await.unwrap();
        let outcome = writing.query(&text, &params).await;
        let (took, start) = (begun.elapsed(), &text[..40]);
        // The rest is for a busy machine.
        assert!(took < Duration::from_secs(8), "{start}: {took:?}");
        assert!(
            matches!(outcome, Ok(_) | Err(Error::Deadline)),
            "{start}: {outcome:?}"
        );
    }
}

async fn parameters_and_lengths_have_a_maximum(engine: Engine) {
    let database = fresh(engine).await;
    let params = vec![Value::Integer(1); 2000];
    let count = |number| {
        format!(
            "SELECT count(*) FROM notes WHERE rank IN ({})",
            list(number, |n| format!("${n}"))
        )
    };
    let mut reading = reader(&*database).await;
    reading.query(&count(2000), &params).await.unwrap().unwrap();
    let detail = refusal(engine, &count(2001), &params).await;
    assert!(
        detail.contains("a statement has at most 2000 parameters"),
        "{detail}"
    );
    let longest = format!("SELECT '{}'", "x".repeat((256 << 10) - 9));
    reading.query(&longest, &[]).await.unwrap().unwrap();
    let detail = refusal(engine, &format!("{longest}/**/"), &[]).await;
    assert_eq!(
        detail,
        "the statement has 262148 bytes, more than 262144; pass values as parameters"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_slow_statement_does_not_block_the_worker_thread() {
    let database = fresh(Engine::Sqlite).await;
    let slow = tokio::spawn(async move {
        let deadline = Instant::now() + Duration::from_secs(2);
        let budget = Budget {
            deadline,
            ..generous()
        };
        let mut slow = database.begin(Access::Read, budget).await.unwrap();
        let endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i FROM n) \
                       SELECT count(*) FROM n";
        slow.query(endless, &[]).await.unwrap_err()
    });
    let others = tokio::spawn(async {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    });
    others.await.unwrap();
    assert!(!slow.is_finished());
    assert_eq!(slow.await.unwrap(), Error::Deadline);
}

#[tokio::test]
async fn a_function_call_takes_linear_time() {
    let database = fresh(Engine::Sqlite).await;
    let mut reading = reader(&*database).await;
    // SQLite's own functions would need minutes to days for each.
    let long = "printf('%.*c', 4000000, 'a')";
    let part = "printf('%.*c', 2000000, 'a') || 'b'";
    for (statement, expected) in [
        (format!("SELECT instr({long}, {part})"), 0),
        (
            format!("SELECT length(replace({long}, {part}, ''))"),
            4_000_000,
        ),
        (format!("SELECT length(trim({long}, {part} || 'c'))"), 0),
        (
            format!("SELECT length(rtrim({long} || 'x', {part}))"),
            4_000_001,
        ),
    ] {
        let begun = Instant::now();
        assert_eq!(integer(&mut *reading, &statement).await, expected);
        assert!(begun.elapsed() < Duration::from_secs(30), "{statement}");
    }
}

#[tokio::test]
async fn the_replaced_functions_return_the_same_as_sqlites_own() {
    let database = fresh(Engine::Sqlite).await;
    for (expression, expected) in [
        ("instr('späte', 't')", "4"),
        ("instr(x'c3a4c3a4', x'a4')", "2"),
        ("instr('abc', '')", "1"),
        ("instr('abc', 'd')", "0"),
        ("instr(1234, 3)", "3"),
        ("instr(NULL, 'a') IS NULL", "1"),
        ("replace('a-b-c', '-', '+ ')", "a+ b+ c"),
        ("replace('aaa', 'aa', 'b')", "ba"),
        ("replace('abc', '', 'x')", "abc"),
        ("replace(101, 0, 2)", "121"),
        ("replace('abc', NULL, 'x') IS NULL", "1"),
        ("trim('  a b  ')", "a b"),
        ("trim('xyäaäyx', 'äxy')", "a"),
        ("ltrim('00100', 0)", "100"),
        ("rtrim('00100', '0')", "001"),
        ("trim('aaa', 'a')", ""),
        ("trim('abc', '')", "abc"),
    ] {
        let mut reading = reader(&*database).await;
        let statement = format!("SELECT CAST({expression} AS TEXT)");
        let rows = query(&mut *reading, &statement).await.unwrap();
        assert_eq!(
            String::from_utf8_lossy(&rows.heap),
            expected,
            "{expression}"
        );
    }
}

#[tokio::test]
async fn common_statements_are_allowed() {
    let database = fresh(Engine::Sqlite).await;
    let mut writing = writer(&*database).await;
    for statement in [
        "INSERT INTO notes (title, rank) VALUES ('a', 1), ('b', 2) ON CONFLICT DO NOTHING",
        "INSERT INTO notes (title) VALUES ('a') ON CONFLICT (title) DO UPDATE SET rank = 3",
        "UPDATE notes SET rank = n.i FROM (SELECT 5 AS i) AS n WHERE title = 'a'",
        "SELECT value FROM json_each('[1, 2]') ORDER BY value",
        "SELECT notes.id FROM notes, json_tree('[1]') AS j WHERE j.atom = notes.id",
        "SELECT title, row_number() OVER (ORDER BY rank) FROM notes",
        "SELECT json_group_array(title), group_concat(title, ', ') FROM notes GROUP BY rank",
        "SELECT '{\"a\": 1}' ->> 'a', lower('A') || upper('b'), coalesce(NULL, 1)",
        "SELECT strftime('%Y', 0, 'unixepoch'), CURRENT_TIMESTAMP, round(1.234, 2)",
        "SELECT title FROM notes WHERE title LIKE 'a%' ESCAPE '\\' OR title GLOB 'b*'",
        "WITH RECURSIVE up (i) AS (SELECT 1 UNION SELECT i + 1 FROM up WHERE i < 9) \
         SELECT CASE WHEN i % 2 = 0 THEN 'even' ELSE 'odd' END, count(*) FROM up GROUP BY 1",
        "SELECT * FROM notes AS n LEFT JOIN marks AS m ON m.note = n.id WHERE n.id IN (1, 2) \
         UNION ALL SELECT 1, 2, 3, 4, 5 LIMIT 9 OFFSET 0",
        "DELETE FROM marks WHERE note NOT IN (SELECT id FROM notes) RETURNING label",
    ] {
        if let Err(failure) = query(&mut *writing, statement).await {
            panic!("{statement}: {}", failure.detail);
        }
    }
    writing.commit().await.unwrap();
}

async fn an_id_is_never_used_again(engine: Engine) {
    let database = fresh(engine).await;
    write(&*database, "INSERT INTO notes (title) VALUES ('a'), ('b')").await;
    write(&*database, "DELETE FROM notes").await;
    let mut writing = writer(&*database).await;
    let again = "INSERT INTO notes (title) VALUES ('c') RETURNING id";
    assert_eq!(integer(&mut *writing, again).await, 3);
}
