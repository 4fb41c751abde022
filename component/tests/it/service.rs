//! Tests what the logic provides to the host about itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tasks::contract::service::{Access, Method};
use tasks::contract::tasks::Category;
use tasks::contract::tasks::TaskDraft;
use tasks::{operations, service};

use crate::database::{Database, draft};

#[test]
fn both_contracts_have_routes() {
    let description = service::describe();
    assert_eq!(description.name, "Task Management API");
    assert_eq!(description.routes.len(), 19);
    for route in &description.routes {
        assert_eq!(
            route.access == Access::Read,
            route.method == Method::Get,
            "{}",
            route.path
        );
        let created = route.method == Method::Post
            && !["/bulk", "/recount", "/reindex", "/restore"]
                .iter()
                .any(|end| route.path.ends_with(end));
        assert_eq!(
            route.success,
            if created { 201 } else { 200 },
            "{}",
            route.path
        );
        assert_eq!(route.location.is_some(), created, "{}", route.path);
    }
}

#[test]
fn the_self_test_passes_on_the_migrated_schema() {
    let mut database = Database::new();
    // The host also rolls the transaction back.
    database.run("begin");
    assert_eq!(service::check(&mut database), Ok(()));
    database.run("rollback");
    database.create(TaskDraft {
        category: Category::Testing,
        ..draft("Write the parser")
    });
    assert_eq!(service::check(&mut database), Ok(()));
}

#[test]
fn the_self_test_is_as_fast_with_many_tasks() {
    let mut database = Database::new();
    database.run(
        "with recursive n (id) as (select 1 union all select id + 1 from n where id < 2000)
         insert into tasks (title, status, priority, category, tags, dependencies, created_at,
             updated_at, checksum)
         select 'Task ' || id, 0, id % 4, id % 6, '', '', id, 0, '' from n",
    );
    operations::recount(&mut database).unwrap();
    let before = database.scanned();
    assert_eq!(service::check(&mut database), Ok(()));
    let scanned = database.scanned() - before;
    assert!(scanned < 200, "{scanned} rows");
}

#[test]
fn the_self_test_reports_what_failed() {
    let mut database = Database::new();
    database.run("drop table task_dependencies");
    let reason = service::check(&mut database).unwrap_err();
    assert_eq!(reason, "bulk: no such table: task_dependencies");
}

#[test]
fn health_counts_the_tasks() {
    let mut database = Database::new();
    database.create(draft("Write the parser"));
    assert_eq!(
        service::health(&mut database),
        Ok(vec![("total_tasks".to_owned(), 1)])
    );
    database.run("drop table task_sums");
    assert!(
        service::health(&mut database)
            .unwrap_err()
            .contains("no such table")
    );
}

#[test]
fn every_file_of_the_web_ui_is_served_at_its_own_path() {
    fn walk(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                let path = path.strip_prefix(root).unwrap().to_str().unwrap();
                found.insert(format!("/{path}"));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
    let mut expected = BTreeSet::new();
    walk(&root, &root, &mut expected);
    expected.retain(|path| {
        [".css", ".html", ".js", ".svg", ".webmanifest"]
            .iter()
            .any(|end| path.ends_with(end))
    });
    expected.remove("/index.html");
    expected.insert("/".to_owned());

    let served: BTreeSet<String> = service::assets()
        .into_iter()
        .map(|file| file.path)
        .collect();
    assert_eq!(served, expected);
}
