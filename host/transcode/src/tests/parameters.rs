//! Reads arguments from paths and queries.

use wasmtime::component::Val;

use super::support::operation;
use crate::{Input, InputError, Operation};
use contract::Method;

/// Pointers and details.
type Errors = Vec<(String, String)>;

const ITEMS: &str = "
    enum color { red, dark-blue }
    record filter {
        color: option<color>, name: option<string>, tags: option<list<string>>,
        ids: list<u16>, limit: option<s64>, after: option<datetime>, exact: option<bool>,
    }
    find: func(filter: filter) -> result<_, problem>;
    get: func(id: s64, color: color) -> result<_, problem>;
    get-text: func(key: string) -> result<_, problem>;
    get-char: func(key: char) -> result<_, problem>;
    get-float: func(key: f64) -> result<_, problem>;
    get-all: func(name: string, count: u8) -> result<_, problem>;
";

fn find(query: &str) -> Result<Vec<(String, Val)>, Errors> {
    let operation = operation(ITEMS, Method::Get, "/x", "find");
    let input = Input {
        query: Some(query),
        ..Input::default()
    };
    match arguments(&operation, &input)?.remove(0) {
        Val::Record(members) => Ok(members),
        other => panic!("{other:?}"),
    }
}

fn arguments(operation: &Operation, input: &Input<'_>) -> Result<Vec<Val>, Errors> {
    operation.read(input).map_err(|error| match error {
        InputError::Invalid(errors) => errors
            .into_iter()
            .map(|error| (error.pointer, error.detail))
            .collect(),
        other => panic!("{other:?}"),
    })
}

fn member(query: &str, name: &str) -> Val {
    let members = find(query).unwrap();
    members
        .into_iter()
        .find(|(known, _)| known == name)
        .unwrap()
        .1
}

