//! Several hosts on one PostgreSQL database: all of them serve a deployed component, or none does.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    begin, built, built_of, command, deploy, deploy_successfully, details, history, latest,
    numbered, other, revision, run_successfully, seen_by, serving, status, trapping,
};
use crate::harness::{Host, Setup, column, eventually, run};
use crate::hostile::probe::Probe;
use crate::postgres::server;
use crate::stop::StopOnDrop;

/// Sets up a service on its own PostgreSQL database. Returns `None` if PostgreSQL is not installed.
/// Leases are short, because tests wait until they expire.
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

/// Starts `count` hosts of one setup, named `a`, `b` and so on.
fn start(setup: &Setup, count: u8) -> Vec<Host> {
    (0..count).map(|number| named(setup, number)).collect()
}

fn named(setup: &Setup, number: u8) -> Host {
    let name = char::from(b'a' + number).to_string();
    setup.clone().flag("--replica-name", name).start()
}

#[test]
fn when_a_deployment_ends_all_hosts_serve_the_new_revision() {
    let Some(setup) = shared(&Probe::good()) else {
        return;
    };
    let hosts = start(&setup.flag("--probation", "0s"), 3);
    assert_eq!(seen_by(&hosts[1]), serving(&["a", "b", "c"]));
    let before = revision(&hosts[0]);
    for (by, component) in [(0, numbered(1)), (1, numbered(2)), (2, numbered(3))] {
        deploy_successfully(&hosts[by], &built(&component), &[]);
        let now = revision(&hosts[by]);
        assert_ne!(now, before);
        for host in &hosts {
            assert_eq!(revision(host), now);
        }
        assert!(details(&hosts[by], "stage").contains("ready on 2 other hosts"));
        assert!(details(&hosts[by], "switch").contains("all 3 hosts serve it"));
    }
    // The history is the same on every host, and any host can roll back.
    assert_eq!(history(&hosts[0]), history(&hosts[2]));
    let third = revision(&hosts[0]);
    run_successfully(&hosts[0], &["rollback"]);
    let now = revision(&hosts[0]);
    assert_ne!(now, third);
    for host in &hosts {
        assert_eq!(revision(host), now);
    }
}

#[test]
fn of_two_hosts_that_start_with_a_component_to_deploy_one_deploys_it_and_both_serve_it() {
    let Some(setup) = shared(&Probe::good()) else {
        return;
    };
    let setup = setup.flag("--probation", "0s");
    drop(start(&setup, 1));
    let next = built(&numbered(1));
    let deploying = setup
        .of(next.path.clone())
        .variable("TASK_HOST_DEPLOY", "true");
    let hosts: Vec<Host> = std::thread::scope(|scope| {
        let starting = [0, 1].map(|number| {
            let deploying = &deploying;
            scope.spawn(move || named(deploying, number))
        });
        starting.map(|host| host.join().expect("it starts")).into()
    });
    for host in &hosts {
        eventually("the component is active", || {
            (status(host)["active"]["digest"] == next.digest()).then_some(())
        });
        host.get("/things/2").expect(200);
    }
    let deployed = |host: &Host| {
        let all = history(host);
        let rows = all.as_array().expect("deployments").iter();
        let of_next = rows.filter(|row| row["digest"] == next.digest());
        of_next
            .map(|row| row["outcome"].clone())
            .collect::<Vec<_>>()
    };
    eventually("the deployment has ended", || {
        (deployed(&hosts[0]) == ["active"]).then_some(())
    });
    assert_eq!(deployed(&hosts[1]), ["active"]);
    // A restart finds it active.
    drop(hosts);
    let hosts = start(&deploying, 2);
    hosts[1].get("/things/2").expect(200);
    assert_eq!(deployed(&hosts[0]), ["active"]);
}

