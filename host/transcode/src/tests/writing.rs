//! Converts results to outcomes.

use wasmtime::component::Val;

use super::support::{interface, no_limits, operation, route};
use crate::{Operation, Outcome, Reply, ResultError};
use contract::{FieldError, Method, Problem, Route};

const ITEMS: &str = "
    enum color { red, dark-blue }
    flags rights { may-read, may-write }
    variant shape { empty, circle(f64) }
    record thing {
        id: s64, full-name: string, color: color, note: option<string>,
        title: option<option<string>>, by-name: list<tuple<string, u64>>, at: datetime,
        rights: rights, shape: shape, pair: tuple<f64, bool>, outcome: result<_, string>,
        initial: char, data: list<u8>, next: option<string>,
    }
    record page { things: list<u64>, next: option<string>, tag: string, id: string, at: datetime }
    get: func() -> result<thing, problem>;
    find: func(cursor: option<string>) -> result<page, problem>;
    clear: func() -> result<_, problem>;
    get-f64: func() -> result<f64, problem>;
    get-map: func() -> result<list<tuple<string, u8>>, problem>;
    get-at: func() -> result<datetime, problem>;
    get-text: func() -> result<string, problem>;
";

fn some(value: Val) -> Val {
    Val::Option(Some(Box::new(value)))
}

fn string(text: &str) -> Val {
    Val::String(text.to_owned())
}

fn record<const N: usize>(members: [(&str, Val); N]) -> Val {
    Val::Record(members.map(|(name, value)| (name.to_owned(), value)).into())
}

fn timestamp(seconds: u64, nanoseconds: u32) -> Val {
    record([
        ("seconds", Val::U64(seconds)),
        ("nanoseconds", Val::U32(nanoseconds)),
    ])
}

fn ok(value: Val) -> Val {
    Val::Result(Ok(Some(Box::new(value))))
}

fn json(function: &str, value: Val) -> Result<String, ResultError> {
    let operation = operation(ITEMS, Method::Get, "/x", function);
    match operation.write(&ok(value), no_limits())? {
        Outcome::Reply(reply) => Ok(String::from_utf8(reply.body.unwrap()).unwrap()),
        other => panic!("{other:?}"),
    }
}

fn thing(title: Val) -> Val {
    let entry = Val::Tuple(vec![string("a\"b"), Val::U64(u64::MAX)]);
    record([
        ("id", Val::S64(i64::MIN)),
        ("full-name", string("é\n\u{1}\"")),
        ("color", Val::Enum("dark-blue".to_owned())),
        ("note", Val::Option(None)),
        ("title", title),
        ("by-name", Val::List(vec![entry])),
        ("at", timestamp(1_772_360_430, 123_456_000)),
        (
            "rights",
            Val::Flags(vec!["may-read".to_owned(), "may-write".to_owned()]),
        ),
        (
            "shape",
            Val::Variant("circle".to_owned(), Some(Box::new(Val::Float64(0.5)))),
        ),
        (
            "pair",
            Val::Tuple(vec![Val::Float64(2.0), Val::Bool(false)]),
        ),
        ("outcome", Val::Result(Ok(None))),
        ("initial", Val::Char('é')),
        ("data", Val::List(vec![Val::U8(1), Val::U8(255)])),
        ("next", Val::Option(None)),
    ])
}

#[test]
fn a_record_is_written_in_wit_order() {
    let before =
        r#"{"id":-9223372036854775808,"full_name":"é\n\u0001\"","color":"dark_blue","note":null,"#;
    let after = concat!(
        r#""by_name":{"a\"b":18446744073709551615},"at":"2026-03-01T10:20:30.123456Z","#,
        r#""rights":["may_read","may_write"],"shape":{"case":"circle","value":0.5},"#,
        r#""pair":[2.0,false],"outcome":{"ok":null},"initial":"é","data":"Af8=","next":null}"#,
    );
    let absent = json("get", thing(Val::Option(None)));
    assert_eq!(absent, Ok(format!("{before}{after}")));
    let null = json("get", thing(some(Val::Option(None))));
    assert_eq!(null, Ok(format!("{before}\"title\":null,{after}")));
    let present = json("get", thing(some(some(string("T")))));
    assert_eq!(present, Ok(format!("{before}\"title\":\"T\",{after}")));
}

#[test]
fn fractions_of_a_second_are_trimmed() {
    let at = |seconds, nanoseconds| json("get-at", timestamp(seconds, nanoseconds)).unwrap();
    assert_eq!(at(0, 0), "\"1970-01-01T00:00:00Z\"");
    assert_eq!(at(951_782_399, 0), "\"2000-02-28T23:59:59Z\"");
    assert_eq!(at(951_782_400, 1), "\"2000-02-29T00:00:00.000000001Z\"");
    assert_eq!(
        at(253_402_300_799, 120_000_000),
        "\"9999-12-31T23:59:59.120Z\""
    );
    assert_eq!(at(1, 1_000), "\"1970-01-01T00:00:01.000001Z\"");
}

