//! Tests the search: every word must be the beginning of a word in the title or the description, or of a
//! tag.

use tasks::contract::tasks::{TaskDraft, TaskFilter};
use tasks::operations;

use crate::database::{Database, all, draft, pointers};

fn library() -> Database {
    let mut database = Database::new();
    for (title, description) in [
        ("Fix HTTP/2 upload", Some("Large files time out")),
        ("Über-Größe prüfen", None),
        (
            "upgrade database",
            Some("100% \"quoted\" OR '; drop table tasks; --"),
        ),
    ] {
        let description = description.map(str::to_owned);
        database.create(TaskDraft {
            description,
            ..draft(title)
        });
    }
    database
}

fn find(database: &mut Database, q: &str) -> Vec<String> {
    database.titles(TaskFilter {
        q: Some(q.to_owned()),
        ..all()
    })
}

#[test]
fn words_match_by_prefix_and_ignore_case() {
    let mut database = library();
    assert_eq!(
        find(&mut database, "UP"),
        ["upgrade database", "Fix HTTP/2 upload"]
    );
    assert_eq!(find(&mut database, "load"), [""; 0]);
    assert_eq!(find(&mut database, "ÜBER größ"), ["Über-Größe prüfen"]);
}

#[test]
fn every_word_must_match_in_title_or_description() {
    let mut database = library();
    assert_eq!(find(&mut database, "http large"), ["Fix HTTP/2 upload"]);
    assert_eq!(find(&mut database, "http database"), [""; 0]);
    assert_eq!(find(&mut database, "2"), ["Fix HTTP/2 upload"]);
}

#[test]
fn input_is_never_query_syntax() {
    let mut database = library();
    assert_eq!(find(&mut database, "\"quoted\" OR"), ["upgrade database"]);
    assert_eq!(find(&mut database, "fix OR database"), [""; 0]);
    assert_eq!(
        find(&mut database, "'; drop table tasks; --"),
        ["upgrade database"]
    );
    assert_eq!(find(&mut database, "f* %"), ["Fix HTTP/2 upload"]);
    assert_eq!(find(&mut database, "#fix"), ["Fix HTTP/2 upload"]);
}

#[test]
fn a_word_also_finds_tags_that_begin_with_it() {
    let mut database = Database::new();
    let tags = Some(vec!["urgent".to_owned()]);
    database.create(TaskDraft {
        tags,
        ..draft("Write the parser")
    });
    for q in ["urgent", "#urgent", "URG", "write urg"] {
        assert_eq!(find(&mut database, q), ["Write the parser"], "{q}");
    }
    assert_eq!(find(&mut database, "gent"), [""; 0]);
}

#[test]
fn too_many_words_are_rejected() {
    let words: Vec<String> = (10..31).map(|number| number.to_string()).collect();
    let filter = TaskFilter {
        q: Some(words.join(" ")),
        ..all()
    };
    let error = operations::list(&mut Database::new(), filter).unwrap_err();
    assert_eq!(pointers(error), ["#/query/q"]);
}

#[test]
fn common_words_and_tags_find_the_same_tasks_as_rare_ones() {
    let mut database = Database::new();
    let tagged = |title: String, tag: &str| TaskDraft {
        tags: Some(vec![tag.to_owned()]),
        // A hundred words with one prefix: too many to look up each of them.
        description: title.split(' ').next_back().map(|word| format!("w{word}")),
        ..draft(&title)
    };
    for round in 0..60 {
        let tag = if round % 2 == 0 { "even" } else { "odd" };
        let drafts = (0..100).map(|number| tagged(format!("Common {round} {number}x"), tag));
        operations::create_bulk(&mut database, drafts.collect()).unwrap();
    }
    database.create(tagged("Rare 7x".into(), "rare"));
    let mut titles = |q: &str, tags: &[&str]| {
        let tags = Some(tags.iter().map(|tag| tag.to_string()).collect());
        database.titles(TaskFilter {
            q: Some(q.to_owned()),
            tags,
            limit: Some(2),
            ..all()
        })
    };
    assert_eq!(
        titles("", &["even", "odd"]),
        ["Common 59 99x", "Common 59 98x"]
    );
    assert_eq!(titles("comm", &[]), ["Common 59 99x", "Common 59 98x"]);
    assert_eq!(
        titles("comm 7x", &["even", "odd"]),
        ["Common 59 7x", "Common 58 7x"]
    );
    assert_eq!(
        titles("7x", &["even", "odd", "rare"]),
        ["Rare 7x", "Common 59 7x"]
    );
    assert_eq!(titles("w", &[]), ["Rare 7x", "Common 59 99x"]);
    assert_eq!(
        titles("w comm", &["odd"]),
        ["Common 59 99x", "Common 59 98x"]
    );
    assert_eq!(titles("comm rar", &[]), [""; 0]);
}
