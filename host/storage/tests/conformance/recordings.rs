//! Recordings that outlive a process.

use std::sync::Arc;

use storage::recordings::{RecordingStore, StoredRecording, StoredSample};
use storage::{Database, Location, Options, connect};

use super::Engine;

conformance!(
    the_latest_recording_of_an_id_is_found_again,
    recordings_are_deleted_by_their_age,
    too_many_bytes_leave_the_latest_of_each_kind,
    samples_are_replaced_as_a_whole_and_deleted_by_their_age,
);

/// A database that outlives its process, and its directory.
struct Kept {
    database: Arc<dyn Database>,
    location: Location,
    _directory: Option<tempfile::TempDir>,
}

fn open(location: &Location) -> Arc<dyn Database> {
    let options = Options {
        readers: 4,
        connections: 8,
        ..Options::default()
    };
    connect(location, options).unwrap()
}

impl Kept {
    fn new(engine: Engine) -> Self {
        let (location, directory) = match engine {
            Engine::Sqlite => {
                let directory = tempfile::tempdir().unwrap();
                let path = directory.path().join("tasks.sqlite");
                (Location::Sqlite(path), Some(directory))
            }
            Engine::Postgres => {
                let server = testkit::postgres::server().expect("checked by the caller");
                (server.url(&server.database()).parse().unwrap(), None)
            }
        };
        Kept {
            database: open(&location),
            location,
            _directory: directory,
        }
    }

    fn store(&self) -> Arc<dyn RecordingStore> {
        let opened = self.database.open_recordings();
        opened.unwrap().expect("the database outlives its process")
    }

    /// Closes the database and opens it again.
    fn reopen(self) -> Self {
        drop(self.database);
        Kept {
            database: open(&self.location),
            location: self.location,
            _directory: self._directory,
        }
    }
}

fn recording(id: &str, answered_at: i64, kind: &str, bytes: usize) -> StoredRecording {
    StoredRecording {
        request_id: id.to_owned(),
        answered_at,
        kind: kind.to_owned(),
        summary: format!("{id} at {answered_at}"),
        document: vec![b' '; bytes],
    }
}

const NO_LIMIT: u64 = u64::MAX;

async fn the_latest_recording_of_an_id_is_found_again(engine: Engine) {
    let kept = Kept::new(engine);
    let batch = vec![
        recording("a", 10, "x", 3),
        recording("b", 20, "x", 4),
        recording("a", 30, "x", 5),
    ];
    kept.store().put(batch, NO_LIMIT).await.unwrap();
    let kept = kept.reopen();
    let store = kept.store();
    let summaries = store.summaries(0).await.unwrap();
    assert_eq!(summaries, ["a at 30", "b at 20", "a at 10"]);
    assert_eq!(store.summaries(20).await.unwrap().len(), 2);
    let length = async |id, since| {
        let found = store.document(id, since).await.unwrap();
        found.map(|document| document.len())
    };
    assert_eq!(length("a", 0).await, Some(5));
    assert_eq!(length("a", 31).await, None);
    assert_eq!(length("c", 0).await, None);
}

async fn recordings_are_deleted_by_their_age(engine: Engine) {
    let kept = Kept::new(engine);
    let store = kept.store();
    let batch = (0..10).map(|at| recording(&format!("{at}"), at, "x", 1));
    store.put(batch.collect(), NO_LIMIT).await.unwrap();
    assert_eq!(store.forget(4).await, Ok(4));
    assert_eq!(store.forget(4).await, Ok(0));
    let summaries = store.summaries(0).await.unwrap();
    assert_eq!((summaries.len(), &*summaries[5]), (6, "4 at 4"));
}

async fn too_many_bytes_leave_the_latest_of_each_kind(engine: Engine) {
    let kept = Kept::new(engine);
    let store = kept.store();
    let rare = vec![recording("rare", 0, "rare", 1_000)];
    store.put(rare, 10_000).await.unwrap();
    for at in 1..50 {
        let often = vec![recording(&format!("often-{at}"), at, "often", 1_000)];
        store.put(often, 10_000).await.unwrap();
    }
    let summaries = store.summaries(0).await.unwrap();
    assert_eq!(summaries[0], "often-49 at 49");
    assert_eq!(summaries.last().unwrap(), "rare at 0");
    assert!((8..10).contains(&summaries.len()), "{summaries:?}");
    // One that would push out many others is not stored.
    let large = vec![recording("large", 50, "large", 2_500)];
    store.put(large, 10_000).await.unwrap();
    assert_eq!(store.summaries(0).await, Ok(summaries));
}

async fn samples_are_replaced_as_a_whole_and_deleted_by_their_age(engine: Engine) {
    let kept = Kept::new(engine);
    let samples = |times: &[i64]| -> Vec<StoredSample> {
        let times = times.iter();
        let sample = |taken_at: &i64| StoredSample {
            taken_at: *taken_at,
            document: format!("{{\"at\": {taken_at}}}"),
        };
        times.map(sample).collect()
    };
    let store = kept.store();
    assert_eq!(store.samples(0).await, Ok(Vec::new()));
    store.replace_samples(samples(&[7, 8])).await.unwrap();
    store.replace_samples(samples(&[3, 2, 9])).await.unwrap();
    store
        .put(vec![recording("a", 2, "x", 1)], NO_LIMIT)
        .await
        .unwrap();
    let kept = kept.reopen();
    let store = kept.store();
    assert_eq!(store.samples(0).await, Ok(samples(&[3, 2, 9])));
    assert_eq!(store.samples(3).await, Ok(samples(&[3, 9])));
    assert_eq!(store.forget(3).await, Ok(1));
    assert_eq!(store.samples(0).await, Ok(samples(&[3, 9])));
    store.replace_samples(Vec::new()).await.unwrap();
    assert_eq!(store.samples(0).await, Ok(Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_this_user_may_read_the_file_of_recordings() {
    use std::os::unix::fs::PermissionsExt as _;
    let kept = Kept::new(Engine::Sqlite);
    kept.store();
    let Location::Sqlite(path) = &kept.location else {
        panic!("not a file")
    };
    let file = path.with_file_name("tasks.sqlite-recordings");
    let mode = std::fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_temporary_database_keeps_no_recordings() {
    let database = open(&Location::Temporary);
    assert!(database.open_recordings().unwrap().is_none());
}