#[test]
fn a_value_that_cannot_be_written_as_json_is_an_error() {
    let not_finite = Err("a number that is not finite".to_owned().into());
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(json("get-f64", Val::Float64(value)), not_finite);
    }
    let outside = Err("a timestamp outside the years 0001 to 9999"
        .to_owned()
        .into());
    assert_eq!(json("get-at", timestamp(253_402_300_800, 0)), outside);
    assert_eq!(json("get-at", timestamp(u64::MAX, 0)), outside);
    assert_eq!(json("get-at", timestamp(0, 1_000_000_000)), outside);
    let entry = || Val::Tuple(vec![string("a"), Val::U8(1)]);
    let repeated = Err("the map key \"a\" twice".to_owned().into());
    assert_eq!(json("get-map", Val::List(vec![entry(), entry()])), repeated);
}

fn page_route(change: fn(&mut Route)) -> Operation {
    let mut route = route(Method::Get, "/things", "find");
    change(&mut route);
    Operation::bind(&interface(ITEMS), &route).unwrap()
}

fn page(next: Val) -> Val {
    ok(record([
        ("things", Val::List(vec![Val::U64(1), Val::U64(2)])),
        ("next", next),
        ("tag", string("abc")),
        ("id", string("a b/ü.~")),
        ("at", timestamp(0, 0)),
    ]))
}

#[test]
fn members_become_the_body_and_the_headers() {
    let operation = page_route(|route| {
        route.body = Some("things".to_owned());
        route.next = Some("next".to_owned());
        route.etag = Some("tag".to_owned());
        route.location = Some("/things/{id}/{at}".to_owned());
    });
    let reply = Reply {
        body: Some(b"[1,2]".to_vec()),
        etag: Some("abc".to_owned()),
        location: Some("/things/a%20b%2F%C3%BC.~/1970-01-01T00%3A00%3A00Z".to_owned()),
        next: Some("c=1".to_owned()),
    };
    let next = page(some(string("c=1")));
    assert_eq!(
        operation.write(&next, no_limits()),
        Ok(Outcome::Reply(reply.clone()))
    );
    let last = Reply {
        next: None,
        ..reply
    };
    assert_eq!(
        operation.write(&page(Val::Option(None)), no_limits()),
        Ok(Outcome::Reply(last))
    );
}

#[test]
fn without_members_the_whole_result_is_the_body() {
    let body =
        r#"{"things":[1,2],"next":null,"tag":"abc","id":"a b/ü.~","at":"1970-01-01T00:00:00Z"}"#;
    let reply = Reply {
        body: Some(body.into()),
        ..Reply::default()
    };
    let operation = page_route(|_| {});
    assert_eq!(
        operation.write(&page(Val::Option(None)), no_limits()),
        Ok(Outcome::Reply(reply))
    );
}

#[test]
fn a_result_without_a_value_has_no_body() {
    let operation = operation(ITEMS, Method::Post, "/x", "clear");
    let reply = Outcome::Reply(Reply::default());
    assert_eq!(
        operation.write(&Val::Result(Ok(None)), no_limits()),
        Ok(reply)
    );
}

fn problem(status: u16) -> Val {
    let error = record([
        ("pointer", string("#/title")),
        ("detail", string("is blank")),
    ]);
    let extension = Val::Tuple(vec![string("error"), string("no")]);
    Val::Result(Err(Some(Box::new(record([
        ("status", Val::U16(status)),
        ("code", string("bad-title")),
        ("title", string("Bad title")),
        ("detail", some(string("It is blank."))),
        ("errors", Val::List(vec![error])),
        ("extensions", Val::List(vec![extension])),
    ])))))
}

#[test]
fn problems_are_read_by_name() {
    let operation = operation(ITEMS, Method::Post, "/x", "clear");
    let expected = |status| {
        Ok(Outcome::Problem(Problem {
            status,
            code: "bad-title".to_owned(),
            title: "Bad title".to_owned(),
            detail: Some("It is blank.".to_owned()),
            errors: vec![FieldError {
                pointer: "#/title".to_owned(),
                detail: "is blank".to_owned(),
            }],
            extensions: vec![("error".to_owned(), "no".to_owned())],
        }))
    };
    assert_eq!(operation.write(&problem(400), no_limits()), expected(400));
    assert_eq!(operation.write(&problem(599), no_limits()), expected(599));
    for outside in [0, 200, 399, 600] {
        assert_eq!(
            operation.write(&problem(outside), no_limits()),
            expected(500)
        );
    }
}
