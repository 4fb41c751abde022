//! Two versions of the host on one database, as during a rolling update of the host. Only one version
//! can run here, so the tests act as the other one through the shared tables and functions.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use super::{built, deploy_successfully, details, latest, numbered, revision, seen_by, serving};
use crate::harness::{Host, Setup, eventually};
use crate::hostile::probe::Probe;
use crate::postgres::{Server, server};
use crate::stop::StopOnDrop;

/// A database and the setup of hosts on it.
struct Shared {
    server: &'static Server,
    database: String,
    setup: Setup,
}

impl Shared {
    fn new() -> Option<Self> {
        let server = server()?;
        let database = server.database();
        let setup = Probe::good()
            .setup()
            .database(&server.url(&database))
            .flag("--replicas", "3")
            .flag("--lease", "4s")
            .flag("--probation", "0s")
            .flag("--database-connections", "8");
        Some(Self {
            server,
            database,
            setup,
        })
    }

    fn named(&self, name: &str) -> Setup {
        self.setup.clone().flag("--replica-name", name)
    }

    fn run(&self, statements: &str) -> String {
        self.server.run(&self.database, statements)
    }

    /// Changes the tables as a newer host does when it starts: it only adds to them.
    fn migrate_as_a_newer_host(&self) {
        self.run(
            "ALTER TABLE task_host.replicas ADD COLUMN zone text;
             ALTER TABLE task_host.deployments ADD COLUMN ticket text NOT NULL DEFAULT '';
             ALTER TABLE task_host.active ADD COLUMN note text;
             ALTER TABLE task_host.components ADD COLUMN origin text;
             ALTER TABLE task_host.commits ADD COLUMN host text;
             CREATE TABLE task_host.zones (name text PRIMARY KEY);
             UPDATE task_host.settings SET version = version + 1",
        );
    }

    /// Sends a heartbeat as a host that serves the active component and has staged the deployed one.
    fn heartbeat_as(&self, name: &str, protocol: i32, lease: Duration) {
        let micros = lease.as_micros();
        self.run(&format!(
            "SELECT task_host.beat('the id of {name}', '{name}', '9.8.7', {protocol}, 'serving', \
             coalesce((SELECT epoch FROM task_host.active), 0), \
             (SELECT digest FROM task_host.active), \
             coalesce((SELECT id FROM task_host.deployments WHERE outcome IS NULL), 0), \
             NULL, '{{0, 0, 0, 0}}', {micros})"
        ));
    }

    /// Sends heartbeats as a host with this name and protocol while `test` runs.
    fn with_another_host(&self, name: &str, protocol: i32, test: impl FnOnce()) {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    self.heartbeat_as(name, protocol, Duration::from_secs(4));
                    thread::park_timeout(Duration::from_millis(100));
                }
            });
            let _stop = StopOnDrop(&stop);
            test();
        });
    }
}

#[test]
fn hosts_keep_working_with_a_newer_host_and_on_its_tables() {
    let Some(shared) = Shared::new() else { return };
    let one = shared.named("one").start();
    let version = shared.run("SELECT version + 1 FROM task_host.settings");
    shared.migrate_as_a_newer_host();
    shared.with_another_host("newer", 2, || {
        eventually("the newer host is seen", || {
            (seen_by(&one) == serving(&["newer", "one"])).then_some(())
        });
        let all_serve = |by: &Host, number, others: &str, all: &str| {
            let before = revision(by);
            deploy_successfully(by, &built(&numbered(number)), &[]);
            assert_ne!(revision(by), before);
            assert!(details(by, "stage").contains(others), "{}", latest(by));
            assert!(details(by, "switch").contains(all), "{}", latest(by));
        };
        all_serve(&one, 1, "ready on 1 other hosts", "all 2 hosts serve it");
        // A host of this version starts on the newer tables and does not change them.
        let other = shared.named("other").start();
        assert_eq!(seen_by(&other), serving(&["newer", "one", "other"]));
        assert_eq!(revision(&other), revision(&one));
        all_serve(&other, 2, "ready on 2 other hosts", "all 3 hosts serve it");
        assert_eq!(revision(&one), revision(&other));
    });
    assert_eq!(
        shared.run("SELECT version FROM task_host.settings"),
        version
    );
}

#[test]
fn a_host_does_not_start_while_a_host_runs_that_is_too_old_for_it() {
    let Some(shared) = Shared::new() else { return };
    let mut first = shared.named("first").start();
    first.terminate();
    assert!(first.wait().success());
    shared.heartbeat_as("ancient", 0, Duration::from_secs(600));
    let refused = shared.named("new").refused();
    refused.says(
        1,
        &["ancient", "9.8.7", "too old for this one", "update it"],
    );
    shared.run("DELETE FROM task_host.replicas WHERE name = 'ancient'");
    let host = shared.named("new").start();
    assert_eq!(seen_by(&host), serving(&["new"]));
}

#[test]
fn a_host_that_is_too_old_for_newer_hosts_says_so_and_answers_no_request() {
    let Some(shared) = Shared::new() else { return };
    let host = shared.named("old").start();
    host.get("/things/2").expect(200);
    // A newer host that is no longer compatible with this one replaces the function in this way.
    shared.run(
        "CREATE OR REPLACE FUNCTION task_host.beat(id text, name text, host_version text,
             protocol integer, state text, epoch bigint, digest text, staged bigint, problem text,
             counts bigint[], lease bigint) RETURNS void LANGUAGE plpgsql VOLATILE
             SET search_path = pg_catalog, pg_temp
             AS $$ BEGIN
                 RAISE SQLSTATE 'TH002' USING
                     MESSAGE = 'hosts older than 9.8 may not use this database: update them';
             END $$",
    );
    let reason = "hosts older than 9.8 may not use this database";
    let logged = host
        .log
        .find(|line| line["message"].as_str().unwrap_or("").contains(reason));
    assert!(logged.is_some(), "{}", host.log.tail(20));
    eventually("the host's lease expires", || {
        (host.get("/readyz").status == 503).then_some(())
    });
    host.get("/things/2").problem(503, "unavailable");
    shared.named("another").refused().says(1, &[reason]);
}
