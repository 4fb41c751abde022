//! Tests that every answer is bounded on the largest data that the API allows.

use tasks::contract::tasks::{Task, TaskDraft, TaskFilter, TaskUpdate};
use tasks::error::Error;
use tasks::{operations, simple};

use crate::database::{Database, all, change, dependent, draft};

/// A draft whose texts are as long as the rules allow, in memory and as JSON.
fn largest(dependencies: &[i64]) -> TaskDraft {
    TaskDraft {
        description: Some("\u{1}".repeat(1_000) + &"😀".repeat(1_000)),
        assignee: Some("😀".repeat(100)),
        tags: Some((0..10).map(|n| format!("{n}{}", "😀".repeat(49))).collect()),
        ..dependent(&"\u{1}".repeat(200), dependencies)
    }
    .with_visible_title()
}

trait Visible {
    fn with_visible_title(self) -> Self;
}

impl Visible for TaskDraft {
    /// Control characters alone would count as a blank title.
    fn with_visible_title(mut self) -> Self {
        self.title.replace_range(..3, "xyz");
        self
    }
}

/// The tasks that pages list, and the number of pages.
fn follow(database: &mut Database, filter: &TaskFilter) -> (Vec<i64>, usize) {
    let (mut ids, mut pages, mut cursor) = (Vec::new(), 0, None);
    loop {
        database.bytes = 0;
        let page = operations::list(
            database,
            TaskFilter {
                cursor,
                ..filter.clone()
            },
        )
        .unwrap();
        pages += 1;
        assert!(database.bytes < 32 << 20, "{} bytes read", database.bytes);
        assert!(json(&page.tasks) <= operations::PAGE_BYTES);
        ids.extend(page.tasks.iter().map(|task| task.id));
        cursor = page.next;
        if cursor.is_none() {
            return (ids, pages);
        }
    }
}

/// The size of texts and dependencies as JSON, or less.
fn json(tasks: &[Task]) -> usize {
    let escaped = |text: &str| -> usize {
        let size = |c: char| if c < ' ' { 6 } else { c.len_utf8() };
        text.chars().map(size).sum()
    };
    let size = |task: &Task| {
        let tags: usize = task.tags.iter().map(|tag| escaped(tag)).sum();
        escaped(&task.title)
            + escaped(task.description.as_deref().unwrap_or_default())
            + tags
            + task.dependencies.len() * 8
    };
    tasks.iter().map(size).sum()
}

#[test]
fn pages_of_the_largest_tasks_are_bounded_and_complete() {
    let mut database = Database::new();
    for _ in 0..10 {
        operations::create_bulk(&mut database, vec![largest(&[]); 100]).unwrap();
    }
    // A thousand dependencies of each, as text: their rows in the index would take a minute.
    let ids: Vec<String> = (1_000_001..1_001_001)
        .map(|id: i64| id.to_string())
        .collect();
    database.run(&format!(
        "update tasks set dependencies = '{}'",
        ids.join(" ")
    ));
    let newest_first: Vec<i64> = (1..=1_000).rev().collect();
    for limit in [100, 900, 1_000] {
        let filter = TaskFilter {
            limit: Some(limit),
            ..all()
        };
        let (ids, pages) = follow(&mut database, &filter);
        assert!(ids == newest_first, "limit {limit}");
        assert!(pages > 4, "{pages} pages");
    }

    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        database.bytes = 0;
        let page = simple::list(&mut database, cursor).unwrap();
        assert!(database.bytes < 32 << 20, "{} bytes read", database.bytes);
        ids.extend(
            page.tasks
                .iter()
                .map(|task| task.id.parse::<i64>().unwrap()),
        );
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert!(ids == newest_first);
    let wrong = simple::list(&mut database, Some("x".into())).unwrap_err();
    assert_eq!(wrong.into_simple_problem(&mut database).status, 400);
}

#[test]
fn a_list_of_contract_1_has_ten_thousand_ordinary_tasks() {
    let mut database = Database::new();
    for _ in 0..101 {
        let drafts = vec![draft("An ordinary task with a title"); 100];
        operations::create_bulk(&mut database, drafts).unwrap();
    }
    let page = simple::list(&mut database, None).unwrap();
    assert_eq!(page.tasks.len(), 10_000);
    let rest = simple::list(&mut database, page.next).unwrap();
    assert_eq!((rest.tasks.len(), rest.next), (100, None));
}

