//! One idempotency key on several hosts: every host gives the same answer, also while the first
//! request still runs.

use std::thread;

use serde_json::{Value, json};

use super::cluster::{Cluster, Node};
use crate::client::Answer;
use crate::harness::{Setup, eventually};
use crate::postgres::Session;

/// Starts hosts whose time limits no request of these tests reaches.
fn start_with_long_limits(count: usize) -> Option<Cluster> {
    let setup = || {
        Setup::tasks()
            .flag("--write-hold", "30s")
            .flag("--request-timeout", "30s")
    };
    let cluster = Cluster::of(&setup, count)?;
    cluster.hosts.iter().for_each(Node::start);
    Some(cluster)
}

fn post(host: &Node, key: &str, title: &str) -> Answer {
    host.request("POST", "/tasks")
        .header("idempotency-key", key)
        .json(&json!({"title": title, "category": "feature"}))
        .send()
}

fn count(cluster: &Cluster) -> usize {
    let list: Value = cluster.hosts[0].get("/tasks").expect(200).json();
    list.as_array().expect("a list").len()
}

/// Makes requests that write tasks wait until the returned session is dropped.
fn hold_writes(cluster: &Cluster) -> Session {
    let lock = "BEGIN; LOCK TABLE logic.tasks IN SHARE MODE;";
    let held = cluster.postgres.hold(&cluster.database, lock);
    let granted = "SELECT count(*) FROM pg_locks WHERE granted AND mode = 'ShareLock' \
                   AND relation = 'logic.tasks'::regclass";
    eventually("the table is locked", || {
        let locks = cluster.postgres.run(&cluster.database, granted);
        (locks == "1").then_some(())
    });
    held
}

/// Waits until `sessions` sessions wait for a lock of this kind.
fn waiting(cluster: &Cluster, kind: &str, sessions: usize) {
    let ask = format!(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = '{kind}' \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    );
    eventually("sessions wait for a lock", || {
        let waiting = cluster.postgres.run(&cluster.database, &ask);
        (waiting == sessions.to_string()).then_some(())
    });
}

#[test]
fn a_key_gets_the_same_answer_on_each_host_and_another_body_is_rejected() {
    let Some(cluster) = Cluster::start(2) else {
        return;
    };
    let [one, other] = &cluster.hosts[..] else {
        panic!("the cluster has two hosts");
    };
    let first = post(one, "k", "Once").expect(201);
    let again = post(other, "k", "Once").expect(201);
    assert_eq!(again.body, first.body);
    for name in ["etag", "location", "content-type"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    post(other, "k", "Other").problem(422, "idempotency-key-reused");
    assert_eq!(count(&cluster), 1);
}

#[test]
fn a_repeated_key_waits_for_its_first_request_on_another_host() {
    let Some(cluster) = start_with_long_limits(2) else {
        return;
    };
    let [one, other] = &cluster.hosts[..] else {
        panic!("the cluster has two hosts");
    };
    let held = hold_writes(&cluster);
    thread::scope(|scope| {
        let first = scope.spawn(|| post(one, "k", "Once"));
        waiting(&cluster, "relation", 1);
        let again = scope.spawn(|| post(other, "k", "Once"));
        waiting(&cluster, "advisory", 1);
        let changed = scope.spawn(|| post(other, "k", "Other"));
        waiting(&cluster, "advisory", 2);
        drop(held);
        let [first, again, changed] =
            [first, again, changed].map(|post| post.join().expect("no panic"));
        let first = first.expect(201);
        assert_eq!(first.header("idempotent-replayed"), None);
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert_eq!(again.expect(201).body, first.body);
        changed.problem(422, "idempotency-key-reused");
    });
    assert_eq!(count(&cluster), 1);
}

#[test]
fn if_the_host_of_a_request_dies_another_host_can_use_its_key() {
    let Some(cluster) = Cluster::start(2) else {
        return;
    };
    let [one, other] = &cluster.hosts[..] else {
        panic!("the cluster has two hosts");
    };
    let held = hold_writes(&cluster);
    let address = one.address();
    thread::scope(|scope| {
        scope.spawn(|| {
            let request = crate::client::Request::new(address, "POST", "/tasks");
            let body = json!({"title": "Once", "category": "feature"});
            let lost = request
                .header("idempotency-key", "k")
                .json(&body)
                .try_send();
            assert!(lost.is_err(), "{lost:?}");
        });
        waiting(&cluster, "relation", 1);
        one.kill();
    });
    drop(held);
    // The session of the killed host may hold the key until the server's time-outs end it.
    let answer = eventually("the other host creates the task", || {
        let answer = post(other, "k", "Once");
        (answer.status == 201).then_some(answer)
    });
    one.start();
    let again = post(one, "k", "Once").expect(201);
    assert_eq!(again.body, answer.body);
    assert_eq!(count(&cluster), 1);
}
