//! Parses JSON text, and checks the message and the place of every error.

use std::borrow::Cow;

use proptest::prelude::*;

use crate::json::{Json, MAX_DEPTH, is_number, parse};

fn error(text: &str) -> String {
    parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn values_are_parsed_and_numbers_keep_their_text() {
    let text = br#" {"a": [1, -0.50e+3, true, false, null], "b": {}, "c": "x"} "#;
    let member = |name: &'static str, value| (Cow::Borrowed(name), value);
    let items = vec![
        Json::Number("1"),
        Json::Number("-0.50e+3"),
        Json::Bool(true),
        Json::Bool(false),
        Json::Null,
    ];
    assert_eq!(
        parse(text),
        Ok(Json::Object(vec![
            member("a", Json::Array(items)),
            member("b", Json::Object(Vec::new())),
            member("c", Json::String(Cow::Borrowed("x"))),
        ]))
    );
}

#[test]
fn escapes_are_decoded() {
    let text = r#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00z""#;
    let decoded = "a\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{1f600}z".to_owned();
    assert_eq!(
        parse(text.as_bytes()),
        Ok(Json::String(Cow::Owned(decoded)))
    );
}

#[test]
fn errors_have_their_place() {
    assert_eq!(
        error(""),
        "expected a value, but the JSON ends at line 1, column 1"
    );
    assert_eq!(
        error("{\n  \"é\": x}"),
        "expected a value at line 2, column 8"
    );
    assert_eq!(
        error("1 2"),
        "unexpected text after the end of the JSON at line 1, column 3"
    );
    assert_eq!(error("[1,]"), "expected a value at line 1, column 4");
    assert_eq!(
        error("[1"),
        "expected a comma or the end of the array at line 1, column 3"
    );
    assert_eq!(
        error("{a: 1}"),
        "expected a member's name in quotes at line 1, column 2"
    );
    assert_eq!(
        error("{\"a\" 1}"),
        "expected a colon after a member's name at line 1, column 6"
    );
    assert_eq!(
        error("\"a"),
        "the JSON ends in the middle of a string at line 1, column 3"
    );
    assert_eq!(
        error("\"\n\""),
        "a control character in a string must be escaped at line 1, column 2"
    );
    assert_eq!(
        error(r#""\x""#),
        "unknown escape in a string at line 1, column 2"
    );
    assert_eq!(
        error(r#""\ud800""#),
        "unpaired surrogate in a string at line 1, column 2"
    );
    assert_eq!(
        error(r#""\u12G4""#),
        "expected four hexadecimal digits after \\u at line 1, column 2"
    );
    assert_eq!(
        error("01"),
        "unexpected text after the end of the JSON at line 1, column 2"
    );
    assert_eq!(error("1."), "expected a digit at line 1, column 3");
    assert_eq!(error("\u{feff}1"), "expected a value at line 1, column 1");
}

#[test]
fn a_repeated_member_is_rejected_anywhere() {
    assert_eq!(
        error(r#"{"x": {"a": 1, "\u0061": 2}}"#),
        "the member \"a\" is repeated at line 1, column 16"
    );
    let mut many: Vec<String> = (0..100).map(|n| format!("\"m{n}\":0")).collect();
    assert!(parse(format!("{{{}}}", many.join(",")).as_bytes()).is_ok());
    many.push("\"m70\":0".to_owned());
    let text = format!("{{{}}}", many.join(","));
    assert!(error(&text).starts_with("the member \"m70\" is repeated"));
}

#[test]
fn nesting_is_limited() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let limit = MAX_DEPTH as usize;
    assert!(parse(nested(limit).as_bytes()).is_ok());
    assert_eq!(
        error(&nested(limit + 1)),
        "nested deeper than 64 levels at line 1, column 65"
    );
}

#[test]
fn invalid_utf8_is_reported_with_its_place() {
    let error = parse(b"\"a\xff\"").unwrap_err().to_string();
    assert_eq!(error, "the body is not valid UTF-8 at line 1, column 3");
}

#[test]
fn numbers_follow_the_grammar_of_json() {
    for number in ["0", "-0", "10", "1.5", "1e5", "1E-05", "-1.25e+3"] {
        assert!(is_number(number), "{number}");
    }
    for other in [
        "", "-", "+1", "01", ".5", "1.", "1e", "0x1", "1 ", "inf", "NaN",
    ] {
        assert!(!is_number(other), "{other}");
    }
}

fn as_serde(json: Json<'_>) -> serde_json::Value {
    match json {
        Json::Null => serde_json::Value::Null,
        Json::Bool(value) => value.into(),
        Json::Number(text) => serde_json::from_str(text).unwrap(),
        Json::String(text) => text.into_owned().into(),
        Json::Array(items) => items.into_iter().map(as_serde).collect(),
        Json::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name.into_owned(), as_serde(value)))
            .collect(),
    }
}

proptest! {
    /// The texts use only characters and words of JSON, so that many are almost JSON.
    #[test]
    fn accepts_the_same_texts_as_serde_json(
        text in r#"([\[\]{},:"\\/ \n01.eE+-]|true|null|"a"|"b":|\\u00e9|\\ud8|[a-f]|\u{1}|é){0,12}"#
    ) {
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        match (parse(text.as_bytes()), theirs) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(as_serde(ours), theirs),
            // serde_json accepts repeated members and keeps the last one.
            (Err(error), Ok(_)) => prop_assert!(error.to_string().contains("is repeated")),
            // serde_json rejects numbers that do not fit in a double. Here that depends on their
            // type.
            (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("out of range")),
            (Err(_), Err(_)) => {}
        }
    }
}
