//! Tests that SQLite finds a page of a large list without reading or sorting all tasks, whatever its
//! statistics say.
//!
//! A table with some ten thousand tasks and the statistics of a million stands for one with a million:
//! SQLite plans by the statistics alone, and the logic counts at most 5,000 rows before it chooses. The
//! host's tests look at the plans of a running host.

use tasks::contract::tasks::{
    Category, Direction, Priority, SortKey, Status, Task, TaskDraft, TaskFilter, TaskUpdate,
};
use tasks::operations;

use crate::database::{Database, START, all, at, change, dependent, draft};

const KEYS: [SortKey; 4] = [
    SortKey::CreatedAt,
    SortKey::UpdatedAt,
    SortKey::Priority,
    SortKey::Status,
];
const DIRECTIONS: [Direction; 2] = [Direction::Asc, Direction::Desc];

/// The statistics of a million tasks, as the host gathers them: SQLite stops to count equal rows at the
/// analysis limit.
const LIMITED: [&str; 3] = ["1000000 401 1 1", "1000000 401 1 1", "12500000 401 1"];
/// The same as a complete analysis would have them.
const COMPLETE: [&str; 3] = ["1000000 200000 1 1", "1000000 20000 1 1", "12500000 6000 1"];

/// Half of the tasks match each filter, and ten have a category of their own. Due times are all in the
/// future.
fn large(statistics: [&str; 3]) -> Database {
    let mut database = Database::new();
    let [few_values, assignees, terms] = statistics;
    database.run(&format!(
        "with recursive n (x) as (select 1 union all select x + 1 from n where x < 12000)
         insert into tasks (title, status, priority, category, assignee, tags, dependencies, due_at,
             created_at, updated_at, checksum)
         select 'Task ' || x, x % 2, x / 2 % 2, case when x < 10 then 5 else x / 4 % 2 end,
             case x / 8 % 2 when 0 then 'ada' else 'Zo\u{eb}' end, '', '', {due} + x,
             {due} - 20000 + x * 1000, x * 7919 % 12000, 'x' from n;
         insert into task_terms (term, task_id) select 'common', id from tasks;
         insert into task_terms (term, task_id) select 'rare', id from tasks where id % 1000 = 0;
         analyze;
         delete from sqlite_stat1;
         insert into sqlite_stat1 (tbl, idx, stat) values
             ('tasks', 'tasks_by_created_at', '1000000 1 1'),
             ('tasks', 'tasks_by_updated_at', '{few_values}'),
             ('tasks', 'tasks_by_status', '{few_values}'),
             ('tasks', 'tasks_by_priority', '{few_values}'),
             ('tasks', 'tasks_by_category', '{few_values}'),
             ('tasks', 'tasks_by_assignee', '{assignees}'),
             ('tasks', 'tasks_by_due_at', '1000000 1'),
             ('tasks', 'tasks_open_by_due_at', '1000000 1 1 1'),
             ('tasks', 'tasks_by_completed_at', '200000 1'),
             ('task_terms', 'task_terms', '{terms}'),
             ('task_dependencies', 'task_dependencies', '100000 2 1'),
             ('task_dependencies', 'task_dependencies_by_dependency', '100000 2 1');
         analyze sqlite_schema",
        due = START * 1_000_000
    ));
    database.texts.clear();
    database
}

fn sorted(key: SortKey, direction: Direction, filter: TaskFilter) -> TaskFilter {
    TaskFilter {
        sort_by: Some(key),
        order: Some(direction),
        ..filter
    }
}

