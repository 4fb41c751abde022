//! A request is answered only when what the answer says is durable. The tests block the sync to show
//! this.

use std::fs::File;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Condvar, Mutex};
use std::task::{Context, Poll, Waker};

use contract::deployment::Stage;
use storage::Registry;
use storage::sqlite::{Config, Durability, LogSync, Sqlite};

use super::*;

/// A sync that the test can block.
#[derive(Default)]
struct BlockedSync {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    blocked: bool,
    begun: u64,
    fails: bool,
}

impl LogSync for BlockedSync {
    fn sync(&self, _log: &File) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.begun += 1;
        self.changed.notify_all();
        while state.blocked {
            state = self.changed.wait(state).unwrap();
        }
        match state.fails {
            true => Err(io::Error::other("the disk is gone")),
            false => Ok(()),
        }
    }
}

impl BlockedSync {
    fn set_blocked(&self, blocked: bool) {
        self.state.lock().unwrap().blocked = blocked;
        self.changed.notify_all();
    }

    fn begun(&self) -> u64 {
        self.state.lock().unwrap().begun
    }

    /// Waits until this many syncs have begun since the database was opened.
    fn wait_until_begun(&self, number: u64) {
        let mut state = self.state.lock().unwrap();
        while state.begun < number {
            let (next, late) = self
                .changed
                .wait_timeout(state, Duration::from_secs(10))
                .unwrap();
            assert!(!late.timed_out(), "the log was not synced");
            state = next;
        }
    }
}

/// Polls once. A request whose client disconnects is not polled again.
fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

struct Fixture {
    database: Sqlite,
    sync: Arc<BlockedSync>,
    _directory: tempfile::TempDir,
}

impl Drop for Fixture {
    /// Unblocks the sync, also after a failed test, because closing the database waits for it.
    fn drop(&mut self) {
        self.sync.set_blocked(false);
    }
}

/// Returns a database whose syncs succeed until the test blocks them.
async fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let sync = Arc::new(BlockedSync::default());
    let database = Sqlite::open(Config {
        durability: Durability::With(sync.clone()),
        ..Config::file(directory.path().join("notes.sqlite"))
    })
    .unwrap();
    prepare(&database, Engine::Sqlite).await;
    Fixture {
        database,
        sync,
        _directory: directory,
    }
}

async fn insert(database: &Sqlite, title: &str) -> Box<dyn Transaction> {
    let mut writing = writer(database).await;
    let statement = format!("INSERT INTO notes (title) VALUES ('{title}')");
    execute(&mut *writing, &statement).await.unwrap();
    writing
}

#[tokio::test]
async fn a_commit_waits_for_a_sync_that_began_after_it() {
    let fixture = fixture().await;
    let (database, sync) = (&fixture.database, &fixture.sync);
    let before = sync.begun();
    sync.set_blocked(true);
    let mut first = std::pin::pin!(insert(database, "a").await.commit());
    assert_eq!(poll(first.as_mut()), Poll::Pending);
    sync.wait_until_begun(before + 1);
    // These two commit while the first sync runs. It does not cover them, and they share the next.
    let mut second = std::pin::pin!(insert(database, "b").await.commit());
    assert_eq!(poll(second.as_mut()), Poll::Pending);
    let mut third = std::pin::pin!(insert(database, "c").await.commit());
    assert_eq!(poll(third.as_mut()), Poll::Pending);
    assert_eq!(poll(first.as_mut()), Poll::Pending);
    assert_eq!(sync.begun(), before + 1);
    sync.set_blocked(false);
    assert_eq!(first.await, Ok(()));
    assert_eq!(second.await, Ok(()));
    assert_eq!(third.await, Ok(()));
    assert_eq!(sync.begun(), before + 2);
    assert_eq!(notes(database).await, 3);
}

