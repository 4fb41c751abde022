//! Atomicity, snapshots, the order of writers, and spent transactions.

use std::time::{Duration, Instant};

use contract::Access;
use storage::{Budget, Cause, Effects, Error};
use tokio::task::JoinSet;

use super::*;

conformance! {
    a_commit_keeps_everything_and_a_drop_keeps_nothing,
    a_transaction_sees_its_own_writes_and_a_reader_its_snapshot,
    a_read_transaction_changes_nothing,
    a_write_that_runs_alone_conflicts_with_no_other,
    the_logic_sees_a_broken_key_only_with_the_row_in_the_way,
    a_failed_statement_spends_the_transaction,
    a_deferred_constraint_is_the_logics_fault_at_the_commit,
    a_rehearsal_finds_what_a_commit_would_find_and_keeps_nothing,
    going_back_to_a_mark_undoes_rows_ids_events_and_failures,
    a_read_keeps_its_snapshot_when_it_goes_back_to_a_mark,
    what_has_ended_a_transaction_otherwise_is_not_undone,
    the_effects_since_a_mark_are_changed_rows_and_events,
    rows_count_that_a_statement_changes_in_other_tables,
}

async fn a_commit_keeps_everything_and_a_drop_keeps_nothing(engine: Engine) {
    let database = fresh(engine).await;
    let mut kept = writer(&*database).await;
    execute(&mut *kept, "INSERT INTO notes (title) VALUES ('a')")
        .await
        .unwrap();
    execute(&mut *kept, "INSERT INTO notes (title) VALUES ('b')")
        .await
        .unwrap();
    kept.commit().await.unwrap();
    let mut dropped = writer(&*database).await;
    execute(&mut *dropped, "INSERT INTO notes (title) VALUES ('c')")
        .await
        .unwrap();
    drop(dropped);
    let mut undone = writer(&*database).await;
    execute(&mut *undone, "DELETE FROM notes").await.unwrap();
    undone.rollback().await.unwrap();
    assert_eq!(notes(&*database).await, 2);
}

async fn a_transaction_sees_its_own_writes_and_a_reader_its_snapshot(engine: Engine) {
    let database = fresh(engine).await;
    let mut snapshot = reader(&*database).await;
    assert_eq!(
        integer(&mut *snapshot, "SELECT count(*) FROM notes").await,
        0
    );
    let mut writing = writer(&*database).await;
    execute(&mut *writing, "INSERT INTO notes (title) VALUES ('a')")
        .await
        .unwrap();
    assert_eq!(
        integer(&mut *writing, "SELECT count(*) FROM notes").await,
        1
    );
    assert_eq!(notes(&*database).await, 0);
    writing.commit().await.unwrap();
    assert_eq!(
        integer(&mut *snapshot, "SELECT count(*) FROM notes").await,
        0
    );
    assert_eq!(notes(&*database).await, 1);
}

async fn a_read_transaction_changes_nothing(engine: Engine) {
    let database = fresh(engine).await;
    let mut reading = reader(&*database).await;
    let failure = execute(&mut *reading, "INSERT INTO notes (title) VALUES ('a')").await;
    assert_eq!(failure.unwrap_err().detail, "the route's access is read");
    let mut reading = reader(&*database).await;
    let failure = query(
        &mut *reading,
        "INSERT INTO notes (title) VALUES ('a') RETURNING id",
    )
    .await;
    assert_eq!(failure.unwrap_err().cause, Cause::Other);
    drop(reading);
    assert_eq!(notes(&*database).await, 0);
}

