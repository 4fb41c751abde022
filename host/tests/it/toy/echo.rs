//! Every WIT type survives the round trip through a running host.

use serde_json::{Value, json};

use crate::harness::Setup;

/// A value of each WIT type, in the JSON form that the host also writes.
pub fn everything() -> Value {
    json!({
        "yes_or_no": true,
        "small": 255, "small_signed": -128,
        "medium": 65535, "medium_signed": -32768,
        "large": 4294967295_u32, "large_signed": -2147483648,
        "huge": u64::MAX, "huge_signed": i64::MIN,
        "single": 0.5, "double": 1e-7,
        "letter": "🦀",
        "text": "quotes \" and \\ and \u{1} and ✓",
        "bytes": "AP8Q/w==",
        "color": "sky_blue",
        "permissions": ["read", "see_history"],
        "shape": {"case": "labelled", "value": null},
        "shapes": [
            {"case": "nothing"},
            {"case": "circle", "value": 1.5},
            {"case": "rectangle", "value": [1.5, 2.5]},
            {"case": "polygon", "value": [{"x": 0.5, "y": 1.5}]},
            {"case": "labelled", "value": "name"},
            {"case": "colored", "value": "green"},
        ],
        "point": {"x": -0.25, "y": 1e300},
        "pair": ["one", -1],
        "triple": [false, "ß", null],
        "numbers": [],
        "matrix": [[], [1, -1]],
        "pairs": [[7, "seven"], [7, "again"]],
        "maybe": "there",
        "maybe_twice": null,
        "maybe_point": {"x": 0.5, "y": 0.5},
        "maybe_list": [1, null],
        "counts": {"b": 2, "a": 18446744073709551615_u64},
        "places": {"home": {"x": 1.5, "y": 2.5}},
        "groups": {"": ["x", ""], "empty": []},
        "moment": "2026-03-01T12:00:00Z",
        "moments": ["1970-01-01T00:00:00Z", "2026-03-01T12:00:00.123456789Z"],
        "type": "keyword",
    })
}

#[test]
fn a_record_of_all_types_comes_back_unchanged() {
    let host = Setup::counter().start();
    let sent = everything();
    let received = host.post("/echo", &sent).expect(200).json();
    for (name, value) in sent.as_object().expect("an object") {
        assert_eq!(&received[name], value, "{name}");
    }
    let names: Vec<_> = received.as_object().expect("an object").keys().collect();
    let expected: Vec<_> = sent.as_object().expect("an object").keys().collect();
    assert_eq!(names, expected, "in the order of the WIT");
}

#[test]
fn absent_and_null_differ_only_if_the_type_distinguishes_them() {
    let host = Setup::counter().start();
    let mut sent = everything();
    let members = sent.as_object_mut().expect("an object");
    for name in ["maybe", "maybe_twice", "maybe_point", "type"] {
        members.shift_remove(name);
    }
    let received = host.post("/echo", &sent).expect(200).json();
    assert!(received.get("maybe_twice").is_none(), "absent, not null");
    for name in ["maybe", "maybe_point", "type"] {
        assert_eq!(received[name], Value::Null, "{name}");
    }
    sent["maybe_twice"] = json!(7);
    assert_eq!(
        host.post("/echo", &sent).expect(200).json()["maybe_twice"],
        7
    );
}

#[test]
fn one_problem_names_every_member_that_does_not_fit_its_type() {
    let host = Setup::counter().start();
    let wrong = json!({
        "yes_or_no": 1, "small": 256, "small_signed": -129, "medium": -1, "large": 1.5,
        "huge": -1, "single": "1", "letter": "ab", "text": 7, "bytes": "not base64!",
        "color": "blue", "permissions": ["write", "fly"],
        "shape": {"case": "circle"},
        "shapes": [
            {"case": "triangle", "value": 1}, {"case": "nothing", "value": 1},
            {"case": "rectangle", "value": [1]}, {"value": 1}, "circle",
        ],
        "point": {"x": 1}, "pair": ["one", 2, 3], "triple": [true, "", 256],
        "matrix": [[1], [2, "3"]], "counts": {"a/b~c": -1}, "groups": [],
        "moment": "yesterday", "maybe_list": [256],
    });
    let mut whole = everything();
    for (name, value) in wrong.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    host.post("/echo", &whole).problem_at(
        422,
        "invalid-request",
        &[
            "#/yes_or_no",
            "#/small",
            "#/small_signed",
            "#/medium",
            "#/large",
            "#/huge",
            "#/single",
            "#/letter",
            "#/text",
            "#/bytes",
            "#/color",
            "#/permissions/1",
            "#/shape/value",
            "#/shapes/0/case",
            "#/shapes/1/value",
            "#/shapes/2/value",
            "#/shapes/3/case",
            "#/shapes/4",
            "#/point/y",
            "#/pair",
            "#/triple/1",
            "#/triple/2",
            "#/matrix/1/1",
            "#/counts/a~1b~0c",
            "#/groups",
            "#/moment",
            "#/maybe_list/0",
        ],
    );
}

