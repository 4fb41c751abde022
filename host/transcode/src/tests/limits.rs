//! Types and values that are small where they come from and would be huge here.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use wasmtime::component::Val;

use super::support::{component, interface, no_limits, operation, route};
use crate::buffer::Buffer;
use crate::layout::{Layouts, Memory, ResultError};
use crate::types::{Case, Enum, Type, TypeName};
use crate::{
    AnswerLimits, BindFault, ChangeKind, Input, InputError, Interface, Operation, breaking_changes,
    openapi,
};
use contract::{Description, Method, Route};

/// Definitions of which each contains the previous one several times, and a function that takes the
/// last one.
fn nested(depth: usize, definition: impl Fn(usize) -> String) -> String {
    let mut items = "type t0 = u8;".to_owned();
    for level in 1..=depth {
        writeln!(items, "{}", definition(level)).unwrap();
    }
    items + &format!("f: func(x: t{depth}) -> result<_, problem>;")
}

fn tuples(depth: usize) -> String {
    nested(depth, |level| {
        let inner = level - 1;
        format!("type t{level} = tuple<t{inner}, t{inner}>;")
    })
}

fn records(depth: usize) -> String {
    nested(depth, |level| {
        let inner = level - 1;
        format!("record t{level} {{ a: t{inner}, b: option<t{inner}>, c: list<t{inner}> }}")
    })
}

fn ten_routes() -> Vec<Route> {
    let number = |number| route(Method::Post, &format!("/{number}"), "f");
    (0..10).map(number).collect()
}

fn described(routes: Vec<Route>) -> Description {
    Description {
        name: "test".to_owned(),
        version: "1".to_owned(),
        routes,
        migrations: Vec::new(),
        constraints: Vec::new(),
    }
}

#[test]
fn tuples_in_tuples_are_refused_before_they_are_written_out() {
    let component = component(&tuples(16));
    assert!(component.len() < 24_000, "{}", component.len());
    let interface = Interface::decode(&component).unwrap();
    let refused = Operation::bind_all(&interface, &ten_routes()).unwrap_err();
    assert_eq!(refused[0].fault, BindFault::TypesTooLarge);
    assert_eq!(refused[0].route, "POST /0");
    // Ten levels in ten routes are 20 000 types in the document.
    let interface = super::support::interface(&tuples(10));
    let routes = ten_routes();
    let operations = Operation::bind_all(&interface, &routes).unwrap();
    let document = openapi(&described(routes), &operations).to_string();
    assert!(document.len() < 10 << 20, "{}", document.len());
}

#[test]
fn records_that_share_definitions_are_described_once() {
    let interface = interface(&records(8));
    let routes = ten_routes();
    let operations = Operation::bind_all(&interface, &routes).unwrap();
    let document = openapi(&described(routes), &operations).to_string();
    assert!(document.len() < 100_000, "{}", document.len());
    assert_eq!(breaking_changes(&operations, &operations), []);
}

#[test]
fn an_api_can_have_2000_routes() {
    let interface = interface("f: func() -> result<_, problem>;");
    let number = |number| route(Method::Get, &format!("/{number}"), "f");
    let mut routes: Vec<Route> = (0..2000).map(number).collect();
    let operations = Operation::bind_all(&interface, &routes).unwrap();
    assert_eq!(operations.len(), 2000);
    let document = openapi(&described(routes.clone()), &operations);
    assert_eq!(document["paths"].as_object().unwrap().len(), 2000);
    assert_eq!(
        document["paths"]["/1999"]["get"]["operationId"],
        "things.f.get.1999"
    );
    routes.push(number(2000));
    let refused = Operation::bind_all(&interface, &routes).unwrap_err();
    assert_eq!(refused[0].fault, BindFault::TooManyRoutes);
    assert_eq!(refused[0].route, "GET /2000");
}

#[test]
fn every_route_that_cannot_be_bound_is_reported_up_to_fifty() {
    let interface = interface("f: func() -> result<_, problem>;");
    let missing = |number| route(Method::Get, &format!("/{number}"), "missing");
    let mut routes: Vec<Route> = (0..3).map(missing).collect();
    routes.insert(1, route(Method::Get, "/fits", "f"));
    let refused = Operation::bind_all(&interface, &routes).unwrap_err();
    let named: Vec<&str> = refused.iter().map(|error| error.route.as_str()).collect();
    assert_eq!(named, ["GET /0", "GET /1", "GET /2"]);
    let routes: Vec<Route> = (0..80).map(missing).collect();
    let refused = Operation::bind_all(&interface, &routes).unwrap_err();
    assert_eq!(refused.len(), 50);
}

#[test]
fn documentation_counts_for_every_route() {
    let text = "x".repeat(9000);
    let interface = interface(&format!("/// {text}\n f: func() -> result<_, problem>;"));
    let number = |number| route(Method::Get, &format!("/{number}"), "f");
    let routes: Vec<Route> = (0..1000).map(number).collect();
    assert!(Operation::bind_all(&interface, &routes[..900]).is_ok());
    let refused = Operation::bind_all(&interface, &routes).unwrap_err();
    assert_eq!(refused[0].fault, BindFault::TypesTooLarge);
}

