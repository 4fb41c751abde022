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
use storage::{Attempt, Budget, Database};
use task_host_request::{
    Answer, Bulkheads, Conditions, Error, Finished, Invocation, Lease, Limits, Logic, Request,
    Revision, Service,
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
    statement: &'static str,
    begun: Arc<Semaphore>,
    release: Arc<Semaphore>,
}

#[async_trait]
impl Logic for Scripted {
    fn prepare(&self, route: RouteIndex, _: &Input<'_>) -> Result<Box<dyn Invocation>, InputError> {
        Ok(Box::new(Step {
            statement: match route {
                WRITE | OTHER_WRITE => "INSERT INTO marks DEFAULT VALUES",
                _ => "SELECT count(*) FROM marks",
            },
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
        transaction
            .execute(self.statement, &[])
            .await
            .unwrap()
            .unwrap();
        Finished {
            transaction,
            outcome: Ok(Outcome::Reply(Reply::default())),
            recording: None,
            cost: Cost::default(),
        }
    }
}

const WRITE: RouteIndex = RouteIndex::new(0);
const READS: [RouteIndex; 3] = [RouteIndex::new(1), RouteIndex::new(2), RouteIndex::new(3)];
const OTHER_WRITE: RouteIndex = RouteIndex::new(4);

/// A service with two routes that write and three that read.
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
            wait_until: std::time::Instant::now() + Duration::from_secs(20),
            hold: Duration::from_secs(20),
            statements: 10,
            rows: 10,
            bytes: 10,
            attempt: Attempt::Repeated,
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
                routes: vec![
                    route(Method::Post, "/marks", Access::Write),
                    route(Method::Get, "/marks", Access::Read),
                    route(Method::Get, "/others", Access::Read),
                    route(Method::Get, "/more", Access::Read),
                    route(Method::Post, "/others", Access::Write),
                ],
                migrations: Vec::new(),
                constraints: Vec::new(),
            },
            router: matchit::Router::new(),
            openapi: serde_json::Value::Null,
            assets: Vec::new(),
            operations: Vec::new(),
            stats: Arc::default(),
            bulkheads: Bulkheads::default(),
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
            long_run: Duration::from_millis(1),
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
        self.ask(WRITE)
    }

    fn ask(&self, route: RouteIndex) -> tokio::task::JoinHandle<Result<Answer, Error>> {
        self.send(route, false)
    }

    fn send(
        &self,
        route: RouteIndex,
        dry_run: bool,
    ) -> tokio::task::JoinHandle<Result<Answer, Error>> {
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
                dry_run,
                strict: false,
            };
            let answered = service.answer(&service.active(), route, request).await;
            answered.result
        })
    }

    fn commits(&self) -> u64 {
        self.database.stats().commits.load(SeqCst)
    }
}

fn route(method: Method, path: &str, access: Access) -> Route {
    Route {
        method,
        path: path.into(),
        operation: "test:scripted/marks#run".into(),
        access,
        success: 204,
        location: None,
        body: None,
        etag: None,
        next: None,
    }
}

/// Until a run of a route has ended, the route counts as long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_routes_leave_slots_to_each_other_and_to_short_ones() {
    let held = Held::new(16, 100).await;
    let mut requests = Vec::new();
    // Of the 16 slots, requests that give way take 8, and the only one to a route one of 4 more.
    for (route, count, begins) in [(READS[0], 20, 8), (READS[1], 20, 1), (READS[2], 2, 1)] {
        requests.push(held.ask(route));
        held.begun.acquire().await.unwrap().forget();
        requests.extend((1..count).map(|_| held.ask(route)));
        held.begun.acquire_many(begins - 1).await.unwrap().forget();
    }
    assert_eq!(held.begun.available_permits(), 0, "more requests run");

    // The others begin when these end.
    held.release.add_permits(requests.len());
    for request in requests {
        assert_eq!(request.await.unwrap().unwrap().status, 204);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_waits_for_the_writer_behind_one_long_write_at_most() {
    let held = Held::new(16, 100).await;
    let mut long = vec![held.post()];
    held.begun.acquire().await.unwrap().forget();
    long.extend((0..5).map(|_| held.post()));
    let other = held.ask(OTHER_WRITE);
    eventually("the other write waits for the writer", || {
        let waiting = &held.database.stats().writer_waiting;
        (waiting.load(SeqCst) == 1).then_some(())
    });
    // A long write and the other one.
    held.release.add_permits(2);
    assert_eq!(other.await.unwrap().unwrap().status, 204);
    held.release.add_permits(5);
    for request in long {
        assert_eq!(request.await.unwrap().unwrap().status, 204);
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
    let held = Held::new(2, 1).await;
    // Otherwise the second request would wait for the first one to find out how long the route takes.
    held.release.add_permits(1);
    assert_eq!(held.post().await.unwrap().unwrap().status, 204);
    held.begun.acquire().await.unwrap().forget();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_commits_nothing_and_waits_until_what_it_saw_is_durable() {
    let held = Held::new(1, 10).await;
    held.release.add_permits(2);
    held.sync.set(true);
    let before = held.commits();
    let real = held.post();
    eventually("the request has committed", || {
        (held.commits() == before + 1).then_some(())
    });
    let dry_run = held.send(WRITE, true);
    eventually("the dry run has ended its transaction", || {
        let stats = held.database.stats();
        (stats.writer_waiting.load(SeqCst) == 0 && held.release.available_permits() == 0)
            .then_some(())
    });
    assert!(
        !real.is_finished() && !dry_run.is_finished(),
        "an answer shows a commit that is not durable"
    );
    held.sync.set(false);
    assert_eq!(real.await.unwrap().unwrap().status, 204);
    assert_eq!(dry_run.await.unwrap().unwrap().status, 204);
    assert_eq!(held.commits(), before + 1);
}
