//! The bookmarks service of `examples/bookmarks`, in Rust with its standard library.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::lines_of;
use crate::harness::{Setup, built};

#[test]
fn a_service_with_the_standard_library_works_like_any_other() {
    let host = Setup::component(built("bookmarks-rust-wasip2.wasm")).start();
    let url = "https://example.com/";
    let created = host.post("/bookmarks", &json!({ "url": url })).expect(201);
    assert_eq!(created.expect_header("location"), "/bookmarks/1");
    let bookmark = json!({ "id": 1, "url": url });
    assert_eq!(created.json(), bookmark);
    assert_eq!(host.get("/bookmarks").expect(200).json(), json!([bookmark]));
    assert_eq!(host.get("/bookmarks/1").expect(200).json(), bookmark);
    host.request("DELETE", "/bookmarks/1").send().expect(204);
    host.get("/bookmarks/1").problem(404, "bookmark-not-found");

    let uuid = || host.get("/uuid").expect(200).json().as_str().map(str::len);
    assert_eq!(uuid(), Some(36));
    assert_ne!(
        host.get("/uuid").expect(200).json(),
        host.get("/uuid").expect(200).json()
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("a time after 1970").as_secs() as i64;
    let clock = host.get("/clock").expect(200).json();
    assert!(
        (clock.as_i64().expect("seconds") - now).abs() <= 2,
        "{clock}"
    );

    let answer = host.get("/print?text=hello").expect(204);
    let request = answer.expect_header("x-request-id");
    for (stream, level) in [("stdout", "INFO"), ("stderr", "WARN")] {
        let line = (level.to_owned(), "hello".to_owned());
        assert_eq!(lines_of(&host, request, stream, 1), [line]);
    }
    let answer = host.get("/panic?message=at+the+disco");
    answer.problem(500, "logic-trapped");
    let request = answer.expect_header("x-request-id");
    let text = format!("{:?}", lines_of(&host, request, "stderr", 2));
    assert!(text.contains("src/lib.rs:"), "{text}");
    assert!(text.contains("at the disco"), "{text}");
}
