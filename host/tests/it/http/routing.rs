//! Paths and methods: 404, 405, HEAD, OPTIONS, CORS, and the host's own paths.

use serde_json::json;

use crate::harness::{Host, Setup};

fn host_with_a_task() -> Host {
    let host = Setup::tasks().start();
    host.post("/tasks", &json!({"title": "First", "category": "feature"}))
        .expect(201);
    host
}

/// Returns the members of a comma-separated header, sorted.
fn members(value: &str) -> Vec<String> {
    let mut members: Vec<_> = value.split(',').map(|m| m.trim().to_owned()).collect();
    members.sort();
    members
}

#[test]
fn an_unknown_path_is_404() {
    let host = host_with_a_task();
    for path in [
        "/nothing",
        "/tasks/1/more",
        "//tasks",
        "/TASKS",
        "/api",
        "/nothing/",
    ] {
        for method in ["GET", "POST", "DELETE", "BREW"] {
            let answer = host.request(method, path).send();
            answer.problem(404, "not-found");
        }
    }
}

#[test]
fn a_trailing_slash_redirects_to_the_path_without_it() {
    let host = host_with_a_task();
    for (path, location) in [
        ("/tasks/", "/tasks"),
        ("/tasks/1/", "/tasks/1"),
        ("/tasks/?limit=1", "/tasks?limit=1"),
    ] {
        for method in ["GET", "POST"] {
            // 308 keeps the method and the body; 301 would turn a POST into a GET.
            let answer = host.request(method, path).send().expect(308);
            assert_eq!(answer.expect_header("location"), location);
        }
    }
    // A location that begins with two slashes would name another host.
    host.get("//elsewhere.example/").problem(404, "not-found");
}

#[test]
fn an_escaped_path_names_the_same_resource() {
    let host = host_with_a_task();
    assert_eq!(host.get("/tasks/%31").expect(200).json()["id"], 1);
    for path in ["/tasks/%FF", "/tasks/%2F", "/tasks/%zz"] {
        let status = host.get(path).status;
        assert!((400..500).contains(&status), "{path}: {status}");
    }
}

