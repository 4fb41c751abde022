//! Following the events of a real host.

mod follower;

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

/// Lets the counter service publish that many events of a kind.
fn publish(host: &Host, kind: &str, times: u32) -> Answer {
    host.post("/naughty/publish", &json!({"kind": kind, "times": times}))
}

#[test]
fn every_change_is_heard_in_order() {
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
    let heard: Vec<Value> = (0..4).map(|_| follower.event().data).collect();
    let kinds: Vec<_> = heard.iter().map(|data| data["kind"].clone()).collect();
    let told = [
        "task.created",
        "task.updated",
        "task.created",
        "task.deleted",
    ];
    assert_eq!(kinds, told);
    assert_eq!(heard[0]["subject"], "1");
    assert_eq!(heard[2]["subject"], other["id"]);
    assert_eq!(heard[0]["attributes"]["status"], "pending");
    let time = heard[0]["time"].as_str().expect("a time");
    assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
    assert_eq!(count(&host, "task_host_events_published_total"), 4.0);
}

#[test]
fn who_was_cut_off_goes_on_where_it_stopped() {
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
    // The same by the URL, with a filter.
    let path = format!("/events?kind=task.created&after={}", first.id);
    assert_eq!(
        Follower::begin(&host, &path, None).event().data["subject"],
        "2"
    );
}

#[test]
fn a_place_that_is_gone_begins_with_a_reset() {
    let setup = Setup::tasks().flag("--events-kept", "1");
    let host = setup.start();
    let begin = Follower::begin(&host, "/events", None).begin;
    for title in ["One thing", "Two things", "Three things"] {
        create(&host, title);
    }
    drop(host);
    // What is too much is forgotten when a host starts.
    let host = setup.start();
    eventually("old events are forgotten", || {
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
        // The id of the reset is a place to go on from.
        let mut again = Follower::begin(&host, "/events", Some(&reset.id));
        assert_eq!(again.event().kind, "task.created");
    }
}

#[test]
fn what_was_rolled_back_is_never_heard() {
    let host = Setup::counter().start();
    let mut follower = Follower::begin(&host, "/events", None);
    host.request("POST", "/naughty/publish-then-problem")
        .send()
        .problem(409, "on-purpose");
    host.request("POST", "/naughty/publish-then-trap")
        .send()
        .problem(500, "logic-trapped");
    publish(&host, "naughty.done", 2).expect(200);
    let heard = follower.event();
    assert_eq!(
        (&*heard.kind, &heard.data["subject"]),
        ("naughty.done", &json!("0"))
    );
    assert_eq!(follower.event().data["subject"], "1");
}

#[test]
fn an_event_that_may_not_be_is_the_logics_fault() {
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
fn all_who_follow_hear_the_same_also_the_slow_ones() {
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
    eventually("the streams are ended", || {
        // A client that is gone is found out by writing to it.
        publish(&host, "one.more", 1).expect(200);
        (count(&host, "task_host_event_streams") == 0.0).then_some(())
    });
}

#[test]
fn followers_do_not_hold_up_the_end() {
    let mut host = Setup::tasks().flag("--drain-timeout", "15s").start();
    let mut follower = Follower::begin(&host, "/events", None);
    create(&host, "The last thing");
    follower.event();
    host.terminate();
    assert_eq!(host.wait().code(), Some(0));
    follower.ends();
}

#[test]
fn a_component_that_knows_of_no_events_runs_as_before() {
    let host = Probe::good().setup().start();
    host.get("/things/1").expect(200);
    Follower::begin(&host, "/events", None);
}
