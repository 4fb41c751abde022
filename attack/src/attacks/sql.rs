//! Against the database: statements that fill its caches, and statements that take long to prepare.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use testkit::client::{Request, encode};

use super::{Attack, Logic};
use crate::campaign::TIME;
use crate::component::{Component, Statement};
use crate::target::{Target, refusal, scramble};

/// About the bytes of the longest statement that a host runs, and of the longest that it caches.
const LONGEST: usize = 255 << 10;
const LONGEST_CACHED: usize = 7 << 10;
/// The most parameters that SQLite takes, and that a host takes.
const PARAMETERS: usize = 32_766;
const PERMITTED: usize = 2000;
/// The kinds of statements of a component in the order of requests.
const KINDS: [u64; 4] = [0, 1, 0, 2];
/// The deadline of a request, and what it may take to notice it: a statement that is being prepared cannot
/// be interrupted, and a dozen of them share the processor.
const DEADLINE: Duration = Duration::from_secs(5 + 4);

pub fn attacks() -> Vec<Attack> {
    vec![
        Attack::new(
            "varied-queries",
            "100 connections ask for `GET /tasks` with always different valid filters, tags, words and sort keys",
            "few shapes of statements in the logic; a budget in bytes for cached statements",
            Logic::Tasks,
            varied_queries,
        )
        .lasting(2),
        Attack::new(
            "large-statements",
            "logic that runs a new statement in each of 32 concurrent requests: long, cached, or with a large program; reads and writes",
            "a budget in bytes for cached statements; memory of the host's own statements is set aside",
            Logic::Crafted(large_statements),
            run_statements_then_roll_back,
        )
        .lasting(2),
        Attack::new(
            "many-parameters",
            "logic that runs `in ($1, …, $32766)`, or with 2000 parameters, the last of them 40,000 times; reads and writes",
            "the number of parameters; the deadline also binds preparing",
            Logic::Crafted(many_parameters),
            run_statements,
        )
        .lasting(2),
    ]
}

fn varied_queries(target: &Target) -> Result<String> {
    let tally = target.flood(100, |number| {
        Request::new(target.api, "GET", &query(number))
    });
    Ok(tally.to_string())
}

/// A query that hardly any other number has.
fn query(number: u64) -> String {
    let mut random = scramble(number);
    let mut next = |below: u64| {
        random = scramble(random);
        random % below
    };
    let mut path = "/tasks?".to_owned();
    let mut add = |name: &str, value: String| path += &format!("{name}={}&", encode(&value));
    let pick = |choices: &[&str], choice: u64| choices[choice as usize % choices.len()].to_owned();
    if next(2) == 0 {
        add(
            "status",
            pick(&["pending", "in_progress", "completed", "blocked"], next(4)),
        );
    }
    if next(2) == 0 {
        add(
            "priority",
            pick(&["low", "medium", "high", "critical"], next(4)),
        );
    }
    if next(2) == 0 {
        add(
            "category",
            pick(&["development", "testing", "feature", "bugfix"], next(4)),
        );
    }
    if next(2) == 0 {
        add("assignee", format!("person-{}", next(60)));
    }
    if next(2) == 0 {
        add(
            "due_before",
            format!("2031-01-{:02}T00:00:00Z", 1 + next(28)),
        );
    }
    if next(2) == 0 {
        add("overdue", pick(&["true", "false"], next(2)));
    }
    let words: Vec<_> = (0..next(21)).map(|_| format!("wo{}", next(9))).collect();
    if !words.is_empty() {
        add("q", words.join(" "));
    }
    add(
        "sort_by",
        pick(&["created_at", "priority", "status", "updated_at"], next(4)),
    );
    add("order", pick(&["asc", "desc"], next(2)));
    add("limit", (1 + next(20)).to_string());
    add("offset", next(30).to_string());
    let tags: Vec<_> = (0..next(51)).map(|_| format!("tag-{}", next(60))).collect();
    if !tags.is_empty() {
        path += &format!("tags={}", tags.join(","));
    }
    path
}

/// The longest statements, long ones that are cached, and those that become much larger than their text.
fn large_statements() -> Result<Vec<u8>> {
    let comment = |length: usize| format!("' /*{}*/", "x".repeat(length));
    let program = format!("' in ({}1)", "abs(1),".repeat(900));
    statements(&[
        (comment(LONGEST), 0),
        (comment(LONGEST_CACHED), 0),
        (program, 0),
    ])
}

/// As many parameters as SQLite takes, as many as the host takes, and the last of them again and again.
fn many_parameters() -> Result<Vec<u8>> {
    let names = |count: usize| {
        let names: Vec<_> = (1..=count).map(|number| format!("${number}")).collect();
        names.join(",")
    };
    let repeated = format!(
        "{}{}",
        names(PERMITTED),
        format!(",${PERMITTED}").repeat(40_000)
    );
    statements(&[
        (format!("' in ({})", names(PARAMETERS)), PARAMETERS),
        (format!("' in ({})", names(PERMITTED)), PERMITTED),
        (format!("' in ({repeated})"), PERMITTED),
    ])
}

/// A component that reads and writes with statements that end with these texts and have so many
/// parameters. Its operations are `/attack/0/{id}` and so on.
fn statements(kinds: &[(String, usize)]) -> Result<Vec<u8>> {
    let mut component = Component::new().migration("create table things (name text)");
    for (kind, (after, parameters)) in kinds.iter().enumerate() {
        let statement = |before: &str| Statement {
            before: before.to_owned(),
            after: after.clone(),
            parameters: *parameters,
        };
        let (read, write) = (format!("read{kind}"), format!("write{kind}"));
        component = component
            .operation(&read, statement("select 1 where '"))
            .operation(&write, statement("delete from things where name = '"))
            .route(&format!("GET /attack/{kind}/{{id}}"), &read, 204)
            .route(&format!("POST /attack/{kind}/{{id}}"), &write, 204);
    }
    component.build()
}

fn run_statements(target: &Target) -> Result<String> {
    let slowest = AtomicU64::new(0);
    let tally = crate::target::Tally::default();
    target.crowd(32, |attacker| {
        for round in 0.. {
            if target.over() {
                break;
            }
            let number = scramble((round * 32 + attacker) as u64) >> 2;
            let method = if number.is_multiple_of(4) {
                "POST"
            } else {
                "GET"
            };
            let began = Instant::now();
            let answer = Request::new(
                target.api,
                method,
                &format!("/attack/{}/{number}", KINDS[number as usize / 4 % 4]),
            )
            .patience(2 * DEADLINE)
            .try_send();
            slowest.fetch_max(began.elapsed().as_millis() as u64, Ordering::Relaxed);
            tally.add(answer.as_ref().ok());
        }
    });
    let slowest = Duration::from_millis(slowest.into_inner());
    ensure!(
        slowest <= DEADLINE,
        "{TIME}an answer took {slowest:?}, and the deadline of requests is 5 s ({tally})"
    );
    Ok(tally.to_string())
}

/// As [`run_statements`], and at the end an operator rolls back.
fn run_statements_then_roll_back(target: &Target) -> Result<String> {
    let note = run_statements(target)?;
    let answer = target.operator("POST", "/admin/rollback").try_send()?;
    ensure!(
        answer.status < 500,
        "the rollback after it is refused: {} ({note})",
        refusal(&answer)
    );
    Ok(note)
}
