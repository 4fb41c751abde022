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
    assert_eq!(find(&mut database, "οδος"), [""; 0]);
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
    assert_eq!(database.integer("select count(*) from task_terms"), 0);
}

/// Makes the last task look as earlier logic would have written it.
fn downgrade(database: &mut Database, title: &str, terms: &[&str]) {
    database.run("delete from task_terms where abs(task_id) = (select max(id) from tasks)");
    database.run(&format!(
        "update tasks set title = '{title}' where id = (select max(id) from tasks)"
    ));
    for term in terms {
        database.run(&format!(
            "insert into task_terms select '{term}', max(id) from tasks"
        ));
    }
}

#[test]
fn tasks_of_earlier_logic_are_found_as_before() {
    let mut database = Database::new();
    let old = "Cafe\u{301}s Straße";
    database.create(TaskDraft {
        assignee: Some("Zoe".into()),
        ..draft("x y z")
    });
    downgrade(&mut database, old, &["cafe", "s", "straße", "#e\u{301}"]);
    database.run("update tasks set assignee = 'Zoe\u{308}'");
    for search in ["straße", "STRAß", "cafe\u{301}s", "cafe"] {
        assert_eq!(find(&mut database, search), [old], "{search}");
    }
    let filter = TaskFilter {
        assignee: Some("Zoe\u{308}".into()),
        tags: Some(vec!["e\u{301}".into()]),
        ..all()
    };
    assert_eq!(database.titles(filter), [old]);

    // The first change of the texts adds what is missing, and removes what earlier logic wrote.
    let longer = TaskUpdate {
        title: Some(Some(format!("{old} neu"))),
        ..change()
    };
    database.update(1, longer);
    for search in ["STRASSE", "CAFÉS", "straße neu"] {
        assert_eq!(
            find(&mut database, search),
            ["Cafés Straße neu"],
            "{search}"
        );
    }
}

#[test]
fn earlier_logic_can_go_on_after_a_rollback() {
    let mut database = Database::new();
    database.create(draft("Straße"));
    // It looks for its own terms, and adds a word that is folded text here.
    assert_eq!(
        database.integer("select task_id from task_terms where term = 'straße'"),
        1
    );
    database.run("insert into task_terms (term, task_id) values ('strasse', 1)");
    database.run("update tasks set title = 'Straße strasse'");
    for search in ["strasse", "STRASSE straße"] {
        assert_eq!(find(&mut database, search), ["Straße strasse"], "{search}");
    }
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
