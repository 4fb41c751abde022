//! The component's exports: the contract's functions, implemented with the host's imports.

use crate::bindings::exports::task_host::platform::service::Guest as Service;
use crate::bindings::exports::tasks::api::{simple_tasks, tasks};
use crate::contract::service::{Asset, Description};
use crate::contract::simple_tasks::{
    SimpleDeletion, SimpleDraft, SimplePage, SimpleTask, SimpleUpdate,
};
use crate::contract::tasks::{
    BulkOutcome, Deletion, Productivity, RecountProgress, ReindexProgress, Summary, Task,
    TaskChange, TaskCount, TaskDraft, TaskFilter, TaskPage, TaskUpdate,
};
use crate::contract::types::Problem;
use crate::error::Error;
use crate::{operations, service, simple};
use task_host_sdk::platform::Host;

crate::bindings::export!(Logic with_types_in crate::bindings);
task_host_sdk::arena!();

fn problem(error: Error) -> Problem {
    error.into_problem(&mut Host)
}

fn simple_problem(error: Error) -> Problem {
    error.into_simple_problem(&mut Host)
}

/// The implementation of the exported interfaces.
struct Logic;

#[task_host_sdk::operations]
impl Service for Logic {
    fn describe() -> Description {
        service::describe()
    }

    fn assets() -> Vec<Asset> {
        service::assets()
    }

    fn check() -> Result<(), String> {
        service::check(&mut Host)
    }

    fn health() -> Result<Vec<(String, i64)>, String> {
        service::health(&mut Host)
    }
}

#[task_host_sdk::operations]
impl tasks::Guest for Logic {
    fn create(draft: TaskDraft) -> Result<Task, Problem> {
        operations::create(&mut Host, draft).map_err(problem)
    }

    fn create_bulk(drafts: Vec<TaskDraft>) -> Result<BulkOutcome, Problem> {
        operations::create_bulk(&mut Host, drafts).map_err(problem)
    }

    fn list(filter: TaskFilter) -> Result<TaskPage, Problem> {
        operations::list(&mut Host, filter).map_err(problem)
    }

    fn count(filter: TaskFilter) -> Result<TaskCount, Problem> {
        operations::count(&mut Host, filter).map_err(problem)
    }

    fn get(id: i64) -> Result<Task, Problem> {
        operations::get(&mut Host, id).map_err(problem)
    }

    fn update(id: i64, change: TaskUpdate) -> Result<Task, Problem> {
        operations::update(&mut Host, id, change).map_err(problem)
    }

    fn delete(id: i64) -> Result<Deletion, Problem> {
        operations::delete(&mut Host, id).map_err(problem)
    }

    fn restore(id: i64) -> Result<Task, Problem> {
        operations::restore(&mut Host, id).map_err(problem)
    }

    fn list_changes(id: i64) -> Result<Vec<TaskChange>, Problem> {
        operations::changes(&mut Host, id).map_err(problem)
    }

    fn summarize() -> Result<Summary, Problem> {
        operations::summarize(&mut Host).map_err(problem)
    }

    fn recount() -> Result<RecountProgress, Problem> {
        operations::recount(&mut Host).map_err(problem)
    }

    fn reindex() -> Result<ReindexProgress, Problem> {
        operations::reindex(&mut Host).map_err(problem)
    }

    fn measure_productivity() -> Result<Productivity, Problem> {
        operations::measure_productivity(&mut Host).map_err(problem)
    }
}

#[task_host_sdk::operations]
impl simple_tasks::Guest for Logic {
    fn list(cursor: Option<String>) -> Result<SimplePage, Problem> {
        simple::list(&mut Host, cursor).map_err(simple_problem)
    }

    fn create(draft: SimpleDraft) -> Result<SimpleTask, Problem> {
        simple::create(&mut Host, draft).map_err(simple_problem)
    }

    fn get(id: String) -> Result<SimpleTask, Problem> {
        simple::get(&mut Host, &id).map_err(simple_problem)
    }

    fn update(id: String, change: SimpleUpdate) -> Result<SimpleTask, Problem> {
        simple::update(&mut Host, &id, change).map_err(simple_problem)
    }

    fn delete(id: String) -> Result<SimpleDeletion, Problem> {
        simple::delete(&mut Host, &id).map_err(simple_problem)
    }
}
