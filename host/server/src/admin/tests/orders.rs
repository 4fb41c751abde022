//! Deployments: orders, views, promotion, abort.

use serde_json::{Value, json};

use crate::admin::fake::{DIGEST, FakeAdmin, deployment, event, status};
use crate::admin::tests::{ask, code, order};
use contract::deployment::{EventStatus, Kind, Outcome, Reason, Stage};
use deployment::model::Order;
use deployment::{AdminError, Filter};

#[tokio::test]
async fn an_order_becomes_a_deployment_with_a_location() {
    let fake = FakeAdmin::new();
    let upper = DIGEST.to_uppercase();
    let body = format!("{{\"digest\": \"sha256:{upper}\", \"canary_percent\": 12.5}}");
    let reply = order(&fake.router(&[]), "POST /admin/deployments", &body).await;
    assert_eq!((reply.status, reply.json()), (202, json!({"id": 7})));
    assert_eq!(reply.header("location"), "/admin/deployments/7");
    let order = serde_json::to_string(&Order {
        digest: DIGEST.to_owned(),
        dry_run: false,
        allow_breaking: false,
        retry_refused: false,
        canary_percent: Some(12.5),
        shadow: false,
        ..Order::default()
    });
    assert_eq!(
        fake.asked(),
        [format!("deploy {} by loopback", order.unwrap())]
    );
}

