//! Connections that are lost: before the commit nothing was kept, and after it nothing is guessed.

use std::task::{Context, Poll, Waker};

use super::proxy::{Cut, Proxy};
use super::*;
use crate::harness::eventually;
use crate::replicas::proxy::Proxy as Way;

async fn insert(database: &dyn Database, title: &str) -> Box<dyn Transaction> {
    let mut writing = writer(database).await;
    let statement = format!("INSERT INTO notes (title) VALUES ('{title}')");
    execute(&mut *writing, &statement).await.unwrap();
    writing
}

#[tokio::test]
async fn what_was_lost_before_the_commit_may_run_again() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let mut writing = insert(&*fixture.database, "a").await;
    fixture.cut_off();
    let lost = writing
        .execute("INSERT INTO notes (title) VALUES ('b')", &[])
        .await;
    assert_eq!(lost, Err(Error::Conflict));
    assert_eq!(writing.commit().await, Err(Error::Conflict));
    let again = insert(&*fixture.database, "a").await;
    again.commit().await.unwrap();
    assert_eq!(notes(&*fixture.database).await, 1);
}

#[tokio::test]
async fn connections_that_were_lost_while_idle_are_passed_over() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let both = (
        reader(&*fixture.database).await,
        reader(&*fixture.database).await,
    );
    drop(both);
    fixture.cut_off();
    assert_eq!(notes(&*fixture.database).await, 0);
}

#[tokio::test]
async fn connections_that_were_lost_without_a_word_are_replaced_all_at_once() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let way = Way::new(fixture.server.directory());
    let database = open(&format!(
        "postgres://host:secret@{}/{}",
        way.address(),
        fixture.name
    ));
    let idle = [
        writer(&*database).await,
        writer(&*database).await,
        reader(&*database).await,
        reader(&*database).await,
    ];
    drop(idle);
    let (one, other) = tokio::join!(database.ping(), database.ping());
    assert_eq!((one, other), (Ok(()), Ok(())));
    way.forget();
    let begun = Instant::now();
    insert(&*database, "a").await.commit().await.unwrap();
    assert_eq!(notes(&*database).await, 1);
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    let silent = database.ping().await.unwrap_err();
    assert!(unavailable(&silent).contains("in time"), "{silent}");
    assert_eq!(database.ping().await, Ok(()));
}

#[tokio::test]
async fn a_commit_that_was_not_answered_is_found_out_about() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let proxy = Proxy::new(fixture.server.directory());
    let database = open(&fixture.server.url_at(proxy.directory(), &fixture.name));
    for (cut, outcome) in [
        (Cut::BeforeCommit, Err(Error::Conflict)),
        (Cut::AfterCommit, Ok(())),
    ] {
        let writing = insert(&*database, &format!("{cut:?}")).await;
        proxy.cut_next(cut);
        assert_eq!(writing.commit().await, outcome, "{cut:?}");
        assert!(proxy.was_cut(), "{cut:?}");
        let kept = format!("SELECT count(*) FROM notes WHERE title = '{cut:?}'");
        let mut reading = reader(&*fixture.database).await;
        let expected = i64::from(outcome.is_ok());
        assert_eq!(integer(&mut *reading, &kept).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_reaches_the_server_after_it_was_asked_about_does_not_happen() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let proxy = Proxy::new(fixture.server.directory());
    let database = open(&fixture.server.url_at(proxy.directory(), &fixture.name));
    let writing = insert(&*database, "late").await;
    proxy.cut_next(Cut::AroundCommit);
    assert_eq!(writing.commit().await, Err(Error::Conflict));
    // The request would run again now; what comes late must not apply it a second time.
    drop(database);
    proxy.release();
    eventually("the server has read it to its end", || {
        (proxy.open() == 0).then_some(())
    });
    assert_eq!(notes(&*fixture.database).await, 0);
}

#[tokio::test]
async fn a_commit_that_did_not_happen_is_not_believed_in_when_the_answer_about_it_is_lost_too() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let proxy = Proxy::new(fixture.server.directory());
    let database = open(&fixture.server.url_at(proxy.directory(), &fixture.name));
    let writing = insert(&*database, "a").await;
    proxy.cut_next(Cut::BeforeCommit);
    proxy.lose_the_next_outcome();
    assert_eq!(writing.commit().await, Err(Error::Conflict));
    assert!(proxy.was_cut() && !proxy.has_outcome_to_lose());
    assert_eq!(notes(&*fixture.database).await, 0);
}

#[tokio::test]
async fn who_goes_away_after_the_commit_began_does_not_undo_it() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let writing = insert(&*fixture.database, "a").await;
    {
        let mut gone = std::pin::pin!(writing.commit());
        let once = gone.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(once, Poll::Pending);
    }
    let begun = Instant::now();
    while notes(&*fixture.database).await == 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "it was undone");
    }
}

#[tokio::test]
async fn who_goes_away_in_a_statement_leaves_nothing_behind() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let mut writing = insert(&*fixture.database, "a").await;
    let slow = "SELECT count(*) FROM generate_series(1, 100000000)";
    let gone = tokio::time::timeout(Duration::from_millis(20), writing.query(slow, &[]));
    assert!(gone.await.is_err());
    drop(writing);
    insert(&*fixture.database, "b")
        .await
        .commit()
        .await
        .unwrap();
    assert_eq!(notes(&*fixture.database).await, 1);
}

#[tokio::test]
async fn without_a_server_the_reason_is_told() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let proxy = Proxy::new(fixture.server.directory());
    let database = open(&fixture.server.url_at(proxy.directory(), &fixture.name));
    std::fs::remove_file(proxy.directory().join(".s.PGSQL.5432")).unwrap();
    let error = database
        .begin(Access::Write, generous())
        .await
        .err()
        .unwrap();
    assert!(unavailable(&error).contains("No such file"), "{error}");
    let error = database.ping().await.unwrap_err();
    assert!(unavailable(&error).contains("No such file"), "{error}");
}