/// Filters that half of the tasks match.
fn common() -> Vec<TaskFilter> {
    vec![
        TaskFilter {
            status: Some(vec![Status::InProgress]),
            ..all()
        },
        TaskFilter {
            priority: Some(Priority::Low),
            ..all()
        },
        TaskFilter {
            category: Some(Category::Testing),
            ..all()
        },
        TaskFilter {
            assignee: Some("ada".to_owned()),
            ..all()
        },
        // Another spelling of the same name.
        TaskFilter {
            assignee: Some("Zoe\u{308}".to_owned()),
            ..all()
        },
        TaskFilter {
            due_after: Some(at(START - 9)),
            ..all()
        },
        TaskFilter {
            status: Some(vec![Status::Pending]),
            category: Some(Category::Testing),
            ..all()
        },
    ]
}

/// Whether a plan reads a table of the logic from its beginning. The statement that looks ahead names its
/// bounded part like the table, and scans that. Sums and search have tables of state and of what waits,
/// which stay short.
fn scans(plan: &str) -> bool {
    let is_bounded = plan.contains("CO-ROUTINE tasks");
    plan.lines()
        .map(str::trim_start)
        .filter(|step| !step.starts_with("SCAN task_sums_state"))
        .filter(|step| !step.starts_with("SCAN task_changes"))
        .filter(|step| !step.starts_with("SCAN task_terms_new"))
        .filter(|step| !step.starts_with("SCAN task_terms_state"))
        .filter(|step| !step.starts_with("SCAN task_terms_moving"))
        .any(|step| step.starts_with("SCAN task_") || !is_bounded && step.starts_with("SCAN tasks"))
}

#[test]
fn no_page_of_a_common_filter_is_sorted_in_any_order() {
    for statistics in [LIMITED, COMPLETE] {
        let mut database = large(statistics);
        for filter in common().into_iter().chain([all()]) {
            for key in KEYS {
                for direction in DIRECTIONS {
                    let filter = sorted(key, direction, filter.clone());
                    let page = operations::list(&mut database, filter).unwrap();
                    assert_eq!(page.tasks.len(), 100);
                    let (last, plan) = (database.last.clone(), database.plan_of_last());
                    assert!(!scans(&plan), "{last}\n{plan}");
                    assert!(!plan.contains("TEMP B-TREE"), "{last}\n{plan}");
                }
            }
        }
    }
}

#[test]
fn open_tasks_by_due_time_are_not_sorted() {
    for statistics in [LIMITED, COMPLETE] {
        let mut database = large(statistics);
        // Nine of ten tasks are completed, and everything is overdue.
        database.run("update tasks set status = 2 where id % 10 > 0");
        database.seconds += 1_000_000;
        for direction in DIRECTIONS {
            let overdue = TaskFilter {
                overdue: Some(true),
                ..all()
            };
            let week = TaskFilter {
                due_after: Some(at(START - 9)),
                status: Some(vec![Status::Pending, Status::InProgress, Status::Blocked]),
                ..all()
            };
            for filter in [overdue, week] {
                let filter = sorted(SortKey::DueAt, direction, filter);
                let found = pages(&mut database, filter, 700);
                let (last, plan) = (database.last.clone(), database.plan_of_last());
                assert!(plan.contains("tasks_open_by_due_at"), "{last}\n{plan}");
                assert!(!plan.contains("TEMP B-TREE"), "{last}\n{plan}");
                let expected = (1..=1_200).map(|tenth| tenth * 10);
                let expected: Vec<i64> = match direction {
                    Direction::Asc => expected.take(700).collect(),
                    Direction::Desc => expected.rev().take(700).collect(),
                };
                let found: Vec<i64> = found.iter().map(|task| task.id).collect();
                assert_eq!(found, expected);
            }
        }
    }
}

#[test]
fn a_rare_filter_is_served_by_its_own_index_in_any_order() {
    for statistics in [LIMITED, COMPLETE] {
        let mut database = large(statistics);
        for key in KEYS {
            let rare = TaskFilter {
                category: Some(Category::Feature),
                ..all()
            };
            let page = operations::list(&mut database, sorted(key, Direction::Asc, rare)).unwrap();
            assert_eq!(page.tasks.len(), 9);
            let plan = database.plan_of_last();
            assert!(
                plan.contains("USING INDEX tasks_by_category (category=?"),
                "{plan}"
            );
        }
    }
}

