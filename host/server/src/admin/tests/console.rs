//! The console's files: everybody who reaches the port may load them, and they contain no data.

use super::ask;
use crate::admin::fake::FakeAdmin;

#[tokio::test]
async fn the_console_is_served_without_the_token_and_loads_nothing_from_elsewhere() {
    let router = FakeAdmin::new().router(&["--admin-token", "s3cret"]);
    let page = ask(&router, "GET /console", &[], "").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-cache");
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    let tag = page.header("etag").to_owned();
    let again = ask(&router, "GET /console", &[("if-none-match", &tag)], "").await;
    assert_eq!(again.status, 304);
    assert_eq!(ask(&router, "GET /admin/status", &[], "").await.status, 401);
}

/// What a page or script names between `before` and `after`.
fn named<'a>(text: &'a str, before: &str, after: char) -> Vec<&'a str> {
    let parts = text.split(before).skip(1);
    parts.filter_map(|part| part.split(after).next()).collect()
}

#[tokio::test]
async fn every_file_that_the_console_names_is_served() {
    let router = FakeAdmin::new().router(&[]);
    let page = ask(&router, "GET /console", &[], "").await;
    let page = String::from_utf8(page.body.to_vec()).unwrap();
    let mut wanted: Vec<String> = named(&page, "\"console/", '"')
        .into_iter()
        .map(str::to_owned)
        .collect();
    let mut served = Vec::new();
    while let Some(name) = wanted.pop() {
        if served.contains(&name) {
            continue;
        }
        let reply = ask(&router, &format!("GET /console/{name}"), &[], "").await;
        assert_eq!(reply.status, 200, "{name}");
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        assert!(!text.is_empty(), "{name}");
        wanted.extend(
            named(&text, "from \"./", '"')
                .into_iter()
                .map(str::to_owned),
        );
        served.push(name);
    }
    assert!(served.len() > 15, "{served:?}");
    let reply = ask(&router, "GET /console/secrets.js", &[], "").await;
    assert_eq!(reply.status, 404);
}

#[tokio::test]
async fn a_browser_that_opens_the_port_is_sent_to_the_console() {
    let router = FakeAdmin::new().router(&[]);
    for (path, location) in [("/", "console"), ("/console/", "../console")] {
        let reply = ask(&router, &format!("GET {path}"), &[], "").await;
        assert_eq!(reply.status, 307);
        assert_eq!(reply.header("location"), location);
    }
}
