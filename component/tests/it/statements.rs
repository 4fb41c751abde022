//! Tests that requests cannot make an unlimited number of different statements, because engines keep
//! statements by their text.

use tasks::contract::tasks::{
    Category, Direction, Priority, SortKey, Status, TaskDraft, TaskFilter, TaskUpdate,
};
use tasks::operations;

use crate::database::{Database, START, at, dependent, draft};
use crate::numbers::Numbers;

/// Words that 5100 tasks have, one whose words are too many to list, and rare ones.
fn database() -> Database {
    let mut database = Database::new();
    for round in 0..51 {
        let drafts = (0..100).map(|number| TaskDraft {
            description: Some(format!("shared often w{number}x")),
            tags: Some(vec!["everywhere".to_owned(), format!("tag {round}")]),
            ..draft("Common straße")
        });
        operations::create_bulk(&mut database, drafts.collect()).unwrap();
    }
    database
}

#[test]
fn lists_have_a_fixed_number_of_statements() {
    let mut database = database();
    database.texts.clear();
    let mut numbers = Numbers(42);
    for _ in 0..1_000 {
        let words = [
            "common", "often", "shared", "w", "w7x", "w8x", "STRASSE", "straß", "x", "e\u{301}",
        ];
        let words: Vec<&str> = (0..numbers.below(12))
            .map(|_| words[numbers.below(words.len() as u64) as usize])
            .collect();
        let tags = (0..numbers.below(51)).map(|number| match number {
            1 => "everywhere".to_owned(),
            _ => format!("tag {number}"),
        });
        let tags = tags.collect();
        let q = numbers.sometimes(words.join(" "));
        let keys = [
            SortKey::CreatedAt,
            SortKey::UpdatedAt,
            SortKey::Priority,
            SortKey::Status,
            SortKey::DueAt,
        ];
        let filter = TaskFilter {
            status: numbers.one_of(&[
                vec![Status::Pending],
                vec![Status::Pending, Status::Blocked],
            ]),
            priority: numbers.sometimes(Priority::Medium),
            category: numbers.sometimes(Category::Development),
            assignee: numbers.one_of(&["ada".to_owned(), "Zoe\u{308}".to_owned()]),
            unassigned: numbers.one_of(&[true, false]),
            depends_on: numbers.one_of(&[1]),
            tags: numbers.sometimes(tags),
            due_before: numbers.sometimes(at(START + 9)),
            due_after: numbers.sometimes(at(START)),
            overdue: numbers.sometimes(true),
            q,
            sort_by: numbers.one_of(&keys),
            order: numbers.one_of(&[Direction::Asc, Direction::Desc]),
            limit: numbers.one_of(&[1, 7, 100, 101, 200]),
            offset: numbers.one_of(&[0, 1, 2]),
            cursor: None,
        };
        let mut next = filter.clone();
        let page = operations::list(&mut database, filter).unwrap();
        if let Some(cursor) = page.next {
            next.offset = None;
            next.cursor = Some(cursor);
            operations::list(&mut database, next).unwrap();
        }
    }
    let texts = &database.texts;
    assert!(texts.len() < 420, "{} statements", texts.len());
    let longest = texts.iter().map(String::len).max().unwrap();
    assert!(longest < 2_500, "{longest} bytes");
}

#[test]
fn writes_have_a_fixed_number_of_statements() {
    let mut database = Database::new();
    database.create(draft("First"));
    let mut numbers = Numbers(7);
    for round in 0..600_u64 {
        let words: Vec<String> = (0..numbers.below(200))
            .map(|n| format!("größe{n}"))
            .collect();
        let dependencies: Vec<i64> = (1..=numbers.below(round + 1) as i64).collect();
        let task = database.create(TaskDraft {
            description: Some(words.join(" ")),
            ..dependent("Next", &dependencies)
        });
        let statuses = [Status::Completed, Status::Blocked, Status::Pending];
        let update = TaskUpdate {
            title: numbers.sometimes(Some(format!("Title {round}"))),
            description: numbers.sometimes(Some(words[words.len() / 2..].join(" "))),
            status: numbers.sometimes(Some(statuses[round as usize % 3])),
            priority: numbers.sometimes(Some(Priority::High)),
            category: numbers.sometimes(Some(Category::Testing)),
            assignee: numbers.sometimes(Some(format!("Person {round}"))),
            estimated_hours: numbers.sometimes(Some(1.0)),
            actual_hours: numbers.sometimes(Some(2.0)),
            tags: numbers.sometimes(Some(vec![format!("tag {round}")])),
            dependencies: numbers.sometimes(Some(dependencies[..dependencies.len() / 2].to_vec())),
            due_at: numbers.sometimes(Some(at(START + round))),
        };
        operations::update(&mut database, task.id, update).unwrap();
    }
    let texts = &database.texts;
    assert!(texts.len() <= 64 + 24, "{} statements", texts.len());
    let longest = texts.iter().map(String::len).max().unwrap();
    assert!(longest < 2_500, "{longest} bytes");
}
