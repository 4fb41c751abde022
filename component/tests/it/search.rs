//! Tests the search: every word must be the beginning of a word in the title or the description, or of a
//! tag.

use tasks::contract::tasks::{TaskDraft, TaskFilter, TaskUpdate};
use tasks::operations;

use crate::database::{Database, all, change, draft, pointers};
use crate::numbers::Numbers;

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

#[test]
fn accents_are_ignored() {
    let mut database = Database::new();
    let tagged = TaskDraft {
        tags: Some(vec!["Später".to_owned()]),
        ..draft("Überprüfung der Straße")
    };
    database.create(tagged);
    database.create(draft("Łódź, København"));
    for q in [
        "uberprufung",
        "ÜBERPRÜFUNG",
        "u\u{308}berpru\u{308}f",
        "Úber strasse",
        "straße",
        "spater",
        "SPÄT",
    ] {
        assert_eq!(find(&mut database, q), ["Überprüfung der Straße"], "{q}");
    }
    for q in ["lodz kobenhavn", "Łódź", "łodz KØBEN"] {
        assert_eq!(find(&mut database, q), ["Łódź, København"], "{q}");
    }
    // A tag as a filter is compared exactly.
    for (tag, found) in [("Später", 1), ("spater", 0)] {
        let tags = Some(vec![tag.to_owned()]);
        assert_eq!(database.titles(TaskFilter { tags, ..all() }).len(), found);
    }
}

const WORDS: [&str; 14] = [
    "ab",
    "abc",
    "ABD",
    "äb",
    "Ábc",
    "b",
    "straße",
    "STRASSE",
    "łódź",
    "lodz",
    "x1",
    "é",
    "E\u{301}t",
    "हिन्दी",
];
/// The same words without case and accents.
const FOLDED: [&str; 14] = [
    "ab",
    "abc",
    "abd",
    "ab",
    "abc",
    "b",
    "strasse",
    "strasse",
    "lodz",
    "lodz",
    "x1",
    "e",
    "et",
    "हिन्दी",
];

/// A task of the model: the numbers of its words.
type Model = std::collections::BTreeMap<i64, Vec<usize>>;

fn some_words(numbers: &mut Numbers, up_to: u64) -> Vec<usize> {
    let count = numbers.below(up_to) + 1;
    let words = (0..count).map(|_| numbers.below(WORDS.len() as u64) as usize);
    words.collect()
}

fn text(words: &[usize]) -> String {
    let words: Vec<&str> = words.iter().map(|word| WORDS[*word]).collect();
    words.join(", ")
}

#[test]
fn a_search_finds_what_a_simple_model_finds_wherever_the_terms_are() {
    let (mut database, mut numbers) = (Database::new(), Numbers(17));
    let mut model = Model::new();
    let mut moving = false;
    for round in 0..1_800_u64 {
        let words = some_words(&mut numbers, 4);
        let id = numbers.below(round + 1) as i64;
        let retitled = TaskDraft {
            description: Some(text(&words[1..])),
            ..draft(&format!("{} titled", WORDS[words[0]]))
        };
        match numbers.below(8) {
            0 if model.remove(&id).is_some() => {
                operations::delete(&mut database, id).unwrap();
            }
            1 | 2 if model.contains_key(&id) => {
                let change = TaskUpdate {
                    title: Some(Some(retitled.title)),
                    description: Some(retitled.description),
                    ..change()
                };
                operations::update(&mut database, id, change).unwrap();
                model.insert(id, words);
            }
            3 => {
                let bulk = vec![retitled.clone(), retitled];
                let created = operations::create_bulk(&mut database, bulk).unwrap();
                for id in created.task_ids {
                    model.insert(id, words.clone());
                }
            }
            _ => {
                let task = operations::create(&mut database, retitled).unwrap();
                model.insert(task.id, words);
            }
        }
        if round % 5 > 0 {
            continue;
        }
        let sought = some_words(&mut numbers, 2);
        let filter = TaskFilter {
            q: Some(text(&sought)),
            limit: Some(1_000),
            ..all()
        };
        let begins = |sought: &usize, words: &[usize]| {
            let mut words = words.iter().map(|word| FOLDED[*word]);
            words.any(|word| word.starts_with(FOLDED[*sought]))
        };
        let expected: Vec<i64> = model
            .iter()
            .filter(|(_, words)| sought.iter().all(|sought| begins(sought, words)))
            .map(|(id, _)| *id)
            .collect();
        let count = operations::count(&mut database, filter.clone()).unwrap();
        let page = operations::list(&mut database, filter).unwrap();
        let mut found: Vec<i64> = page.tasks.iter().map(|task| task.id).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "round {round}, {}", text(&sought));
        assert_eq!(count.total, expected.len() as u64);
        moving |= database.integer("select count(*) from task_terms_moving") > 0;
    }
    let waiting = database.integer("select count(*) from task_terms_new");
    let rows = database.integer("select count(*) from task_terms");
    assert!(
        moving && waiting > 0 && waiting < 600 && rows > 300,
        "{moving}, {waiting}, {rows}"
    );
}

