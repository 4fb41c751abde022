//! A rehearsal names what a new revision does differently, and leaves nothing behind. The logic is
//! scripted: the two revisions differ in one thing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use contract::{Access, Description, Method, Migration, Problem, Route, RouteIndex};
use runtime::{Asked, Call, Cost, Fault, Heard, Interruption, Recording};
use serde_json::{Value, json};
use storage::sqlite::{Config, Sqlite};
use storage::{Attempt, Budget, Cell, Database, Event, Rows, Transaction};
use task_host_request::recordings::{Recordings, Settings};
use task_host_request::rehearsal::{Part, Report};
use task_host_request::{
    Bulkheads, Conditions, Finished, Invocation, Lease, Limits, Logic, Request, Revision, Service,
    Template,
};
use telemetry::metrics::Metrics;
use transcode::{Input, InputError, Outcome, Reply};

const TIME: Duration = Duration::from_secs(60);

/// How a revision differs from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Nothing,
    /// It rounds hours to one digit.
    Rounds,
    /// It lists equal keys in another order.
    OtherOrder,
    /// It leaves a member out.
    MissingMember,
    /// It refuses what was accepted.
    Refuses,
    /// It traps in writes.
    Traps,
    /// It uses up its CPU time.
    Loops,
    /// It changes more rows.
    ChangesMore,
    /// It publishes another event.
    OtherEvent,
    /// It breaks a constraint that holds until the commit.
    BreaksAtCommit,
    /// It needs a column that only its migration adds.
    Migrates,
}

const POST: RouteIndex = RouteIndex::new(0);
const LIST: RouteIndex = RouteIndex::new(1);

struct Scripted(Change);

struct Run(RouteIndex, Change);

#[async_trait]
impl Logic for Scripted {
    fn prepare(&self, route: RouteIndex, _: &Input<'_>) -> Result<Box<dyn Invocation>, InputError> {
        Ok(Box::new(Run(route, self.0)))
    }

    fn alive(&self) -> bool {
        true
    }

    async fn health(&self, _: Call) -> Result<Result<Vec<(String, i64)>, String>, Interruption> {
        Ok(Ok(Vec::new()))
    }
}

#[async_trait]
impl Invocation for Run {
    async fn run(&self, call: Call) -> Finished {
        let mut recording = Recording::default();
        let mut transaction = call.transaction;
        let ran = match self.0 {
            POST => post(self.1, &mut *transaction, &mut recording).await,
            _ => list(self.1, &mut *transaction, &mut recording).await,
        };
        Finished {
            transaction,
            outcome: ran,
            recording: Some(Box::new(recording)),
            cost: Cost::default(),
        }
    }
}

type Ran = Result<Outcome, Interruption>;

async fn post(change: Change, on: &mut dyn Transaction, recording: &mut Recording) -> Ran {
    let insert = "INSERT INTO things (name, hours) VALUES ('a', 1.25) RETURNING id, hours";
    let rows = ask(on, recording, insert).await?;
    match change {
        Change::Traps => return Err(Fault::Trap("at create".into()).into()),
        Change::Loops => return Err(Fault::CpuTime(Duration::from_secs(1)).into()),
        Change::Refuses => {
            return Ok(Outcome::Problem(Problem {
                status: 422,
                code: "too-short".into(),
                title: String::new(),
                detail: None,
                errors: Vec::new(),
                extensions: Vec::new(),
            }));
        }
        Change::ChangesMore => {
            let update = "WITH every AS (SELECT id FROM things) \
                 UPDATE things SET name = 'b' WHERE id IN (SELECT id FROM every)";
            ask(on, recording, update).await?;
        }
        Change::BreaksAtCommit => {
            ask(on, recording, "INSERT INTO promises (thing) VALUES (99)").await?;
        }
        Change::Migrates => {
            ask(on, recording, "UPDATE things SET extra = 1 WHERE id = 1").await?;
        }
        _ => {}
    }
    let kind = match change {
        Change::OtherEvent => "thing.made",
        _ => "thing.created",
    };
    let id = integer(&rows, 0);
    let event = Event::new(kind.into(), id.to_string(), Vec::new()).expect("a valid event");
    on.publish(event.clone()).expect("a write publishes");
    recording.events.push(event);
    let hours = match change {
        Change::Rounds => json!(1.3),
        _ => json!(1.25),
    };
    let body = match change {
        Change::MissingMember => json!({"id": id}),
        _ => json!({"id": id, "hours": hours}),
    };
    reply(&body)
}

async fn list(change: Change, on: &mut dyn Transaction, recording: &mut Recording) -> Ran {
    let select = match change {
        Change::OtherOrder => "SELECT id FROM things ORDER BY hours, id DESC",
        _ => "SELECT id FROM things ORDER BY hours, id",
    };
    let rows = ask(on, recording, select).await?;
    let ids: Vec<i64> = (0..rows.cells.len()).map(|at| integer(&rows, at)).collect();
    reply(&json!(ids))
}

fn reply(body: &Value) -> Ran {
    Ok(Outcome::Reply(Reply {
        body: Some(body.to_string().into_bytes()),
        ..Reply::default()
    }))
}