async fn a_write_that_runs_alone_conflicts_with_no_other(engine: Engine) {
    let database = fresh(engine).await;
    let began = |attempt| {
        let database = database.clone();
        tokio::spawn(async move {
            loop {
                let budget = Budget {
                    attempt,
                    ..generous()
                };
                match database.begin(Access::Write, budget).await {
                    // It was not its turn in time.
                    Err(Error::Conflict) => {}
                    began => break began.unwrap(),
                }
            }
        })
    };
    let count = "SELECT count(*) FROM notes";
    let insert = |title| format!("INSERT INTO notes (title) VALUES ('{title}')");
    let mut first = began(Attempt::First).await.unwrap();
    let mut alone = began(Attempt::Alone);
    // It waits for the first one, and then sees what that one wrote.
    let early = tokio::time::timeout(Duration::from_millis(50), &mut alone).await;
    assert!(early.is_err());
    assert_eq!(integer(&mut *first, count).await, 0);
    execute(&mut *first, &insert("first")).await.unwrap();
    first.commit().await.unwrap();
    let mut alone = alone.await.unwrap();
    // Another one waits until it has ended, and then sees what it wrote.
    let mut last = began(Attempt::First);
    let early = tokio::time::timeout(Duration::from_millis(50), &mut last).await;
    assert!(early.is_err());
    assert_eq!(integer(&mut *alone, count).await, 1);
    execute(&mut *alone, &insert("alone")).await.unwrap();
    alone.commit().await.unwrap();
    let mut last = last.await.unwrap();
    assert_eq!(integer(&mut *last, count).await, 2);
    last.commit().await.unwrap();
}

async fn the_logic_sees_a_broken_key_only_with_the_row_in_the_way(engine: Engine) {
    let database = fresh(engine).await;
    let begin = async |attempt| {
        let budget = Budget {
            attempt,
            ..generous()
        };
        database.begin(Access::Write, budget).await.unwrap()
    };
    let insert = "INSERT INTO notes (title) VALUES ('a')";
    let mut writing = begin(Attempt::First).await;
    match engine {
        // The other write begins when this one has ended, and sees its row.
        Engine::Sqlite => {
            execute(&mut *writing, insert).await.unwrap();
            writing.commit().await.unwrap();
            let mut other = begin(Attempt::First).await;
            let failure = execute(&mut *other, insert).await.unwrap_err();
            assert_eq!(failure.cause, Cause::Unique);
        }
        // The other write has its snapshot already.
        Engine::Postgres => {
            let mut other = begin(Attempt::First).await;
            let count = "SELECT count(*) FROM marks";
            assert_eq!(integer(&mut *other, count).await, 0);
            execute(&mut *writing, insert).await.unwrap();
            writing.commit().await.unwrap();
            assert_eq!(other.execute(insert, &[]).await, Err(Error::BrokenKey));
        }
    }
    for attempt in [Attempt::Repeated, Attempt::Alone] {
        let mut later = begin(attempt).await;
        let failure = execute(&mut *later, insert).await.unwrap_err();
        assert_eq!(failure.cause, Cause::Unique);
    }
    // Other failures are the logic's in each attempt.
    let mut first = begin(Attempt::First).await;
    let failure = execute(&mut *first, "INSERT INTO notes (title) VALUES (NULL)").await;
    assert_eq!(failure.unwrap_err().cause, Cause::NotNull);
}

#[tokio::test]
async fn writers_are_served_in_order_of_arrival() {
    let database = fresh(Engine::Sqlite).await;
    let first = writer(&*database).await;
    let mut waiting = JoinSet::new();
    for number in 0..8_u64 {
        let queue = database.clone();
        waiting.spawn(async move {
            write(
                &*queue,
                &format!("INSERT INTO notes (title) VALUES ('{number}')"),
            )
            .await;
        });
        // The next one arrives after this one has joined the queue.
        while database
            .stats()
            .writer_waiting
            .load(std::sync::atomic::Ordering::SeqCst)
            <= number
        {
            tokio::task::yield_now().await;
        }
    }
    drop(first);
    waiting.join_all().await;
    let mut reading = reader(&*database).await;
    let in_order = "SELECT count(*) FROM notes WHERE CAST(title AS INTEGER) = id - 1";
    assert_eq!(integer(&mut *reading, in_order).await, 8);
}

