//! Tests that the sums follow the tasks, whoever writes, and also while they are counted.

use tasks::contract::tasks::{
    Category, Priority, Productivity, Status, Summary, TaskDraft, TaskUpdate,
};
use tasks::{operations, service};

use crate::database::{Database, START, at, change, draft};
use crate::numbers::Numbers;

type Figures = (Summary, Productivity);

fn figures(database: &mut Database) -> Figures {
    let summary = operations::summarize(database).unwrap();
    (summary, operations::measure_productivity(database).unwrap())
}

/// Runs the self-test and rolls back, as the host does.
fn check(database: &mut Database) -> Result<(), String> {
    database.run("begin");
    let checked = service::check(database);
    database.run("rollback");
    checked
}

/// Returns the figures as they are counted from all tasks while the sums are not complete.
fn counted(database: &mut Database) -> Figures {
    database.run(
        "create table saved as select * from task_sums_state; delete from task_sums_state;
         insert into task_sums_state values (1, 0, 9223372036854775807)",
    );
    let figures = figures(database);
    database.run(
        "delete from task_sums_state; insert into task_sums_state select * from saved;
         drop table saved",
    );
    figures
}

#[track_caller]
fn assert_agreement(database: &mut Database) {
    assert_eq!(
        database.integer("select count(*) from task_sums_state where counted_to < counting_to"),
        0
    );
    let counted = counted(database);
    assert_eq!(figures(database), counted);
    let total = counted.0.total as i64;
    assert_eq!(service::health(database).unwrap()[0].1, total);
}

fn any_draft(numbers: &mut Numbers) -> TaskDraft {
    let names = ["ada", "bob", "unassigned", "zoe"].map(str::to_owned);
    TaskDraft {
        priority: numbers.one_of(&[Priority::Low, Priority::High]),
        category: numbers
            .one_of(&[Category::Bugfix, Category::Feature])
            .unwrap_or(Category::Testing),
        assignee: numbers.one_of(&names),
        estimated_hours: numbers.one_of(&[0.1, 1.0 / 3.0, 1000.0, 0.0]),
        due_at: numbers.one_of(&[at(START - 90_000), at(START + 100), at(START + 900_000)]),
        ..draft("Counted")
    }
}

fn any_change(numbers: &mut Numbers) -> TaskUpdate {
    let statuses = [
        Status::Pending,
        Status::InProgress,
        Status::Completed,
        Status::Cancelled,
    ];
    let draft = any_draft(numbers);
    let hours = numbers.one_of(&[0.2, 2.0 / 3.0]);
    TaskUpdate {
        title: numbers.sometimes(Some("Changed".to_owned())),
        status: numbers.one_of(&statuses).map(Some),
        priority: draft.priority.map(Some),
        category: numbers.sometimes(Some(draft.category)),
        assignee: numbers.sometimes(draft.assignee),
        estimated_hours: numbers.sometimes(draft.estimated_hours),
        actual_hours: numbers.sometimes(hours),
        due_at: numbers.sometimes(draft.due_at),
        ..change()
    }
}

/// Creates, changes and deletes tasks, over some days.
fn write(database: &mut Database, numbers: &mut Numbers, times: u64) {
    for _ in 0..times {
        let ids = database.integer("select coalesce(max(id), 0) from tasks") as u64;
        let id = numbers.below(ids + 1) as i64;
        database.seconds += numbers.below(20_000);
        match numbers.below(4) {
            0 => {
                let drafts = (0..numbers.below(4)).map(|_| any_draft(numbers));
                operations::create_bulk(database, drafts.collect()).unwrap();
            }
            1 => drop(operations::delete(database, id)),
            _ if database.integer(&format!("select count(*) from tasks where id = {id}")) == 1 => {
                drop(database.update(id, any_change(numbers)));
            }
            _ => drop(database.create(any_draft(numbers))),
        }
    }
}

#[test]
fn the_sums_are_what_counting_all_tasks_gives() {
    let (mut database, mut numbers) = (Database::new(), Numbers(5));
    for _ in 0..20 {
        write(&mut database, &mut numbers, 40);
        assert_agreement(&mut database);
    }
    let folded = database.integer("select sum(tasks) from task_sums where kind = 0");
    assert!(folded > 0, "no shares were moved");
    let shares = database.integer("select count(*) from task_changes");
    assert!(shares < 500, "{shares} shares are left");
}

#[test]
fn figures_read_sums_and_not_tasks() {
    let (mut database, mut numbers) = (Database::new(), Numbers(5));
    write(&mut database, &mut numbers, 1);
    for _ in 0..20 {
        let drafts = (0..100).map(|_| any_draft(&mut numbers)).collect();
        operations::create_bulk(&mut database, drafts).unwrap();
    }
    operations::recount(&mut database).unwrap();
    let before = database.scanned();
    figures(&mut database);
    service::health(&mut database).unwrap();
    let scanned = database.scanned() - before;
    assert!(scanned < 200, "{scanned} rows");
}

