//! The counter service has its own API and documentation, in which tasks do not appear.

use serde_json::json;

use crate::harness::{Setup, column};

#[test]
fn a_counter_is_created_incremented_and_changed() {
    let host = Setup::counter().start();
    let draft = json!({
        "name": "clicks", "value": 5, "step": 2, "color": "sky_blue",
        "remarks": {"why": "to see", "who": "all"},
    });
    let created = host.post("/counters", &draft).expect(201);
    assert_eq!(created.header("location"), Some("/counters/clicks"));
    assert_eq!(created.header("etag"), Some("\"v1\""));
    let counter = created.json();
    for (name, value) in draft.as_object().expect("an object") {
        assert_eq!(&counter[name], value, "{name}");
    }
    assert!(counter["changed_at"].is_null(), "{counter}");

    let counted = host
        .post("/counters/clicks/increment", &json!({}))
        .expect(200);
    assert_eq!(counted.json()["value"], 7);
    assert_eq!(counted.header("etag"), Some("\"v2\""));
    let by = json!({"by": 18_446_744_073_709_551_608_u64});
    let full = host
        .post("/counters/clicks/increment", &by)
        .expect(200)
        .json();
    assert_eq!(full["value"], u64::MAX, "64 bits are exact");
    assert!(full["changed_at"].is_string(), "{full}");
    let more = host.post("/counters/clicks/increment", &json!({}));
    assert_eq!(more.status, 409, "{more}");

    let change = json!({"value": null, "color": null});
    let reset = host.patch("/counters/clicks", &change).expect(200).json();
    assert_eq!(reset["value"], 0);
    assert_eq!(reset["color"], "red");
    assert_eq!(reset["step"], 2, "an absent member stays");
}

#[test]
fn put_creates_or_replaces_and_delete_returns_no_body() {
    let host = Setup::counter().start();
    for value in [1, 2] {
        let put = host.put("/counters/a%2Fb%20%C3%BC", &json!({"value": value}));
        let counter = put.expect(200).json();
        assert_eq!(counter["name"], "a/b ü", "the path is decoded");
        assert_eq!(counter["value"], value);
    }
    let deleted = host.delete("/counters/a%2Fb%20%C3%BC").expect(204);
    assert_eq!(deleted.body, b"");
    assert_eq!(deleted.header("content-type"), None);
    host.get("/counters/a%2Fb%20%C3%BC")
        .problem(404, "counter-not-found");
}

#[test]
fn lists_have_filters_and_pages() {
    let host = Setup::counter().start();
    for n in 0..5 {
        let color = ["red", "green", "sky_blue"][n % 3];
        let body = json!({"name": format!("c{n}"), "value": n, "color": color});
        host.post("/counters", &body).expect(201);
    }
    let names = |query: &str| {
        column(
            &host.get(&format!("/counters?{query}")).expect(200).json(),
            "name",
        )
    };
    assert_eq!(names("").len(), 5);
    assert_eq!(names("colors=green,sky_blue"), ["c1", "c2", "c4"]);
    assert_eq!(names("colors=green&colors=red"), ["c0", "c1", "c3", "c4"]);
    assert_eq!(names("minimum=3"), ["c3", "c4"]);
    let first = host.get("/counters?limit=3&prefix=c").expect(200);
    let link = first.expect_header("link");
    assert!(
        link.contains("prefix=c") && link.contains("rel=\"next\""),
        "{link}"
    );
    host.get("/counters?limit=256")
        .problem_at(422, "invalid-request", &["#/query/limit"]);
}

#[test]
fn the_documentation_describes_only_the_counter_service() {
    let host = Setup::counter().start();
    let openapi = host.get("/openapi.json").expect(200).json();
    assert_eq!(openapi["info"]["title"], "Counters");
    let text = openapi.to_string();
    for own in [
        "/counters/{name}/increment",
        "The amount that an increment adds by default.",
        "sky_blue",
        "see_history",
    ] {
        assert!(text.contains(own), "{own}");
    }
    let schemas = openapi["components"]["schemas"]
        .as_object()
        .expect("schemas");
    let foreign = |name: &&String| name.to_lowercase().contains("task");
    assert_eq!(schemas.keys().find(foreign), None);
    let paths = openapi["paths"].as_object().expect("paths");
    assert_eq!(paths.keys().find(foreign), None);
    host.get("/tasks").problem(404, "not-found");
}

#[test]
fn health_shows_the_services_own_figures_and_its_page_is_served() {
    let host = Setup::counter().start();
    host.post("/counters", &json!({"name": "one"})).expect(201);
    let health = host.get("/health").expect(200).json();
    assert_eq!(health["status"], "healthy");
    assert_eq!(health["total_counters"], 1);
    assert!(health.get("total_tasks").is_none(), "{health}");

    let page = host.get("/").expect(200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(page.text().contains("<h1>Counters</h1>"), "{page}");
    let tag = page.expect_header("etag");
    host.request("GET", "/")
        .header("if-none-match", tag)
        .send()
        .expect(304);
}
