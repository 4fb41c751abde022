//! The last log lines, and the gauges.

use serde_json::Value;
use tracing::Level;

use super::ask;
use crate::admin::fake::FakeAdmin;
use telemetry::lines;

#[tokio::test]
async fn lines_are_filtered_by_level_and_request() {
    let json = |id: &str| format!("{{\"message\":\"m\",\"span\":{{\"request.id\":\"{id}\"}}}}");
    // Other tests of this process may log, too.
    lines::recent().add(Level::WARN, json("of the log's test").as_bytes());
    lines::recent().add(Level::INFO, json("of the log's test").as_bytes());
    lines::recent().add(Level::WARN, json("another").as_bytes());
    let router = FakeAdmin::new().router(&[]);
    for (query, count) in [
        ("request=of+the+log%27s+test", 2),
        ("request=of+the+log%27s+test&level=warn", 1),
        ("request=of+the+log%27s+test&limit=1", 1),
        ("request=nobody&level=info", 0),
    ] {
        let reply = ask(&router, &format!("GET /admin/log?{query}"), &[], "").await;
        let found = reply.json().as_array().map(Vec::len);
        assert_eq!(found, Some(count), "{query}");
    }
    for (query, name) in [("level=loud", "level"), ("limit=0", "limit")] {
        let reply = ask(&router, &format!("GET /admin/log?{query}"), &[], "").await;
        assert_eq!(reply.status, 422, "{query}");
        let pointer = format!("#/query/{name}");
        assert_eq!(reply.json()["errors"][0]["pointer"], pointer, "{query}");
    }
}

#[tokio::test]
async fn each_gauge_has_a_value_and_the_limit_that_its_flag_sets() {
    let router = FakeAdmin::new().router(&["--max-event-streams", "12"]);
    let gauges = ask(&router, "GET /admin/gauges", &[], "").await.json();
    let of = |name: &str| {
        let mut gauges = gauges.as_array().into_iter().flatten();
        let found = gauges.find(|gauge| gauge["name"] == name);
        found.cloned().unwrap_or(Value::Null)
    };
    assert_eq!(of("event-streams")["limit"], 12);
    assert_eq!(of("event-streams")["flag"], "--max-event-streams");
    assert_eq!(of("queue")["value"], 0);
    assert_eq!(of("queue")["limit"], 9);
    assert_eq!(of("recording-bytes")["limit"], 1 << 20);
}