#[test]
fn waiting_terms_are_moved_in_parts_while_their_tasks_change() {
    let mut database = Database::new();
    let letters: Vec<String> = ('a'..='l').map(String::from).collect();
    let words: Vec<String> = letters.iter().map(|letter| letter.repeat(3)).collect();
    let (mut rows, mut parts) = (0, 0);
    while parts < 3 {
        database.create(draft(&words.join(" ")));
        let now = database.integer("select count(*) from task_terms");
        assert!(now - rows < 2_000, "{rows}, {now}");
        parts += usize::from(now > rows);
        rows = now;
    }
    assert!(database.integer("select count(*) from task_terms_moving") > 0);
    let all_found = database.integer("select count(*) from tasks");
    let found = |database: &mut Database, q: &str| {
        let filter = TaskFilter {
            q: Some(q.to_owned()),
            ..all()
        };
        operations::count(database, filter).unwrap().total as i64
    };
    for word in &words {
        assert_eq!(found(&mut database, word), all_found, "{word}");
    }

    // Words of both kinds: those that are in the index, and those that are not yet.
    let title = |title: &str| TaskUpdate {
        title: Some(Some(title.to_owned())),
        ..change()
    };
    database.update(1, title("aab lmn"));
    operations::delete(&mut database, 2).unwrap();
    operations::delete(&mut database, 3).unwrap();
    database.seconds += 1;
    operations::restore(&mut database, 3).unwrap();
    for (q, count) in [
        ("aab", 1),
        ("lmn", 1),
        ("aaa", all_found - 2),
        ("lll", all_found - 2),
    ] {
        assert_eq!(found(&mut database, q), count, "{q}");
    }
    while database.integer("select count(*) from task_terms_moving") > 0 {
        database.create(draft("later"));
    }
    let waiting = database.integer("select count(*) from task_terms_new");
    assert!(waiting > 0 && waiting < 200, "{waiting}");
    for (q, count) in [
        ("aab", 1),
        ("lmn", 1),
        ("aaa", all_found - 2),
        ("lll", all_found - 2),
    ] {
        assert_eq!(found(&mut database, q), count, "{q}");
    }
    let stale = "select count(*) from task_terms where task_id = 2";
    assert_eq!(database.integer(stale), 0);
    let doubled =
        "select count(*) from task_terms where task_id in (select task_id from task_terms_new)";
    assert_eq!(database.integer(doubled), 0);
}

#[test]
fn waiting_tasks_are_found_by_any_tag() {
    let mut database = Database::new();
    let long = "x".repeat(51);
    for tag in ["50%_off", "5000 off", "Ünique", "#ab", &long[1..]] {
        database.create(TaskDraft {
            tags: Some(vec![tag.to_owned()]),
            ..draft(&format!("Tagged {tag}"))
        });
    }
    for (tags, found) in [
        (vec!["50%_off"], 1),
        (vec!["#ab"], 1),
        (vec!["ab"], 0),
        (vec!["ünique"], 0),
        (vec!["Ünique"], 1),
        (vec![&long[1..]], 1),
        (vec![&long[..]], 0),
        (vec!["%", "_"], 0),
        (vec!["50%_off", "5000 off", "Ünique", "#ab", "none"], 4),
    ] {
        let names = tags.iter().map(|tag| (*tag).to_owned());
        let filter = TaskFilter {
            tags: Some(names.collect()),
            ..all()
        };
        assert_eq!(database.titles(filter).len(), found, "{tags:?}");
    }
    let endless = TaskFilter {
        tags: Some(vec!["%a".repeat(5_000)]),
        ..all()
    };
    assert_eq!(database.titles(endless).len(), 0);
    for q in ["TAGGED 5000", "unique", "ÜNIQUE", "xXx"] {
        assert_eq!(find(&mut database, q).len(), 1, "{q}");
    }
}

#[test]
fn common_words_find_tasks_that_are_not_in_the_index_yet() {
    let mut database = Database::new();
    for _ in 0..55 {
        let drafts = (0..100).map(|number| draft(&format!("Common often {number}x")));
        operations::create_bulk(&mut database, drafts.collect()).unwrap();
    }
    database.create(draft("Common often new"));
    assert_eq!(database.integer("select count(*) from task_terms_new"), 1);
    for q in ["comm", "comm oft", "new", "comm new", "often"] {
        let filter = TaskFilter {
            q: Some(q.to_owned()),
            limit: Some(1),
            ..all()
        };
        assert_eq!(database.titles(filter), ["Common often new"], "{q}");
    }
}
