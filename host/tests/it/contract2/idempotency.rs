//! `Idempotency-Key` on POST: a repeated request with the same key gets the stored answer and
//! has no further effect.

use super::draft;
use crate::client::Answer;
use crate::harness::{Host, Setup};

#[test]
fn a_repeated_key_gets_the_same_answer_and_creates_one_task() {
    let host = Setup::tasks().start();
    let post = |key: &str, title: &str| -> Answer {
        host.request("POST", "/tasks")
            .header("idempotency-key", key)
            .json(&draft(title))
            .send()
    };
    let first = post("k-1", "Once").expect(201);
    let again = post("k-1", "Once").expect(201);
    assert_eq!(again.body, first.body);
    for name in ["etag", "location", "content-type"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(first.header("idempotent-replayed"), None);

    post("k-1", "Other").problem(422, "idempotency-key-reused");
    post("k-2", "Once").expect(201);
    assert_eq!(count(&host), 2);
}

#[test]
fn a_rejected_request_does_not_use_up_its_key() {
    let host = Setup::tasks().start();
    let post = |title: &str| {
        host.request("POST", "/tasks")
            .header("idempotency-key", "k")
            .json(&draft(title))
            .send()
    };
    post("ab").problem(422, "validation-failed");
    post("Long enough").expect(201);
    assert_eq!(count(&host), 1);
}

#[test]
fn a_key_is_remembered_across_a_restart() {
    let setup = Setup::tasks();
    let post = |host: &Host| {
        host.request("POST", "/tasks")
            .header("idempotency-key", "kept")
            .json(&draft("Once"))
            .send()
            .expect(201)
    };
    let host = setup.start();
    let first = post(&host);
    host.kill();
    let host = setup.start();
    assert_eq!(post(&host).body, first.body);
    assert_eq!(count(&host), 1);
}

#[test]
fn concurrent_requests_with_one_key_create_one_task() {
    let host = Setup::tasks().start();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let posts: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    host.request("POST", "/tasks")
                        .header("idempotency-key", "race")
                        .json(&draft("Once"))
                        .send()
                })
            })
            .collect();
        posts
            .into_iter()
            .map(|post| post.join().expect("no panic"))
            .collect()
    });
    for answer in &answers {
        assert_eq!(answer.status, 201, "{answer}");
        assert_eq!(answer.body, answers[0].body);
    }
    assert_eq!(count(&host), 1);
}

fn count(host: &Host) -> usize {
    let tasks = host.get("/tasks").expect(200).json();
    tasks.as_array().map_or(0, Vec::len)
}
