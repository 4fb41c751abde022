//! Tests lists: order, pages and filters.

use tasks::contract::tasks::{
    Category, Direction, Priority, SortKey, Status, TaskDraft, TaskFilter, TaskUpdate,
};
use tasks::operations;

use crate::database::{Database, START, all, at, change, dependent, draft, pointers};

/// Six tasks, two of each priority from low to high. The first two tasks were changed.
fn six() -> Database {
    let mut database = Database::new();
    for (index, priority) in [
        Priority::High,
        Priority::Low,
        Priority::Medium,
        Priority::High,
        Priority::Low,
        Priority::Medium,
    ]
    .into_iter()
    .enumerate()
    {
        let priority = Some(priority);
        database.create(TaskDraft {
            priority,
            ..draft(&format!("Task {}", index + 1))
        });
    }
    let blocked = TaskUpdate {
        status: Some(Some(Status::Blocked)),
        ..change()
    };
    database.update(2, blocked);
    database.update(1, change());
    database
}

/// The same six tasks. Two of them are due: first 4, then 3.
fn six_with_dues() -> Database {
    let mut database = six();
    for (task, due) in [(3, START + 200), (4, START + 100)] {
        // Not an update of the logic, which would also change `updated_at`.
        database.run(&format!(
            "update tasks set due_at = {due}000000 where id = {task}"
        ));
    }
    database
}

fn numbers(titles: Vec<String>) -> Vec<u32> {
    titles
        .iter()
        .map(|title| title[5..].parse().unwrap())
        .collect()
}

fn sorted(sort_by: SortKey, order: Direction) -> TaskFilter {
    TaskFilter {
        sort_by: Some(sort_by),
        order: Some(order),
        ..all()
    }
}

#[test]
fn every_order_is_total_and_descending_is_its_reverse() {
    let mut database = six_with_dues();
    assert_eq!(numbers(database.titles(all())), [6, 5, 4, 3, 2, 1]);
    for (key, ascending) in [
        (SortKey::CreatedAt, [1, 2, 3, 4, 5, 6]),
        (SortKey::UpdatedAt, [3, 4, 5, 6, 2, 1]),
        (SortKey::Priority, [2, 5, 3, 6, 1, 4]),
        (SortKey::Status, [1, 3, 4, 5, 6, 2]),
        (SortKey::DueAt, [4, 3, 1, 2, 5, 6]),
    ] {
        let mut titles = numbers(database.titles(sorted(key, Direction::Asc)));
        assert_eq!(titles, ascending, "{key:?}");
        titles.reverse();
        assert_eq!(
            numbers(database.titles(sorted(key, Direction::Desc))),
            titles,
            "{key:?}"
        );
    }
}

#[test]
fn pages_by_cursor_show_every_task_once_in_every_order() {
    let mut database = six();
    for key in [
        SortKey::CreatedAt,
        SortKey::UpdatedAt,
        SortKey::Priority,
        SortKey::Status,
    ] {
        for order in [Direction::Asc, Direction::Desc] {
            let whole = database.titles(sorted(key, order));
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let filter = TaskFilter {
                    limit: Some(4),
                    cursor,
                    ..sorted(key, order)
                };
                let page = operations::list(&mut database, filter).unwrap();
                seen.extend(page.tasks.into_iter().map(|task| task.title));
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen, whole, "{key:?} {order:?}");
        }
    }
}

#[test]
fn the_last_page_has_no_next_page() {
    let mut database = six();
    let page = |database: &mut Database, limit, offset| {
        let filter = TaskFilter {
            limit: Some(limit),
            offset,
            ..all()
        };
        operations::list(database, filter).unwrap()
    };
    assert_eq!(page(&mut database, 6, None).next, None);
    assert_eq!(page(&mut database, 2, Some(4)).next, None);
    assert!(page(&mut database, 2, Some(9)).tasks.is_empty());

    let second = page(&mut database, 2, Some(2));
    assert_eq!(second.tasks[0].title, "Task 4");
    let third = TaskFilter {
        limit: Some(2),
        cursor: second.next,
        ..all()
    };
    assert_eq!(database.titles(third), ["Task 2", "Task 1"]);
}

