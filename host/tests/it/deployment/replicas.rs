//! Several hosts over one PostgreSQL database: what one deploys all serve, or none does.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Built, StopAtEnd, begin, built, built_of, command, deploy, details, history, latest, numbered,
    other, revision, seen_by, serving, status, trapping,
};
use crate::harness::{Host, Setup, eventually, run};
use crate::hostile::probe::Probe;
use crate::postgres::server;

/// A service on a PostgreSQL database of its own; none where there is no server. Leases are short:
/// tests wait for them to run out.
fn shared(probe: &Probe) -> Option<Setup> {
    let server = server()?;
    let setup = probe
        .setup()
        .database(&server.url(&server.database()))
        .flag("--replicas", "3")
        .flag("--lease", "4s")
        .flag("--database-connections", "8");
    Some(setup)
}

/// Hosts of one setup, named `a`, `b` and so on.
fn start(setup: &Setup, count: u8) -> Vec<Host> {
    (0..count).map(|number| named(setup, number)).collect()
}

fn named(setup: &Setup, number: u8) -> Host {
    let name = char::from(b'a' + number).to_string();
    setup.clone().flag("--replica-name", name).start()
}

#[track_caller]
fn deployed(host: &Host, component: &Built, flags: &[&str]) {
    let output = deploy(host, component, flags);
    assert_eq!(output.code, Some(0), "{output:#?}");
}

#[test]
fn what_one_host_deploys_all_serve_when_it_is_done() {
    let Some(setup) = shared(&Probe::good()) else {
        return;
    };
    let hosts = start(&setup.flag("--probation", "0s"), 3);
    assert_eq!(seen_by(&hosts[1]), serving(&["a", "b", "c"]));
    let before = revision(&hosts[0]);
    for (by, component) in [(0, numbered(1)), (1, numbered(2)), (2, numbered(3))] {
        deployed(&hosts[by], &built(&component), &[]);
        let now = revision(&hosts[by]);
        assert_ne!(now, before);
        for host in &hosts {
            assert_eq!(revision(host), now);
        }
        assert!(details(&hosts[by], "stage").contains("ready on 2 other hosts"));
        assert!(details(&hosts[by], "switch").contains("all 3 hosts serve it"));
    }
    // Whichever host is asked, the history is the same; so is the way back.
    assert_eq!(history(&hosts[0]), history(&hosts[2]));
    let third = revision(&hosts[0]);
    let output = run(command(&hosts[0], &["rollback"]));
    assert_eq!(output.code, Some(0), "{output:#?}");
    let now = revision(&hosts[0]);
    assert_ne!(now, third);
    for host in &hosts {
        assert_eq!(revision(host), now);
    }
}

#[test]
fn a_host_that_cannot_stage_a_component_stops_its_deployment_with_its_reason() {
    let Some(setup) = shared(&Probe::good()) else {
        return;
    };
    let hosts = start(&setup, 2);
    let key = setup.directory().join("key");
    let made = run({
        let mut command = crate::harness::task_host();
        command.arg("keygen").arg("--out").arg(&key);
        command
    });
    assert_eq!(made.code, Some(0), "{made:#?}");
    let public = key.with_extension("pub").display().to_string();
    // What is active already needs no signature; what is to become active does, here.
    let strict = named(&setup.clone().flag("--trusted-key", public), 2);
    let before = revision(&strict);
    let output = deploy(&hosts[0], &built(&other()), &[]);
    output.says(1, &["the replica c cannot serve it", "not-signed"]);
    assert_eq!(latest(&hosts[0])["code"], "replica-refused");
    for host in hosts.iter().chain([&strict]) {
        assert_eq!(revision(host), before);
    }
}

#[test]
fn a_paused_host_holds_a_switch_up_for_a_lease_and_answers_nothing_of_the_past() {
    let Some(setup) = shared(&Probe::good()) else {
        return;
    };
    let hosts = start(&setup.flag("--probation", "0s"), 3);
    let before = revision(&hosts[0]);
    hosts[2].pause();
    // In the middle of its lease it is waited for; after it, it is not.
    eventually("its lease runs out", || {
        let seen = seen_by(&hosts[0]);
        (seen[2].1 == "gone").then_some(())
    });
    deployed(&hosts[0], &built(&other()), &[]);
    hosts[2].resume();
    let mut refused = 0;
    eventually("it has caught up", || {
        let answer = hosts[2].get("/things/2");
        match answer.status {
            200 => {
                assert_ne!(answer.expect_header("task-host-revision"), before);
                Some(())
            }
            _ => {
                answer.problem(503, "unavailable");
                refused += 1;
                None
            }
        }
    });
    eprintln!("{refused} requests were refused until it had caught up");
}

