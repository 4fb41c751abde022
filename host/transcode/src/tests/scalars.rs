//! Numbers and timestamps are read exactly or not at all.

use wasmtime::component::Val;

use super::support::operation;
use crate::{Input, InputError};
use contract::{FieldError, Method};

const ITEMS: &str = "
    add-s64: func(n: s64) -> result<_, problem>;
    add-u64: func(n: u64) -> result<_, problem>;
    add-f32: func(n: f32) -> result<_, problem>;
    add-f64: func(n: f64) -> result<_, problem>;
    add-at: func(at: datetime) -> result<_, problem>;
";

fn read(function: &str, body: &str) -> Result<Val, InputError> {
    let input = Input {
        media_type: Some("application/json"),
        body: body.as_bytes(),
        ..Input::default()
    };
    let arguments = operation(ITEMS, Method::Post, "/x", function).read(&input);
    arguments.map(|mut arguments| arguments.remove(0))
}

fn accepted(function: &str, body: &str) -> Val {
    read(function, body).unwrap()
}

fn rejected(function: &str, body: &str) -> String {
    match read(function, body).unwrap_err() {
        InputError::Invalid(mut errors) if errors.len() == 1 => errors.remove(0).detail,
        other => panic!("{other:?}"),
    }
}

fn invalid(detail: &str) -> Result<Val, InputError> {
    Err(InputError::Invalid(vec![FieldError {
        pointer: "#".to_owned(),
        detail: detail.to_owned(),
    }]))
}

#[test]
fn integers_are_exact() {
    assert_eq!(
        accepted("add-s64", "-9223372036854775808"),
        Val::S64(i64::MIN)
    );
    assert_eq!(
        accepted("add-u64", "18446744073709551615"),
        Val::U64(u64::MAX)
    );
    assert_eq!(
        accepted("add-s64", "9007199254740993.0"),
        Val::S64(9_007_199_254_740_993)
    );
    assert_eq!(accepted("add-s64", "-0"), Val::S64(0));
    for hundred in ["100", "1e2", "1E+2", "100.000", "1000e-1", "0.1e3"] {
        assert_eq!(accepted("add-s64", hundred), Val::S64(100), "{hundred}");
    }
    assert_eq!(accepted("add-s64", "0e99999999999999999999"), Val::S64(0));
    for fraction in [
        "1.5",
        "1e-1",
        "9007199254740993.5",
        "1e-99999999999999999999",
    ] {
        assert_eq!(
            rejected("add-s64", fraction),
            "must be an integer".to_owned(),
            "{fraction}"
        );
    }
    let range = "must be from 0 to 18446744073709551615";
    for outside in [
        "-1",
        "18446744073709551616",
        "1e20",
        "1e99999999999999999999",
    ] {
        assert_eq!(rejected("add-u64", outside), range.to_owned(), "{outside}");
    }
}

#[test]
fn floats_are_rounded_to_the_nearest_and_never_infinite() {
    assert_eq!(accepted("add-f64", "5"), Val::Float64(5.0));
    assert_eq!(
        accepted("add-f64", "2.2250738585072014e-308"),
        Val::Float64(f64::MIN_POSITIVE)
    );
    assert_eq!(accepted("add-f32", "16777217"), Val::Float32(16_777_216.0));
    assert_eq!(accepted("add-f64", "-0.0"), Val::Float64(-0.0));
    let f64_range = "is outside the range of a 64-bit float";
    assert_eq!(rejected("add-f64", "1e999"), f64_range.to_owned());
    let f32_range = "is outside the range of a 32-bit float";
    assert_eq!(rejected("add-f32", "-1e39"), f32_range.to_owned());
}

#[test]
fn timestamps_follow_rfc_3339() {
    let timestamp = |seconds, nanoseconds| {
        Val::Record(vec![
            ("seconds".to_owned(), Val::U64(seconds)),
            ("nanoseconds".to_owned(), Val::U32(nanoseconds)),
        ])
    };
    let at = |text: &str| read("add-at", &format!("\"{text}\""));
    let seconds = |text: &str| at(text).unwrap();
    assert_eq!(seconds("1970-01-01T00:00:00Z"), timestamp(0, 0));
    assert_eq!(seconds("1970-01-01t00:00:00z"), timestamp(0, 0));
    assert_eq!(seconds("2000-02-29T23:59:60Z"), timestamp(951_868_800, 0));
    assert_eq!(seconds("1969-12-31T23:59:59-00:01"), timestamp(59, 0));
    assert_eq!(
        seconds("1970-01-01T00:00:00.1234567899Z"),
        timestamp(0, 123_456_789)
    );
    assert_eq!(
        seconds("9999-12-31T23:59:59.999Z"),
        timestamp(253_402_300_799, 999_000_000)
    );
    let grammar = "must be an RFC 3339 date and time, such as 2026-03-01T10:20:30Z";
    for bad in [
        "",
        "2026-03-01",
        "2026-03-01 10:20:30Z",
        "2026-03-01T10:20:30",
        "2026-13-01T10:20:30Z",
        "2026-04-31T10:20:30Z",
        "1900-02-29T00:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T10:60:30Z",
        "2026-03-01T10:20:61Z",
        "2026-03-01T10:20:30.Z",
        "2026-03-01T10:20:30+1:00",
        "2026-03-01T10:20:30+24:00",
        "2026-03-01T10:20:30ZZ",
        "02026-03-01T10:20:30Z",
        "2026-03-01T10:20:3é",
    ] {
        assert_eq!(at(bad), invalid(grammar), "{bad}");
    }
    let early = "must not be before 1970-01-01T00:00:00Z";
    assert_eq!(at("1969-12-31T23:59:59Z"), invalid(early));
    assert_eq!(at("1970-01-01T00:00:00+00:01"), invalid(early));
    let late = "must be from year 0001 to 9999";
    assert_eq!(at("9999-12-31T23:59:59-00:01"), invalid(late));
}
