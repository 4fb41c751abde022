//! Pages by `Link: rel="next"`: they are complete and without repeats, also while data changes.

use serde_json::{Value, json};

use super::{create, draft, draft_with};
use crate::client::Answer;
use crate::harness::{Host, Setup, column};

/// Returns the target of the next page, as a client would take it from the header.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    let (target, parameters) = link.strip_prefix('<')?.split_once('>')?;
    assert!(parameters.contains("rel=\"next\""), "{link}");
    let path = match target.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/')?..],
        None => target,
    };
    assert!(path.starts_with("/tasks?"), "{link}");
    Some(path.to_owned())
}

/// Follows the links from the first page to the last. Returns the ids on each page.
fn follow(host: &Host, first: &str) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut target = Some(first.to_owned());
    while let Some(page) = target {
        let answer = host.get(&page).expect(200);
        pages.push(column(&answer.json(), "id"));
        target = next(&answer);
        assert!(pages.len() < 100, "the pages never end");
    }
    pages
}

fn host_with(count: usize) -> Host {
    let host = Setup::tasks().start();
    let priorities = ["low", "medium", "high"];
    let drafts: Vec<_> = (0..count)
        .map(|n| draft_with(&format!("Task {n}"), json!({"priority": priorities[n % 3]})))
        .collect();
    host.post("/tasks/bulk", &json!(drafts)).expect(200);
    host
}

#[test]
fn pages_together_are_the_whole_list_in_every_order() {
    let host = host_with(23);
    for id in [3, 8, 21] {
        host.put(&format!("/tasks/{id}"), &json!({"status": "blocked"}))
            .expect(200);
    }
    for sort_by in ["created_at", "updated_at", "priority", "status"] {
        for order in ["asc", "desc"] {
            let query = format!("/tasks?sort_by={sort_by}&order={order}");
            let whole = column(&host.get(&query).expect(200).json(), "id");
            let pages = follow(&host, &format!("{query}&limit=5"));
            let sizes: Vec<_> = pages.iter().map(Vec::len).collect();
            assert_eq!(sizes, [5, 5, 5, 5, 3], "{query}");
            assert_eq!(pages.concat(), whole, "{query}");
        }
    }
}

#[test]
fn the_last_page_has_no_link_even_if_it_is_full() {
    let host = host_with(10);
    let sizes: Vec<_> = follow(&host, "/tasks?limit=5")
        .iter()
        .map(Vec::len)
        .collect();
    assert_eq!(sizes, [5, 5]);
    assert_eq!(follow(&host, "/tasks?limit=10").len(), 1);
}

#[test]
fn a_link_keeps_the_filters() {
    let host = host_with(12);
    let all = column(&host.get("/tasks?priority=low&order=asc").json(), "id");
    let pages = follow(&host, "/tasks?priority=low&order=asc&limit=3");
    assert_eq!(pages.concat(), all);
    assert_eq!(all.len(), 4);
}

#[test]
fn pages_neither_repeat_nor_skip_while_the_data_changes() {
    let host = host_with(12);
    let first = host.get("/tasks?order=asc&limit=4").expect(200);
    assert_eq!(column(&first.json(), "id"), [1, 2, 3, 4]);
    // With an offset, the deletions would make the next page skip tasks 5 and 6.
    host.delete("/tasks/1").expect(200);
    host.delete("/tasks/4").expect(200);
    create(&host, &draft("Late"));
    let second = host.get(&next(&first).expect("a next page")).expect(200);
    assert_eq!(column(&second.json(), "id"), [5, 6, 7, 8]);
    let rest = follow(&host, &next(&second).expect("a next page"));
    assert_eq!(rest.concat(), [9, 10, 11, 12, 13]);

    // In descending order, new tasks come before the pages that were already read.
    let first = host.get("/tasks?limit=4").expect(200);
    assert_eq!(column(&first.json(), "id"), [13, 12, 11, 10]);
    create(&host, &draft("Later"));
    host.delete("/tasks/10").expect(200);
    let second = host.get(&next(&first).expect("a next page")).expect(200);
    assert_eq!(column(&second.json(), "id"), [9, 8, 7, 6]);
}

#[test]
fn a_cursor_of_another_list_is_422() {
    let host = host_with(6);
    let first = host.get("/tasks?sort_by=priority&limit=2").expect(200);
    let target = next(&first).expect("a next page");
    let cursor = target
        .split(['?', '&'])
        .find(|pair| pair.starts_with("cursor="))
        .expect("a cursor in the link");
    for query in [
        format!("sort_by=created_at&limit=2&{cursor}"),
        format!("sort_by=priority&order=asc&limit=2&{cursor}"),
    ] {
        let answer = host.get(&format!("/tasks?{query}"));
        answer.problem_at(422, "validation-failed", &["#/query/cursor"]);
    }
    let both = host.get(&format!("{target}&offset=1"));
    both.problem(422, "validation-failed");
    for cursor in ["%27", "%F0%9F%A6%80", "AAAA", "%7B%7D", "-1"] {
        let answer = host.get(&format!("/tasks?cursor={cursor}"));
        answer.problem_at(422, "validation-failed", &["#/query/cursor"]);
    }
}