#[test]
fn a_comparison_of_two_apis_ends() {
    let record = |ty: &str| {
        let fields: String = (0..3000)
            .map(|number| format!("m{number}: {ty},"))
            .collect();
        format!("record thing {{ {fields} }} get: func() -> result<thing, problem>;")
    };
    let api = |ty| [operation(&record(ty), Method::Get, "/x", "get")];
    let changes = breaking_changes(&api("u8"), &api("string"));
    assert!((1000..=2001).contains(&changes.len()), "{}", changes.len());
    assert_eq!(changes.last().unwrap().kind, ChangeKind::NotCompared);
    assert_eq!(breaking_changes(&api("u8"), &api("u8")), []);
}

/// An enum whose only case has a name of 100 bytes.
fn long_enum() -> Type {
    let case = Case::new(&"x".repeat(100), None, None);
    let name = TypeName {
        interface: "test:api/things".to_owned(),
        name: "long".to_owned(),
    };
    let docs = None;
    let cases = [case].into_iter().collect();
    Type::Enum(Enum { name, docs, cases }.into())
}

fn limited(bytes: usize) -> AnswerLimits {
    AnswerLimits {
        bytes,
        ..no_limits()
    }
}

/// Ten million items of one byte each, whose JSON is a gigabyte.
#[test]
fn a_list_that_grows_when_it_is_written_ends_at_the_limit() {
    let layout = Layouts::default().of(&Type::List(long_enum().into()));
    let mut bytes = vec![0; 8 + 10_000_000];
    bytes[..4].copy_from_slice(&8_u32.to_le_bytes());
    bytes[4..8].copy_from_slice(&10_000_000_u32.to_le_bytes());
    let write = |limits| {
        let mut memory = Memory::new(&bytes, 16 << 20);
        let value = memory.value(0, &layout).unwrap();
        let mut out = Buffer::new(limits);
        layout.write(&mut out, &mut memory, value)
    };
    assert_eq!(write(limited(1 << 20)), Err(ResultError::AnswerTooLarge));
    let late = AnswerLimits {
        deadline: Instant::now() - Duration::from_secs(1),
        ..no_limits()
    };
    assert_eq!(write(late), Err(ResultError::Deadline));
}

#[test]
fn every_kind_of_value_ends_at_the_limit() {
    let items = "
        record none { a: option<option<bool>>, b: option<option<bool>> }
        flags many { aaaaaaaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb }
        get-text: func() -> result<string, problem>;
        get-bytes: func() -> result<list<u8>, problem>;
        get-none: func() -> result<list<none>, problem>;
        get-flags: func() -> result<list<many>, problem>;
        get-map: func() -> result<list<tuple<string, bool>>, problem>;
        get-options: func() -> result<list<option<bool>>, problem>;";
    let absent = |name: &str| (name.to_owned(), Val::Option(None));
    let all = [
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    ];
    let pair = |number: u32| Val::Tuple(vec![Val::String(number.to_string()), Val::Bool(true)]);
    for (function, value) in [
        ("get-text", Val::String("\u{1}".repeat(2000))),
        ("get-bytes", Val::List(vec![Val::U8(0); 9000])),
        (
            "get-none",
            Val::List(vec![Val::Record(vec![absent("a"), absent("b")]); 4000]),
        ),
        (
            "get-flags",
            Val::List(vec![Val::Flags(all.map(str::to_owned).into()); 200]),
        ),
        ("get-map", Val::List((0..1000).map(pair).collect())),
        ("get-options", Val::List(vec![Val::Option(None); 3000])),
    ] {
        let operation = operation(items, Method::Get, "/x", function);
        let result = Val::Result(Ok(Some(Box::new(value))));
        let refused = operation.write(&result, limited(10_000));
        assert_eq!(refused, Err(ResultError::AnswerTooLarge), "{function}");
        assert!(
            operation.write(&result, limited(100_000)).is_ok(),
            "{function}"
        );
    }
}

#[test]
fn a_problem_is_within_the_limit_too() {
    let operation = operation(
        "get: func() -> result<_, problem>;",
        Method::Get,
        "/x",
        "get",
    );
    let string = |text: &str| Val::String(text.to_owned());
    let error = Val::Record(vec![
        ("pointer".to_owned(), string("#/a")),
        ("detail".to_owned(), string("\u{1}")),
    ]);
    let problem = Val::Record(vec![
        ("status".to_owned(), Val::U16(400)),
        ("code".to_owned(), string("no")),
        ("errors".to_owned(), Val::List(vec![error; 1000])),
    ]);
    let result = Val::Result(Err(Some(Box::new(problem))));
    let refused = operation.write(&result, limited(30_000));
    assert_eq!(refused, Err(ResultError::AnswerTooLarge));
    assert!(operation.write(&result, limited(60_000)).is_ok());
}

