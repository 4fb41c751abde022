//! The operations that the twin serves, and their arguments, read from a request.

use tasks::contract::tasks::{TaskDraft, TaskFilter, TaskUpdate};
use transcode::{Input, InputError};

use crate::filter;
use crate::values::{Draft, Update, body, id};

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
    /// Returns the operation that a route names, or `None` if the twin does not serve it.
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

/// An operation with its arguments.
pub enum Arguments {
    Get(i64),
    List(Box<TaskFilter>),
    Create(Box<TaskDraft>),
    CreateBulk(Vec<TaskDraft>),
    Update(i64, Box<TaskUpdate>),
    Delete(i64),
    Summarize,
}

impl Arguments {
    /// Reads the arguments of an operation from a request.
    ///
    /// # Errors
    /// Returns [`InputError`] if the request does not fit the operation.
    pub fn read(operation: Operation, input: &Input<'_>) -> Result<Self, InputError> {
        Ok(match operation {
            Operation::Get => Arguments::Get(id(input)?),
            Operation::Delete => Arguments::Delete(id(input)?),
            Operation::List => {
                Arguments::List(Box::new(filter::read(input.query.unwrap_or_default())?))
            }
            Operation::Create => Arguments::Create(Box::new(body::<Draft>(input, false)?.0)),
            Operation::CreateBulk => {
                let drafts = body::<Vec<Draft>>(input, false)?;
                Arguments::CreateBulk(drafts.into_iter().map(|draft| draft.0).collect())
            }
            Operation::Summarize => Arguments::Summarize,
            Operation::Update => {
                Arguments::Update(id(input)?, Box::new(body::<Update>(input, true)?.into()))
            }
        })
    }
}