fn integer(rows: &Rows, at: usize) -> i64 {
    match rows.cells[at] {
        Cell::Integer(value) => value,
        other => panic!("{other:?}"),
    }
}

/// Runs a statement, and records it as the runtime does.
async fn ask(
    on: &mut dyn Transaction,
    recording: &mut Recording,
    statement: &str,
) -> Result<Rows, Interruption> {
    let returns_rows = statement.starts_with("SELECT") || statement.contains("RETURNING");
    let heard = match returns_rows {
        true => on
            .query(statement, &[])
            .await
            .map(|ran| ran.map(Heard::Rows)),
        false => on
            .execute(statement, &[])
            .await
            .map(|ran| ran.map(Heard::Changed)),
    };
    let result = match heard {
        Ok(ran) => ran.unwrap_or_else(Heard::Failed),
        Err(error) => return Err(Interruption::Database(error)),
    };
    recording.statements.push(Asked {
        statement: statement.into(),
        params: [].into(),
        digest: None,
        result: result.clone(),
        columns: Vec::new(),
        took: Duration::ZERO,
    });
    Ok(match result {
        Heard::Rows(rows) => rows,
        _ => Rows::default(),
    })
}

fn migration(name: &str, text: &str) -> Migration {
    Migration {
        name: name.into(),
        sqlite: text.into(),
        postgres: text.into(),
    }
}

fn revision(change: Change) -> Arc<Revision> {
    let route = |method, access, success| Route {
        method,
        path: "/things".into(),
        operation: "test:scripted/things#run".into(),
        access,
        success,
        location: None,
        body: None,
        etag: None,
        next: None,
    };
    let tables =
        "CREATE TABLE things (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, hours REAL);
        CREATE TABLE promises (thing BIGINT REFERENCES things (id) DEFERRABLE INITIALLY DEFERRED);";
    let mut migrations = vec![migration("0001-tables", tables)];
    if change == Change::Migrates {
        let more = "ALTER TABLE things ADD COLUMN extra INTEGER";
        migrations.push(migration("0002-extra", more));
    }
    let mut router = matchit::Router::new();
    let template = Template {
        path: "/things".into(),
        methods: vec![(Method::Post, POST), (Method::Get, LIST)],
    };
    router.insert("/things", template).expect("one path");
    Arc::new(Revision {
        digest: format!("{change:?}"),
        description: Description {
            name: "scripted".into(),
            version: "1".into(),
            routes: vec![
                route(Method::Post, Access::Write, 201),
                route(Method::Get, Access::Read, 200),
            ],
            migrations,
            constraints: Vec::new(),
        },
        router,
        openapi: Value::Null,
        assets: Vec::new(),
        operations: Vec::new(),
        stats: Arc::default(),
        bulkheads: Bulkheads::default(),
        logic: Box::new(Scripted(change)),
    })
}

/// A service with some things, and requests that were sampled.
struct Sampled {
    service: Arc<Service>,
    database: Arc<dyn Database>,
    _directory: tempfile::TempDir,
}

fn budget() -> Budget {
    Budget {
        deadline: Instant::now() + TIME,
        wait_until: Instant::now() + TIME,
        hold: TIME,
        statements: 100,
        rows: 100,
        bytes: 1000,
        attempt: Attempt::Repeated,
    }
}

impl Sampled {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = Config::file(directory.path().join("data.sqlite"));
        let database: Arc<dyn Database> = Arc::new(Sqlite::open(config).unwrap());
        let active = revision(Change::Nothing);
        let mut migration = database.begin_migration(budget()).await.unwrap();
        let migrations = &active.description.migrations;
        migration.migrate(migrations, false).await.unwrap().unwrap();
        migration.commit().await.unwrap();
        let limits = Limits {
            running: 4,
            waiting: 10,
            wait: TIME,
            deadline: TIME,
            hold: TIME,
            statements: 100,
            rows: 100,
            bytes: 1000,
            memory_bytes: 1 << 20,
            answer_cache_bytes: 0,
            answer_check: 0.0,
            long_run: Duration::from_millis(1),
        };
        let (metrics, lease) = (Metrics::new(), Arc::new(Lease::unbounded()));
        let service = Service::new(active, database.clone(), limits, metrics, lease);
        let recordings = Recordings::new(Settings {
            bytes: 1 << 20,
            slow: None,
            mask: Vec::new(),
            limits: runtime::Limits::default(),
        });
        let sampled = Sampled {
            service: Arc::new(service.with_recordings(recordings)),
            database,
            _directory: directory,
        };
        for (number, route) in [POST, POST, POST, LIST, LIST].into_iter().enumerate() {
            sampled.ask(route, number).await;
        }
        sampled
    }

    async fn ask(&self, route: RouteIndex, number: usize) -> Value {
        let request = Request {
            id: number.to_string(),
            trace_id: String::new(),
            path: "/things".into(),
            parameters: Vec::new(),
            query: None,
            media_type: None,
            body: Bytes::new(),
            conditions: Conditions::default(),
            idempotency_key: None,
            dry_run: false,
            strict: false,
        };
        let active = self.service.active();
        let answered = self.service.answer(&active, route, request).await;
        let body = answered.result.expect("a success").body.expect("a body");
        serde_json::from_slice(&body).expect("JSON")
    }

    async fn rehearse(&self, change: Change) -> Report {
        let new = revision(change);
        let report = self.service.rehearse(&new, 200, TIME).await;
        report.expect("there are samples")
    }

    /// Rehearses a change, which must have one kind of difference, and returns it as text.
    async fn difference(&self, change: Change) -> String {
        let report = self.rehearse(change).await;
        let [found] = &report.differences[..] else {
            panic!("{report:?}")
        };
        format!(
            "{}: {} of {}, {} {}: {}",
            found.route,
            found.count,
            found.compared,
            found.part.as_str(),
            found.place,
            found.detail
        )
    }
}