#[test]
fn no_other_statement_reads_a_whole_table() {
    for statistics in [LIMITED, COMPLETE] {
        let mut database = large(statistics);
        for words in ["rare", "common", "common rare", "com"] {
            for key in KEYS {
                let search = TaskFilter {
                    q: Some(words.to_owned()),
                    status: Some(vec![Status::Pending]),
                    ..all()
                };
                operations::list(&mut database, sorted(key, Direction::Desc, search)).unwrap();
            }
        }
        let first = database.create(TaskDraft {
            description: Some("with words".to_owned()),
            tags: Some(vec!["label".to_owned()]),
            ..draft("First")
        });
        let next = database.create(dependent("Next", &[first.id, 1]));
        let moved = TaskUpdate {
            title: Some(Some("Renamed".to_owned())),
            status: Some(Some(Status::Blocked)),
            dependencies: Some(Some(vec![first.id])),
            ..change()
        };
        database.update(next.id, moved);
        operations::get(&mut database, next.id).unwrap();
        operations::delete(&mut database, first.id).unwrap();
        assert!(database.texts.len() > 20);
        for text in database.texts.clone() {
            let plan = database.plan(&text);
            assert!(!scans(&plan), "{text}\n{plan}");
        }
    }
}

#[test]
fn a_walk_finds_the_tasks_that_a_sort_would_find() {
    let mut database = large(LIMITED);
    for key in KEYS {
        for direction in DIRECTIONS {
            let everything = pages(&mut database, sorted(key, direction, all()), 400);
            for (number, filter) in common().into_iter().enumerate() {
                let matches = |task: &&Task| match number {
                    0 => task.status == Status::InProgress,
                    1 => task.priority == Priority::Low,
                    2 => task.category == Category::Testing,
                    3 => task.assignee.as_deref() == Some("ada"),
                    4 => task.assignee.as_deref() == Some("Zo\u{eb}"),
                    5 => true,
                    _ => task.status == Status::Pending && task.category == Category::Testing,
                };
                let expected: Vec<i64> = everything
                    .iter()
                    .filter(matches)
                    .map(|task| task.id)
                    .collect();
                let found = pages(
                    &mut database,
                    sorted(key, direction, filter),
                    expected.len(),
                );
                let found: Vec<i64> = found.iter().map(|task| task.id).collect();
                assert_eq!(found, expected, "filter {number}, {key:?} {direction:?}");
            }
        }
    }
}

/// Returns the first tasks of a list, read in pages of 150.
fn pages(database: &mut Database, filter: TaskFilter, count: usize) -> Vec<Task> {
    let (mut tasks, mut cursor) = (Vec::new(), None);
    while tasks.len() < count {
        let page = TaskFilter {
            limit: Some(150),
            cursor,
            ..filter.clone()
        };
        let page = operations::list(database, page).unwrap();
        tasks.extend(page.tasks);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    tasks.truncate(count);
    tasks
}

#[test]
fn tasks_that_come_after_all_others_are_found() {
    // All tasks in progress have the lowest priority, so none is among the first that a walk reads.
    let mut database = large(LIMITED);
    database.run(
        "insert into tasks (title, status, priority, category, tags, dependencies, created_at,
             updated_at, checksum)
         select title, 0, 3, 0, '', '', created_at, 0, 'x' from tasks;
         update tasks set priority = 0 where status = 1",
    );
    let filter = TaskFilter {
        status: Some(vec![Status::InProgress]),
        ..sorted(SortKey::Priority, Direction::Desc, all())
    };
    let page = operations::list(&mut database, filter).unwrap();
    assert_eq!(page.tasks.len(), 100);
    assert!(
        page.tasks
            .iter()
            .all(|task| task.status == Status::InProgress)
    );
    let newest = page.tasks.iter().map(|task| task.id).max();
    assert_eq!(newest, Some(11_999));
}
