//! Lost connections: before the commit nothing was kept, and after it the outcome is found out.

use std::task::{Context, Poll, Waker};

use testkit::eventually;
use testkit::proxy::commit::{Cut, Proxy};
use testkit::proxy::network;

use super::*;

async fn insert(database: &dyn Database, title: &str) -> Box<dyn Transaction> {
    let mut writing = writer(database).await;
    let statement = format!("INSERT INTO notes (title) VALUES ('{title}')");
    execute(&mut *writing, &statement).await.unwrap();
    writing
}

#[tokio::test]
async fn a_transaction_that_was_lost_before_its_commit_may_run_again() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let mut writing = insert(&*fixture.database, "a").await;
    fixture.end_sessions();
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
async fn connections_that_were_lost_while_idle_are_skipped() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let both = (
        reader(&*fixture.database).await,
        reader(&*fixture.database).await,
    );
    drop(both);
    fixture.end_sessions();
    assert_eq!(notes(&*fixture.database).await, 0);
}

#[tokio::test]
async fn connections_that_were_lost_without_a_notice_are_replaced_all_at_once() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let network = network::Proxy::new(fixture.server.directory());
    let database = open(&format!(
        "postgres://host:secret@{}/{}",
        network.address(),
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
    network.forget();
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
async fn the_outcome_of_a_commit_whose_answer_was_lost_is_found_out() {
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
async fn a_commit_that_reaches_the_server_after_its_outcome_was_found_out_has_no_effect() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let proxy = Proxy::new(fixture.server.directory());
    let database = open(&fixture.server.url_at(proxy.directory(), &fixture.name));
    let writing = insert(&*database, "late").await;
    proxy.cut_next(Cut::AroundCommit);
    assert_eq!(writing.commit().await, Err(Error::Conflict));
    // The request would run again now, so the late commit must not have an effect.
    drop(database);
    proxy.release();
    eventually("the server has read it to its end", || {
        (proxy.open() == 0).then_some(())
    });
    assert_eq!(notes(&*fixture.database).await, 0);
}

#[tokio::test]
async fn a_lost_answer_about_the_outcome_does_not_make_a_failed_commit_look_successful() {
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
async fn dropping_a_commit_that_began_does_not_undo_it() {
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
async fn dropping_a_statement_that_runs_rolls_back() {
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
async fn if_the_server_is_gone_the_error_says_why() {
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
