//! The order of a request's steps. The tests hold the logic and the sync of the log, because it
//! cannot be seen from outside of the process which request waits for which.

use std::fs::File;
use std::io;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use contract::{Access, Description, Method, Migration, Route, RouteIndex};
use runtime::{Call, Cost, Interruption};
use storage::sqlite::{Config, Durability, LogSync, Sqlite};
use storage::{Budget, Database};
use task_host_request::{
    Answer, Conditions, Error, Finished, Invocation, Lease, Limits, Logic, Request, Revision,
    Service,
};
use telemetry::metrics::Metrics;
use tokio::sync::Semaphore;
use transcode::{Input, InputError, Outcome, Reply};

use testkit::eventually;

/// A sync that waits while the test holds it.
#[derive(Default)]
struct HeldSync {
    held: Mutex<bool>,
    changed: Condvar,
}

impl HeldSync {
    fn set(&self, held: bool) {
        *self.held.lock().unwrap() = held;
        self.changed.notify_all();
    }
}

impl LogSync for HeldSync {
    fn sync(&self, _log: &File) -> io::Result<()> {
        let held = self.held.lock().unwrap();
        drop(self.changed.wait_while(held, |held| *held).unwrap());
        Ok(())
    }
}

/// Logic that waits until the test releases it, and then runs one statement.
struct Scripted {
    begun: Arc<Semaphore>,
    release: Arc<Semaphore>,
}

struct Step {
    begun: Arc<Semaphore>,
    release: Arc<Semaphore>,
}

#[async_trait]
impl Logic for Scripted {
    fn prepare(&self, _: RouteIndex, _: &Input<'_>) -> Result<Box<dyn Invocation>, InputError> {
        Ok(Box::new(Step {
            begun: self.begun.clone(),
            release: self.release.clone(),
        }))
    }

    fn alive(&self) -> bool {
        true
    }

    async fn health(&self, _: Call) -> Result<Result<Vec<(String, i64)>, String>, Interruption> {
        Ok(Ok(Vec::new()))
    }
}

#[async_trait]
impl Invocation for Step {
    async fn run(&self, call: Call) -> Finished {
        self.begun.add_permits(1);
        self.release.acquire().await.unwrap().forget();
        let mut transaction = call.transaction;
        let statement = "INSERT INTO marks DEFAULT VALUES";
        transaction.execute(statement, &[]).await.unwrap().unwrap();
        Finished {
            transaction,
            outcome: Ok(Outcome::Reply(Reply::default())),
            recording: None,
            cost: Cost::default(),
        }
    }
}

/// A service with one route that writes.
struct Held {
    service: Arc<Service>,
    database: Arc<dyn Database>,
    sync: Arc<HeldSync>,
    begun: Arc<Semaphore>,
    release: Arc<Semaphore>,
    _directory: tempfile::TempDir,
}

impl Held {
    async fn new(running: usize, waiting: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let sync = Arc::new(HeldSync::default());
        let config = Config {
            durability: Durability::With(sync.clone()),
            ..Config::file(directory.path().join("data.sqlite"))
        };
        let database: Arc<dyn Database> = Arc::new(Sqlite::open(config).unwrap());
        let budget = Budget {
            deadline: std::time::Instant::now() + Duration::from_secs(20),
            wait: Duration::from_secs(20),
            hold: Duration::from_secs(20),
            statements: 10,
            rows: 10,
            bytes: 10,
        };
        let mut migration = database.begin_migration(budget).await.unwrap();
        let step = "CREATE TABLE marks (id INTEGER PRIMARY KEY)";
        let steps = [Migration {
            name: "0001-marks".into(),
            sqlite: step.into(),
            postgres: step.into(),
        }];
        migration.migrate(&steps, false).await.unwrap().unwrap();
        migration.commit().await.unwrap();

        let (begun, release) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let logic = Scripted {
            begun: begun.clone(),
            release: release.clone(),
        };
        let revision = Revision {
            digest: "ab".repeat(32),
            description: Description {
                name: "scripted".into(),
                version: "1".into(),
                routes: vec![Route {
                    method: Method::Post,
                    path: "/marks".into(),
                    operation: "test:scripted/marks#add".into(),
                    access: Access::Write,
                    success: 204,
                    location: None,
                    body: None,
                    etag: None,
                    next: None,
                }],
                migrations: Vec::new(),
                constraints: Vec::new(),
            },
            router: matchit::Router::new(),
            openapi: serde_json::Value::Null,
            assets: Vec::new(),
            operations: Vec::new(),
            stats: Arc::default(),
            logic: Box::new(logic),
        };
        let limits = Limits {
            running,
            waiting,
            wait: Duration::from_secs(20),
            deadline: Duration::from_secs(20),
            hold: Duration::from_secs(20),
            statements: 10,
            rows: 10,
            bytes: 10,
            memory_bytes: 1 << 20,
            answer_cache_bytes: 0,
            answer_check: 0.0,
        };
        let service = Service::new(
            Arc::new(revision),
            database.clone(),
            limits,
            Metrics::new(),
            Arc::new(Lease::unbounded()),
        );
        Held {
            service: Arc::new(service),
            database,
            sync,
            begun,
            release,
            _directory: directory,
        }
    }