#[tokio::test]
async fn waiting_for_the_writer_ends_at_the_limit_or_the_deadline() {
    let database = fresh(Engine::Sqlite).await;
    let held = writer(&*database).await;
    let begun = Instant::now();
    let wait = Duration::from_millis(30);
    let short = Budget {
        wait_until: begun + wait,
        ..generous()
    };
    assert_eq!(
        database.begin(Access::Write, short).await.err(),
        Some(Error::Busy)
    );
    assert!(begun.elapsed() >= wait);
    let deadline = Budget {
        deadline: Instant::now() + wait,
        ..generous()
    };
    assert_eq!(
        database.begin(Access::Write, deadline).await.err(),
        Some(Error::Busy)
    );
    assert!(begun.elapsed() < Duration::from_secs(30));
    drop(held);
    drop(database.begin(Access::Write, short).await.unwrap());
}

#[tokio::test]
async fn a_write_that_stops_waiting_does_not_block_the_queue() {
    let database = fresh(Engine::Sqlite).await;
    let held = writer(&*database).await;
    let gone = tokio::time::timeout(Duration::from_millis(10), writer(&*database));
    assert!(gone.await.is_err());
    drop(held);
    write(&*database, "INSERT INTO notes (title) VALUES ('a')").await;
    assert_eq!(notes(&*database).await, 1);
}

async fn a_failed_statement_spends_the_transaction(engine: Engine) {
    let database = fresh(engine).await;
    let mut spent = writer(&*database).await;
    execute(&mut *spent, "INSERT INTO notes (title) VALUES ('a')")
        .await
        .unwrap();
    assert!(!spent.spent());
    execute(&mut *spent, "INSERT INTO notes (title) VALUES ('a')")
        .await
        .unwrap_err();
    assert!(spent.spent());
    let after = execute(&mut *spent, "INSERT INTO notes (title) VALUES ('b')")
        .await
        .unwrap_err();
    assert_eq!(after.cause, Cause::Other);
    assert_eq!(
        after.detail,
        "the transaction is spent after a failed statement"
    );
    assert!(matches!(spent.recall("key").await, Err(Error::Rejected(_))));
    let Err(Error::Rejected(failure)) = spent.commit().await else {
        panic!("a spent transaction was committed")
    };
    assert_eq!(failure.cause, Cause::Unique);
    assert_eq!(notes(&*database).await, 0);
}

#[tokio::test]
async fn a_statement_that_rolls_the_transaction_back_changes_nothing() {
    let database = fresh(Engine::Sqlite).await;
    write(&*database, "INSERT INTO notes (title) VALUES ('a')").await;
    let mut rolled_back = writer(&*database).await;
    execute(&mut *rolled_back, "INSERT INTO notes (title) VALUES ('b')")
        .await
        .unwrap();
    let again = "INSERT OR ROLLBACK INTO notes (title) VALUES ('a')";
    execute(&mut *rolled_back, again).await.unwrap_err();
    execute(&mut *rolled_back, "INSERT INTO notes (title) VALUES ('c')")
        .await
        .unwrap_err();
    assert!(rolled_back.commit().await.is_err());
    assert_eq!(notes(&*database).await, 1);
}

async fn a_deferred_constraint_is_the_logics_fault_at_the_commit(engine: Engine) {
    let database = fresh(engine).await;
    let mut promising = writer(&*database).await;
    execute(&mut *promising, "INSERT INTO promises (note) VALUES (7)")
        .await
        .unwrap();
    let Err(Error::Rejected(failure)) = promising.commit().await else {
        panic!("a violated constraint was committed")
    };
    assert_eq!(failure.cause, Cause::ForeignKey);
    let mut reading = reader(&*database).await;
    assert_eq!(
        integer(&mut *reading, "SELECT count(*) FROM promises").await,
        0
    );
}