#[test]
fn a_text_that_is_too_long_for_a_header_is_refused() {
    let items = "record thing { tag: string, id: string }
        get: func() -> result<thing, problem>;";
    let interface = interface(items);
    let route = Route {
        etag: Some("tag".to_owned()),
        location: Some("/x/{id}".to_owned()),
        ..route(Method::Post, "/x", "get")
    };
    let operation = Operation::bind(&interface, &route).unwrap();
    let write = |tag: usize, id: usize| {
        let member = |name: &str, size| (name.to_owned(), Val::String("é".repeat(size)));
        let thing = Val::Record(vec![member("tag", tag), member("id", id)]);
        let result = Val::Result(Ok(Some(Box::new(thing))));
        operation.write(&result, no_limits()).map(drop)
    };
    assert_eq!(write(4096, 1000), Ok(()));
    for (tag, id) in [(4097, 1), (1, 4097), (1, 4000)] {
        let Err(ResultError::Value(reason)) = write(tag, id) else {
            panic!("{tag} {id}");
        };
        assert!(reason.ends_with("a header can hold 8192"), "{reason}");
    }
}

fn post(items: &str, body: &str, limit_bytes: usize) -> Result<Vec<Val>, InputError> {
    let operation = operation(items, Method::Post, "/x", "put");
    operation.read(&Input {
        media_type: Some("application/json"),
        body: body.as_bytes(),
        limit_bytes,
        ..Input::default()
    })
}

#[test]
fn arguments_that_need_too_much_memory_are_refused() {
    let fields: String = (0..200)
        .map(|number| format!("m{number}: option<u8>,"))
        .collect();
    let wide =
        format!("record wide {{ {fields} }} put: func(x: list<wide>) -> result<_, problem>;");
    // 30 KB of JSON, which would be 100 MB of values.
    let body = format!("[{}{{}}]", "{},".repeat(9999));
    assert_eq!(post(&wide, &body, 1 << 20), Err(InputError::TooLarge));
    assert!(post(&wide, "[{},{}]", 1 << 20).is_ok());
    for (items, body) in [
        (
            "put: func(x: list<bool>) -> result<_, problem>;",
            format!("[{}true]", "true,".repeat(9999)),
        ),
        (
            "put: func(x: list<tuple<bool>>) -> result<_, problem>;",
            format!("[{}[true]]", "[true],".repeat(4999)),
        ),
        (
            "put: func(x: list<u8>) -> result<_, problem>;",
            format!("\"{}\"", "AAAA".repeat(4000)),
        ),
        (
            "put: func(x: string) -> result<_, problem>;",
            format!("\"{}\"", "a".repeat(200_000)),
        ),
    ] {
        assert_eq!(
            post(items, &body, 100_000),
            Err(InputError::TooLarge),
            "{items}"
        );
        assert!(post(items, &body, 10 << 20).is_ok(), "{items}");
    }
}

#[test]
fn names_among_many_are_found() {
    let cases: String = (0..9000).map(|number| format!("c{number},")).collect();
    let items = format!(
        "enum many {{ {cases} }} record wide {{ a: many, zz: option<u8> }}
         put: func(x: list<wide>) -> result<_, problem>;"
    );
    let others: String = (0..5000)
        .map(|number| format!(",\"o{number}\":0"))
        .collect();
    let body = format!("[{{\"zz\":1,\"a\":\"c8999\"{others}}}]");
    let arguments = post(&items, &body, usize::MAX).unwrap();
    let some = Val::Option(Some(Box::new(Val::U8(1))));
    let wide = Val::Record(vec![
        ("a".to_owned(), Val::Enum("c8999".to_owned())),
        ("zz".to_owned(), some),
    ]);
    assert_eq!(arguments, [Val::List(vec![wide])]);
    // An error lists some of the names.
    let Err(InputError::Invalid(errors)) = post(&items, "[{\"a\":\"x\"}]", usize::MAX) else {
        panic!("it is invalid");
    };
    let detail = &errors[0].detail;
    assert!(detail.starts_with("must be one of: c0, c1, "), "{detail}");
    assert!(detail.ends_with(", … (8950 more)"), "{detail}");
}

#[test]
fn errors_do_not_repeat_long_names_of_the_client() {
    let items = "put: func(x: list<tuple<string, list<u16>>>) -> result<_, problem>;";
    let name = "n".repeat(500_000);
    let body = format!("{{\"{name}\":[{}-1]}}", "-1,".repeat(200));
    let Err(InputError::Invalid(errors)) = post(items, &body, usize::MAX) else {
        panic!("it is invalid");
    };
    assert_eq!(errors.len(), 100);
    assert!(errors.iter().all(|error| error.pointer == "#"));
}

#[test]
fn a_number_of_a_million_digits_is_read_exactly_or_refused() {
    let items = "put: func(x: u64) -> result<_, problem>;";
    let zeros = "0".repeat(1_000_000);
    let one = format!("1.{zeros}");
    assert_eq!(post(items, &one, usize::MAX), Ok(vec![Val::U64(1)]));
    for huge in [
        format!("1{zeros}"),
        format!("1e9{zeros}"),
        format!("0.{zeros}1"),
    ] {
        let refused = post(items, &huge, usize::MAX);
        assert!(matches!(refused, Err(InputError::Invalid(_))));
    }
}