    fn post(&self) -> tokio::task::JoinHandle<Result<Answer, Error>> {
        let service = self.service.clone();
        tokio::spawn(async move {
            let request = Request {
                id: "id".into(),
                trace_id: "trace".into(),
                path: "/marks".into(),
                parameters: Vec::new(),
                query: None,
                media_type: None,
                body: Bytes::new(),
                conditions: Conditions::default(),
                idempotency_key: None,
            };
            service
                .answer(&service.active(), RouteIndex::new(0), request)
                .await
                .result
        })
    }

    fn commits(&self) -> u64 {
        self.database.stats().commits.load(SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_waits_for_the_disk_frees_its_slot() {
    let held = Held::new(1, 10).await;
    held.release.add_permits(2);
    held.sync.set(true);
    let before = held.commits();
    let requests = [held.post(), held.post()];
    eventually("both requests commit in the only slot", || {
        (held.commits() == before + 2).then_some(())
    });
    for request in &requests {
        assert!(
            !request.is_finished(),
            "the request was acknowledged before it was durable"
        );
    }
    held.sync.set(false);
    for request in requests {
        assert_eq!(request.await.unwrap().unwrap().status, 204);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_can_start_at_once_skips_the_queue() {
    for waiting in [0, 1, 3] {
        let held = Held::new(1, waiting).await;
        let mut admitted = vec![held.post()];
        held.begun.acquire().await.unwrap().forget();
        // One request runs and `waiting` requests wait, so two of these are rejected.
        let mut turned_away = 0;
        let others: Vec<_> = (0..waiting + 2).map(|_| held.post()).collect();
        eventually("two requests are rejected", || {
            let over = others.iter().filter(|request| request.is_finished());
            (over.count() == 2).then_some(())
        });
        for request in others {
            match request.is_finished() {
                true => {
                    assert!(matches!(
                        request.await.unwrap(),
                        Err(Error::Overloaded { .. })
                    ));
                    turned_away += 1;
                }
                false => admitted.push(request),
            }
        }
        assert_eq!(turned_away, 2);
        held.release.add_permits(admitted.len());
        for request in admitted {
            assert_eq!(request.await.unwrap().unwrap().status, 204);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_request_frees_its_slot_the_writer_and_its_place_in_the_queue() {
    let held = Held::new(1, 1).await;
    for _ in 0..20 {
        let running = held.post();
        held.begun.acquire().await.unwrap().forget();
        let waiting = held.post();
        eventually("the second request waits for the writer", || {
            let waiting = &held.database.stats().writer_waiting;
            (waiting.load(SeqCst) == 1).then_some(())
        });
        waiting.abort();
        running.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        assert!(running.await.unwrap_err().is_cancelled());
    }
    held.release.add_permits(1);
    let before = held.commits();
    assert_eq!(held.post().await.unwrap().unwrap().status, 204);
    assert_eq!(held.commits(), before + 1, "no cancelled request committed");
}