#[tokio::test]
async fn a_read_waits_for_what_it_saw_and_for_nothing_else() {
    let fixture = fixture().await;
    let (database, sync) = (&fixture.database, &fixture.sync);
    let mut before = reader(database).await;
    assert_eq!(integer(&mut *before, "SELECT count(*) FROM notes").await, 0);
    let mut late = reader(database).await;
    assert_eq!(integer(&mut *late, "SELECT 0").await, 0);
    sync.set_blocked(true);
    let mut writing = std::pin::pin!(insert(database, "a").await.commit());
    assert_eq!(poll(writing.as_mut()), Poll::Pending);

    let mut unaffected = std::pin::pin!(before.commit());
    assert_eq!(poll(unaffected.as_mut()), Poll::Ready(Ok(())));
    // Its first statement read no table, so the second one took the snapshot.
    assert_eq!(integer(&mut *late, "SELECT count(*) FROM notes").await, 1);
    let mut reading = std::pin::pin!(late.commit());
    assert_eq!(poll(reading.as_mut()), Poll::Pending);
    // An answer after a rollback shows what was seen, too.
    let mut problem = insert(database, "b").await;
    execute(&mut *problem, "INSERT INTO notes (title) VALUES ('a')")
        .await
        .unwrap_err();
    let mut refusing = std::pin::pin!(problem.rollback());
    assert_eq!(poll(refusing.as_mut()), Poll::Pending);
    // So may one of a write that changed nothing.
    let mut idle = std::pin::pin!(writer(database).await.commit());
    assert_eq!(poll(idle.as_mut()), Poll::Pending);

    sync.set_blocked(false);
    assert_eq!(reading.await, Ok(()));
    assert_eq!(refusing.await, Ok(()));
    assert_eq!(idle.await, Ok(()));
    assert_eq!(writing.await, Ok(()));
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_acknowledged() {
    let fixture = fixture().await;
    let (database, sync) = (&fixture.database, &fixture.sync);
    sync.set_blocked(true);
    let mut writing = std::pin::pin!(insert(database, "a").await.commit());
    assert_eq!(poll(writing.as_mut()), Poll::Pending);
    sync.state.lock().unwrap().fails = true;
    sync.set_blocked(false);
    // It was committed but may be lost after a power failure, so it must not run again unchecked.
    let reason = "syncing the write-ahead log failed: the disk is gone";
    let unknown = Err(Error::OutcomeUnknown(reason.into()));
    assert_eq!(writing.await, unknown);
    let error = Error::Unavailable(reason.into());
    // This holds even if the disk seems to work again.
    sync.state.lock().unwrap().fails = false;
    assert_eq!(database.ping().await, Err(error.clone()));
    let refused = database.begin(Access::Write, generous()).await;
    assert_eq!(refused.err(), Some(error.clone()));
    let mut reading = reader(database).await;
    query(&mut *reading, "SELECT * FROM notes").await.unwrap();
    assert_eq!(reading.commit().await, Err(error));
}

#[tokio::test]
async fn dropping_a_commit_that_began_does_not_undo_it() {
    let fixture = fixture().await;
    let (database, sync) = (&fixture.database, &fixture.sync);
    sync.set_blocked(true);
    {
        let mut gone = std::pin::pin!(insert(database, "a").await.commit());
        assert_eq!(poll(gone.as_mut()), Poll::Pending);
    }
    sync.set_blocked(false);
    // It does not block others either.
    insert(database, "b").await.commit().await.unwrap();
    assert_eq!(notes(database).await, 2);
}

#[tokio::test]
async fn what_the_registry_returns_is_durable() {
    let fixture = fixture().await;
    let (database, sync) = (&fixture.database, &fixture.sync);
    let new = registry::new("a");
    sync.set_blocked(true);
    let mut beginning = std::pin::pin!(database.begin_deployment(&new));
    assert_eq!(poll(beginning.as_mut()), Poll::Pending);
    // This includes what another call changed, and the result that nothing was changed.
    let mut reading = std::pin::pin!(database.running_deployment());
    assert_eq!(poll(reading.as_mut()), Poll::Pending);
    let mut refused = std::pin::pin!(database.begin_deployment(&new));
    assert_eq!(poll(refused.as_mut()), Poll::Pending);
    let mut conflict = std::pin::pin!(database.advance_deployment(7, Stage::Compile.into(), "[]"));
    assert_eq!(poll(conflict.as_mut()), Poll::Pending);
    sync.set_blocked(false);
    let begun = beginning.await.unwrap();
    assert_eq!(begun, Ok(1));
    assert_eq!(refused.await, Ok(Err(1)));
    assert_eq!(reading.await.unwrap().map(|row| row.id), Some(1));
    assert_eq!(conflict.await, Err(Error::Conflict));
}

#[tokio::test]
async fn a_deployment_whose_future_is_dropped_has_begun() {
    let fixture = fixture().await;
    let (database, sync) = (&fixture.database, &fixture.sync);
    let new = registry::new("a");
    sync.set_blocked(true);
    {
        let mut gone = std::pin::pin!(database.begin_deployment(&new));
        assert_eq!(poll(gone.as_mut()), Poll::Pending);
    }
    sync.set_blocked(false);
    assert_eq!(database.begin_deployment(&new).await, Ok(Err(1)));
}

#[tokio::test]
async fn each_commit_that_is_alone_is_synced_once() {
    let directory = tempfile::tempdir().unwrap();
    let database = Sqlite::open(Config::file(directory.path().join("notes.sqlite"))).unwrap();
    prepare(&database, Engine::Sqlite).await;
    let syncs = || database.stats().syncs.load(SeqCst);
    for number in 0..5 {
        let before = syncs();
        let writing = insert(&database, &number.to_string()).await;
        writing.commit().await.unwrap();
        assert_eq!(syncs(), before + 1);
    }
    let before = syncs();
    assert_eq!(notes(&database).await, 5);
    writer(&database).await.commit().await.unwrap();
    assert_eq!(syncs(), before);
}

#[tokio::test]
async fn the_log_of_an_earlier_process_is_synced_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let sync = Arc::new(BlockedSync::default());
    sync.state.lock().unwrap().fails = true;
    let refused = Sqlite::open(Config {
        durability: Durability::With(sync.clone()),
        ..Config::file(directory.path().join("notes.sqlite"))
    });
    let reason = refused.err().unwrap().to_string();
    assert!(reason.ends_with("failed: the disk is gone"), "{reason}");
    assert_eq!(sync.begun(), 1);
}

#[tokio::test]
async fn an_event_is_delivered_when_its_commit_is_durable() {
    let fixture = fixture().await;
    let (database, sync) = (&fixture.database, &fixture.sync);
    let feed = database.feed();
    let start = feed.end().await.unwrap();
    let before = sync.begun();
    sync.set_blocked(true);
    let mut writing = insert(database, "a").await;
    let event = Event::new("note.made".into(), "a".into(), Vec::new()).unwrap();
    writing.publish(event.clone()).unwrap();
    let mut commit = pin!(writing.commit());
    assert!(poll(commit.as_mut()).is_pending());
    sync.wait_until_begun(before + 1);
    // Waiting for the event may end now, but reading it must still wait.
    feed.wait_for_events(&start).await.unwrap();
    let mut reading = pin!(feed.after(&start, 10));
    assert!(poll(reading.as_mut()).is_pending());
    sync.set_blocked(false);
    commit.await.unwrap();
    let delivered = reading.await.unwrap().unwrap();
    assert_eq!(delivered.len(), 1);
    assert_eq!(delivered[0].event, event);
}