#[test]
fn a_body_may_have_any_type() {
    let host = Setup::counter().start();
    for (path, body) in [
        ("/echo/shape", json!({"case": "nothing"})),
        ("/echo/shape", json!({"case": "circle", "value": 0.5})),
        ("/echo/matrix", json!([[1, 2], [], [i32::MIN]])),
        ("/echo/map", json!({"z": 1, "a": 2, "": 3})),
        ("/echo/bytes", json!("aGVsbG8=")),
        ("/echo/bytes", json!("")),
    ] {
        assert_eq!(host.post(path, &body).expect(200).json(), body, "{path}");
    }
}

#[test]
fn path_and_query_parameters_are_typed() {
    let host = Setup::counter().start();
    let query = "ratio=0.5&flag=true&letter=%C3%9F&color=sky_blue&colors=red,green&colors=red\
                 &numbers=1,18446744073709551615&moment=2026-03-01T14:00:00%2B02:00";
    let received = host
        .get(&format!("/echo/a%20w%2Frd/-5?{query}"))
        .expect(200)
        .json();
    assert_eq!(
        received,
        json!({
            "word": "a w/rd", "number": -5, "ratio": 0.5, "flag": true, "letter": "ß",
            "color": "sky_blue", "colors": ["red", "green", "red"],
            "numbers": [1, 18446744073709551615_u64], "moment": "2026-03-01T12:00:00Z",
        })
    );
    let wrong = "ratio=x&flag=yes&letter=ab&color=blue&colors=red,blue&numbers=-1&moment=now";
    host.get(&format!("/echo/w/1.5?{wrong}")).problem_at(
        422,
        "invalid-request",
        &[
            "#/path/number",
            "#/query/color",
            "#/query/colors",
            "#/query/flag",
            "#/query/letter",
            "#/query/moment",
            "#/query/numbers",
            "#/query/ratio",
        ],
    );
}

#[test]
fn a_problem_whose_code_is_no_slug_or_the_hosts_own_is_a_fault_of_the_logic() {
    let host = Setup::counter().start();
    let (long, escape) = ("a".repeat(65), "a\u{1b}[31m");
    let codes = [
        "",
        "Not Found",
        "a/b",
        "ä",
        escape,
        &long,
        "overloaded",
        "logic-trapped",
    ];
    for code in codes {
        let problem = json!({
            "status": 409, "code": code, "title": "A title", "detail": null,
            "errors": [], "extensions": {},
        });
        let answer = host.post("/echo/problem", &problem);
        answer.problem(500, "logic-returned-invalid-value");
    }
}

#[test]
fn a_problem_of_the_logic_becomes_a_problem_document() {
    let host = Setup::counter().start();
    let problem = json!({
        "status": 418, "code": "teapot", "title": "I am a teapot", "detail": "Short and stout.",
        "errors": [{"pointer": "#/spout", "detail": "is missing"}],
        "extensions": {"error": "teapot!", "status": "ignored", "type": "ignored"},
    });
    let answer = host.post("/echo/problem", &problem);
    let received = answer.problem(418, "teapot");
    for name in ["title", "detail", "errors"] {
        assert_eq!(received[name], problem[name], "{name}");
    }
    assert_eq!(received["error"], "teapot!");
    assert_eq!(
        received["status"], 418,
        "extensions do not replace the standard members"
    );
}

#[test]
fn a_post_that_only_reads_accepts_and_ignores_an_idempotency_key() {
    let host = Setup::counter().start();
    for _ in 0..2 {
        let answer = host
            .request("POST", "/echo/map")
            .header("idempotency-key", "once")
            .json(&json!({"a": 1}))
            .send()
            .expect(200);
        assert_eq!(answer.json(), json!({"a": 1}));
        assert_eq!(answer.header("idempotent-replayed"), None);
    }
}
