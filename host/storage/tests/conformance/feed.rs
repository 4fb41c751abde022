//! The feed has exactly the events of committed transactions, in order.

use storage::{Cursor, Published};
use testkit::{DEADLINE, eventually};

use super::*;

conformance!(
    events_come_in_the_order_of_the_commits,
    events_of_other_transactions_are_not_delivered,
    a_read_publishes_nothing,
    a_reader_that_waits_is_woken_by_the_next_event,
    old_events_are_deleted_and_their_readers_are_told,
    an_invalid_place_is_reported,
    a_page_of_large_events_ends_early,
);

fn event(kind: &str, subject: &str) -> Event {
    let attributes = vec![("a".to_owned(), "1".to_owned())];
    Event::new(kind.into(), subject.into(), attributes).unwrap()
}

/// Publishes events in one transaction and waits until they can be read. In PostgreSQL an open
/// transaction of another test delays them.
async fn publish(database: &dyn Database, subjects: &[&str]) {
    let before = database.feed().end().await.unwrap();
    let mut transaction = writer(database).await;
    for subject in subjects {
        transaction.publish(event("note.made", subject)).unwrap();
    }
    transaction.commit().await.unwrap();
    let last = subjects.len().min(100);
    let readable = async {
        while after(database, &before).await.unwrap().len() < last {
            tokio::task::yield_now().await;
        }
    };
    let readable = tokio::time::timeout(DEADLINE, readable).await;
    readable.expect("the events can be read");
}

async fn after(database: &dyn Database, place: &Cursor) -> Option<Vec<Published>> {
    database.feed().after(place, 100).await.unwrap()
}

async fn subjects(database: &dyn Database, place: &Cursor) -> Vec<String> {
    let events = after(database, place).await.unwrap().into_iter();
    events
        .map(|event| event.event.subject().to_owned())
        .collect()
}

async fn events_come_in_the_order_of_the_commits(engine: Engine) {
    let database = fresh(engine).await;
    let start = database.feed().end().await.unwrap();
    assert_eq!(after(&*database, &start).await, Some(vec![]));
    publish(&*database, &["a", "b"]).await;
    publish(&*database, &["c"]).await;
    assert_eq!(subjects(&*database, &start).await, ["a", "b", "c"]);
    let events = after(&*database, &start).await.unwrap();
    assert_eq!(events[0].event, event("note.made", "a"));
    assert!(events.is_sorted_by(|one, next| one.cursor < next.cursor));
    assert_eq!(events[2].cursor, database.feed().end().await.unwrap());
    assert_eq!(subjects(&*database, &events[1].cursor).await, ["c"]);
    let page = database.feed().after(&start, 2).await.unwrap().unwrap();
    assert_eq!(page, events[..2]);
    assert_eq!(
        database
            .stats()
            .events
            .load(std::sync::atomic::Ordering::Relaxed),
        3
    );
}

async fn events_of_other_transactions_are_not_delivered(engine: Engine) {
    let database = fresh(engine).await;
    let start = database.feed().end().await.unwrap();
    let mut dropped = writer(&*database).await;
    dropped.publish(event("note.made", "dropped")).unwrap();
    drop(dropped);
    let mut back = writer(&*database).await;
    back.publish(event("note.made", "rolled back")).unwrap();
    back.rollback().await.unwrap();
    let mut trial = database.begin_migration(generous()).await.unwrap();
    trial.publish(event("note.made", "trial")).unwrap();
    drop(trial);
    // A deferred constraint fails at the end, after the events were written.
    let mut broken = writer(&*database).await;
    let promise = "INSERT INTO promises (note) VALUES (404)";
    execute(&mut *broken, promise).await.unwrap();
    broken.publish(event("note.made", "broken")).unwrap();
    assert!(matches!(broken.commit().await, Err(Error::Rejected(_))));
    // After a failed statement nothing can be committed.
    let mut spent = writer(&*database).await;
    execute(&mut *spent, "INSERT INTO nowhere DEFAULT VALUES")
        .await
        .unwrap_err();
    spent.publish(event("note.made", "spent")).unwrap();
    spent.commit().await.unwrap_err();
    assert_eq!(after(&*database, &start).await, Some(vec![]));
    publish(&*database, &["kept"]).await;
    assert_eq!(subjects(&*database, &start).await, ["kept"]);
}

async fn a_read_publishes_nothing(engine: Engine) {
    let database = fresh(engine).await;
    let start = database.feed().end().await.unwrap();
    let mut reading = reader(&*database).await;
    let refused = reading.publish(event("note.made", "a")).unwrap_err();
    assert_eq!(refused.detail, "the route's access is read");
    reading.commit().await.unwrap();
    assert_eq!(database.feed().end().await.unwrap(), start);
}

