//! An answer goes out when what it says is on the disk: shown with a sync that the test holds.

use std::fs::File;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Condvar, Mutex};
use std::task::{Context, Poll, Waker};

use storage::Registry;
use storage::sqlite::{Config, Durability, LogSync, Sqlite};

use super::*;

/// A sync that waits for the test.
#[derive(Default)]
struct Held {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    held: bool,
    begun: u64,
    fails: bool,
}

impl LogSync for Held {
    fn sync(&self, _log: &File) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.begun += 1;
        self.changed.notify_all();
        while state.held {
            state = self.changed.wait(state).unwrap();
        }
        match state.fails {
            true => Err(io::Error::other("the disk is gone")),
            false => Ok(()),
        }
    }
}

impl Held {
    fn set(&self, held: bool) {
        self.state.lock().unwrap().held = held;
        self.changed.notify_all();
    }

    fn begun(&self) -> u64 {
        self.state.lock().unwrap().begun
    }

    /// Waits until that many syncs have begun since the database was opened.
    fn await_begun(&self, number: u64) {
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

/// Polls once, as a request does whose client may go away.
fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

struct Fixture {
    database: Sqlite,
    sync: Arc<Held>,
    _directory: tempfile::TempDir,
}

impl Drop for Fixture {
    /// Lets go of the sync, which closing the database waits for, also when a test has failed.
    fn drop(&mut self) {
        self.sync.set(false);
    }
}

/// A database whose syncs pass until the test holds them.
async fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let sync = Arc::new(Held::default());
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
    sync.set(true);
    let mut first = std::pin::pin!(insert(database, "a").await.commit());
    assert_eq!(poll(first.as_mut()), Poll::Pending);
    sync.await_begun(before + 1);
    // These two come while the first sync runs: it is not theirs, and they share the next.
    let mut second = std::pin::pin!(insert(database, "b").await.commit());
    assert_eq!(poll(second.as_mut()), Poll::Pending);
    let mut third = std::pin::pin!(insert(database, "c").await.commit());
    assert_eq!(poll(third.as_mut()), Poll::Pending);
    assert_eq!(poll(first.as_mut()), Poll::Pending);
    assert_eq!(sync.begun(), before + 1);
    sync.set(false);
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
    sync.set(true);
    let mut writing = std::pin::pin!(insert(database, "a").await.commit());
    assert_eq!(poll(writing.as_mut()), Poll::Pending);

    let mut unaffected = std::pin::pin!(before.commit());
    assert_eq!(poll(unaffected.as_mut()), Poll::Ready(Ok(())));
    // Its first statement read no table, so its snapshot is that of the second.
    assert_eq!(integer(&mut *late, "SELECT count(*) FROM notes").await, 1);
    let mut reading = std::pin::pin!(late.commit());
    assert_eq!(poll(reading.as_mut()), Poll::Pending);
    // A problem tells of what was seen as well.
    let mut problem = insert(database, "b").await;
    execute(&mut *problem, "INSERT INTO notes (title) VALUES ('a')")
        .await
        .unwrap_err();
    let mut refusing = std::pin::pin!(problem.rollback());
    assert_eq!(poll(refusing.as_mut()), Poll::Pending);
    // A write that changed nothing saw it too.
    let mut idle = std::pin::pin!(writer(database).await.commit());
    assert_eq!(poll(idle.as_mut()), Poll::Pending);

    sync.set(false);
    assert_eq!(reading.await, Ok(()));
    assert_eq!(refusing.await, Ok(()));
    assert_eq!(idle.await, Ok(()));
    assert_eq!(writing.await, Ok(()));
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_acknowledged() {
    let fixture = fixture().await;
    let (database, sync) = (&fixture.database, &fixture.sync);
    sync.set(true);
    let mut writing = std::pin::pin!(insert(database, "a").await.commit());
    assert_eq!(poll(writing.as_mut()), Poll::Pending);
    sync.state.lock().unwrap().fails = true;
    sync.set(false);
    // It was committed, and may be gone after a power cut: nobody may run it again unseen.
    let reason = "syncing the write-ahead log failed: the disk is gone";
    let unknown = Err(Error::OutcomeUnknown(reason.into()));
    assert_eq!(writing.await, unknown);
    let error = Error::Unavailable(reason.into());
    // Also when the disk seems to be back.
    sync.state.lock().unwrap().fails = false;
    assert_eq!(database.ping().await, Err(error.clone()));
    let refused = database.begin(Access::Write, generous()).await;
    assert_eq!(refused.err(), Some(error.clone()));
    let mut reading = reader(database).await;
    query(&mut *reading, "SELECT * FROM notes").await.unwrap();
    assert_eq!(reading.commit().await, Err(error));
}

#[tokio::test]
async fn who_goes_away_after_the_commit_began_does_not_undo_it() {
    let fixture = fixture().await;
    let (database, sync) = (&fixture.database, &fixture.sync);
    sync.set(true);
    {
        let mut gone = std::pin::pin!(insert(database, "a").await.commit());
        assert_eq!(poll(gone.as_mut()), Poll::Pending);
    }
    sync.set(false);
    // And it holds nothing up.
    insert(database, "b").await.commit().await.unwrap();
    assert_eq!(notes(database).await, 2);
}

#[tokio::test]
async fn what_the_registry_tells_is_on_the_disk() {
    let fixture = fixture().await;
    let (database, sync) = (&fixture.database, &fixture.sync);
    let new = registry::new("a");
    sync.set(true);
    let mut beginning = std::pin::pin!(database.begin_deployment(&new));
    assert_eq!(poll(beginning.as_mut()), Poll::Pending);
    // Also what it tells of somebody else's change, and that there is nothing to do.
    let mut reading = std::pin::pin!(database.running_deployment());
    assert_eq!(poll(reading.as_mut()), Poll::Pending);
    let mut refused = std::pin::pin!(database.begin_deployment(&new));
    assert_eq!(poll(refused.as_mut()), Poll::Pending);
    let mut conflict = std::pin::pin!(database.advance_deployment(7, "compile", "[]"));
    assert_eq!(poll(conflict.as_mut()), Poll::Pending);
    sync.set(false);
    let begun = beginning.await.unwrap();
    assert_eq!(begun, Ok(1));
    assert_eq!(refused.await, Ok(Err(1)));
    assert_eq!(reading.await.unwrap().map(|row| row.id), Some(1));
    assert_eq!(conflict.await, Err(Error::Conflict));
}

#[tokio::test]
async fn a_deployment_whose_caller_goes_away_has_begun() {
    let fixture = fixture().await;
    let (database, sync) = (&fixture.database, &fixture.sync);
    let new = registry::new("a");
    sync.set(true);
    {
        let mut gone = std::pin::pin!(database.begin_deployment(&new));
        assert_eq!(poll(gone.as_mut()), Poll::Pending);
    }
    sync.set(false);
    assert_eq!(database.begin_deployment(&new).await, Ok(Err(1)));
}

#[tokio::test]
async fn the_disk_is_asked_once_for_each_commit_alone() {
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
async fn what_was_left_in_the_log_is_synced_before_anything_is_served() {
    let directory = tempfile::tempdir().unwrap();
    let sync = Arc::new(Held::default());
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
async fn an_event_is_told_when_its_commit_is_durable() {
    let fixture = fixture().await;
    let (database, sync) = (&fixture.database, &fixture.sync);
    let feed = database.feed();
    let start = feed.end().await.unwrap();
    let before = sync.begun();
    sync.set(true);
    let mut writing = insert(database, "a").await;
    let event = Event::new("note.made".into(), "a".into(), Vec::new()).unwrap();
    writing.publish(event.clone()).unwrap();
    let mut commit = pin!(writing.commit());
    assert!(poll(commit.as_mut()).is_pending());
    sync.await_begun(before + 1);
    // Whoever waits for it may wake up, and still may not tell.
    feed.wait_for_events(&start).await.unwrap();
    let mut reading = pin!(feed.after(&start, 10));
    assert!(poll(reading.as_mut()).is_pending());
    sync.set(false);
    commit.await.unwrap();
    let told = reading.await.unwrap().unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].event, event);
}
