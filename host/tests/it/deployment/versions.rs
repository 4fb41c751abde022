//! Two versions of the host over one database, as a rollout of the host has them. There is one version
//! to run; the test speaks for the other, by the tables and functions that hosts meet in.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use super::{StopAtEnd, built, deploy, details, latest, numbered, revision, seen_by, serving};
use crate::harness::{Host, Setup, eventually};
use crate::hostile::probe::Probe;
use crate::postgres::{Server, server};

/// A database and how hosts are set up on it.
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

    /// What a newer host does to the tables when it starts: it adds.
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

    /// One beat of a host that serves what all should and has ready what is deployed.
    fn beat_as(&self, name: &str, protocol: i32, lease: Duration) {
        let micros = lease.as_micros();
        self.run(&format!(
            "SELECT task_host.beat('the id of {name}', '{name}', '9.8.7', {protocol}, 'serving', \
             coalesce((SELECT epoch FROM task_host.active), 0), \
             (SELECT digest FROM task_host.active), \
             coalesce((SELECT id FROM task_host.deployments WHERE outcome IS NULL), 0), \
             NULL, '{{0, 0, 0, 0}}', {micros})"
        ));
    }

    /// Lets a host of that name and protocol live while `meanwhile` runs.
    fn beside(&self, name: &str, protocol: i32, meanwhile: impl FnOnce()) {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    self.beat_as(name, protocol, Duration::from_secs(4));
                    thread::park_timeout(Duration::from_millis(100));
                }
            });
            let _stop = StopAtEnd(&stop);
            meanwhile();
        });
    }
}

#[test]
fn hosts_go_on_beside_a_newer_one_and_on_its_tables() {
    let Some(shared) = Shared::new() else { return };
    let one = shared.named("one").start();
    let version = shared.run("SELECT version + 1 FROM task_host.settings");
    shared.migrate_as_a_newer_host();
    shared.beside("newer", 2, || {
        eventually("the newer one is seen", || {
            (seen_by(&one) == serving(&["newer", "one"])).then_some(())
        });
        let all_serve = |by: &Host, number, others: &str, all: &str| {
            let before = revision(by);
            let output = deploy(by, &built(&numbered(number)), &[]);
            assert_eq!(output.code, Some(0), "{output:#?}");
            assert_ne!(revision(by), before);
            assert!(details(by, "stage").contains(others), "{}", latest(by));
            assert!(details(by, "switch").contains(all), "{}", latest(by));
        };
        all_serve(&one, 1, "ready on 1 other hosts", "all 2 hosts serve it");
        // One of this version starts on tables that are newer than it, and leaves them as they are.
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
fn a_host_does_not_start_beside_one_that_is_too_old_for_it() {
    let Some(shared) = Shared::new() else { return };
    let mut first = shared.named("first").start();
    first.terminate();
    assert!(first.wait().success());
    shared.beat_as("ancient", 0, Duration::from_secs(600));
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
fn a_host_that_newer_ones_have_shut_out_says_so_and_answers_nothing() {
    let Some(shared) = Shared::new() else { return };
    let host = shared.named("old").start();
    host.get("/things/2").expect(200);
    // As the tables of a host would that does not go together with this one any more.
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
    let told = host
        .log
        .find(|line| line["message"].as_str().unwrap_or("").contains(reason));
    assert!(told.is_some(), "{}", host.log.tail(20));
    eventually("its lease runs out", || {
        (host.get("/readyz").status == 503).then_some(())
    });
    host.get("/things/2").problem(503, "unavailable");
    shared.named("another").refused().says(1, &[reason]);
}
