//! The self-test that the host runs on the migrated schema before the logic is activated.
//!
//! It runs every kind of statement once, next to the tasks that exist, and the host rolls it back. It
//! counts its own tasks only: counting all tasks can take longer than the host waits, and no other
//! request can write in the meantime. The self-test proves that the SQL matches the schema, that the
//! sums follow the tasks, and, on a sample, that they agree with the tasks that exist. The rules have
//! their own tests.

use crate::contract::tasks::{Category, Priority, Status, Task, TaskDraft, TaskFilter, TaskUpdate};
use crate::domain::timestamp;
use crate::error::Error;
use crate::operations;
use crate::platform::Platform;
use crate::store;
use crate::store::figures::{Group, Source, counted, sums};
use crate::store::terms;

/// A word and a tag that no other task has.
const MARK: &str = "selftest7f3a9c51";

/// Creates, finds, changes, counts and deletes tasks of its own.
///
/// # Errors
/// Returns a sentence that says which step failed, and how.
pub fn check(platform: &mut impl Platform) -> Result<(), String> {
    let before = step("sums", Source::Sums.groups(platform))?;
    let first = step(
        "create",
        operations::create(platform, draft("first", Vec::new())),
    )?;
    let bulk = vec![
        draft("second", vec![first.id]),
        draft("third", vec![first.id]),
    ];
    let bulk = step("bulk", operations::create_bulk(platform, bulk))?;

    let read = step("get", operations::get(platform, first.id))?;
    require(
        read == first,
        "a task that was read differs from the task that was created",
    )?;
    let page = step("list", operations::list(platform, filter(1, None)))?;
    require(
        page.tasks.len() == 1 && page.next.is_some(),
        "the first page does not have one task and a next page",
    )?;
    let rest = step(
        "next page",
        operations::list(platform, filter(10, page.next)),
    )?;
    require(
        rest.tasks.len() == 2,
        "search and filters do not find the tasks that were created",
    )?;

    step("merge the terms", terms::merge(platform))?;
    step("index earlier tasks", terms::reindex(platform, 1))?;
    let found = step("search", operations::list(platform, filter(10, None)))?;
    require(
        found.tasks.len() == 3,
        "search does not find the tasks after their terms were moved into the index",
    )?;

    let needed = TaskFilter {
        depends_on: Some(first.id),
        ..filter(1, None)
    };
    let count = step("count", operations::count(platform, needed))?;
    require(
        count.total == 2,
        "a count does not find the tasks that depend on another",
    )?;

    let updated = step(
        "update",
        operations::update(platform, first.id, completion()),
    )?;
    require(
        updated.completed_at.is_some() && updated.checksum != first.checksum,
        "completing a task did not change its completion time or its checksum",
    )?;
    let cycle = operations::update(platform, first.id, dependency(bulk.task_ids[0]));
    require(
        matches!(cycle, Err(Error::DependencyCycle(_))),
        "a dependency cycle was not detected",
    )?;
    step(
        "undo the cycle",
        operations::update(platform, first.id, no_dependencies()),
    )?;

    let summary = step(
        "summary",
        operations::summarize_from(platform, Source::Tasks(Some(first.id))),
    )?;
    require(
        summary.total == 3,
        "the summary does not count the tasks that were created",
    )?;
    let own = Source::Tasks(Some(first.id));
    let productivity = operations::measure_productivity_from(platform, own);
    let trend = step("productivity", productivity)?.completion_trend;
    require(
        trend.iter().map(|day| day.completed).sum::<u64>() == 1,
        "the productivity does not count the task that was completed",
    )?;

    sums_follow(platform, first.id, &before)?;

    let deletion = step("delete", operations::delete(platform, first.id))?;
    require(
        deletion.affected_tasks == 2,
        "deleting a task did not remove it from the dependencies of others",
    )?;
    let gone = operations::get(platform, first.id);
    require(
        matches!(gone, Err(Error::TaskNotFound(_))),
        "a deleted task can still be read",
    )?;
    restores(platform, &updated, &bulk.task_ids)
}

/// Checks that a deleted task can be restored with the tasks that depended on it, and that the changes of all
/// of them are kept until the task is removed for good.
fn restores(
    platform: &mut impl Platform,
    deleted: &Task,
    dependents: &[i64],
) -> Result<(), String> {
    let id = deleted.id;
    let restored = step("restore", operations::restore(platform, id))?;
    require(
        (&restored.title, restored.status) == (&deleted.title, deleted.status),
        "a restored task differs from the task that was deleted",
    )?;
    for dependent in dependents {
        let dependent = step("get", operations::get(platform, *dependent))?;
        require(
            dependent.dependencies == [id],
            "restoring a task did not add it to the dependencies of others",
        )?;
    }
    step("prune", store::history::prune(platform, id))?;
    let changes = step("changes", operations::changes(platform, id))?;
    require(
        changes
            .iter()
            .any(|change| change.after.status == Some(Some(Status::Completed))),
        "completing a task is not among its changes",
    )?;
    step("delete", operations::delete(platform, id))?;
    let now = timestamp::micros(platform.now());
    step("purge", store::deleted::purge(platform, now))?;
    step("purge", store::deleted::remove_for_good(platform, &[id]))?;
    let gone = operations::restore(platform, id);
    require(
        matches!(gone, Err(Error::NotRestorable(_))),
        "a task that was removed for good can be restored",
    )
}

