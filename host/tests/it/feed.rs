//! Following the event stream of a real host.

pub mod follower;

use serde_json::{Value, json};

use self::follower::Follower;
use crate::client::Answer;
use crate::harness::{Host, Setup, eventually};
use crate::hostile::probe::Probe;
use crate::metrics::count;

fn create(host: &Host, title: &str) -> i64 {
    let body = json!({"title": title, "category": "feature"});
    let task = host.post("/tasks", &body).expect(201).json();
    task["id"].as_i64().expect("an id")
}

/// Makes the counter service publish `times` events of a kind.
fn publish(host: &Host, kind: &str, times: u32) -> Answer {
    host.post("/naughty/publish", &json!({"kind": kind, "times": times}))
}

#[test]
fn every_change_is_received_in_order() {
    let host = Setup::tasks().start();
    let mut follower = Follower::begin(&host, "/events", None);
    let one = create(&host, "One thing");
    host.put(&format!("/tasks/{one}"), &json!({"priority": "low"}))
        .expect(200);
    let other = host
        .post("/api/tasks", &json!({"title": "Other"}))
        .expect(201)
        .json();
    host.post("/tasks", &json!({"title": "No"}))
        .problem(422, "invalid-request");
    host.delete(&format!("/tasks/{one}")).expect(200);
    let received: Vec<Value> = (0..4).map(|_| follower.event().data).collect();
    let kinds: Vec<_> = received.iter().map(|data| data["kind"].clone()).collect();
    let expected = [
        "task.created",
        "task.updated",
        "task.created",
        "task.deleted",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(received[0]["subject"], "1");
    assert_eq!(received[2]["subject"], other["id"]);
    assert_eq!(received[0]["attributes"]["status"], "pending");
    let time = received[0]["time"].as_str().expect("a time");
    assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
    assert_eq!(count(&host, "task_host_events_published_total"), 4.0);
}

#[test]
fn a_disconnected_client_continues_after_its_last_event() {
    let setup = Setup::tasks();
    let host = setup.start();
    let mut follower = Follower::begin(&host, "/events", None);
    create(&host, "First thing");
    let first = follower.event();
    drop(follower);
    create(&host, "Second thing");
    host.kill();

    let host = setup.start();
    create(&host, "Third thing");
    let mut follower = Follower::begin(&host, "/events", Some(&first.id));
    create(&host, "Fourth thing");
    let subjects: Vec<_> = (0..3)
        .map(|_| follower.event().data["subject"].clone())
        .collect();
    assert_eq!(subjects, ["2", "3", "4"]);
    // A cursor in the URL works the same way, here with a filter.
    let path = format!("/events?kind=task.created&after={}", first.id);
    assert_eq!(
        Follower::begin(&host, &path, None).event().data["subject"],
        "2"
    );
}

#[test]
fn a_stream_from_a_forgotten_or_invalid_cursor_begins_with_a_reset() {
    let setup = Setup::tasks().flag("--events-kept", "1");
    let host = setup.start();
    let begin = Follower::begin(&host, "/events", None).begin;
    for title in ["One thing", "Two things", "Three things"] {
        create(&host, title);
    }
    drop(host);
    // Events beyond the limit are deleted when a host starts.
    let host = setup.start();
    eventually("the oldest events are deleted", || {
        host.log
            .all()
            .into_iter()
            .find(|line| line["message"] == "deleted 2 expired events")
    });
    for gone in [&*begin, "no cursor at all", "ffffffffffffffff"] {
        let mut follower = Follower::begin(&host, "/events", Some(gone));
        let reset = follower.event();
        assert_eq!((&*reset.kind, reset.data), ("reset", json!({})), "{gone}");
        create(&host, "After the reset");
        assert_eq!(follower.event().kind, "task.created");
        // A client can continue from the id of the reset.
        let mut again = Follower::begin(&host, "/events", Some(&reset.id));
        assert_eq!(again.event().kind, "task.created");
    }
}

#[test]
fn an_event_of_a_rolled_back_request_is_never_received() {
    let host = Setup::counter().start();
    let mut follower = Follower::begin(&host, "/events", None);
    host.request("POST", "/naughty/publish-then-problem")
        .send()
        .problem(409, "on-purpose");
    host.request("POST", "/naughty/publish-then-trap")
        .send()
        .problem(500, "logic-trapped");
    publish(&host, "naughty.done", 2).expect(200);
    let event = follower.event();
    assert_eq!(
        (&*event.kind, &event.data["subject"]),
        ("naughty.done", &json!("0"))
    );
    assert_eq!(follower.event().data["subject"], "1");
}

#[test]
fn an_invalid_or_excess_event_is_the_logics_fault() {
    let host = Setup::counter().flag("--event-limit", "20").start();
    host.get("/naughty/publish?kind=a.read&times=1")
        .problem(500, "logic-published-invalid-event");
    publish(&host, "Capital", 1).problem(500, "logic-published-invalid-event");
    publish(&host, "too.many", 21).problem(500, "event-limit-exceeded");
    publish(&host, "just.enough", 20).expect(200);
    let hit = "task_host_limits_hit_total{kind=\"event-limit-exceeded\"}";
    assert_eq!(count(&host, hit), 1.0);
    assert_eq!(count(&host, "task_host_events_published_total"), 20.0);
}

#[test]
fn all_followers_receive_the_same_events_even_the_slow_ones() {
    let host = Setup::counter().start();
    let mut followers: Vec<_> = (0..8)
        .map(|_| Follower::begin(&host, "/events", None))
        .collect();
    assert_eq!(count(&host, "task_host_event_streams"), 8.0);
    // More than the ring holds, before anyone reads.
    publish(&host, "many.made", 3000).expect(200);
    for follower in &mut followers {
        let subjects: Vec<String> = (0..3000)
            .map(|_| {
                follower.event().data["subject"]
                    .as_str()
                    .unwrap_or("")
                    .to_owned()
            })
            .collect();
        let expected: Vec<String> = (0..3000).map(|number| number.to_string()).collect();
        assert_eq!(subjects, expected);
    }
    drop(followers);
    eventually("the streams end", || {
        // The host detects that a client is gone only when it writes to it.
        publish(&host, "one.more", 1).expect(200);
        (count(&host, "task_host_event_streams") == 0.0).then_some(())
    });
}

#[test]
fn followers_do_not_delay_the_shutdown() {
    let mut host = Setup::tasks().flag("--drain-timeout", "15s").start();
    let mut follower = Follower::begin(&host, "/events", None);
    create(&host, "The last thing");
    follower.event();
    host.terminate();
    assert_eq!(host.wait().code(), Some(0));
    follower.ends();
}

#[test]
fn a_component_that_does_not_import_events_still_runs() {
    let host = Probe::good().setup().start();
    host.get("/things/1").expect(200);
    Follower::begin(&host, "/events", None);
}