fn error(query: &str) -> (String, String) {
    let mut errors = find(query).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

fn some(value: Val) -> Val {
    Val::Option(Some(Box::new(value)))
}

fn string(text: &str) -> Val {
    Val::String(text.to_owned())
}

fn path(function: &str, template: &str, values: &[(&str, &str)]) -> Result<Vec<Val>, Errors> {
    let operation = operation(ITEMS, Method::Get, template, function);
    let parameters: Vec<(String, String)> = values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    arguments(
        &operation,
        &Input {
            parameters: &parameters,
            ..Input::default()
        },
    )
}

#[test]
fn an_empty_query_has_no_values() {
    let none = || Val::Option(None);
    let names = ["color", "name", "tags", "ids", "limit", "after", "exact"];
    let values = [
        none(),
        none(),
        none(),
        Val::List(Vec::new()),
        none(),
        none(),
        none(),
    ];
    let expected: Vec<(String, Val)> = names
        .iter()
        .map(|name| (*name).to_owned())
        .zip(values)
        .collect();
    assert_eq!(find(""), Ok(expected.clone()));
    assert_eq!(find("&unknown=1&&"), Ok(expected));
}

#[test]
fn scalars_are_read_by_name() {
    let color = some(Val::Enum("dark-blue".to_owned()));
    assert_eq!(member("color=dark_blue", "color"), color);
    assert_eq!(member("limit=-5", "limit"), some(Val::S64(-5)));
    assert_eq!(member("limit=1e2", "limit"), some(Val::S64(100)));
    assert_eq!(member("exact=true", "exact"), some(Val::Bool(true)));
    let after = some(Val::Record(vec![
        ("seconds".to_owned(), Val::U64(1)),
        ("nanoseconds".to_owned(), Val::U32(500_000_000)),
    ]));
    assert_eq!(
        member("after=1970-01-01T01:00:01.5%2B01:00", "after"),
        after
    );
}

#[test]
fn text_is_decoded_as_in_html_forms() {
    assert_eq!(
        member("name=a+b%2Bc%20d%C3%A9", "name"),
        some(string("a b+c dé"))
    );
    assert_eq!(member("name=", "name"), some(string("")));
    assert_eq!(member("name", "name"), some(string("")));
    assert_eq!(member("n%61me=x=y", "name"), some(string("x=y")));
}

#[test]
fn lists_are_comma_separated_or_repeated() {
    let abc = some(Val::List(vec![string("a"), string("b"), string("c")]));
    assert_eq!(member("tags=a,b,c", "tags"), abc);
    assert_eq!(member("tags=a&tags=b&tags=c", "tags"), abc);
    assert_eq!(member("tags=a,b&tags=c", "tags"), abc);
    assert_eq!(member("tags=", "tags"), some(Val::List(Vec::new())));
    assert_eq!(
        member("ids=1,2", "ids"),
        Val::List(vec![Val::U16(1), Val::U16(2)])
    );
}

/// RFC 6570 and OpenAPI: a list is split first and decoded then.
#[test]
fn an_escaped_comma_is_part_of_a_value() {
    let list = |items: &[&str]| some(Val::List(items.iter().map(|item| string(item)).collect()));
    assert_eq!(member("tags=a%2Cb", "tags"), list(&["a,b"]));
    assert_eq!(member("tags=a%2cb,c", "tags"), list(&["a,b", "c"]));
    assert_eq!(
        member("tags=a,b%2C&tags=%2C", "tags"),
        list(&["a", "b,", ","])
    );
    assert_eq!(
        member("tags=a+b,c%2Bd,%20", "tags"),
        list(&["a b", "c+d", " "])
    );
    // A percent sign that was encoded is not decoded twice.
    assert_eq!(member("tags=a%252Cb", "tags"), list(&["a%2Cb"]));
    let at_ids = |detail: &str| ("#/query/ids".to_owned(), detail.to_owned());
    assert_eq!(error("ids=1%2C2"), at_ids("must be an integer"));
    let at_tags = ("#/query/tags".to_owned(), "is not valid UTF-8".to_owned());
    assert_eq!(error("tags=a,%FF,b"), at_tags);
}

#[test]
fn an_empty_list_is_not_an_absent_one() {
    let list = |items: &[&str]| some(Val::List(items.iter().map(|item| string(item)).collect()));
    assert_eq!(member("", "tags"), Val::Option(None));
    assert_eq!(member("tags", "tags"), list(&[]));
    assert_eq!(member("tags=&tags=", "tags"), list(&[]));
    assert_eq!(member("tags=,", "tags"), list(&["", ""]));
    assert_eq!(member("tags=a,", "tags"), list(&["a", ""]));
    assert_eq!(member("tags=&tags=a", "tags"), list(&["a"]));
}

#[test]
fn values_are_found_among_many_others_in_order() {
    let others: String = (0..100).map(|number| format!("&o{number}=x")).collect();
    let query = format!("tags=b&name=n{others}&tags=a,c&limit=5");
    let expected = some(Val::List(vec![string("b"), string("a"), string("c")]));
    assert_eq!(member(&query, "tags"), expected);
    assert_eq!(member(&query, "name"), some(string("n")));
    assert_eq!(member(&query, "limit"), some(Val::S64(5)));
    assert_eq!(member(&query, "color"), Val::Option(None));
}

#[test]
fn every_error_of_a_query_is_reported() {
    assert_eq!(
        find("color=green&name=a&name=b&ids=1,x,70000&limit=&exact=1"),
        Err(vec![
            (
                "#/query/color".to_owned(),
                "must be one of: red, dark_blue".to_owned()
            ),
            ("#/query/name".to_owned(), "must not be repeated".to_owned()),
            ("#/query/ids".to_owned(), "must be an integer".to_owned()),
            (
                "#/query/ids".to_owned(),
                "must be from 0 to 65535".to_owned()
            ),
            ("#/query/limit".to_owned(), "must be an integer".to_owned()),
            (
                "#/query/exact".to_owned(),
                "must be true or false".to_owned()
            ),
        ])
    );
}

#[test]
fn invalid_text_is_rejected() {
    let at_name = |detail: &str| ("#/query/name".to_owned(), detail.to_owned());
    assert_eq!(error("name=a%00b"), at_name("must not contain U+0000"));
    assert_eq!(error("name=%FF"), at_name("is not valid UTF-8"));
    assert_eq!(error("name=+%FF"), at_name("is not valid UTF-8"));
}

#[test]
fn a_parameter_that_is_not_optional_is_required() {
    let operation = operation(ITEMS, Method::Get, "/x", "get-all");
    let input = Input {
        query: Some("count=1"),
        ..Input::default()
    };
    let required = ("#/query/name".to_owned(), "is required".to_owned());
    assert_eq!(arguments(&operation, &input), Err(vec![required]));
    let input = Input {
        query: Some("count=1&name=n"),
        ..Input::default()
    };
    assert_eq!(
        arguments(&operation, &input),
        Ok(vec![string("n"), Val::U8(1)])
    );
}

#[test]
fn path_parameters_are_read_in_the_order_of_the_function() {
    let values = [("color", "red"), ("id", "9223372036854775807")];
    assert_eq!(
        path("get", "/{color}/{id}", &values),
        Ok(vec![Val::S64(i64::MAX), Val::Enum("red".to_owned())])
    );
    assert_eq!(
        path("get", "/{color}/{id}", &[("color", "RED"), ("id", "abc")]),
        Err(vec![
            ("#/path/id".to_owned(), "must be an integer".to_owned()),
            (
                "#/path/color".to_owned(),
                "must be one of: red, dark_blue".to_owned()
            ),
        ])
    );
    assert_eq!(
        path(
            "get",
            "/{color}/{id}",
            &[("color", "red"), ("id", "9223372036854775808")]
        ),
        Err(vec![(
            "#/path/id".to_owned(),
            "must be from -9223372036854775808 to 9223372036854775807".to_owned()
        )])
    );
    assert_eq!(
        path("get-text", "/{key}", &[("key", "a/b é")]),
        Ok(vec![string("a/b é")])
    );
    assert_eq!(
        path("get-char", "/{key}", &[("key", "é")]),
        Ok(vec![Val::Char('é')])
    );
    assert_eq!(
        path("get-float", "/{key}", &[("key", "-1.5")]),
        Ok(vec![Val::Float64(-1.5)])
    );
    assert_eq!(
        path("get-text", "/{key}", &[("key", "\0")]),
        Err(vec![(
            "#/path/key".to_owned(),
            "must not contain U+0000".to_owned()
        )])
    );
    assert_eq!(
        path("get-char", "/{key}", &[("key", "ab")]),
        Err(vec![(
            "#/path/key".to_owned(),
            "must be a string of one character".to_owned()
        )])
    );
}

#[test]
fn a_delete_takes_its_parameters_from_the_query() {
    let operation = operation(ITEMS, Method::Delete, "/x/{name}", "get-all");
    let parameters = [("name".to_owned(), "n".to_owned())];
    let input = Input {
        parameters: &parameters,
        query: Some("count=3"),
        ..Input::default()
    };
    assert_eq!(
        arguments(&operation, &input),
        Ok(vec![string("n"), Val::U8(3)])
    );
}

#[test]
fn an_unencoded_plus_is_named_if_it_makes_a_value_invalid() {
    let advice = "; write + as %2B in a query";
    assert!(error("limit=+5").1.ends_with(advice));
    assert!(!error("limit=%205").1.ends_with(advice));
    assert_eq!(member("name=a+b", "name"), some(string("a b")));
}
