//! The operations, called directly: what stands in the place of `transcode` and `runtime`.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use request::{Fault, Finished, Invocation, Logic, RouteIndex};
use runtime::{Call, Cost, Interruption};
use tasks::contract::types::Problem;
use tasks::operations;
use tasks::refusal::Refusal;
use transcode::{Input, Outcome, Rejection, Reply};

use crate::arguments::Arguments;
use crate::json;
use crate::platform::Native as Platform;

/// An operation that the twin serves.
#[derive(Debug, Clone, Copy)]
pub enum Operation {
    Get,
    List,
    Create,
    CreateBulk,
    Update,
    Delete,
    Summarize,
}

impl Operation {
    /// The operation that a route names. None: the twin does not serve it.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "tasks:api/tasks#get" => Some(Operation::Get),
            "tasks:api/tasks#list" => Some(Operation::List),
            "tasks:api/tasks#create" => Some(Operation::Create),
            "tasks:api/tasks#create-bulk" => Some(Operation::CreateBulk),
            "tasks:api/tasks#update" => Some(Operation::Update),
            "tasks:api/tasks#delete" => Some(Operation::Delete),
            "tasks:api/tasks#summarize" => Some(Operation::Summarize),
            _ => None,
        }
    }
}

/// The task logic, compiled in.
pub struct Native {
    /// One for each route of the description, in its order.
    pub operations: Vec<Operation>,
}

#[async_trait]
impl Logic for Native {
    fn prepare(
        &self,
        route: RouteIndex,
        input: &Input<'_>,
    ) -> Result<Box<dyn Invocation>, Rejection> {
        let arguments = Arguments::read(self.operations[route.0], input)?;
        Ok(Box::new(Prepared(arguments)))
    }

    fn alive(&self) -> bool {
        true
    }

    async fn health(&self, call: Call) -> Result<Result<Vec<(String, i64)>, String>, Interruption> {
        let mut platform = Platform::new(call)?;
        let figures = tasks::service::health(&mut platform);
        match platform.interruption {
            Some(interruption) => Err(interruption),
            None => Ok(figures),
        }
    }
}

struct Prepared(Arguments);

#[async_trait]
impl Invocation for Prepared {
    async fn run(&self, call: Call) -> Finished {
        let began = Instant::now();
        let mut platform = match Platform::new(call) {
            Ok(platform) => platform,
            Err(interruption) => {
                return Finished {
                    transaction: None,
                    outcome: Err(interruption),
                    cost: Cost::default(),
                };
            }
        };
        let result = self.0.call(&mut platform);
        // A statement that was interrupted reads as a failed one to the logic: the interruption
        // is the truth.
        let outcome = match (platform.interruption.take(), result) {
            (Some(interruption), _) => Err(interruption),
            (None, Ok(reply)) => Ok(Outcome::Reply(reply)),
            (None, Err(refusal)) => Ok(Outcome::Problem(problem(
                refusal.into_problem(&mut platform),
            ))),
        };
        Finished {
            outcome,
            cost: Cost {
                instantiation: Duration::ZERO,
                guest: began.elapsed().saturating_sub(platform.host_time),
                host: platform.host_time,
            },
            transaction: Some(platform.transaction),
        }
    }
}

impl Arguments {
    fn call(&self, platform: &mut Platform) -> Result<Reply, Refusal> {
        // The arguments are kept: after a conflict the operation runs again.
        match self {
            Arguments::Get(id) => {
                let task = operations::get(platform, *id)?;
                Ok(Reply {
                    body: Some(json::task(&task)),
                    etag: Some(task.checksum),
                    ..Reply::default()
                })
            }
            Arguments::List(filter) => {
                let page = operations::list(platform, (**filter).clone())?;
                Ok(Reply {
                    body: Some(json::list(&page.tasks)),
                    next: page.next,
                    ..Reply::default()
                })
            }
            Arguments::Create(draft) => {
                let task = operations::create(platform, (**draft).clone())?;
                Ok(Reply {
                    body: Some(json::task(&task)),
                    location: Some(format!("/tasks/{}", task.id)),
                    etag: Some(task.checksum),
                    ..Reply::default()
                })
            }
            Arguments::CreateBulk(drafts) => {
                let outcome = operations::create_bulk(platform, drafts.clone())?;
                Ok(Reply {
                    body: Some(json::bulk(&outcome)),
                    ..Reply::default()
                })
            }
            Arguments::Summarize => {
                let summary = operations::summarize(platform)?;
                Ok(Reply {
                    body: Some(json::summary(&summary)),
                    ..Reply::default()
                })
            }
            Arguments::Update(id, change) => {
                let task = operations::update(platform, *id, (**change).clone())?;
                Ok(Reply {
                    body: Some(json::task(&task)),
                    etag: Some(task.checksum),
                    ..Reply::default()
                })
            }
            Arguments::Delete(id) => {
                let deletion = operations::delete(platform, *id)?;
                Ok(Reply {
                    body: Some(json::deletion(&deletion)),
                    ..Reply::default()
                })
            }
        }
    }
}

/// A call that came without a transaction, which no request does.
pub fn without_transaction() -> Interruption {
    Fault::Trap("the call has no transaction".to_owned()).into()
}

fn problem(problem: Problem) -> contract::Problem {
    contract::Problem {
        status: problem.status,
        code: problem.code,
        title: problem.title,
        detail: problem.detail,
        errors: problem
            .errors
            .into_iter()
            .map(|error| contract::FieldError {
                pointer: error.pointer,
                detail: error.detail,
            })
            .collect(),
        extensions: problem.extensions,
    }
}