#[test]
fn a_task_created_between_two_pages_does_not_shift_them() {
    let mut database = six();
    let first = TaskFilter {
        limit: Some(3),
        ..all()
    };
    let next = operations::list(&mut database, first).unwrap().next;
    database.create(draft("Task 7"));
    let second = TaskFilter {
        cursor: next,
        ..all()
    };
    assert_eq!(numbers(database.titles(second)), [3, 2, 1]);
}

#[test]
fn invalid_parameters_are_reported_by_name() {
    let mut database = six();
    let bad = TaskFilter {
        limit: Some(0),
        offset: Some(-1),
        due_before: Some(at(u64::MAX)),
        cursor: Some("zz".into()),
        ..all()
    };
    let error = operations::list(&mut database, bad).unwrap_err();
    let locations = [
        "#/query/limit",
        "#/query/offset",
        "#/query/due_before",
        "#/query/cursor",
    ];
    assert_eq!(pointers(error), locations);

    let first = TaskFilter {
        limit: Some(1),
        ..all()
    };
    let next = operations::list(&mut database, first).unwrap().next;
    let other_order = TaskFilter {
        cursor: next,
        ..sorted(SortKey::Status, Direction::Desc)
    };
    let error = operations::list(&mut database, other_order).unwrap_err();
    assert_eq!(pointers(error), ["#/query/cursor"]);
    let error = operations::list(
        &mut database,
        TaskFilter {
            limit: Some(1_001),
            ..all()
        },
    );
    assert_eq!(pointers(error.unwrap_err()), ["#/query/limit"]);
}

#[test]
fn a_task_must_match_all_filters() {
    let mut database = Database::new();
    let tagged = |tags: &[&str]| Some(tags.iter().map(|tag| tag.to_string()).collect());
    database.create(TaskDraft {
        tags: tagged(&["api", "db"]),
        ..draft("Task 1")
    });
    let category = Category::Bugfix;
    database.create(TaskDraft {
        tags: tagged(&["db"]),
        category,
        ..draft("Task 2")
    });
    let assignee = Some("ada".to_owned());
    database.create(TaskDraft {
        tags: tagged(&["ui"]),
        assignee,
        ..draft("Task 3")
    });

    let by_tags = |tags| TaskFilter {
        tags: tagged(tags),
        ..all()
    };
    assert_eq!(numbers(database.titles(by_tags(&["db"]))), [2, 1]);
    assert_eq!(numbers(database.titles(by_tags(&["api", "ui"]))), [3, 1]);
    assert!(database.titles(by_tags(&["DB"])).is_empty());
    let both = TaskFilter {
        category: Some(Category::Bugfix),
        ..by_tags(&["db"])
    };
    assert_eq!(numbers(database.titles(both)), [2]);
    let ada = TaskFilter {
        assignee: Some("ada".into()),
        ..all()
    };
    assert_eq!(numbers(database.titles(ada)), [3]);
}

#[test]
fn empty_texts_are_ignored() {
    let mut database = six();
    let empty = TaskFilter {
        assignee: Some(String::new()),
        tags: Some(vec![String::new()]),
        q: Some(" - ".into()),
        ..all()
    };
    assert_eq!(database.titles(empty).len(), 6);
}

#[test]
fn due_date_filters_exclude_their_bounds() {
    let mut database = Database::new();
    for number in 1..=3 {
        let due_at = Some(at(START + number * 100));
        database.create(TaskDraft {
            due_at,
            ..draft(&format!("Task {number}"))
        });
    }
    database.create(draft("Task 4"));
    let between = TaskFilter {
        due_after: Some(at(START + 100)),
        due_before: Some(at(START + 300)),
        ..all()
    };
    assert_eq!(numbers(database.titles(between)), [2]);
}