#[test]
fn what_fails_on_one_host_is_undone_on_all() {
    let Some(setup) = shared(&Probe::good()) else {
        return;
    };
    let setup = setup
        .flag("--probation", "60s")
        .flag("--probation-requests", "10");
    let hosts = start(&setup, 3);
    let before = revision(&hosts[0]);
    let component = built(&trapping());
    let mut deploying = command(&hosts[0], &["deploy", component.path()]);
    let child = deploying.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = child.spawn().expect("the command starts");
    // Clients meet it on another host than the one that deploys.
    eventually("it is rolled back", || {
        if revision(&hosts[1]) != before {
            hosts[1].get("/things/1");
        }
        (latest(&hosts[2])["outcome"] == "rolled-back").then_some(())
    });
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    assert_eq!(latest(&hosts[0])["code"], "probation-failed");
    for host in &hosts {
        eventually("it went back", || (revision(host) == before).then_some(()));
    }
}

#[test]
fn a_crash_of_the_host_that_deploys_is_decided_by_the_others() {
    let Some(setup) = shared(&Probe::good()) else {
        return;
    };
    for (point, outcome) in [("migrate", "rejected"), ("probation", "rolled-back")] {
        let mut hosts = start(&setup.clone().flag("--probation", "60s"), 2);
        let before = revision(&hosts[0]);
        let crashing = named(&setup.clone().flag("--pause-before", point), 2);
        begin(
            &crashing,
            &["deploy", built(&other()).path(), "--retry-refused"],
            point,
        );
        // A host that starts meanwhile leaves it alone.
        hosts.push(named(&setup, 3));
        assert_eq!(latest(&hosts[0])["outcome"], "running", "{point}");
        crashing.kill();
        let decided = eventually("the others decide", || {
            let deployment = latest(&hosts[0]);
            (deployment["outcome"] != "running").then_some(deployment)
        });
        assert_eq!(decided["outcome"], outcome, "{point}: {decided}");
        for host in &hosts {
            eventually("it went back", || (revision(host) == before).then_some(()));
        }
        deployed(
            &hosts[0],
            &built(&other()),
            &["--retry-refused", "--dry-run"],
        );
    }
}

#[test]
fn a_probation_goes_on_on_another_host_when_its_own_stops() {
    let Some(setup) = shared(&Probe::good()) else {
        return;
    };
    let mut first = named(&setup.clone().flag("--probation", "60s"), 0);
    let second = named(&setup.flag("--probation", "1s"), 1);
    let before = revision(&second);
    begin(&first, &["deploy", built(&other()).path()], "probation");
    eventually("both serve it", || {
        (revision(&second) != before).then_some(())
    });
    first.terminate();
    assert!(first.wait().success());
    let deployment = eventually("it is decided", || {
        let deployment = latest(&second);
        (deployment["outcome"] != "running").then_some(deployment)
    });
    assert_eq!(deployment["outcome"], "active", "{deployment}");
    assert_ne!(revision(&second), before);
}

#[test]
fn a_canary_gets_the_same_clients_on_every_host_and_is_decided_from_any() {
    let Some(setup) = shared(&Probe::good()) else {
        return;
    };
    let hosts = start(&setup.flag("--probation", "0s"), 2);
    let before = revision(&hosts[0]);
    let asks = |host: &Host, client: u32| {
        let request = host.request("GET", "/things/2");
        let answer = request
            .header("task-host-client", &client.to_string())
            .send()
            .expect(200);
        answer.expect_header("task-host-revision") != before
    };
    let chosen = |host: &Host| -> Vec<u32> { (0..40).filter(|of| asks(host, *of)).collect() };
    deployed(&hosts[0], &built(&numbered(1)), &["--canary", "30%"]);
    let few = chosen(&hosts[0]);
    assert!(!few.is_empty() && few.len() < 40, "{few:?}");
    eventually("the other host chooses alike", || {
        (chosen(&hosts[1]) == few).then_some(())
    });
    let done = |host: &Host, arguments: &[&str]| {
        let output = run(command(host, arguments));
        assert_eq!(output.code, Some(0), "{output:#?}");
    };
    // By the host that does not run it.
    done(&hosts[1], &["promote", "--canary", "80%"]);
    let more = chosen(&hosts[0]);
    assert!(more.len() > few.len(), "{more:?}");
    eventually("the other host chooses alike", || {
        (chosen(&hosts[1]) == more).then_some(())
    });
    done(&hosts[1], &["promote"]);
    for host in &hosts {
        eventually("all clients get it", || {
            (chosen(host).len() == 40).then_some(())
        });
    }
    deployed(&hosts[0], &built(&numbered(2)), &["--canary", "50%"]);
    done(&hosts[1], &["abort"]);
    assert_eq!(latest(&hosts[0])["outcome"], "aborted");
    for host in &hosts {
        eventually("nobody gets it", || {
            (status(host)["candidate"] == Value::Null).then_some(())
        });
        let active = revision(host);
        let digest = status(host)["active"]["digest"].clone();
        assert!(
            digest
                .as_str()
                .is_some_and(|digest| digest.starts_with(&active))
        );
    }
}

