//! Several writers at a time: conflicts, locked keys, and migrations that wait for each other.

use storage::{MigrationError, RecordedAnswer};
use testkit::eventually;
use tokio::task::JoinSet;

use super::*;

/// Raises the rank by one, and retries until it does not conflict.
async fn raise(database: &dyn Database) -> u32 {
    let mut conflicts = 0;
    loop {
        let attempt = async {
            let mut writing = writer(database).await;
            let rows = writing.query("SELECT rank FROM notes", &[]).await?.unwrap();
            let Cell::Integer(rank) = rows.cells[0] else {
                panic!("{rows:?}");
            };
            let next = [Value::Integer(rank + 1)];
            writing
                .execute("UPDATE notes SET rank = $1", &next)
                .await?
                .unwrap();
            writing.commit().await
        };
        match attempt.await {
            Ok(()) => return conflicts,
            Err(Error::Conflict) => conflicts += 1,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_conflict_and_lose_no_update() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    write(
        &*fixture.database,
        "INSERT INTO notes (title, rank) VALUES ('a', 1)",
    )
    .await;
    let hosts = [fixture.database.clone(), fixture.another_host()];
    let mut tasks = JoinSet::new();
    for number in 0..8 {
        let database = hosts[number % 2].clone();
        tasks.spawn(async move {
            for _ in 0..5 {
                raise(&*database).await;
            }
        });
    }
    tasks.join_all().await;
    let mut reading = reader(&*fixture.database).await;
    assert_eq!(integer(&mut *reading, "SELECT rank FROM notes").await, 41);
}

#[tokio::test]
async fn two_writers_that_read_each_others_rows_conflict() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    write(
        &*fixture.database,
        "INSERT INTO notes (title, rank) VALUES ('a', 1), ('b', 1)",
    )
    .await;
    let (mut one, mut two) = (
        writer(&*fixture.database).await,
        writer(&*fixture.database).await,
    );
    let sum = "SELECT sum(rank) FROM notes";
    assert_eq!(integer(&mut *one, sum).await, 2);
    assert_eq!(integer(&mut *two, sum).await, 2);
    execute(&mut *one, "UPDATE notes SET rank = 9 WHERE title = 'a'")
        .await
        .unwrap();
    execute(&mut *two, "UPDATE notes SET rank = 9 WHERE title = 'b'")
        .await
        .unwrap();
    assert_eq!(one.commit().await, Ok(()));
    assert_eq!(two.commit().await, Err(Error::Conflict));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_in_use_on_another_host_is_waited_for() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let answer = RecordedAnswer {
        fingerprint: [1; 32],
        status: 201,
        headers: vec![("etag".into(), "\"x\"".into())],
        body: b"first".to_vec(),
    };
    let mut first = writer(&*fixture.database).await;
    assert_eq!(first.recall("key").await, Ok(None));
    let other = fixture.another_host();
    let second = tokio::spawn(async move {
        let mut second = writer(&*other).await;
        second.recall("key").await
    });
    eventually("the second one waits for the key", || {
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        (fixture.administer(waiting) == "1").then_some(())
    });
    first.record("key", &answer).await.unwrap();
    first.commit().await.unwrap();
    assert_eq!(second.await.unwrap(), Ok(Some(answer)));
}

#[tokio::test]
async fn waiting_for_a_connection_ends_at_the_limit() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(writer(&*fixture.database).await);
    }
    let wait = Duration::from_millis(30);
    let short = Budget {
        wait_until: Instant::now() + wait,
        ..generous()
    };
    let late = fixture.database.begin(Access::Write, short).await;
    assert_eq!(late.err(), Some(Error::Busy));
    // Reads have separate connections.
    assert_eq!(notes(&*fixture.database).await, 0);
    drop(held);
    drop(fixture.database.begin(Access::Write, short).await.unwrap());
}

#[tokio::test]
async fn waiting_for_a_turn_ends_at_the_limit() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let begin = |attempt, millis| {
        let budget = Budget {
            wait_until: Instant::now() + Duration::from_millis(millis),
            attempt,
            ..generous()
        };
        fixture.database.begin(Access::Write, budget)
    };
    let alone = begin(Attempt::Alone, 60_000).await.unwrap();
    for attempt in [Attempt::First, Attempt::Alone] {
        let late = begin(attempt, 30).await;
        assert_eq!(late.err(), Some(Error::Busy));
    }
    alone.rollback().await.unwrap();
    drop(begin(Attempt::First, 60_000).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_apply_a_migration_once() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let steps = [
        tables(Engine::Postgres),
        step(
            "0002-more",
            "ALTER TABLE notes ADD COLUMN more bigint DEFAULT 4",
        ),
    ];
    let mut first = fixture.database.begin_migration(generous()).await.unwrap();
    assert_eq!(
        first.migrate(&steps, false).await.unwrap().unwrap(),
        ["0002-more"]
    );
    let (other, same) = (fixture.another_host(), steps.clone());
    let second = tokio::spawn(async move {
        let mut second = other.begin_migration(generous()).await.unwrap();
        let applied = second.migrate(&same, false).await;
        second.commit().await.unwrap();
        applied
    });
    eventually("the second one waits", || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                       AND wait_event_type = 'Lock'";
        (fixture.administer(waiting) == "1").then_some(())
    });
    first.commit().await.unwrap();
    assert_eq!(second.await.unwrap(), Ok(Ok(vec![])));
}

#[tokio::test]
async fn a_statement_that_was_prepared_before_a_migration_runs_again_on_the_new_schema() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let all = "SELECT * FROM notes";
    let other = fixture.another_host();
    let before = query(&mut *reader(&*other).await, all).await.unwrap();
    assert_eq!(before.width, 3);
    let steps = [
        tables(Engine::Postgres),
        step(
            "0002-more",
            "ALTER TABLE notes ADD COLUMN more bigint DEFAULT 4",
        ),
    ];
    let mut migrating = fixture.database.begin_migration(generous()).await.unwrap();
    migrating.migrate(&steps, false).await.unwrap().unwrap();
    migrating.commit().await.unwrap();
    let stale = reader(&*other).await.query(all, &[]).await;
    assert_eq!(stale, Err(Error::Conflict));
    let after = query(&mut *reader(&*other).await, all).await.unwrap();
    assert_eq!(after.width, 4);
}

#[tokio::test]
async fn a_migration_that_requests_block_gives_up_and_reports_it() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let mut reading = reader(&*fixture.database).await;
    assert_eq!(
        integer(&mut *reading, "SELECT count(*) FROM notes").await,
        0
    );
    let steps = [
        tables(Engine::Postgres),
        step("0002-drop", "DROP TABLE promises, marks, notes"),
    ];
    let mut migrating = fixture.database.begin_migration(generous()).await.unwrap();
    let refused = migrating.migrate(&steps, false).await.unwrap().unwrap_err();
    let name = "0002-drop".to_owned();
    assert_eq!(refused, MigrationError::Blocked { name });
    drop(migrating);
    assert_eq!(
        integer(&mut *reading, "SELECT count(*) FROM notes").await,
        0
    );
}