#[test]
fn several_statuses_match_any_of_them_in_every_order_and_on_every_page() {
    let mut database = six();
    for (task, status) in [(3, Status::Completed), (5, Status::InProgress)] {
        let status = Some(Some(status));
        database.update(task, TaskUpdate { status, ..change() });
    }
    let open = || Some(vec![Status::Pending, Status::InProgress, Status::Blocked]);
    let list = |database: &mut Database, filter: TaskFilter| numbers(database.titles(filter));
    let status = open();
    assert_eq!(
        list(&mut database, TaskFilter { status, ..all() }),
        [6, 5, 4, 2, 1]
    );
    for (key, order, expected) in [
        (SortKey::CreatedAt, Direction::Asc, [1, 2, 4, 5, 6]),
        (SortKey::Status, Direction::Desc, [2, 5, 6, 4, 1]),
    ] {
        let status = open();
        let filter = TaskFilter {
            status,
            ..sorted(key, order)
        };
        assert_eq!(list(&mut database, filter.clone()), expected);
        let mut pages = Vec::new();
        let mut cursor = None;
        loop {
            let limit = Some(2);
            let filter = TaskFilter {
                limit,
                cursor,
                ..filter.clone()
            };
            let page = operations::list(&mut database, filter).unwrap();
            pages.extend(page.tasks.into_iter().map(|task| task.title));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(numbers(pages), expected);
    }
    let status = open();
    let last = TaskFilter {
        status,
        offset: Some(3),
        limit: Some(1),
        ..all()
    };
    assert_eq!(list(&mut database, last), [2]);
    let high = Some(Priority::High);
    let status = open();
    let filter = TaskFilter {
        status,
        priority: high,
        ..all()
    };
    assert_eq!(list(&mut database, filter), [4, 1]);
    let status = Some(vec![Status::Completed, Status::Completed]);
    assert_eq!(list(&mut database, TaskFilter { status, ..all() }), [3]);
    let status = Some(Vec::new());
    let none = TaskFilter { status, ..all() };
    let error = operations::list(&mut database, none).unwrap_err();
    assert_eq!(pointers(error), ["#/query/status"]);
}

#[test]
fn tasks_without_an_assignee_and_dependents_of_a_task_can_be_listed_and_counted() {
    let mut database = Database::new();
    let ada = Some("ada".to_owned());
    database.create(TaskDraft {
        assignee: ada.clone(),
        ..draft("Task 1")
    });
    database.create(dependent("Task 2", &[1]));
    database.create(TaskDraft {
        assignee: ada,
        ..dependent("Task 3", &[1, 2])
    });
    let filter = |unassigned, depends_on| TaskFilter {
        unassigned,
        depends_on,
        ..all()
    };
    for (filter, expected) in [
        (filter(Some(true), None), vec![2]),
        (filter(Some(false), None), vec![3, 2, 1]),
        (filter(None, Some(1)), vec![3, 2]),
        (filter(Some(true), Some(1)), vec![2]),
        (filter(None, Some(3)), vec![]),
    ] {
        let count = operations::count(&mut database, filter.clone()).unwrap();
        assert_eq!(count.total, expected.len() as u64);
        assert_eq!(numbers(database.titles(filter)), expected);
    }
    let offset = Some(-1);
    let refused = operations::count(&mut database, TaskFilter { offset, ..all() });
    assert!(refused.is_err());
    let status = Some(Some(Status::Blocked));
    database.update(2, TaskUpdate { status, ..change() });
    let count = operations::count(&mut database, filter(None, Some(1))).unwrap();
    let expected = [
        ("pending", 1),
        ("in_progress", 0),
        ("completed", 0),
        ("blocked", 1),
        ("cancelled", 0),
    ];
    assert_eq!(
        count.by_status,
        expected.map(|(name, count)| (name.to_owned(), count))
    );
}

#[test]
fn the_overdue_filter_matches_the_count_in_the_summary() {
    let mut database = Database::new();
    let due = |due_at: u64| TaskDraft {
        due_at: Some(at(due_at)),
        ..draft("Task 1")
    };
    let late = database.create(due(START - 100));
    for status in [Status::Completed, Status::Cancelled] {
        let task = database.create(due(START - 100));
        let done = TaskUpdate {
            status: Some(Some(status)),
            ..change()
        };
        database.update(task.id, done);
    }
    database.create(due(START + 100_000));
    database.create(draft("Task 2"));
    let overdue = |overdue| TaskFilter {
        overdue: Some(overdue),
        ..all()
    };
    let found = operations::list(&mut database, overdue(true))
        .unwrap()
        .tasks;
    assert_eq!(found, [late]);
    let summary = operations::summarize(&mut database).unwrap();
    assert_eq!(summary.overdue_tasks, 1);
    assert_eq!(database.titles(overdue(false)).len(), 5);
}

#[test]
fn a_list_takes_one_statement_and_sorts_by_an_index() {
    let mut database = six();
    database.statements = 0;
    database.titles(all());
    assert_eq!(database.statements, 1);
    for (key, index) in [
        (SortKey::CreatedAt, "tasks_by_created_at"),
        (SortKey::UpdatedAt, "tasks_by_updated_at"),
        (SortKey::Priority, "tasks_by_priority"),
        (SortKey::Status, "tasks_by_status"),
    ] {
        for order in [Direction::Asc, Direction::Desc] {
            let plan = plan_of(&mut database, sorted(key, order));
            assert!(plan.starts_with("SEARCH") && plan.contains(index), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}

#[test]
fn a_filter_is_served_by_an_index() {
    let mut database = six();
    let ada = || Some("ada".to_owned());
    let cases = [
        (
            "tasks_by_status (status=?",
            TaskFilter {
                status: Some(vec![Status::Blocked]),
                ..all()
            },
        ),
        (
            "tasks_by_priority (priority=?",
            TaskFilter {
                priority: Some(Priority::Low),
                ..all()
            },
        ),
        (
            "tasks_by_category (category=?",
            TaskFilter {
                category: Some(Category::Bugfix),
                status: Some(vec![Status::Blocked]),
                priority: Some(Priority::Low),
                ..all()
            },
        ),
        (
            "tasks_by_assignee (assignee=?",
            TaskFilter {
                assignee: ada(),
                ..all()
            },
        ),
        (
            "tasks_by_assignee (assignee=?",
            TaskFilter {
                assignee: ada(),
                category: Some(Category::Bugfix),
                overdue: Some(true),
                ..all()
            },
        ),
    ];
    for (index, filter) in cases {
        let plan = plan_of(&mut database, filter);
        assert!(
            plan.contains(index) && !plan.contains("TEMP B-TREE"),
            "{plan}"
        );
    }
    let open = TaskFilter {
        status: Some(vec![Status::Pending, Status::InProgress]),
        ..all()
    };
    let plan = plan_of(&mut database, open);
    assert!(plan.contains("tasks USING INTEGER PRIMARY KEY"), "{plan}");
    assert!(plan.contains("tasks_by_status (status=?"), "{plan}");
    let rare = TaskFilter {
        q: Some("task".to_owned()),
        status: Some(vec![Status::Blocked]),
        ..all()
    };
    let plan = plan_of(&mut database, rare);
    assert!(plan.contains("tasks USING INTEGER PRIMARY KEY"), "{plan}");
    assert!(
        plan.contains("SEARCH t USING PRIMARY KEY (term>? AND term<?)"),
        "{plan}"
    );
}

/// Returns the plan of the last statement that a list runs.
fn plan_of(database: &mut Database, filter: TaskFilter) -> String {
    operations::list(database, filter).unwrap();
    let statement = database.last.clone();
    database.plan(&statement)
}