#[test]
fn hosts_that_start_together_on_a_new_database_make_one_component_active() {
    let Some(setup) = shared(&Probe::good()) else {
        return;
    };
    let hosts: Vec<Host> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..3)
            .map(|number| {
                scope.spawn({
                    let setup = &setup;
                    move || named(setup, number)
                })
            })
            .collect();
        started
            .into_iter()
            .map(|host| host.join().expect("it starts"))
            .collect()
    });
    let all = history(&hosts[0]);
    let kinds: Vec<_> = all
        .as_array()
        .expect("an array")
        .iter()
        .map(|of| &of["kind"])
        .collect();
    assert_eq!(kinds, [&json!("bundled")], "{all}");
    for host in &hosts {
        host.get("/things/2").expect(200);
    }
}

#[test]
fn a_component_is_compiled_once_for_hosts_that_share_a_key() {
    let Some(setup) = shared(&Probe::good()) else {
        return;
    };
    let key = setup.directory().join("code.key");
    std::fs::write(&key, "a secret that all hosts of this database know").expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&key, mode).expect("it is ours");
    let setup = setup.flag("--code-key-file", key.display().to_string());
    // Each with a disk of its own.
    let hosts: Vec<Host> = (0..3)
        .map(|number| {
            let cache = setup.directory().join(format!("cache{number}"));
            let setup = setup.clone().cache(&cache);
            named(&setup.flag("--probation", "0s"), number)
        })
        .collect();
    deployed(&hosts[1], &built(&numbered(7)), &[]);
    let compiled = |host: &Host| {
        let lines = host.log.all();
        let lines = lines.iter().filter_map(|line| line["message"].as_str());
        lines
            .filter(|line| *line == "compiled the component")
            .count()
    };
    let counts: Vec<usize> = hosts.iter().map(compiled).collect();
    assert_eq!(counts, [1, 1, 0], "the first one, and what was deployed");
    let revisions: Vec<String> = hosts.iter().map(revision).collect();
    assert_eq!(revisions[0], revisions[2]);
}

#[test]
fn clients_of_three_hosts_notice_nothing_of_switches_and_the_self_test_nothing_of_clients() {
    let Some(server) = server() else { return };
    let setup = Setup::tasks()
        .database(&server.url(&server.database()))
        .flag("--replicas", "3")
        .flag("--database-connections", "8")
        .flag("--probation", "0s");
    let hosts = start(&setup, 3);
    let tasks = std::fs::read(setup.component_path()).expect("built");
    // The same logic under another digest, by a custom section more.
    let next = |number: u8| built_of(&[&tasks[..], &[0, 3, 1, b'x', number]].concat());
    let (stop, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for host in &hosts {
            scope.spawn(|| {
                let task = json!({"title": "Stay served", "category": "testing"});
                while !stop.load(Ordering::Relaxed) {
                    let made = host.post("/tasks", &task).expect(201).json();
                    host.get(&format!("/tasks/{}", made["id"])).expect(200);
                    asked.fetch_add(2, Ordering::Relaxed);
                    // The compiler gives way to clients that leave no room for it.
                    std::thread::park_timeout(Duration::from_millis(10));
                }
            });
        }
        let _stop = StopAtEnd(&stop);
        deployed(&hosts[0], &next(1), &[]);
        deployed(&hosts[1], &next(2), &[]);
        let output = run(command(&hosts[2], &["rollback"]));
        assert_eq!(output.code, Some(0), "{output:#?}");
    });
    assert!(asked.into_inner() > 50, "hardly anybody asked");
}
