//! Tests that texts are equal if Unicode says so: in search, filters and lists of tags.

use tasks::contract::simple_tasks::SimpleDraft;
use tasks::contract::tasks::{TaskDraft, TaskFilter, TaskUpdate};
use tasks::{operations, simple};

use crate::database::{Database, all, change, draft};

fn find(database: &mut Database, q: &str) -> Vec<String> {
    database.titles(TaskFilter {
        q: Some(q.to_owned()),
        ..all()
    })
}

#[test]
fn the_search_ignores_case_by_full_folding() {
    let mut database = Database::new();
    for title in [
        "Trip to İstanbul",
        "Straße 12",
        "Οδός και δρόμος",
        "ﬁnal ﬀort",
    ] {
        database.create(draft(title));
    }
    for (title, searches) in [
        (
            "Trip to İstanbul",
            &["İSTANBUL", "istanbul", "i\u{307}stanbul", "ISTAN", "İst"][..],
        ),
        (
            "Straße 12",
            &["STRASSE", "straße", "STRAẞE", "Stras", "straß"],
        ),
        ("Οδός και δρόμος", &["ΟΔΌΣ", "οδόσ ΔΡΌΜΟΣ", "ΟΔΟ\u{301}Σ"]),
        ("ﬁnal ﬀort", &["FINAL", "fi", "ffo", "ﬁnal"]),
    ] {
        for search in searches {
            assert_eq!(find(&mut database, search), [title], "{search}");
        }
    }
    assert_eq!(find(&mut database, "οδος"), ["Οδός και δρόμος"]);
}

#[test]
fn canonically_equivalent_texts_are_the_same() {
    let mut database = Database::new();
    let task = database.create(TaskDraft {
        assignee: Some("Zoe\u{308}".into()),
        tags: Some(vec!["cafe\u{301}".into(), "café".into(), "CAFÉ".into()]),
        description: Some("Re\u{301}sume\u{301}".into()),
        ..draft("Pre\u{301}parer")
    });
    assert_eq!(task.title, "Préparer");
    assert_eq!(task.description.as_deref(), Some("Résumé"));
    assert_eq!(task.assignee.as_deref(), Some("Zoë"));
    assert_eq!(task.tags, ["café", "CAFÉ"]);
    for name in ["Zoë", "Zoe\u{308}"] {
        let by_assignee = TaskFilter {
            assignee: Some(name.into()),
            ..all()
        };
        assert_eq!(database.titles(by_assignee), ["Préparer"], "{name}");
    }
    for tag in ["café", "cafe\u{301}"] {
        let by_tag = TaskFilter {
            tags: Some(vec![tag.into()]),
            ..all()
        };
        assert_eq!(database.titles(by_tag), ["Préparer"], "{tag}");
    }
    for search in ["préparer", "PRE\u{301}PARER re\u{301}s"] {
        assert_eq!(find(&mut database, search), ["Préparer"], "{search}");
    }

    database.create(TaskDraft {
        assignee: Some("Zoë".into()),
        ..draft("Other")
    });
    let summary = operations::summarize(&mut database).unwrap();
    assert_eq!(summary.by_assignee, [("Zoë".to_owned(), 2)]);

    let simple = SimpleDraft {
        title: Some("E\u{301}".into()),
        description: Some("e\u{301}".into()),
        priority: None,
    };
    let task = simple::create(&mut database, simple).unwrap();
    assert_eq!((&*task.title, &*task.description), ("É", "é"));
}

#[test]
fn lengths_count_the_characters_that_are_stored() {
    let mut database = Database::new();
    let composed = draft(&"e\u{301}".repeat(200));
    assert_eq!(database.create(composed).title, "é".repeat(200));
    // Has no composed form: it is stored as three characters.
    let longer = draft(&"\u{1d160}".repeat(70));
    operations::create(&mut database, longer).unwrap_err();
}

#[test]
fn a_change_of_a_text_moves_the_task_in_the_index() {
    let mut database = Database::new();
    database.create(draft("Straße"));
    let to = |title: &str| TaskUpdate {
        title: Some(Some(title.to_owned())),
        ..change()
    };
    database.update(1, to("Strasse"));
    assert_eq!(find(&mut database, "straße"), ["Strasse"]);
    database.update(1, to("Größe und Maße"));
    assert_eq!(find(&mut database, "strasse"), [""; 0]);
    assert_eq!(find(&mut database, "GRÖSSE MASSE"), ["Größe und Maße"]);
    operations::delete(&mut database, 1).unwrap();
    assert_eq!(database.terms(), 0);
}

