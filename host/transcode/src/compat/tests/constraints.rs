//! Constraints on requests.

use super::sentences;
use crate::Operation;
use crate::tests::support::{interface, route};
use contract::{Bounds, Constraint, Method};

const ITEMS: &str = "
    record thing { name: string, tags: list<string>, ratio: option<f64>, pair: tuple<u8, s16> }
    f: func(thing: thing, size: option<u8>) -> result<thing, problem>;";

fn api(constraints: &[(&str, Bounds)], enforced: bool) -> Vec<Operation> {
    let constraint = |(place, bounds): &(&str, Bounds)| Constraint {
        place: format!("test:api/things#{place}"),
        bounds: bounds.clone(),
        message: None,
        enforced,
    };
    let constraints: Vec<Constraint> = constraints.iter().map(constraint).collect();
    let interface = interface(ITEMS).constrained(&constraints).unwrap();
    vec![Operation::bind(&interface, &route(Method::Post, "/", "f")).unwrap()]
}

/// The changes between two bounds of the same place, both enforced by the host.
fn changes(place: &str, before: Bounds, after: Bounds) -> Vec<String> {
    let of = |bounds: Bounds| match bounds == Bounds::default() {
        true => api(&[], true),
        false => api(&[(place, bounds)], true),
    };
    sentences(&of(before), &of(after))
}

fn length(min: u32, max: u32) -> Bounds {
    Bounds {
        min_length: Some(min),
        max_length: Some(max),
        ..Bounds::default()
    }
}

fn between(minimum: f64, maximum: f64) -> Bounds {
    Bounds {
        minimum: Some(minimum),
        maximum: Some(maximum),
        ..Bounds::default()
    }
}

const NAME: &str = "the body's member name";

#[test]
fn a_narrower_bound_breaks_clients_and_a_wider_one_does_not() {
    let wide = length(1, 9);
    assert_eq!(changes("thing.name", wide.clone(), wide.clone()), [""; 0]);
    assert_eq!(changes("thing.name", length(2, 8), wide.clone()), [""; 0]);
    assert_eq!(
        changes("thing.name", wide.clone(), Bounds::default()),
        [""; 0]
    );
    assert_eq!(
        changes("thing.name", wide.clone(), length(2, 8)),
        [
            format!("{NAME} now accepts at least 2 characters instead of 1"),
            format!("{NAME} now accepts at most 8 characters instead of 9"),
        ]
    );
    assert_eq!(
        changes("thing.name", Bounds::default(), wide),
        [
            format!("{NAME} now accepts at least 1 characters"),
            format!("{NAME} now accepts at most 9 characters"),
        ]
    );
}

#[test]
fn another_pattern_or_format_breaks_clients() {
    let pattern = |pattern: &str| Bounds {
        pattern: Some(pattern.to_owned()),
        ..Bounds::default()
    };
    let uri = || Bounds {
        format: Some("uri".to_owned()),
        ..Bounds::default()
    };
    assert_eq!(changes("thing.name", pattern("a"), pattern("a")), [""; 0]);
    assert_eq!(
        changes("thing.name", pattern("a"), pattern("b")),
        [format!("{NAME} must now have the pattern b instead of a")]
    );
    assert_eq!(changes("thing.name", uri(), Bounds::default()), [""; 0]);
    assert_eq!(
        changes("thing.name", Bounds::default(), uri()),
        [format!("{NAME} must now have the format uri")]
    );
}

#[test]
fn numbers_are_compared_by_the_values_that_they_allow() {
    let size = "the query parameter size";
    // The type has the same bounds.
    assert_eq!(
        changes("f.size", Bounds::default(), between(0.0, 255.0)),
        [""; 0]
    );
    let exclusive = Bounds {
        exclusive_minimum: Some(0.0),
        exclusive_maximum: Some(10.0),
        ..Bounds::default()
    };
    assert_eq!(
        changes("f.size", exclusive.clone(), between(1.0, 9.0)),
        [""; 0]
    );
    assert_eq!(
        changes("f.size", between(0.0, 10.0), exclusive.clone()),
        [
            format!("{size} now accepts at least 1 instead of 0"),
            format!("{size} now accepts at most 9 instead of 10"),
        ]
    );
    let ratio = "the body's member ratio";
    assert_eq!(
        changes("thing.ratio", between(0.0, 10.0), exclusive),
        [
            format!("{ratio} now accepts more than 0"),
            format!("{ratio} now accepts less than 10"),
        ]
    );
    assert_eq!(
        changes("thing.pair[1]", Bounds::default(), between(-1.0, 1.0)),
        [
            "the body's member pair[1] now accepts at least -1",
            "the body's member pair[1] now accepts at most 1",
        ]
    );
}

#[test]
fn lists_and_their_items_are_compared() {
    let list = |max, unique_items| Bounds {
        max_items: Some(max),
        unique_items,
        ..Bounds::default()
    };
    assert_eq!(
        changes("thing.tags", list(9, false), list(8, true)),
        [
            "the body's member tags now accepts at most 8 items instead of 9",
            "the body's member tags no longer accepts repeated items",
        ]
    );
    assert_eq!(
        changes("thing.tags[]", length(0, 9), length(0, 5)),
        ["the body's member tags[] now accepts at most 5 characters instead of 9"]
    );
}

#[test]
fn a_bound_that_the_logic_enforces_is_compared_once_it_is_stated() {
    let bounds = |max| [("thing.name", length(0, max))];
    let stated = sentences(&api(&[], true), &api(&bounds(9), false));
    assert_eq!(stated, [""; 0]);
    let narrowed = sentences(&api(&bounds(9), false), &api(&bounds(8), false));
    assert_eq!(
        narrowed,
        [format!(
            "{NAME} now accepts at most 8 characters instead of 9"
        )]
    );
    // Who enforces it makes no difference to clients.
    let moved = sentences(&api(&bounds(9), false), &api(&bounds(9), true));
    assert_eq!(moved, [""; 0]);
}