#[tokio::test]
async fn an_invalid_order_gets_a_pointer_to_its_fault() {
    let fake = FakeAdmin::new();
    let router = fake.router(&[]);
    let with = |members: &str| format!("{{\"digest\": \"{DIGEST}\"{members}}}");
    for (body, pointer) in [
        ("{}".to_owned(), "#"),
        ("[\"0123\"]".to_owned(), "#"),
        ("{\"digest\": \"latest\"}".to_owned(), "#/digest"),
        (with(", \"dry_run\": 1"), "#"),
        (with(", \"dryrun\": true"), "#/dryrun"),
        (with(", \"a/b\": 1"), "#/a~1b"),
        (with(", \"canary_percent\": 0"), "#/canary_percent"),
        (with(", \"canary_percent\": 100"), "#/canary_percent"),
        (
            with(", \"canary_steps\": [25], \"canary_step_ms\": 1"),
            "#/canary_percent",
        ),
        (with(", \"promote_by_itself\": true"), "#/canary_percent"),
        (
            with(", \"canary_percent\": 10, \"canary_steps\": [25]"),
            "#/canary_step_ms",
        ),
        (
            with(", \"canary_percent\": 10, \"canary_step_ms\": 1"),
            "#/canary_step_ms",
        ),
    ] {
        let reply = order(&router, "POST /admin/deployments", &body).await;
        assert_eq!(
            (reply.status, &*code(&reply)),
            (422, "invalid-request"),
            "{body}"
        );
        assert_eq!(reply.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    for body in ["", "{", "digest"] {
        let reply = order(&router, "POST /admin/deployments", body).await;
        assert_eq!(
            (reply.status, &*code(&reply)),
            (400, "malformed-request"),
            "{body}"
        );
    }
    // What a form on a page can send without asking first.
    let form = [("content-type", "text/plain")];
    let reply = ask(&router, "POST /admin/deployments", &form, with("")).await;
    assert_eq!(
        (reply.status, &*code(&reply)),
        (415, "unsupported-media-type")
    );
    assert_eq!(fake.asked(), [""; 0]);
}

#[tokio::test]
async fn the_steps_of_a_canary_rise_and_take_a_time() {
    let fake = FakeAdmin::new();
    let router = fake.router(&[]);
    let steps = |steps: Value, least: Value| {
        let order = json!({"digest": DIGEST, "canary_percent": 10, "canary_steps": steps,
            "canary_step_ms": least});
        order.to_string()
    };
    for (body, pointer) in [
        (steps(json!([10]), json!(1)), "#/canary_steps/0"),
        (steps(json!([25, 50, 50]), json!(1)), "#/canary_steps/2"),
        (steps(json!([25, 100]), json!(1)), "#/canary_steps/1"),
        (
            steps((11..32).collect::<Vec<_>>().into(), json!(1)),
            "#/canary_steps",
        ),
        (steps(json!([25]), json!(0)), "#/canary_step_ms"),
        (
            steps(json!([25]), json!(2_592_000_001_u64)),
            "#/canary_step_ms",
        ),
    ] {
        let reply = order(&router, "POST /admin/deployments", &body).await;
        assert_eq!(reply.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    assert_eq!(fake.asked(), [""; 0]);
    let body = steps(
        (11..31).collect::<Vec<_>>().into(),
        json!(2_592_000_000_u64),
    );
    let reply = order(&router, "POST /admin/deployments", &body).await;
    assert_eq!(reply.status, 202);
    let body = json!({"digest": DIGEST, "canary_percent": 10, "canary_step_ms": 1,
        "promote_by_itself": true});
    let reply = order(&router, "POST /admin/deployments", &body.to_string()).await;
    assert_eq!(reply.status, 202, "one share may be promoted by itself");
    let body = json!({"digest": DIGEST, "canary_percent": 10, "canary_steps": [],
        "canary_step_ms": null, "promote_by_itself": false, "message": null});
    let reply = order(&router, "POST /admin/deployments", &body.to_string()).await;
    assert_eq!(
        reply.status,
        202,
        "a default may be given: {}",
        reply.json()
    );
}

#[tokio::test]
async fn every_error_has_its_status_and_code() {
    let rejected = AdminError::Rejected {
        code: Reason::RefusedBefore,
        reason: "It was rolled back.".into(),
    };
    for (error, status, slug, detail) in [
        (
            AdminError::Busy {
                id: 9,
                advice: "Wait for the end of deployment 9.".into(),
            },
            409,
            "deployment-running",
            "deployment 9",
        ),
        (
            AdminError::NotFound("No such.".into()),
            404,
            "not-found",
            "No such.",
        ),
        (rejected, 422, "refused-before", "It was rolled back."),
        (
            AdminError::Unavailable("/var/lib/x: I/O".into()),
            503,
            "unavailable",
            "",
        ),
    ] {
        let router = FakeAdmin::fails(error.clone()).router(&[]);
        let reply = ask(&router, "POST /admin/rollback", &[], "").await;
        assert_eq!((reply.status, &*code(&reply)), (status, slug));
        let body = reply.json();
        assert!(
            body["detail"].as_str().unwrap_or_default().contains(detail),
            "{body}"
        );
        let running = if status == 409 { json!(9) } else { Value::Null };
        assert_eq!(body["deployment"], running);
        let wait = if status == 503 { "5" } else { "" };
        assert_eq!(reply.header("retry-after"), wait);
        assert!(!body.to_string().contains("/var/lib"));
    }
}

#[tokio::test]
async fn a_list_of_deployments_has_filters() {
    let fake = FakeAdmin::new();
    let router = fake.router(&[]);
    let query = "limit=7&before=40&kind=rollback&outcome=active&search=sort%20by&later=1";
    let reply = ask(&router, &format!("GET /admin/deployments?{query}"), &[], "").await;
    assert_eq!(reply.status, 200);
    let expected = Filter {
        limit: 7,
        before: Some(40),
        kind: Some(Kind::Rollback),
        outcome: Some(Outcome::Active),
        search: Some("sort by".to_owned()),
    };
    assert_eq!(fake.asked(), [format!("{expected:?}")]);
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("before=x", "before"),
        ("kind=none", "kind"),
        ("outcome=", "outcome"),
    ] {
        let reply = ask(&router, &format!("GET /admin/deployments?{query}"), &[], "").await;
        assert_eq!(reply.status, 422, "{query}");
        let pointer = format!("#/query/{name}");
        assert_eq!(reply.json()["errors"][0]["pointer"], pointer, "{query}");
    }
}

#[tokio::test]
async fn a_rollback_needs_no_body() {
    let fake = FakeAdmin::new();
    let router = fake.router(&[]);
    let reply = ask(&router, "POST /admin/rollback", &[], "").await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (202, "/admin/deployments/7")
    );
    order(&router, "POST /admin/rollback", "{}").await;
    let to = format!("{{\"digest\": \"{DIGEST}\"}}");
    order(&router, "POST /admin/rollback", &to).await;
    let reply = order(&router, "POST /admin/rollback", "{\"to\": 1}").await;
    assert_eq!(reply.json()["errors"][0]["pointer"], "#/to");
    let asked = [
        "None".to_owned(),
        "None".to_owned(),
        format!("Some({DIGEST:?})"),
    ];
    let asked = asked.map(|digest| format!("rollback {digest} by loopback"));
    assert_eq!(fake.asked(), asked);
}

#[tokio::test]
async fn a_canary_is_promoted_or_aborted() {
    let fake = FakeAdmin::new();
    let router = fake.router(&[]);
    for decision in ["promote", "abort"] {
        let line = format!("POST /admin/deployments/7/{decision}");
        let reply = ask(&router, &line, &[], "").await;
        assert_eq!((reply.status, &reply.body[..]), (204, &b""[..]));
    }
    let line = "POST /admin/deployments/7/promote";
    let reply = order(&router, line, "{\"canary_percent\": 25}").await;
    assert_eq!(reply.status, 204);
    let reply = order(&router, line, "{\"canary_percent\": 100}").await;
    assert_eq!(
        reply.json()["errors"][0]["pointer"],
        "#/canary_percent",
        "what gets everything is no canary"
    );
    let asked = ["promote 7", "abort 7", "promote 7 to 25 %"];
    assert_eq!(
        fake.asked(),
        asked.map(|what| format!("{what} by loopback"))
    );
}

#[tokio::test]
async fn deployments_can_be_read_one_by_one_and_as_a_list() {
    let router = FakeAdmin::new().router(&[]);
    let reply = ask(&router, "GET /admin/deployments/7", &[], "").await;
    let expected = deployment(vec![event(0, Stage::Verify, EventStatus::Began)]);
    assert_eq!(reply.json(), serde_json::to_value(expected).unwrap());
    assert_eq!(reply.header("cache-control"), "no-store");
    for (query, count) in [("", 50), ("?limit=2", 2), ("?limit=1000", 60)] {
        let reply = ask(&router, &format!("GET /admin/deployments{query}"), &[], "").await;
        assert_eq!(reply.json().as_array().unwrap().len(), count, "{query}");
    }
    for limit in ["0", "1001", "-1", "many", ""] {
        let line = format!("GET /admin/deployments?limit={limit}");
        let reply = ask(&router, &line, &[], "").await;
        assert_eq!(
            reply.json()["errors"][0]["pointer"],
            "#/query/limit",
            "{limit}"
        );
    }
    let reply = ask(&router, "GET /admin/status", &[], "").await;
    assert_eq!(reply.json(), serde_json::to_value(status()).unwrap());
}

#[tokio::test]
async fn an_unknown_path_or_method_gets_a_problem() {
    let router = FakeAdmin::new().router(&[]);
    for path in [
        "/admin",
        "/admin/",
        "/admin/deployments/8",
        "/admin/deployments/8/events",
        "/admin/deployments/latest",
        "/admin/deployments/%ff",
        "/admin/components/0123",
        "/admin/components/%ff",
    ] {
        let reply = ask(&router, &format!("GET {path}"), &[], "").await;
        assert_eq!((reply.status, &*code(&reply)), (404, "not-found"), "{path}");
    }
    for (line, allow) in [
        ("DELETE /admin/components", "POST,GET,HEAD"),
        ("GET /admin/rollback", "POST"),
        ("POST /admin/status", "GET,HEAD"),
    ] {
        let reply = ask(&router, line, &[], "").await;
        assert_eq!(
            (reply.status, &*code(&reply)),
            (405, "method-not-allowed"),
            "{line}"
        );
        assert_eq!(reply.header("allow"), allow, "{line}");
    }
}

#[tokio::test]
async fn an_accepted_order_is_carried_out_even_if_the_client_goes_away() {
    let fake = FakeAdmin::new();
    *fake.waits.lock().unwrap() = true;
    let router = fake.router(&[]);
    let asking = tokio::spawn(async move { ask(&router, "POST /admin/rollback", &[], "").await });
    fake.come.notified().await;
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    fake.release.notify_one();
    let carried_out = async {
        while fake.asked().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let soon = std::time::Duration::from_secs(10);
    tokio::time::timeout(soon, carried_out).await.unwrap();
    assert_eq!(fake.asked(), ["rollback None by loopback"]);
}