/// Number of assignees whose sums are compared with their tasks.
const SAMPLES: i64 = 5;

/// They have at most this many tasks.
const SAMPLE_TASKS: i64 = 100;

/// Checks that the sums have changed as the tasks have, since they were `before`. The tasks are those whose
/// id is at least `first`.
fn sums_follow(platform: &mut impl Platform, first: i64, before: &[Group]) -> Result<(), String> {
    let state = step("sums", sums::state(platform))?;
    step("sums", operations::summarize_from(platform, Source::Sums))?;
    let productivity = operations::measure_productivity_from(platform, Source::Sums);
    step("sums", productivity)?;
    let after = step("sums", Source::Sums.groups(platform))?;
    step("fold", sums::fold(platform))?;
    let folded = step("sums", Source::Sums.groups(platform))?;
    require(folded == after, "moving the shares changed the sums")?;
    if state.is_none_or(|state| state.has_begun()) {
        let own = step("summary", Source::Tasks(Some(first)).groups(platform))?;
        require(
            differences(before, &after) == own,
            "the sums do not follow the tasks",
        )?;
    }
    if state.is_none_or(|state| state.is_complete()) {
        for sample in step("sums", sums::sample(platform, SAMPLE_TASKS, SAMPLES))? {
            let counted = step("sums", counted::of_assignee(platform, &sample.name))?;
            require(
                counted == sample.work,
                "the sums differ from the tasks; POST /tasks/stats/recount counts the tasks again",
            )?;
        }
    }
    Ok(())
}

/// Returns what was added to each group.
fn differences(before: &[Group], after: &[Group]) -> Vec<Group> {
    let added = after.iter().map(|group| {
        let same = |other: &&Group| {
            other.status == group.status
                && other.priority == group.priority
                && other.category == group.category
        };
        let mut added = group.clone();
        if let Some(before) = before.iter().find(same) {
            added.count -= before.count;
            added.estimates -= before.estimates;
            added.estimated -= before.estimated;
            added.actuals -= before.actuals;
            added.actual -= before.actual;
        }
        added
    });
    added.filter(|group| group.count > 0).collect()
}

fn step<T>(name: &str, result: Result<T, Error>) -> Result<T, String> {
    result.map_err(|error| match error {
        Error::Database(failure) => format!("{name}: {}", failure.detail),
        Error::Corrupt(what) => format!("{name}: {what}"),
        _ => format!("{name}: a valid request failed"),
    })
}

fn require(condition: bool, message: &str) -> Result<(), String> {
    if condition {
        Ok(())
    } else {
        Err(message.to_owned())
    }
}

fn draft(name: &str, dependencies: Vec<i64>) -> TaskDraft {
    TaskDraft {
        title: format!("Self-test: {name}"),
        description: Some(format!("Rolled back. {MARK}")),
        priority: Some(Priority::High),
        category: Category::Testing,
        assignee: Some(MARK.to_owned()),
        estimated_hours: Some(1.5),
        tags: Some(vec![MARK.to_owned()]),
        dependencies: Some(dependencies),
        due_at: None,
    }
}

fn filter(limit: i64, cursor: Option<String>) -> TaskFilter {
    TaskFilter {
        status: Some(vec![Status::Pending, Status::Blocked]),
        priority: Some(Priority::High),
        category: Some(Category::Testing),
        assignee: Some(MARK.to_owned()),
        unassigned: None,
        depends_on: None,
        tags: Some(vec![MARK.to_owned()]),
        due_before: None,
        due_after: None,
        overdue: None,
        q: Some(format!("SELF test {}", &MARK[..12])),
        sort_by: None,
        order: None,
        limit: Some(limit),
        offset: None,
        cursor,
    }
}

const NO_CHANGE: TaskUpdate = TaskUpdate {
    title: None,
    description: None,
    status: None,
    priority: None,
    category: None,
    assignee: None,
    estimated_hours: None,
    actual_hours: None,
    tags: None,
    dependencies: None,
    due_at: None,
};

fn completion() -> TaskUpdate {
    TaskUpdate {
        title: Some(Some("Self-test: completed".to_owned())),
        status: Some(Some(Status::Completed)),
        actual_hours: Some(Some(2.0)),
        tags: Some(None),
        ..NO_CHANGE
    }
}

fn dependency(id: i64) -> TaskUpdate {
    TaskUpdate {
        dependencies: Some(Some(vec![id])),
        ..NO_CHANGE
    }
}

fn no_dependencies() -> TaskUpdate {
    TaskUpdate {
        dependencies: Some(None),
        ..NO_CHANGE
    }
}
