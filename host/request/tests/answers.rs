//! Kept answers, with logic that counts its runs and commits that the test holds: when the logic runs,
//! and when it does not have to.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use contract::{Access, Description, Method, Migration, Problem, Route, RouteIndex};
use runtime::{Asked, Call, Cost, Heard, Interruption, Recording};
use storage::sqlite::{CommitStep, Config, Sqlite};
use storage::{Attempt, Budget, Cell, Database, Found};
use task_host_request::{
    Answer, Bulkheads, Conditions, Error, Fault, Finished, Invocation, Lease, Limits, Logic,
    Request, Revision, Service,
};
use telemetry::metrics::Metrics;
use testkit::eventually;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use transcode::{Input, InputError, Outcome, Reply};

const READ: &str = "SELECT x FROM items WHERE id = 1";
const READ_ELSEWHERE: &str = "SELECT count(*) FROM others";

/// Logic that reads a value and answers with it.
#[derive(Default)]
struct Script {
    /// The queries that were run with the logic, in order.
    runs: Mutex<Vec<String>>,
    /// If set, each run for this query waits for a permit after it has read.
    held: Mutex<Option<(&'static str, Arc<Semaphore>)>>,
    /// Added to each answer, although no statement returns it.
    lie: AtomicI64,
    ended: AtomicUsize,
}

struct Step {
    script: Arc<Script>,
    query: String,
    write: bool,
}

struct Scripted(Arc<Script>);

#[async_trait]
impl Logic for Scripted {
    fn prepare(
        &self,
        route: RouteIndex,
        input: &Input<'_>,
    ) -> Result<Box<dyn Invocation>, InputError> {
        Ok(Box::new(Step {
            script: self.0.clone(),
            query: input.query.unwrap_or_default().to_owned(),
            write: route == WRITE,
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
        self.script.runs.lock().unwrap().push(self.query.clone());
        let mut transaction = call.transaction;
        let mut recording = Recording::default();
        let outcome = if self.write {
            let statement = format!("UPDATE {}", self.query.replace('+', " "));
            transaction.execute(&statement, &[]).await.unwrap().unwrap();
            Ok(Outcome::Reply(Reply::default()))
        } else {
            let statement = match &*self.query {
                "elsewhere" => READ_ELSEWHERE,
                _ => READ,
            };
            let rows = transaction.query(statement, &[]).await.unwrap().unwrap();
            recording.statements.push(Asked {
                statement: statement.into(),
                params: [].into(),
                digest: Some(Found::rows(&rows)),
                result: Heard::NotKept,
                columns: Vec::new(),
                took: Duration::ZERO,
            });
            recording.clock = self.query == "clock";
            recording.seed = (self.query == "random").then_some([0; 32]);
            recording.log = self.query == "log";
            let lie = self.script.lie.load(SeqCst);
            match (&*self.query, &rows.cells[..]) {
                ("fault", _) => Err(Fault::Memory.into()),
                (_, [Cell::Integer(value)]) => Ok(Outcome::Reply(Reply {
                    body: Some((value + lie).to_string().into_bytes()),
                    ..Reply::default()
                })),
                _ => Ok(Outcome::Problem(Problem {
                    status: 404,
                    code: "no-item".into(),
                    title: "Not found".into(),
                    detail: None,
                    errors: Vec::new(),
                    extensions: Vec::new(),
                })),
            }
        };
        let held = self.script.held.lock().unwrap().clone();
        if let Some((_, release)) = held.filter(|(query, _)| *query == self.query) {
            release.acquire().await.unwrap().forget();
        }
        self.script.ended.fetch_add(1, SeqCst);
        Finished {
            transaction,
            outcome,
            recording: call.record.digests.then(|| Box::new(recording)),
            cost: Cost::default(),
        }
    }
}

const READ_ROUTE: RouteIndex = RouteIndex::new(0);
const WRITE: RouteIndex = RouteIndex::new(1);

/// A service with one route that reads and one that writes.
struct Fixture {
    service: Arc<Service>,
    script: Arc<Script>,
    metrics: Arc<Metrics>,
    /// The steps of commits, while they are held.
    steps: Mutex<mpsc::Receiver<CommitStep>>,
    held: Arc<Mutex<Option<mpsc::Receiver<()>>>>,
}

fn route(method: Method, access: Access) -> Route {
    Route {
        method,
        path: "/item".into(),
        operation: "test:scripted/items#operation".into(),
        access,
        success: 200,
        location: None,
        body: None,
        etag: None,
        next: None,
    }
}

impl Fixture {
    async fn new(answer_cache_bytes: usize, answer_check: f64) -> Self {
        let (reached, steps) = mpsc::channel();
        let held: Arc<Mutex<Option<mpsc::Receiver<()>>>> = Arc::default();
        let holds = held.clone();
        let database: Arc<dyn Database> = Arc::new(
            Sqlite::open(Config {
                at_commit: Some(Arc::new(move |step| {
                    if let Some(held) = &*holds.lock().unwrap() {
                        reached.send(step).unwrap();
                        held.recv().unwrap();
                    }
                })),
                ..Config::temporary()
            })
            .unwrap(),
        );
        let budget = Budget {
            deadline: Instant::now() + Duration::from_secs(20),
            wait_until: Instant::now() + Duration::from_secs(20),
            hold: Duration::from_secs(20),
            statements: 10,
            rows: 10,
            bytes: 10,
            attempt: Attempt::Repeated,
        };
        let mut migration = database.begin_migration(budget).await.unwrap();
        let step = "CREATE TABLE items (id INTEGER PRIMARY KEY, x INTEGER);
                    CREATE TABLE others (x INTEGER);
                    INSERT INTO items VALUES (1, 10); INSERT INTO others VALUES (1);";
        let steps_of_schema = [Migration {
            name: "0001-items".into(),
            sqlite: step.into(),
            postgres: step.into(),
        }];
        let migrated = migration.migrate(&steps_of_schema, false).await;
        migrated.unwrap().unwrap();
        migration.commit().await.unwrap();

        let script = Arc::new(Script::default());
        let revision = Revision {
            digest: "ab".repeat(32),
            description: Description {
                name: "scripted".into(),
                version: "1".into(),
                routes: vec![
                    route(Method::Get, Access::Read),
                    route(Method::Post, Access::Write),
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
            logic: Box::new(Scripted(script.clone())),
        };
        let limits = Limits {
            running: 8,
            waiting: 8,
            wait: Duration::from_secs(20),
            deadline: Duration::from_secs(20),
            hold: Duration::from_secs(20),
            statements: 10,
            rows: 10,
            bytes: 10,
            memory_bytes: 1 << 20,
            answer_cache_bytes,
            answer_check,
            long_run: Duration::from_millis(1),
        };
        let metrics = Metrics::new();
        let service = Service::new(
            Arc::new(revision),
            database,
            limits,
            metrics.clone(),
            Arc::new(Lease::unbounded()),
        );
        Fixture {
            service: Arc::new(service),
            script,
            metrics,
            steps: Mutex::new(steps),
            held,
        }
    }

    fn ask(&self, route: RouteIndex, query: &str) -> JoinHandle<Result<Answer, Error>> {
        let service = self.service.clone();
        let request = Request {
            id: "id".into(),
            trace_id: "trace".into(),
            path: "/item".into(),
            parameters: Vec::new(),
            query: Some(query.to_owned()),
            media_type: None,
            body: Bytes::new(),
            conditions: Conditions::default(),
            idempotency_key: None,
            dry_run: false,
            strict: false,
        };
        tokio::spawn(async move {
            let answered = service.answer(&service.active(), route, request).await;
            answered.result
        })
    }

    /// Reads, and returns the answer as a text.
    async fn get(&self, query: &str) -> String {
        text(self.ask(READ_ROUTE, query).await.unwrap())
    }

    async fn write(&self, update: &str) {
        self.ask(WRITE, update).await.unwrap().unwrap();
    }

    /// Returns how many times the logic has run for a query.
    fn runs(&self, query: &str) -> usize {
        let runs = self.script.runs.lock().unwrap();
        runs.iter().filter(|run| *run == query).count()
    }

    /// Returns the value of a metric.
    fn count(&self, series: &str) -> u64 {
        let text = self.metrics.render(telemetry::metrics::Format::Prometheus);
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        line.map_or(0, |value| value.trim().parse().unwrap())
    }

    /// Returns how many answers came about in each way: run, unchanged, verified, shared.
    fn came(&self) -> [u64; 4] {
        ["run", "unchanged", "verified", "shared"]
            .map(|kind| self.count(&format!("task_host_answers_total{{kind=\"{kind}\"}}")))
    }

    /// Holds the runs for a query. Returns what lets them go on.
    fn hold_runs(&self, query: &'static str) -> Arc<Semaphore> {
        let release = Arc::new(Semaphore::new(0));
        *self.script.held.lock().unwrap() = Some((query, release.clone()));
        release
    }

    /// Holds the next commits at each of their steps. Returns what lets one step pass.
    fn hold_commits(&self) -> mpsc::Sender<()> {
        let (pass, held) = mpsc::channel();
        *self.held.lock().unwrap() = Some(held);
        pass
    }

    fn reaches(&self, step: CommitStep) {
        let steps = self.steps.lock().unwrap();
        assert_eq!(steps.recv_timeout(Duration::from_secs(20)), Ok(step));
    }
}

fn text(answered: Result<Answer, Error>) -> String {
    match answered {
        Ok(answer) => String::from_utf8(answer.body.unwrap().to_vec()).unwrap(),
        Err(error) => error.to_string(),
    }
}

const SIZE: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_logic_runs_again_only_if_something_has_changed_that_it_read() {
    let host = Fixture::new(SIZE, 0.0).await;
    assert_eq!(
        (host.get("a").await, host.get("a").await),
        ("10".into(), "10".into())
    );
    assert_eq!((host.runs("a"), host.came()), (1, [1, 1, 0, 0]));
    host.write("others+SET+x+=+2").await;
    assert_eq!(host.get("a").await, "10");
    assert_eq!(host.came(), [1, 2, 0, 0], "another table");
    // The same value again: the table has changed, but no result.
    host.write("items+SET+x+=+10").await;
    assert_eq!(
        (host.get("a").await, host.get("a").await),
        ("10".into(), "10".into())
    );
    assert_eq!((host.runs("a"), host.came()), (1, [1, 3, 1, 0]));
    host.write("items+SET+x+=+11").await;
    assert_eq!(
        (host.get("a").await, host.get("a").await),
        ("11".into(), "11".into())
    );
    assert_eq!((host.runs("a"), host.came()), (2, [2, 4, 1, 0]));
    // Another query is another request.
    assert_eq!(host.get("b").await, "11");
    assert_eq!(host.runs("b"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_changes_each_time_is_not_verified_until_it_stays_the_same() {
    let host = Fixture::new(SIZE, 0.0).await;
    for x in 10..14 {
        host.write(&format!("items+SET+x+=+{x}")).await;
        assert_eq!(host.get("a").await, x.to_string());
    }
    let statements = host.count("task_host_statements_total");
    host.write("items+SET+x+=+14").await;
    assert_eq!(host.get("a").await, "14");
    // The update and one query: the statement of the kept answer did not run in vain.
    assert_eq!(host.count("task_host_statements_total"), statements + 2);
    host.write("items+SET+x+=+14").await;
    assert_eq!(host.get("a").await, "14");
    assert_eq!(host.came(), [6, 0, 0, 0]);
    // The last run had the results of the one before.
    host.write("items+SET+x+=+14").await;
    assert_eq!(host.get("a").await, "14");
    assert_eq!(host.came(), [6, 0, 1, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_problem_is_kept_and_a_fault_or_an_answer_that_depends_on_more_is_not() {
    let host = Fixture::new(SIZE, 0.0).await;
    for query in ["clock", "random", "log", "fault"] {
        for runs in 1..3 {
            host.get(query).await;
            assert_eq!(host.runs(query), runs, "{query}");
        }
    }
    host.write("items+SET+id+=+2").await;
    for _ in 0..3 {
        assert_eq!(host.get("a").await, "Not found");
    }
    assert_eq!(host.runs("a"), 1);
    host.write("items+SET+id+=+1").await;
    assert_eq!(host.get("a").await, "10");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_of_no_bytes_keeps_nothing() {
    let host = Fixture::new(0, 0.0).await;
    for runs in 1..4 {
        assert_eq!(host.get("a").await, "10");
        assert_eq!(host.runs("a"), runs);
    }
    assert_eq!(host.count("task_host_answer_cache_bytes"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cache_stays_within_its_size_and_counts_what_it_drops() {
    let size = 64 << 10;
    let host = Fixture::new(size, 0.0).await;
    for n in 0..1000 {
        host.get(&format!("{n}")).await;
        assert!(host.count("task_host_answer_cache_bytes") <= size as u64);
    }
    assert!(host.count("task_host_answer_cache_bytes") > size as u64 / 2);
    assert!(host.count("task_host_answer_cache_evictions_total") > 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_requests_share_one_run() {
    let host = Fixture::new(SIZE, 0.0).await;
    let release = host.hold_runs("a");
    let first = host.ask(READ_ROUTE, "a");
    eventually("the first request runs", || {
        (host.runs("a") == 1).then_some(())
    });
    let others: Vec<_> = (0..4).map(|_| host.ask(READ_ROUTE, "a")).collect();
    // Another key does not wait.
    let other = host.ask(READ_ROUTE, "b");
    assert_eq!(text(other.await.unwrap()), "10");
    release.add_permits(1);
    assert_eq!(text(first.await.unwrap()), "10");
    for other in others {
        assert_eq!(text(other.await.unwrap()), "10");
    }
    let [run, unchanged, verified, shared] = host.came();
    assert_eq!((run, unchanged + shared, verified), (2, 4, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_waits_for_a_run_does_not_get_an_answer_from_before_it_arrived() {
    let host = Fixture::new(SIZE, 0.0).await;
    let release = host.hold_runs("a");
    let first = host.ask(READ_ROUTE, "a");
    eventually("the first request has read", || {
        (host.runs("a") == 1).then_some(())
    });
    host.write("items+SET+x+=+11").await;
    let late = host.ask(READ_ROUTE, "a");
    release.add_permits(2);
    assert_eq!(text(first.await.unwrap()), "10");
    assert_eq!(text(late.await.unwrap()), "11");
    assert_eq!(host.runs("a"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn if_a_run_is_cancelled_those_that_wait_for_it_go_on() {
    let host = Fixture::new(SIZE, 0.0).await;
    let release = host.hold_runs("a");
    let first = host.ask(READ_ROUTE, "a");
    eventually("the first request runs", || {
        (host.runs("a") == 1).then_some(())
    });
    let others: Vec<_> = (0..3).map(|_| host.ask(READ_ROUTE, "a")).collect();
    first.abort();
    release.add_permits(3);
    for other in others {
        assert_eq!(text(other.await.unwrap()), "10");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_a_commit_becomes_visible_nothing_is_answered_that_it_may_contradict() {
    let host = Fixture::new(SIZE, 0.0).await;
    assert_eq!(
        (host.get("a").await, host.get("a").await),
        ("10".into(), "10".into())
    );
    assert_eq!(
        (host.get("elsewhere").await, host.get("elsewhere").await),
        ("1".into(), "1".into())
    );
    assert_eq!(host.came(), [2, 2, 0, 0]);
    let pass = host.hold_commits();
    let writing = host.ask(WRITE, "items+SET+x+=+11");
    host.reaches(CommitStep::Marked);
    // It may become visible at any time, so this is found out by a statement, and waits for the commit.
    let early = host.ask(READ_ROUTE, "a");
    assert_eq!(host.get("elsewhere").await, "1");
    assert_eq!(host.came(), [2, 3, 0, 0], "another table");
    pass.send(()).unwrap();
    host.reaches(CommitStep::Visible);
    // It is visible but not durable: whoever sees it waits, as after every run.
    let reading = host.ask(READ_ROUTE, "a");
    eventually("the logic runs", || {
        (host.script.ended.load(SeqCst) == 4).then_some(())
    });
    let second = host.ask(READ_ROUTE, "a");
    assert_eq!(host.get("elsewhere").await, "1");
    assert!(!early.is_finished() && !reading.is_finished() && !second.is_finished());
    *host.held.lock().unwrap() = {
        pass.send(()).unwrap();
        None
    };
    assert_eq!(text(reading.await.unwrap()), "11");
    assert_eq!(text(second.await.unwrap()), "11");
    let early = text(early.await.unwrap());
    assert!(["10", "11"].contains(&&*early), "{early}");
    writing.await.unwrap().unwrap();
    assert_eq!(host.get("a").await, "11");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_turns_out_to_be_wrong_ends_the_cache_for_its_revision() {
    let host = Fixture::new(SIZE, 1.0).await;
    for _ in 0..3 {
        assert_eq!(host.get("a").await, "10");
    }
    assert_eq!(
        host.count("task_host_answer_checks_total{outcome=\"same\"}"),
        2
    );
    host.script.lie.store(5, SeqCst);
    assert_eq!(
        host.get("a").await,
        "15",
        "the client gets what the logic says"
    );
    assert_eq!(
        host.count("task_host_answer_checks_total{outcome=\"different\"}"),
        1
    );
    let runs = host.runs("a");
    for more in 1..3 {
        assert_eq!(host.get("a").await, "15");
        assert_eq!(host.runs("a"), runs + more);
    }
    assert_eq!(host.count("task_host_answer_cache_bytes"), 0);
}