/// A database whose tasks are older than the sums, and another generator of numbers.
fn upgraded() -> (Database, Numbers) {
    let (mut database, mut numbers) = (Database::before_sums(), Numbers(11));
    for _ in 0..300 {
        let draft = any_draft(&mut numbers);
        let [priority, category] = [
            draft.priority.unwrap_or(Priority::Medium) as i64,
            draft.category as i64,
        ];
        let status = numbers.below(5);
        let assignee = draft
            .assignee
            .map_or("null".into(), |name| format!("'{name}'"));
        let hours = draft
            .estimated_hours
            .map_or("null".into(), |hours| format!("{hours:?}"));
        database.run(&format!(
            "insert into tasks (title, status, priority, category, assignee, estimated_hours, tags,
                 dependencies, due_at, created_at, updated_at, completed_at, checksum)
             values ('Old', {status}, {priority}, {category}, {assignee}, {hours}, '', '', \
                 iif({status} < 2, {START} * 1000000, null), 1, 0, iif({status} = 2, 86400000000, null), '')"
        ));
    }
    for migration in &service::describe().migrations[1..] {
        database.run(&migration.sqlite);
    }
    (database, numbers)
}

#[test]
fn until_old_tasks_are_counted_figures_are_read_from_the_tasks() {
    let (mut database, _) = upgraded();
    assert_eq!(figures(&mut database).0.total, 300);
    assert_eq!(service::health(&mut database).unwrap()[0].1, 300);
    assert_eq!(check(&mut database), Ok(()));
    let progress = operations::recount(&mut database).unwrap();
    assert_eq!((progress.complete, progress.remaining_ids), (true, 0));
    assert_agreement(&mut database);
    assert_eq!(check(&mut database), Ok(()));
}

#[test]
fn old_tasks_are_counted_in_steps_while_others_write() {
    let (mut database, mut numbers) = upgraded();
    write(&mut database, &mut numbers, 30);
    // As if the steps had fewer ids: the count goes on from where the state says.
    operations::recount(&mut database).unwrap();
    for counted_to in [0, 50, 120, 250] {
        database.run(&format!(
            "delete from task_changes; delete from task_sums;
             update task_sums_state set counted_to = {counted_to}, epoch = epoch + 1;
             insert into task_changes select s.epoch, 1, status, priority, category, assignee,
                 cast(estimated_hours * 1000000 + 0.5 as integer),
                 cast(actual_hours * 1000000 + 0.5 as integer), completed_at / 86400000000,
                 iif(status in (0, 1, 3), due_at / 86400000000, null)
             from tasks join task_sums_state as s on id <= counted_to or id > counting_to"
        ));
        // No write counts old tasks at this time.
        database.nanoseconds = 123_466_789;
        write(&mut database, &mut numbers, 40);
        let progress = operations::recount(&mut database).unwrap();
        assert!(progress.complete);
        assert_agreement(&mut database);
    }
}

#[test]
fn writes_count_old_tasks_by_themselves() {
    let (mut database, mut numbers) = upgraded();
    write(&mut database, &mut numbers, 200);
    assert_agreement(&mut database);
}

#[test]
fn the_self_test_finds_sums_that_differ_from_the_tasks_and_a_recount_repairs_them() {
    let (mut database, mut numbers) = (Database::new(), Numbers(3));
    write(&mut database, &mut numbers, 60);
    assert_eq!(check(&mut database), Ok(()));
    database.run("update task_sums set tasks = tasks + 1");
    let reason = check(&mut database).unwrap_err();
    assert!(reason.contains("/tasks/stats/recount"), "{reason}");
    assert!(operations::recount(&mut database).unwrap().complete);
    assert_agreement(&mut database);
    assert_eq!(check(&mut database), Ok(()));
}

#[test]
fn a_task_is_overdue_from_the_microsecond_after_its_due_time() {
    let mut database = Database::new();
    for seconds in [START - 1, START, START + 5] {
        database.create(TaskDraft {
            due_at: Some(at(seconds)),
            ..draft("Due")
        });
    }
    for (seconds, overdue) in [(START - 2, 0), (START, 2), (START + 4, 2), (START + 5, 3)] {
        // The clock of the tests is at a fraction of a second.
        database.seconds = seconds;
        let summary = operations::summarize(&mut database).unwrap();
        assert_eq!(summary.overdue_tasks, overdue, "{seconds}");
    }
}
