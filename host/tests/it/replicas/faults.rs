//! What may happen to hosts, to their ways to the database, and to the database, under load.

use serde_json::{Value, json};

use super::cluster::{Cluster, Node};
use super::proxy::Cut;
use super::storm::survive;
use crate::harness::{eventually, run, task_host};
use crate::postgres::Stop;

#[test]
fn hosts_that_are_killed_lose_nothing_and_do_nothing_twice() {
    survive("hosts killed with -9", |storm| {
        for host in &storm.cluster.hosts {
            host.kill();
            storm.loses();
            host.restart();
            storm.recovers("a host was killed");
        }
    });
}

#[test]
fn hosts_are_replaced_one_by_one() {
    survive("hosts stopped and started", |storm| {
        for host in &storm.cluster.hosts {
            host.stop();
            storm.calm();
            host.start();
            storm.recovers("a host was replaced");
        }
    });
}

#[test]
fn hosts_that_stand_still_serve_nothing_stale_when_they_go_on() {
    survive("hosts paused", |storm| {
        for host in &storm.cluster.hosts {
            host.pause();
            storm.loses();
            host.resume();
            storm.recovers("a host stood still");
        }
    });
}

#[test]
fn hosts_that_are_cut_off_from_the_database_come_back_by_themselves() {
    survive("hosts cut off from the database", |storm| {
        for (host, cut) in [(0, Cut::Refused), (1, Cut::Silent), (2, Cut::Deaf)] {
            let host = &storm.cluster.hosts[host];
            host.cut(cut);
            storm.fails();
            storm.calm();
            host.reconnect();
            storm.recovers(&format!("{cut:?}"));
        }
    });
}

#[test]
fn commits_whose_answers_are_lost_happened_once_or_not_at_all() {
    survive("commits without an answer", |storm| {
        let outcomes = || {
            let hosts = storm.cluster.hosts.iter();
            let lines = hosts.flat_map(|host| host.log().all());
            let outcomes = lines.filter_map(|line| line["committed"].as_bool());
            let (committed, not): (Vec<_>, Vec<_>) = outcomes.partition(|committed| *committed);
            (committed.len(), not.len())
        };
        for host in &storm.cluster.hosts {
            host.cut(Cut::Commits);
        }
        eventually("commits are found out about", || {
            let (committed, not) = outcomes();
            (committed >= 20 && not >= 20).then_some(())
        });
        for host in &storm.cluster.hosts {
            host.reconnect();
        }
        let (committed, not) = outcomes();
        storm.recovers(&format!("{committed} commits had happened, {not} had not"));
    });
}

#[test]
fn who_cannot_be_told_whether_a_commit_happened_is_told_so() {
    let Some(cluster) = Cluster::start(1) else {
        return;
    };
    let host = &cluster.hosts[0];
    let body = json!({"title": "In doubt", "category": "testing"});
    let post = || {
        let request = host.request("POST", "/tasks").json(&body);
        let request = request.header("idempotency-key", "doubt");
        request.patience(2 * crate::harness::DEADLINE).send()
    };
    host.cut(Cut::LastCommit);
    let answer = post();
    let problem = answer.problem(503, "outcome-unknown");
    assert_eq!(answer.header("retry-after"), None, "{answer}");
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains("Idempotency-Key"), "{detail}");
    host.reconnect();
    host.ready();
    // It had happened; the key brings its answer.
    let list = host.get("/tasks").expect(200).json();
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    assert_eq!(post().expect(201).json(), list[0]);
    let list = host.get("/tasks").expect(200).json();
    assert_eq!(list.as_array().map(Vec::len), Some(1));
}

#[test]
fn connections_that_are_forgotten_on_the_way_are_replaced_within_seconds() {
    survive("connections forgotten on the way", |storm| {
        for host in &storm.cluster.hosts {
            host.way.forget();
        }
        storm.recovers("connections were forgotten");
    });
}

#[test]
fn a_database_that_is_restarted_or_crashes_loses_nothing_that_was_acknowledged() {
    survive("PostgreSQL restarted and crashed", |storm| {
        let postgres = &storm.cluster.postgres;
        for stop in [Stop::Fast, Stop::Killed, Stop::Immediate] {
            postgres.halt(stop);
            storm.fails();
            postgres.resume();
            storm.recovers(&format!("{stop:?}"));
        }
        postgres.restart();
        storm.recovers("restarted at once");
        postgres.crash();
        storm.recovers("killed and back at once");
    });
}

#[test]
fn hosts_of_one_database_serve_the_same_component_and_the_same_tasks() {
    let Some(cluster) = Cluster::start(3) else {
        return;
    };
    let ask = |arguments: &[&str], address: String| {
        let mut command = task_host();
        command.args(arguments).args(["--to", &address]);
        let answer = run(command);
        answer.says(0, &[]);
        serde_json::from_str::<Value>(&answer.stdout).expect("JSON")
    };
    let body = json!({"title": "Seen by all", "category": "testing"});
    let made = cluster.hosts[0]
        .request("POST", "/tasks")
        .json(&body)
        .send();
    let id = json!({"id": made.expect(201).json()["id"]}).to_string();
    let active = |host: &Node| ask(&["status", "--json"], host.admin_url())["active"].clone();
    for host in &cluster.hosts {
        assert_eq!(active(host)["digest"], active(&cluster.hosts[0])["digest"]);
        assert!(active(host)["digest"].is_string());
        let task = ask(&["call", "tasks.get", &id], host.url());
        assert_eq!(task["title"], "Seen by all");
        let errors = host.log().all();
        let errors: Vec<_> = errors
            .iter()
            .filter(|line| line["level"] == "ERROR")
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

#[test]
fn a_host_that_lost_its_database_says_so_until_it_is_back() {
    let Some(cluster) = Cluster::start(2) else {
        return;
    };
    let [other, host] = &cluster.hosts[..] else {
        panic!("two were asked for");
    };
    for cut in [Cut::Refused, Cut::Silent, Cut::Deaf] {
        host.cut(cut);
        let asked = host.get("/readyz");
        assert_eq!(asked.status, 503, "{cut:?}: {asked}");
        host.get("/tasks").problem(503, "unavailable");
        host.get("/livez").expect(200);
        other.get("/readyz").expect(200);
        host.reconnect();
        host.ready();
    }
}