#[test]
fn a_method_that_a_path_does_not_support_is_405_with_allow() {
    let host = host_with_a_task();
    for (method, path, allowed) in [
        ("DELETE", "/tasks", vec!["GET", "HEAD", "OPTIONS", "POST"]),
        (
            "POST",
            "/tasks/1",
            vec!["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "PUT"],
        ),
        ("GET", "/tasks/bulk", vec!["OPTIONS", "POST"]),
        ("BREW", "/tasks", vec!["GET", "HEAD", "OPTIONS", "POST"]),
        ("POST", "/health", vec!["GET", "HEAD", "OPTIONS"]),
    ] {
        let answer = host.request(method, path).send();
        answer.problem(405, "method-not-allowed");
        assert_eq!(
            members(answer.expect_header("allow")),
            allowed,
            "{method} {path}"
        );
    }
}

#[test]
fn head_is_get_without_the_body() {
    let host = host_with_a_task();
    for path in ["/tasks/1", "/tasks", "/health", "/openapi.json"] {
        let get = host.get(path).expect(200);
        let head = host.request("HEAD", path).send().expect(200);
        assert_eq!(head.body, b"", "{path}");
        assert_eq!(
            head.header("content-type"),
            get.header("content-type"),
            "{path}"
        );
        assert_eq!(
            head.header("etag").is_some(),
            get.header("etag").is_some(),
            "{path}"
        );
    }
    let get = host.get("/tasks/1");
    let head = host.request("HEAD", "/tasks/1").send();
    assert_eq!(head.header("content-length"), get.header("content-length"));
    assert_eq!(head.header("etag"), get.header("etag"));
    let missing = host.request("HEAD", "/tasks/99").send().expect(404);
    assert_eq!(missing.body, b"");
}

#[test]
fn options_lists_the_methods_of_a_path() {
    let host = host_with_a_task();
    let answer = host.request("OPTIONS", "/tasks").send().expect(204);
    assert_eq!(
        members(answer.expect_header("allow")),
        ["GET", "HEAD", "OPTIONS", "POST"]
    );
    host.request("OPTIONS", "/nothing").send().expect(404);
}

#[test]
fn a_browser_on_another_origin_may_use_the_api() {
    let host = host_with_a_task();
    let preflight = host
        .request("OPTIONS", "/tasks/1")
        .header("origin", "https://elsewhere.example")
        .header("access-control-request-method", "PATCH")
        .header(
            "access-control-request-headers",
            "content-type,if-match,idempotency-key",
        )
        .send();
    assert!([200, 204].contains(&preflight.status), "{preflight}");
    assert!(
        preflight.header("access-control-allow-origin").is_some(),
        "{preflight}"
    );
    let methods = preflight.expect_header("access-control-allow-methods");
    assert!(methods == "*" || methods.contains("PATCH"), "{methods}");
    let headers = preflight
        .expect_header("access-control-allow-headers")
        .to_lowercase();
    for name in ["content-type", "if-match", "idempotency-key"] {
        assert!(
            headers == "*" || headers.contains(name),
            "{name}: {headers}"
        );
    }

    // A browser hides headers that the server does not expose. This includes error answers.
    for path in ["/tasks/1", "/tasks/99", "/nothing"] {
        let answer = host
            .request("GET", path)
            .header("origin", "https://elsewhere.example")
            .send();
        assert!(
            answer.header("access-control-allow-origin").is_some(),
            "{path}: {answer}"
        );
        let exposed = answer
            .expect_header("access-control-expose-headers")
            .to_lowercase();
        for name in ["etag", "link", "location", "x-request-id", "retry-after"] {
            assert!(
                exposed == "*" || exposed.contains(name),
                "{name}: {exposed}"
            );
        }
    }
}

#[test]
fn the_host_answers_its_own_paths_on_both_ports() {
    let host = host_with_a_task();
    for path in ["/livez", "/readyz", "/metrics"] {
        host.get(path).expect(200);
        host.admin("GET", path).send().expect(200);
    }
    let docs = host.get("/docs").expect(200);
    assert!(
        docs.expect_header("content-type").starts_with("text/html"),
        "{docs}"
    );
    let openapi = host.get("/openapi.json").expect(200).json();
    assert!(
        openapi["openapi"]
            .as_str()
            .is_some_and(|v| v.starts_with("3.1")),
        "{openapi}"
    );
    let get = &openapi["paths"]["/tasks/{id}"]["get"];
    assert!(get["responses"]["200"].is_object(), "{get}");
    // The admin port serves no tasks.
    host.admin("GET", "/tasks").send().expect(404);
}

#[test]
fn the_documentation_loads_nothing_from_other_origins() {
    let host = host_with_a_task();
    let page = host.get("/docs").expect(200).text();
    for outside in [
        "src=\"http",
        "src=\"//",
        "href=\"http",
        "@import",
        "url(http",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn with_a_public_path_every_path_that_clients_follow_has_this_prefix() {
    let host = Setup::tasks().flag("--public-path", "/staging/").start();
    let task = json!({"title": "First", "category": "feature"});
    for id in 1..=2 {
        let created = host.post("/tasks", &task).expect(201);
        assert_eq!(
            created.expect_header("location"),
            format!("/staging/tasks/{id}")
        );
    }
    let list = host.get("/tasks?limit=1").expect(200);
    let link = list.expect_header("link");
    assert!(
        link.starts_with("</staging/tasks?limit=1&cursor="),
        "{link}"
    );
    let moved = host.get("/tasks/?limit=1").expect(308);
    assert_eq!(moved.expect_header("location"), "/staging/tasks?limit=1");
    let document = host.get("/openapi.json").expect(200).json();
    assert_eq!(document["servers"], json!([{"url": "/staging"}]));
    assert!(
        document["paths"]["/tasks"].is_object(),
        "the paths of the document have no prefix"
    );
    let page = host.get("/docs").expect(200).text();
    assert!(
        !page.contains("=\"/"),
        "the page loads its files by relative paths: {page}"
    );
}

#[test]
fn without_a_public_path_the_openapi_document_names_no_server() {
    let host = host_with_a_task();
    let document = host.get("/openapi.json").expect(200).json();
    assert!(document.get("servers").is_none(), "{}", document["servers"]);
}
