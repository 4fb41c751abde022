//! Calls the operations directly. This replaces `transcode` and `runtime`.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use contract::RouteIndex;
use request::{Finished, Invocation, Logic};
use runtime::{Call, Cost, Interruption};
use tasks::contract::types::Problem;
use tasks::error::Error;
use tasks::operations;
use transcode::{Input, InputError, Outcome, Reply};

use crate::json;
use crate::operation::{Arguments, Operation};
use crate::platform::TwinPlatform;

/// The task logic, compiled in.
pub struct NativeLogic {
    /// One operation for each route of the description, in the same order.
    pub operations: Vec<Operation>,
}

#[async_trait]
impl Logic for NativeLogic {
    fn prepare(
        &self,
        route: RouteIndex,
        input: &Input<'_>,
    ) -> Result<Box<dyn Invocation>, InputError> {
        let arguments = Arguments::read(self.operations[route.get()], input)?;
        Ok(Box::new(Prepared(arguments)))
    }

    fn alive(&self) -> bool {
        true
    }

    async fn health(&self, call: Call) -> Result<Result<Vec<(String, i64)>, String>, Interruption> {
        let mut platform = TwinPlatform::new(call);
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
        let mut platform = TwinPlatform::new(call);
        let result = self.0.call(&mut platform);
        // The logic sees an interrupted statement as a failed one. The interruption is what counts.
        let outcome = match (platform.interruption.take(), result) {
            (Some(interruption), _) => Err(interruption),
            (None, Ok(reply)) => Ok(Outcome::Reply(reply)),
            (None, Err(error)) => Ok(Outcome::Problem(problem(error.into_problem(&mut platform)))),
        };
        Finished {
            outcome,
            cost: Cost {
                instantiation: Duration::ZERO,
                guest: began.elapsed().saturating_sub(platform.host_time),
                host: platform.host_time,
            },
            transaction: platform.transaction,
            recording: None,
        }
    }
}

impl Arguments {
    fn call(&self, platform: &mut TwinPlatform) -> Result<Reply, Error> {
        // The arguments are cloned, because the operation runs again after a conflict.
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
