//! Against the answer's size: results that are small in the logic's memory and huge as JSON.

use anyhow::Result;
use testkit::client::Request;

use super::{Attack, Logic};
use crate::component::{Component, RESULT};
use crate::target::{Tally, Target};

pub fn attacks() -> Vec<Attack> {
    let bound = "the size of the answer while it is written; the deadline";
    vec![
        Attack::new(
            "list-of-enums",
            "logic that answers ten million items of one byte, each a name of 100 bytes in JSON",
            bound,
            Logic::Crafted(list_of_enums),
            ask,
        )
        .lasting(2),
        Attack::new(
            "list-of-bools",
            "logic that answers 100,000 records of a hundred bools, 7 KB each in JSON",
            bound,
            Logic::Crafted(list_of_bools),
            ask,
        )
        .lasting(2),
    ]
}

/// A few clients ask for the large answer and read all of it.
fn ask(target: &Target) -> Result<String> {
    let tally = Tally::default();
    target.crowd(2, |_| {
        while !target.over() {
            let request = Request::new(target.api, "GET", "/attack/1");
            let Ok(mut stream) = request.open() else {
                tally.count("no connection");
                continue;
            };
            let (read, ended) = target.drain(&mut stream);
            let size = match read >> 20 {
                0 => "less than 1".to_owned(),
                size => size.to_string(),
            };
            let how = if ended { "" } else { " and more" };
            tally.count(format!("answer of {size} MiB{how}"));
        }
    });
    Ok(tally.to_string())
}

fn list_of_enums() -> Result<Vec<u8>> {
    let cases: Vec<_> = (0..4)
        .map(|case| format!("{}-{}", "x".repeat(90), name(case)))
        .collect();
    list("enum item", &cases.join(", "), 10_000_000, 10_000_000)
}

fn list_of_bools() -> Result<Vec<u8>> {
    let members: Vec<_> = (0..100)
        .map(|member| format!("{}-{}: bool", "member".repeat(10), name(member)))
        .collect();
    list("record item", &members.join(", "), 100_000, 100 * 100_000)
}

/// A word without digits, because a word of WIT may not begin with one.
fn name(number: u32) -> String {
    let letter = |digit: u32| char::from(b'a' + (digit % 26) as u8);
    [letter(number / 26), letter(number)].iter().collect()
}

/// A component whose operation answers a list of that many items, all zero, in so many bytes.
fn list(kind: &str, members: &str, items: usize, bytes: usize) -> Result<Vec<u8>> {
    Component::new()
        .text(&format!(
            "    {kind} {{ {members} }}\n    many: func(id: s64) -> result<list<item>, problem>;\n"
        ))
        .code(&format!(
            "(func (export \"attack:api/api#many\") (param i64) (result i32)
                (i32.store (i32.const {start})
                    (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const {bytes})))
                (i32.store (i32.const {length}) (i32.const {items}))
                (i32.const {RESULT}))",
            start = RESULT + 4,
            length = RESULT + 8,
        ))
        .route("GET /attack/{id}", "many", 200)
        .build()
}