async fn a_reader_that_waits_is_woken_by_the_next_event(engine: Engine) {
    let database = fresh(engine).await;
    let start = database.feed().end().await.unwrap();
    let waiting = tokio::spawn({
        let (database, start) = (database.clone(), start.clone());
        async move {
            database.feed().wait_for_events(&start).await.unwrap();
            subjects(&*database, &start).await
        }
    });
    write(&*database, "INSERT INTO notes (title) VALUES ('quiet')").await;
    assert!(!waiting.is_finished());
    publish(&*database, &["a"]).await;
    assert_eq!(waiting.await.unwrap(), ["a"]);
    // If there are events, it does not wait.
    database.feed().wait_for_events(&start).await.unwrap();
}

async fn old_events_are_deleted_and_their_readers_are_told(engine: Engine) {
    let database = fresh(engine).await;
    let feed = database.feed();
    let start = feed.end().await.unwrap();
    publish(&*database, &["a", "b", "c", "d"]).await;
    let events = after(&*database, &start).await.unwrap();
    let hour = Duration::from_secs(3600);
    assert_eq!(feed.forget_events(hour, 4).await, Ok(0));
    assert_eq!(feed.forget_events(hour, 3).await, Ok(1));
    assert_eq!(after(&*database, &start).await, None);
    assert_eq!(
        subjects(&*database, &events[0].cursor).await,
        ["b", "c", "d"]
    );
    // The newest stays, because the place of the next event depends on it.
    assert_eq!(feed.forget_events(hour, 0).await, Ok(2));
    assert_eq!(feed.forget_events(Duration::ZERO, 9).await, Ok(0));
    assert_eq!(after(&*database, &events[1].cursor).await, None);
    assert_eq!(subjects(&*database, &events[2].cursor).await, ["d"]);
    publish(&*database, &["e"]).await;
    assert_eq!(subjects(&*database, &events[3].cursor).await, ["e"]);
    // More than one batch.
    let many: Vec<String> = (0..1200).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    publish(&*database, &many).await;
    assert_eq!(feed.forget_events(hour, 7).await, Ok(1195));
}

async fn an_invalid_place_is_reported(engine: Engine) {
    let database = fresh(engine).await;
    publish(&*database, &["a"]).await;
    let end = database.feed().end().await.unwrap();
    let beyond = end.as_str().replace(['0', '1', '2', '3'], "7");
    for place in [
        "",
        "x",
        "1",
        "-000000000000001",
        "ffffffffffffffff",
        &*beyond,
    ] {
        assert_eq!(
            after(&*database, &Cursor::new(place)).await,
            None,
            "{place}"
        );
        database
            .feed()
            .wait_for_events(&Cursor::new(place))
            .await
            .unwrap();
    }
    assert_eq!(after(&*database, &end).await, Some(vec![]));
}

async fn a_page_of_large_events_ends_early(engine: Engine) {
    let database = fresh(engine).await;
    let start = database.feed().end().await.unwrap();
    let attributes = (0..16).map(|n| (format!("n{n}"), "v".repeat(1024)));
    let attributes: Vec<(String, String)> = attributes.collect();
    let mut writing = writer(&*database).await;
    for number in 0..20 {
        let event = Event::new("large".into(), format!("{number}"), attributes.clone());
        writing.publish(event.unwrap()).unwrap();
    }
    writing.commit().await.unwrap();
    eventually_readable(&*database, &start).await;
    let (mut place, mut sizes) = (start, Vec::new());
    loop {
        let page = after(&*database, &place).await.unwrap();
        let Some(last) = page.last() else { break };
        place = last.cursor.clone();
        sizes.push(page.len());
    }
    // Each event has more than 16 KiB.
    assert_eq!(sizes, [4, 4, 4, 4, 4]);
}

/// Waits until there are events after a place.
async fn eventually_readable(database: &dyn Database, place: &Cursor) {
    let readable = async {
        while after(database, place).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let readable = tokio::time::timeout(DEADLINE, readable).await;
    readable.expect("the events can be read");
}

#[tokio::test]
async fn events_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let location = Location::Sqlite(directory.path().join("data.sqlite"));
    let database = connect(&location, Options::default()).unwrap();
    let start = database.feed().end().await.unwrap();
    publish(&*database, &["a"]).await;
    drop(database);
    // A process that another test has just forked holds the lock until it has started.
    let database = eventually("the lock is free", || {
        connect(&location, Options::default()).ok()
    });
    assert_eq!(subjects(&*database, &start).await, ["a"]);
    publish(&*database, &["b"]).await;
    assert_eq!(subjects(&*database, &start).await, ["a", "b"]);
}