#[test]
fn figures_list_the_assignees_with_the_most_tasks() {
    let mut database = Database::new();
    database.run(
        "with recursive n (id) as (select 1 union all select id + 1 from n where id < 45000)
         insert into tasks (title, status, priority, category, assignee, estimated_hours, tags,
             dependencies, created_at, updated_at, completed_at, checksum)
         select 'Task', 2, 1, 1, 'person ' || id, 1.0, '', '', id, 0, id * 86400000000, '' from n",
    );
    for _ in 0..2 {
        database.create(TaskDraft {
            assignee: Some("zoe".into()),
            ..draft("More than one")
        });
    }
    let summary = operations::summarize(&mut database).unwrap();
    assert_eq!(summary.by_assignee.len(), 1_000);
    assert_eq!(summary.by_assignee[999], ("zoe".to_owned(), 2));
    assert!(summary.by_assignee.is_sorted());
    assert_eq!(summary.other_assignees, 45_002 - 999 - 2);
    assert_eq!(summary.total, 45_002);

    let figures = operations::measure_productivity(&mut database).unwrap();
    assert_eq!(figures.tasks_by_assignee.len(), 1_000);
    assert_eq!(figures.other_assignees.completed, 45_000 - 999);
    assert_eq!(figures.other_assignees.estimated_hours, 44_001.0);
    assert_eq!(figures.completion_trend.len(), 10_000);
    assert!(figures.completion_trend.is_sorted_by_key(|day| &day.date));
    assert_eq!(figures.completion_trend[9_999].date, "2093-03-16");
}

/// A task that others depend on.
fn needed_by(count: usize) -> Database {
    let mut database = Database::new();
    database.create(draft("Needed"));
    for _ in 0..count / 100 {
        operations::create_bulk(&mut database, vec![dependent("Waits", &[1]); 100]).unwrap();
    }
    database.events.clear();
    database
}

#[test]
fn a_task_that_ten_thousand_others_depend_on_is_deleted_with_one_event_for_all() {
    let mut database = needed_by(10_000);
    database.statements = 0;
    let deletion = operations::delete(&mut database, 1).unwrap();
    assert_eq!(deletion.affected_tasks, 10_000);
    assert!(
        database.statements < 10,
        "{} statements",
        database.statements
    );
    let kinds: Vec<&str> = database.events.iter().map(|event| &*event.kind).collect();
    assert_eq!(kinds, ["task.deleted", "tasks.updated"]);
    let event = &database.events[1];
    assert_eq!(event.subject, "1");
    let facts = [("affected_tasks".to_owned(), "10000".to_owned())];
    assert_eq!(event.attributes, facts);
    assert_eq!(
        database.integer(
            "select count(distinct id) from tasks
             where dependencies = '' and updated_at > 0 and length(checksum) = 16"
        ),
        10_000
    );
}

#[test]
fn a_task_that_too_many_others_depend_on_is_kept() {
    let mut database = needed_by(100);
    database.run(
        "with recursive n (id) as (select 102 union all select id + 1 from n where id < 20002)
         insert into tasks (id, title, status, priority, category, tags, dependencies, created_at,
             updated_at, checksum)
         select id, 'Waits', 0, 1, 1, '', '1', id, 0, '' from n;
         insert into task_dependencies select id, 1 from tasks where id > 101",
    );
    let error = operations::delete(&mut database, 1).unwrap_err();
    assert_eq!(error, Error::TooManyDependents(1));
    let problem = error.into_problem(&mut database);
    assert_eq!(
        (problem.status, &*problem.code),
        (409, "too-many-dependents")
    );
    operations::delete(&mut database, 20_002).unwrap();
    let deletion = operations::delete(&mut database, 1).unwrap();
    assert_eq!(deletion.affected_tasks, 20_000);
}

#[test]
fn a_chain_of_dependencies_is_followed_up_to_a_limit() {
    let mut database = Database::new();
    // Task n depends on task n - 1.
    database.run(
        "with recursive n (id) as (select 1 union all select id + 1 from n where id < 10003)
         insert into tasks (title, status, priority, category, tags, dependencies, created_at,
             updated_at, checksum)
         select 'Link', 0, 1, 1, '', iif(id > 1, id - 1, ''), id, 0, '' from n;
         insert into task_dependencies select id, id - 1 from tasks where id > 1",
    );
    let on = |ids: &[i64]| TaskUpdate {
        dependencies: Some(Some(ids.to_vec())),
        ..change()
    };
    database.create(draft("Last"));
    let cycle = operations::update(&mut database, 1, on(&[10_000])).unwrap_err();
    assert_eq!(cycle, Error::DependencyCycle(1));
    database.run("delete from task_dependencies where task_id = 1");
    operations::update(&mut database, 10_004, on(&[10_000])).unwrap();
    let error = operations::update(&mut database, 10_004, on(&[10_003])).unwrap_err();
    let problem = error.into_problem(&mut database);
    assert_eq!(
        (problem.status, &*problem.code),
        (409, "too-many-dependencies")
    );
}

#[test]
fn an_answer_reports_at_most_a_hundred_errors() {
    let mut database = Database::new();
    let missing: Vec<i64> = (1..=1_000).collect();
    let drafts = vec![dependent("Waits", &missing); 100];
    let Error::MissingDependencies(errors) =
        operations::create_bulk(&mut database, drafts).unwrap_err()
    else {
        panic!("expected missing dependencies")
    };
    assert_eq!(errors.len(), 100);
    assert_eq!(errors[99].pointer, "#/0/dependencies/99");
}