#[test]
fn tasks_of_earlier_logic_are_found_as_before_until_they_are_indexed() {
    let old = "Cafe\u{301}s Straße";
    let terms = ["cafe", "s", "straße", "#e\u{301}", "-strasse"];
    let mut database = Database::before_search(&[(old, &terms), ("Größe", &["größe", "-grösse"])]);
    database.run("update tasks set assignee = 'Zoe\u{308}', tags = '3:e\u{301},' where id = 1");
    for search in ["straße", "STRAß", "STRASSE", "cafe\u{301}s", "cafe"] {
        assert_eq!(find(&mut database, search), [old], "{search}");
    }
    let filter = TaskFilter {
        assignee: Some("Zoe\u{308}".into()),
        tags: Some(vec!["e\u{301}".into()]),
        ..all()
    };
    assert_eq!(database.titles(filter.clone()), [old]);
    assert_eq!(find(&mut database, "GRÖSSE"), ["Größe"]);
    assert_eq!(find(&mut database, "grosse"), [""; 0]);

    // The change of a text leaves terms that earlier logic would write, too.
    let longer = TaskUpdate {
        title: Some(Some("Größer".to_owned())),
        ..change()
    };
    database.update(2, longer);
    assert_eq!(find(&mut database, "GRÖSSER"), ["Größer"]);
    let count = "select count(*) from task_terms where abs(task_id) = 2";
    assert_eq!(database.integer(count), 2);

    let progress = operations::reindex(&mut database).unwrap();
    assert_eq!((progress.complete, progress.remaining_ids), (true, 0));
    for search in ["cafes", "CAFÉS", "strasse", "e"] {
        assert_eq!(find(&mut database, search), [old], "{search}");
    }
    assert_eq!(database.titles(filter), [old]);
    assert_eq!(find(&mut database, "grosser"), ["Größer"]);
    for id in [1, 2] {
        operations::delete(&mut database, id).unwrap();
    }
    assert_eq!(database.integer("select count(*) from task_terms"), 0);
}

#[test]
fn earlier_logic_finds_all_tasks_until_they_are_indexed() {
    let mut database = Database::before_search(&[("Old", &["old"])]);
    database.create(draft("Straße"));
    operations::create_bulk(&mut database, vec![draft("Maß"), draft("Plain")]).unwrap();
    for (term, ids) in [
        ("straße", 2),
        ("strasse", -2),
        ("maß", 3),
        ("mass", -3),
        ("plain", 4),
    ] {
        let statement = format!("select task_id from task_terms where term = '{term}'");
        assert_eq!(database.integer(&statement), ids, "{term}");
    }
    assert_eq!(database.integer("select count(*) from task_terms"), 6);
    assert_eq!(database.integer("select count(*) from task_terms_new"), 0);

    // Earlier logic changes a task: it computes and writes its own terms.
    database.run(
        "update tasks set title = 'Größe' where id = 4; delete from task_terms where task_id = 4;
         insert into task_terms (term, task_id) values ('größe', 4), ('grösse', -4)",
    );
    assert_eq!(find(&mut database, "GRÖSSE"), ["Größe"]);
    assert_eq!(find(&mut database, "straße"), ["Straße"]);

    assert!(operations::reindex(&mut database).unwrap().complete);
    for search in ["grosse", "größe"] {
        assert_eq!(find(&mut database, search), ["Größe"], "{search}");
    }
    // From now on, new tasks wait.
    database.create(draft("Später"));
    assert_eq!(database.integer("select count(*) from task_terms_new"), 1);
    assert_eq!(find(&mut database, "spater"), ["Später"]);
}

#[test]
fn earlier_tasks_are_indexed_in_steps_while_others_write() {
    let mut database = Database::before_search(&[]);
    database.run(
        "with recursive n (x) as (select 1 union all select x + 1 from n where x < 7000)
         insert into tasks (title, status, priority, category, tags, dependencies, created_at,
             updated_at, checksum) select 'Müsli ' || x, 0, 1, 0, '', '', x, 0, 'x' from n;
         insert into task_terms (term, task_id) select 'müsli', id from tasks;
         insert into task_terms (term, task_id) select cast(id as text), id from tasks;
         insert into task_terms_state values (0, 9223372036854775807)",
    );
    let progress = operations::reindex(&mut database).unwrap();
    assert_eq!((progress.complete, progress.remaining_ids), (false, 2_000));
    let renamed = |title: &str| TaskUpdate {
        title: Some(Some(title.to_owned())),
        ..change()
    };
    // One that was reached, one that was not, and a new one.
    database.update(1, renamed("Maß 1"));
    database.update(6_999, renamed("Maß 6999"));
    operations::delete(&mut database, 7_000).unwrap();
    database.create(draft("Müsli neu"));
    assert!(operations::reindex(&mut database).unwrap().complete);
    assert!(operations::reindex(&mut database).unwrap().complete);
    assert_eq!(find(&mut database, "musli neu"), ["Müsli neu"]);
    assert_eq!(find(&mut database, "musli 6998"), ["Müsli 6998"]);
    assert_eq!(find(&mut database, "musli 6999"), [""; 0]);
    assert_eq!(find(&mut database, "mass"), ["Maß 6999", "Maß 1"]);
    let rows = "select count(*) from task_terms where term = 'musli'";
    assert_eq!(database.integer(rows), 6_997);
}

#[test]
fn zero_has_no_sign() {
    let mut database = Database::new();
    let task = database.create(TaskDraft {
        estimated_hours: Some(-0.0),
        ..draft("Write the parser")
    });
    assert!(task.estimated_hours.unwrap().is_sign_positive());
    let zero = TaskUpdate {
        actual_hours: Some(Some(-0.0)),
        ..change()
    };
    assert!(
        database
            .update(1, zero)
            .actual_hours
            .unwrap()
            .is_sign_positive()
    );
}
