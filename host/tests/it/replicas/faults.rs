//! Faults of hosts, of their connections to the database, and of the database, under load.

use serde_json::{Value, json};

use super::cluster::{Cluster, Node};
use super::proxy::Cut;
use super::workload::run_with_faults;
use crate::harness::{eventually, run, task_host};
use crate::postgres::Stop;

#[test]
fn killed_hosts_lose_no_write_and_repeat_none() {
    run_with_faults("hosts killed with -9", |workload| {
        for host in &workload.cluster.hosts {
            host.kill();
            workload.wait_for_lost_requests();
            host.restart();
            workload.wait_for_recovery("a host was killed");
        }
    });
}

#[test]
fn hosts_can_be_replaced_one_by_one() {
    run_with_faults("hosts stopped and started", |workload| {
        for host in &workload.cluster.hosts {
            host.stop();
            workload.wait_for_answers();
            host.start();
            workload.wait_for_recovery("a host was replaced");
        }
    });
}

#[test]
fn paused_hosts_serve_no_stale_data_when_they_resume() {
    run_with_faults("hosts paused", |workload| {
        for host in &workload.cluster.hosts {
            host.pause();
            workload.wait_for_lost_requests();
            host.resume();
            workload.wait_for_recovery("a host was paused");
        }
    });
}

#[test]
fn hosts_that_lose_the_database_recover_automatically() {
    run_with_faults("hosts cut off from the database", |workload| {
        for (host, cut) in [(0, Cut::Refused), (1, Cut::Silent), (2, Cut::Deaf)] {
            let host = &workload.cluster.hosts[host];
            host.cut(cut);
            workload.wait_for_failures();
            workload.wait_for_answers();
            host.reconnect();
            workload.wait_for_recovery(&format!("{cut:?}"));
        }
    });
}

#[test]
fn a_commit_whose_answer_is_lost_happens_once_or_not_at_all() {
    run_with_faults("commits without an answer", |workload| {
        let outcomes = || {
            let hosts = workload.cluster.hosts.iter();
            let lines = hosts.flat_map(|host| host.log().all());
            let outcomes = lines.filter_map(|line| line["committed"].as_bool());
            let (committed, not): (Vec<_>, Vec<_>) = outcomes.partition(|committed| *committed);
            (committed.len(), not.len())
        };
        for host in &workload.cluster.hosts {
            host.cut(Cut::Commits);
        }
        eventually("the outcomes of commits are found out", || {
            let (committed, not) = outcomes();
            (committed >= 20 && not >= 20).then_some(())
        });
        for host in &workload.cluster.hosts {
            host.reconnect();
        }
        let (committed, not) = outcomes();
        workload.wait_for_recovery(&format!("{committed} commits had happened, {not} had not"));
    });
}

#[test]
fn if_the_outcome_of_a_commit_stays_unknown_the_answer_says_so() {
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
    // The commit had happened. A request with the same key gets its answer.
    let list = host.get("/tasks").expect(200).json();
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    assert_eq!(post().expect(201).json(), list[0]);
    let list = host.get("/tasks").expect(200).json();
    assert_eq!(list.as_array().map(Vec::len), Some(1));
}

#[test]
fn connections_that_the_network_silently_drops_are_replaced_within_seconds() {
    run_with_faults("connections dropped silently", |workload| {
        for host in &workload.cluster.hosts {
            host.proxy.forget();
        }
        workload.wait_for_recovery("connections were dropped silently");
    });
}

#[test]
fn a_restart_or_crash_of_the_database_loses_no_acknowledged_write() {
    run_with_faults("PostgreSQL restarted and crashed", |workload| {
        let postgres = &workload.cluster.postgres;
        for stop in [Stop::Fast, Stop::Killed, Stop::Immediate] {
            postgres.halt(stop);
            workload.wait_for_failures();
            postgres.resume();
            workload.wait_for_recovery(&format!("{stop:?}"));
        }
        postgres.restart();
        workload.wait_for_recovery("the database was restarted");
        postgres.crash();
        workload.wait_for_recovery("the database crashed and was restarted");
    });
}

#[test]
fn hosts_of_one_database_serve_the_same_component_and_the_same_tasks() {
    let Some(cluster) = Cluster::start(3) else {
        return;
    };
    let run_json = |arguments: &[&str], address: String| {
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
    let active = |host: &Node| run_json(&["status", "--json"], host.admin_url())["active"].clone();
    for host in &cluster.hosts {
        assert_eq!(active(host)["digest"], active(&cluster.hosts[0])["digest"]);
        assert!(active(host)["digest"].is_string());
        let task = run_json(&["call", "tasks.get", &id], host.url());
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
fn a_host_without_its_database_is_not_ready_until_it_is_back() {
    let Some(cluster) = Cluster::start(2) else {
        return;
    };
    let [other, host] = &cluster.hosts[..] else {
        panic!("the cluster has two hosts");
    };
    for cut in [Cut::Refused, Cut::Silent, Cut::Deaf] {
        host.cut(cut);
        let answer = host.get("/readyz");
        assert_eq!(answer.status, 503, "{cut:?}: {answer}");
        host.get("/tasks").problem(503, "unavailable");
        host.get("/livez").expect(200);
        other.get("/readyz").expect(200);
        host.reconnect();
        host.ready();
    }
}