async fn a_rehearsal_finds_what_a_commit_would_find_and_keeps_nothing(engine: Engine) {
    let database = fresh(engine).await;
    let mut sound = writer(&*database).await;
    execute(&mut *sound, "INSERT INTO notes (title) VALUES ('a')")
        .await
        .unwrap();
    sound.rehearse().await.unwrap();
    let mut promising = writer(&*database).await;
    execute(&mut *promising, "INSERT INTO promises (note) VALUES (7)")
        .await
        .unwrap();
    let Err(Error::Rejected(failure)) = promising.rehearse().await else {
        panic!("a violated constraint was not found")
    };
    assert_eq!(failure.cause, Cause::ForeignKey);
    let mut spent = writer(&*database).await;
    execute(&mut *spent, "INSERT INTO nowhere (a) VALUES (1)")
        .await
        .unwrap_err();
    assert!(matches!(spent.rehearse().await, Err(Error::Rejected(_))));
    assert_eq!(notes(&*database).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_statement_that_is_slow_for_once_does_not_keep_other_tasks_waiting() {
    let database = fresh(Engine::Sqlite).await;
    let count = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
        SELECT count(*) FROM n";
    let (begun, begins) = tokio::sync::oneshot::channel();
    let counting = tokio::spawn(async move {
        let budget = Budget {
            deadline: Instant::now() + Duration::from_secs(2),
            ..generous()
        };
        let mut reading = database.begin(Access::Read, budget).await.unwrap();
        // After the first run it is expected to be fast.
        for _ in 0..2 {
            let fast = reading.query(count, &[Value::Integer(1)]).await;
            fast.unwrap().unwrap();
        }
        tokio::task::yield_now().await;
        begun.send(()).unwrap();
        reading.query(count, &[Value::Integer(i64::MAX)]).await
    });
    begins.await.unwrap();
    tokio::spawn(async {}).await.unwrap();
    assert!(!counting.is_finished(), "the other task had to wait");
    assert_eq!(counting.await.unwrap(), Err(Error::Deadline));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_and_readers_lose_no_update() {
    let database = fresh(Engine::Sqlite).await;
    write(
        &*database,
        "INSERT INTO notes (title, rank) VALUES ('a', 1)",
    )
    .await;
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let database = database.clone();
        tasks.spawn(async move {
            for _ in 0..10 {
                let mut writing = writer(&*database).await;
                let rank = integer(&mut *writing, "SELECT rank FROM notes").await;
                let next = format!("UPDATE notes SET rank = {}", rank + 1);
                execute(&mut *writing, &next).await.unwrap();
                writing.commit().await.unwrap();
                let mut reading = reader(&*database).await;
                assert!(integer(&mut *reading, "SELECT rank FROM notes").await > rank);
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(
        integer(&mut *reader(&*database).await, "SELECT rank FROM notes").await,
        161
    );
}

async fn going_back_to_a_mark_undoes_rows_ids_events_and_failures(engine: Engine) {
    let database = fresh(engine).await;
    let end = database.feed().end().await.unwrap();
    let tight = Budget {
        statements: 3,
        ..generous()
    };
    let mut marked = database.begin(Access::Write, tight).await.unwrap();
    execute(&mut *marked, "INSERT INTO notes (title) VALUES ('kept')")
        .await
        .unwrap();
    marked.mark().await.unwrap();
    for _ in 0..3 {
        let event = Event::new("note.made".into(), "1".into(), Vec::new()).unwrap();
        marked.publish(event).unwrap();
        execute(&mut *marked, "INSERT INTO notes (title) VALUES ('undone')")
            .await
            .unwrap();
        execute(&mut *marked, "INSERT INTO notes (title) VALUES ('kept')")
            .await
            .unwrap_err();
        assert!(marked.spent());
        marked.undo().await.unwrap();
        assert!(!marked.spent());
        // A constraint that holds until the commit is checked, and its breach undone.
        execute(&mut *marked, "INSERT INTO promises (note) VALUES (7)")
            .await
            .unwrap();
        assert!(matches!(marked.check().await, Err(Error::Rejected(_))));
        marked.undo().await.unwrap();
    }
    marked.check().await.unwrap();
    marked.commit().await.unwrap();
    assert_eq!(notes(&*database).await, 1);
    let events = database.feed().after(&end, 10).await.unwrap();
    assert_eq!(events.map(|events| events.len()), Some(0));
    write(&*database, "INSERT INTO notes (title) VALUES ('next')").await;
    let last = integer(&mut *reader(&*database).await, "SELECT max(id) FROM notes").await;
    match engine {
        Engine::Sqlite => assert_eq!(last, 2),
        // A sequence does not go back.
        Engine::Postgres => assert!(last > 2, "{last}"),
    }
}

async fn a_read_keeps_its_snapshot_when_it_goes_back_to_a_mark(engine: Engine) {
    let database = fresh(engine).await;
    let mut reading = reader(&*database).await;
    reading.mark().await.unwrap();
    let count = "SELECT count(*) FROM notes";
    assert_eq!(integer(&mut *reading, count).await, 0);
    reading.undo().await.unwrap();
    write(&*database, "INSERT INTO notes (title) VALUES ('a')").await;
    query(&mut *reading, "SELECT nothing").await.unwrap_err();
    reading.undo().await.unwrap();
    assert_eq!(integer(&mut *reading, count).await, 0);
}

async fn what_has_ended_a_transaction_otherwise_is_not_undone(engine: Engine) {
    let database = fresh(engine).await;
    let none = Budget {
        statements: 0,
        ..generous()
    };
    let mut limited = database.begin(Access::Write, none).await.unwrap();
    limited.mark().await.unwrap();
    let ended = limited.execute("DELETE FROM notes", &[]).await;
    assert_eq!(ended, Err(Error::Limit(storage::Limit::Statements)));
    assert_eq!(
        limited.undo().await,
        Err(Error::Limit(storage::Limit::Statements))
    );
}

/// The changed rows, such as `delete notes 2, insert notes 1`.
fn rows(effects: &Effects) -> String {
    let rows = effects.rows.iter();
    let rows = rows.map(|((change, table), count)| format!("{change} {table} {count}"));
    rows.collect::<Vec<_>>().join(", ")
}

async fn the_effects_since_a_mark_are_changed_rows_and_events(engine: Engine) {
    let database = fresh(engine).await;
    write(&*database, "INSERT INTO notes (title) VALUES ('a')").await;
    let mut marked = writer(&*database).await;
    execute(&mut *marked, "INSERT INTO notes (title) VALUES ('b')")
        .await
        .unwrap();
    marked.mark().await.unwrap();
    assert_eq!(marked.effects().await, Ok(Effects::default()));
    let upserted = match engine {
        Engine::Sqlite => "insert notes 2",
        Engine::Postgres => "insert notes 1, update notes 1",
    };
    let of_both = [
        (
            "INSERT INTO notes (title) VALUES ('x'), ('y')",
            "insert notes 2",
        ),
        (
            "-- one\n /* two */ INSERT INTO notes (title) VALUES ('x')",
            "insert notes 1",
        ),
        (
            "WITH new AS (SELECT 'x' AS title) INSERT INTO notes (title) SELECT title FROM new",
            "insert notes 1",
        ),
        (
            "WITH old AS (SELECT 'a' AS title) \
             UPDATE notes SET rank = 1 WHERE title IN (SELECT title FROM old)",
            "update notes 1",
        ),
        (
            "WITH old AS (SELECT 'a' AS title) \
             DELETE FROM notes WHERE title IN (SELECT title FROM old)",
            "delete notes 1",
        ),
        ("UPDATE \"notes\" SET rank = 2", "update notes 2"),
        ("DELETE FROM notes", "delete notes 2"),
        ("DELETE FROM notes WHERE title = 'x'", ""),
        (
            "INSERT INTO notes (title) VALUES ('a') ON CONFLICT DO NOTHING",
            "",
        ),
        (
            "INSERT INTO notes (title) VALUES ('a'), ('x') \
             ON CONFLICT (title) DO UPDATE SET rank = 3",
            upserted,
        ),
        ("SELECT 'INSERT INTO notes'", ""),
    ];
    let of_one: [_; 2] = match engine {
        Engine::Sqlite => [
            ("REPLACE INTO notes (title) VALUES ('a')", "insert notes 1"),
            (
                "INSERT OR REPLACE INTO notes (title) VALUES ('a')",
                "insert notes 1",
            ),
        ],
        Engine::Postgres => [
            (
                "WITH old AS (DELETE FROM notes RETURNING 1) SELECT count(*) FROM old",
                "delete notes 2",
            ),
            (
                "WITH old AS (DELETE FROM notes RETURNING title) \
                 INSERT INTO notes (title) SELECT title || '!' FROM old",
                "insert notes 2, delete notes 2",
            ),
        ],
    };
    for (statement, expected) in of_both.into_iter().chain(of_one) {
        execute(&mut *marked, statement).await.unwrap();
        let effects = marked.effects().await.unwrap();
        assert_eq!(rows(&effects), expected, "{statement}");
        marked.undo().await.unwrap();
    }
    query(
        &mut *marked,
        "INSERT INTO notes (title) VALUES ('x') RETURNING id",
    )
    .await
    .unwrap();
    execute(&mut *marked, "INSERT INTO marks VALUES (1, 'l')")
        .await
        .unwrap();
    let event = Event::new("note.made".into(), "1".into(), Vec::new()).unwrap();
    marked.publish(event.clone()).unwrap();
    let effects = marked.effects().await.unwrap();
    assert_eq!(rows(&effects), "insert marks 1, insert notes 1");
    assert_eq!(effects.events, [event]);
    marked.undo().await.unwrap();
    assert_eq!(marked.effects().await, Ok(Effects::default()));
}

async fn rows_count_that_a_statement_changes_in_other_tables(engine: Engine) {
    let database = fresh(engine).await;
    let more = "CREATE TABLE labels (note BIGINT REFERENCES notes (id) ON DELETE CASCADE);
        CREATE VIEW titles AS SELECT title FROM notes;";
    let of_engine = match engine {
        Engine::Sqlite => {
            "CREATE TRIGGER fill INSTEAD OF INSERT ON titles BEGIN
                 INSERT INTO notes (title) VALUES (new.title);
             END"
        }
        Engine::Postgres => {
            "CREATE RULE fill AS ON INSERT TO notes DO ALSO INSERT INTO labels VALUES (NULL)"
        }
    };
    let mut migration = database.begin_migration(generous()).await.unwrap();
    let steps = [
        tables(engine),
        step("0002-more", &format!("{more}{of_engine}")),
    ];
    migration.migrate(&steps, false).await.unwrap().unwrap();
    migration.commit().await.unwrap();
    write(&*database, "INSERT INTO notes (title) VALUES ('a')").await;
    write(&*database, "INSERT INTO labels SELECT id FROM notes").await;
    let mut marked = writer(&*database).await;
    marked.mark().await.unwrap();
    let cases = match engine {
        Engine::Sqlite => [
            ("DELETE FROM notes", "delete notes 2"),
            ("INSERT INTO titles VALUES ('x')", "insert titles 1"),
        ],
        Engine::Postgres => [
            ("DELETE FROM notes", "delete labels 1, delete notes 1"),
            (
                "INSERT INTO titles VALUES ('x')",
                "insert labels 1, insert notes 1",
            ),
        ],
    };
    for (statement, expected) in cases {
        execute(&mut *marked, statement).await.unwrap();
        let effects = marked.effects().await.unwrap();
        assert_eq!(rows(&effects), expected, "{statement}");
        marked.undo().await.unwrap();
    }
}