#[test]
fn if_a_host_cannot_stage_a_component_the_deployment_is_rejected_with_its_reason() {
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
    // The active component needs no signature. A new one needs one on this host.
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
fn a_paused_host_delays_a_switch_up_to_its_lease_and_serves_no_stale_revision() {
    let Some(setup) = shared(&Probe::good()) else {
        return;
    };
    let hosts = start(&setup.flag("--probation", "0s"), 3);
    let before = revision(&hosts[0]);
    hosts[2].pause();
    // A deployment waits for a host during its lease, and not after.
    eventually("the lease of the paused host expires", || {
        let seen = seen_by(&hosts[0]);
        (seen[2].1 == "gone").then_some(())
    });
    deploy_successfully(&hosts[0], &built(&other()), &[]);
    hosts[2].resume();
    let mut refused = 0;
    eventually("the resumed host has caught up", || {
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
    eprintln!("{refused} requests were refused until the host had caught up");
}

#[test]
fn a_failure_in_probation_on_one_host_rolls_back_all_hosts() {
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
    // Clients reach the new revision on another host than the one that deploys.
    eventually("the deployment is rolled back", || {
        if revision(&hosts[1]) != before {
            hosts[1].get("/things/1");
        }
        (latest(&hosts[2])["outcome"] == "rolled-back").then_some(())
    });
    assert_eq!(child.wait().expect("the command ends").code(), Some(1));
    assert_eq!(latest(&hosts[0])["code"], "probation-failed");
    for host in &hosts {
        eventually("the host has rolled back", || {
            (revision(host) == before).then_some(())
        });
    }
}

#[test]
fn if_the_deploying_host_crashes_the_others_decide_its_deployment() {
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
        // A host that starts meanwhile does not touch the running deployment.
        hosts.push(named(&setup, 3));
        assert_eq!(latest(&hosts[0])["outcome"], "running", "{point}");
        crashing.kill();
        let decided = eventually("the others decide", || {
            let deployment = latest(&hosts[0]);
            (deployment["outcome"] != "running").then_some(deployment)
        });
        assert_eq!(decided["outcome"], outcome, "{point}: {decided}");
        for host in &hosts {
            eventually("the host serves the earlier revision", || {
                (revision(host) == before).then_some(())
            });
        }
        deploy_successfully(
            &hosts[0],
            &built(&other()),
            &["--retry-refused", "--dry-run"],
        );
    }
}

#[test]
fn if_the_deploying_host_stops_another_host_continues_the_probation() {
    let Some(setup) = shared(&Probe::good()) else {
        return;
    };
    let mut first = named(&setup.clone().flag("--probation", "60s"), 0);
    let second = named(&setup.flag("--probation", "1s"), 1);
    let before = revision(&second);
    begin(&first, &["deploy", built(&other()).path()], "probation");
    eventually("both hosts serve the new revision", || {
        (revision(&second) != before).then_some(())
    });
    first.terminate();
    assert!(first.wait().success());
    let deployment = eventually("the deployment ends", || {
        let deployment = latest(&second);
        (deployment["outcome"] != "running").then_some(deployment)
    });
    assert_eq!(deployment["outcome"], "active", "{deployment}");
    assert_ne!(revision(&second), before);
}

#[test]
fn if_the_host_of_a_canary_stops_or_crashes_another_host_continues_its_steps() {
    let Some(setup) = shared(&Probe::good()) else {
        return;
    };
    let setup = setup.flag("--probation", "0s");
    let mut hosts = start(&setup.flag("--probation-requests", "5"), 3);
    let before = revision(&hosts[0]);
    let send_requests = |host: &Host| {
        for client in 0..30 {
            let request = host.request("GET", "/things/2");
            let client = client.to_string();
            request.header("task-host-client", &client).send();
        }
    };
    let flags = ["--canary", "30%,60%,80%", "--every", "2s"];
    let promoted = ["--promote-by-itself", "--wait", "switched"];
    let flags = [&flags[..], &promoted].concat();
    let mut stopping = hosts.remove(0);
    deploy_successfully(&stopping, &built(&numbered(1)), &flags);
    stopping.terminate();
    assert!(stopping.wait().success());
    // Only the host that runs the canary knows how it is judged.
    let runs = |host: &Host| status(host)["verdict"].is_object();
    let crashing = eventually("another host continues it", || hosts.iter().position(runs));
    eventually("it goes on to the next step", || {
        send_requests(&hosts[crashing]);
        let share = latest(&hosts[crashing])["canary_reached_percent"].as_f64();
        (share == Some(60.0)).then_some(())
    });
    hosts.remove(crashing).kill();
    let last = &hosts[0];
    let ended = eventually("it is promoted", || {
        send_requests(last);
        let deployment = latest(last);
        (deployment["outcome"] != "running").then_some(deployment)
    });
    assert_eq!(ended["outcome"], "active", "{ended}");
    assert_eq!(column(&ended["canary_steps"], "state"), ["passed"; 4]);
    let mut host_ends = column(&ended["events"], "host_end");
    host_ends.retain(|how| !how.is_null());
    assert_eq!(host_ends, ["stop", "crash"]);
    assert_ne!(revision(last), before);
}

#[test]
fn a_canary_serves_the_same_clients_on_every_host_and_any_host_can_promote_it() {
    let Some(setup) = shared(&Probe::good()) else {
        return;
    };
    let hosts = start(&setup.flag("--probation", "0s"), 2);
    let before = revision(&hosts[0]);
    let is_chosen = |host: &Host, client: u32| {
        let request = host.request("GET", "/things/2");
        let answer = request
            .header("task-host-client", &client.to_string())
            .send()
            .expect(200);
        answer.expect_header("task-host-revision") != before
    };
    let chosen =
        |host: &Host| -> Vec<u32> { (0..40).filter(|client| is_chosen(host, *client)).collect() };
    deploy_successfully(&hosts[0], &built(&numbered(1)), &["--canary", "30%"]);
    let few = chosen(&hosts[0]);
    assert!(!few.is_empty() && few.len() < 40, "{few:?}");
    eventually("the other host chooses the same clients", || {
        (chosen(&hosts[1]) == few).then_some(())
    });
    // Sent to the host that does not run the deployment.
    run_successfully(&hosts[1], &["promote", "--canary", "80%"]);
    let more = chosen(&hosts[0]);
    assert!(more.len() > few.len(), "{more:?}");
    eventually("the other host chooses the same clients", || {
        (chosen(&hosts[1]) == more).then_some(())
    });
    run_successfully(&hosts[1], &["promote"]);
    for host in &hosts {
        eventually("all clients get the new revision", || {
            (chosen(host).len() == 40).then_some(())
        });
    }
    deploy_successfully(&hosts[0], &built(&numbered(2)), &["--canary", "50%"]);
    run_successfully(&hosts[1], &["abort"]);
    assert_eq!(latest(&hosts[0])["outcome"], "aborted");
    for host in &hosts {
        eventually("no client gets the candidate", || {
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
fn hosts_that_start_together_on_a_new_database_activate_one_component_once() {
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
            .map(|host| host.join().expect("the host starts"))
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
    std::fs::set_permissions(&key, mode).expect("our own file");
    let setup = setup.flag("--code-key-file", key.display().to_string());
    // Each host has its own cache directory.
    let hosts: Vec<Host> = (0..3)
        .map(|number| {
            let cache = setup.directory().join(format!("cache{number}"));
            let setup = setup.clone().cache(&cache);
            named(&setup.flag("--probation", "0s"), number)
        })
        .collect();
    deploy_successfully(&hosts[1], &built(&numbered(7)), &[]);
    let is_compilation = |line: &Value| line["message"] == "compiled the component";
    for host in &hosts[..2] {
        let line = host.log.find(is_compilation);
        line.expect("a line about the compilation");
    }
    let compiled = |host: &Host| {
        let lines = host.log.all().into_iter();
        lines.filter(is_compilation).count()
    };
    let counts: Vec<usize> = hosts.iter().map(compiled).collect();
    assert_eq!(
        counts,
        [1, 1, 0],
        "the bundled and the deployed component are compiled once each"
    );
    let revisions: Vec<String> = hosts.iter().map(revision).collect();
    assert_eq!(revisions[0], revisions[2]);
}

#[test]
fn switches_on_three_hosts_and_the_self_test_work_under_load() {
    let Some(server) = server() else { return };
    let setup = Setup::tasks()
        .database(&server.url(&server.database()))
        .flag("--replicas", "3")
        .flag("--database-connections", "8")
        .flag("--probation", "0s");
    let hosts = start(&setup, 3);
    let tasks = std::fs::read(setup.component_path()).expect("built");
    // The same logic with another digest: the component with an additional custom section.
    let next = |number: u8| built_of(&[&tasks[..], &[0, 3, 1, b'x', number]].concat());
    let (stop, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for host in &hosts {
            scope.spawn(|| {
                let task = json!({"title": "Stay served", "category": "testing"});
                while !stop.load(Ordering::Relaxed) {
                    let made = host.post("/tasks", &task).expect(201).json();
                    host.get(&format!("/tasks/{}", made["id"])).expect(200);
                    answered.fetch_add(2, Ordering::Relaxed);
                    // The compiler runs with low priority and would starve without pauses.
                    std::thread::park_timeout(Duration::from_millis(10));
                }
            });
        }
        let _stop = StopOnDrop(&stop);
        deploy_successfully(&hosts[0], &next(1), &[]);
        deploy_successfully(&hosts[1], &next(2), &[]);
        run_successfully(&hosts[2], &["rollback"]);
    });
    let answered = answered.into_inner();
    assert!(answered > 50, "only {answered} requests were answered");
}