#[tokio::test]
async fn a_subtle_change_is_named_with_its_place() {
    let sampled = Sampled::new().await;
    let same = sampled.rehearse(Change::Nothing).await;
    assert_eq!((same.compared, same.different, same.skipped), (5, 0, 0));
    for (change, expected) in [
        (
            Change::Rounds,
            "POST /things: 3 of 3, body /hours: 1.25 became 1.3",
        ),
        (
            Change::OtherOrder,
            "GET /things: 2 of 2, body : the same 3 items in another order",
        ),
        (
            Change::MissingMember,
            "POST /things: 3 of 3, body /hours: is missing",
        ),
        (
            Change::Refuses,
            "POST /things: 3 of 3, status : 422 too-short now, was 201",
        ),
        (
            Change::ChangesMore,
            "POST /things: 3 of 3, rows update things: 0 became 4",
        ),
        (
            Change::OtherEvent,
            "POST /things: 3 of 3, events /*/kind: is another text",
        ),
        (
            Change::BreaksAtCommit,
            "POST /things: 3 of 3, trap : 500 logic-ignored-failure now, was 201",
        ),
    ] {
        assert_eq!(sampled.difference(change).await, expected, "{change:?}");
    }
}

#[tokio::test]
async fn a_trap_is_counted_with_its_reason_and_too_much_time_ends_the_rehearsal() {
    let sampled = Sampled::new().await;
    let traps = sampled.rehearse(Change::Traps).await;
    assert_eq!((traps.compared, traps.trapped), (5, 3));
    let first = &traps.differences[0];
    assert_eq!(first.part, Part::Trap);
    assert_eq!(
        first.reason.as_deref(),
        Some("the logic trapped: at create")
    );
    // The latest request to the route comes first.
    assert_eq!(first.request_id, "2");
    let loops = sampled.rehearse(Change::Loops).await;
    assert_eq!(loops.trapped, 1);
    assert_eq!(loops.compared + loops.skipped, 5);
    let because = loops.skipped_because.unwrap_or_default();
    assert!(because.contains("took too long"), "{because}");
}

#[tokio::test]
async fn a_new_revision_runs_on_its_own_schema_and_the_active_one_on_the_present_one() {
    let sampled = Sampled::new().await;
    assert_eq!(
        sampled.difference(Change::Migrates).await,
        "POST /things: 3 of 3, rows update things: 0 became 1"
    );
    // The migration is undone with everything else.
    let extra = "SELECT extra FROM things";
    let mut reading = sampled
        .database
        .begin(Access::Read, budget())
        .await
        .unwrap();
    assert!(reading.query(extra, &[]).await.unwrap().is_err());
}

#[tokio::test]
async fn a_rehearsal_leaves_no_row_no_event_no_id_and_no_count_behind() {
    let sampled = Sampled::new().await;
    let active = sampled.service.active();
    let commits = || {
        sampled
            .database
            .stats()
            .commits
            .load(std::sync::atomic::Ordering::SeqCst)
    };
    let feed = sampled.database.feed();
    let end = feed.end().await.unwrap();
    let (before, counts) = (commits(), active.stats.counts());
    for change in [
        Change::Nothing,
        Change::ChangesMore,
        Change::Traps,
        Change::Migrates,
    ] {
        sampled.rehearse(change).await;
    }
    assert_eq!(commits(), before);
    assert_eq!(active.stats.counts(), counts);
    let recordings = sampled.service.recordings().expect("they are on");
    assert!(recordings.list().is_empty());
    // The next id is the one after the last that a client got.
    assert_eq!(sampled.ask(POST, 5).await, json!({"id": 4, "hours": 1.25}));
    let events = feed.after(&end, 100).await.unwrap().expect("they are kept");
    assert_eq!(events.len(), 1);
}

#[tokio::test]
async fn a_rehearsal_is_bounded_in_number_and_time() {
    let sampled = Sampled::new().await;
    let new = revision(Change::Nothing);
    let few = sampled.service.rehearse(&new, 2, TIME).await.unwrap();
    assert_eq!(few.compared, 2);
    let late = sampled.service.rehearse(&new, 200, Duration::ZERO).await;
    let late = late.unwrap();
    assert_eq!((late.compared, late.skipped), (0, 5));
    assert!(late.skipped_because.is_some());
    assert_eq!(sampled.service.rehearse(&new, 0, TIME).await, None);
}
