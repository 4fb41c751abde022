//! An operation: one route bound to its function. It is the plan by which requests become arguments
//! and results become outcomes.
//!
//! Everything that can be decided in advance is decided in [`Operation::bind`], against the
//! function's actual signature. Reading and writing only follow the plan.
//!
//! Parameters are bound in this order:
//! 1. `{name}` in the path is the function parameter with that name, which must be a scalar.
//! 2. On GET and DELETE all other parameters come from the query. A record comes field by field,
//!    each field under its own name; any other parameter comes under its own name.
//! 3. On POST, PUT and PATCH, if one parameter remains, it is the body, whatever its type. If
//!    several remain, exactly one must have a type that a query cannot hold (a record, a list of
//!    records, …): it is the body, and the others come from the query.
//!
//! A query can hold scalars, lists of scalars, and options of either.

mod bind;
mod error;
mod query;
mod read;
mod reply;

use std::sync::Arc;

use wasmtime::component::Val;

pub use self::error::{BindError, BindFault};
pub(super) use self::query::QueryParam;
pub use self::read::{Input, InputError};
use self::reply::ReplyPlan;
pub use self::reply::{Outcome, Reply};
use super::buffer::AnswerLimits;
use super::constraint::Constraints;
use super::interface::{Function, Interface};
use super::layout::{Memory, ResultError};
use super::size::{ApiSize, MAX_ROUTES};
use super::types::{Record, Type};
use contract::{Method, Route};

/// A route with the function that it calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    route: Route,
    function: Arc<Function>,
    /// Where each of the function's parameters comes from, in their order.
    sources: Vec<Source>,
    reply: ReplyPlan,
}

/// Where a function's parameter comes from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    /// A segment of the path.
    Path {
        /// The name as the path template writes it.
        name: String,
        /// A scalar type.
        ty: Type,
        /// What the value must be like.
        constraints: Option<Arc<Constraints>>,
    },
    /// One query parameter.
    Query(QueryParam),
    /// A record whose fields are query parameters, in the fields' order.
    QueryRecord {
        /// The record.
        record: Arc<Record>,
        /// One parameter for each field.
        fields: Vec<QueryParam>,
    },
    /// The body.
    Body {
        /// Any type.
        ty: Type,
        /// What the value must be like.
        constraints: Option<Arc<Constraints>>,
    },
}

/// The largest number of errors that [`Operation::bind_all`] finds.
const MAX_BIND_ERRORS: usize = 50;

impl Operation {
    /// Binds a route to the function that it names.
    ///
    /// # Errors
    /// Returns a [`BindError`] for the first mismatch. It names the route and the item.
    pub fn bind(interface: &Interface, route: &Route) -> Result<Operation, BindError> {
        bind::bind(interface, route).map_err(|fault| fault.on(route))
    }

    /// Binds all routes of an API to the functions that they name.
    ///
    /// # Errors
    /// Returns a [`BindError`] for each route that cannot be bound, and for the first one with which
    /// the API is larger than an API may be. After 50 errors it stops.
    pub fn bind_all(
        interface: &Interface,
        routes: &[Route],
    ) -> Result<Vec<Operation>, Vec<BindError>> {
        let mut size = ApiSize::default();
        let mut operations = Vec::new();
        let mut errors = Vec::new();
        for (number, route) in routes.iter().enumerate() {
            if errors.len() == MAX_BIND_ERRORS {
                break;
            }
            // Nothing is bound beyond these limits: it could take any time.
            if number == MAX_ROUTES {
                errors.push(BindFault::TooManyRoutes.on(route));
                break;
            }
            let operation = match Operation::bind(interface, route) {
                Ok(operation) => operation,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            let function = &operation.function;
            if let Ok(signature) = &function.signature
                && !size.add(function, signature)
            {
                errors.push(BindFault::TypesTooLarge.on(route));
                break;
            }
            operations.push(operation);
        }
        match errors.is_empty() {
            true => Ok(operations),
            false => Err(errors),
        }
    }

    /// Returns the route.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// Returns the name of the interface that exports the function, exactly as in the component.
    pub fn interface(&self) -> &str {
        &self.function.interface.name
    }

    /// Returns the function's name in [`Operation::interface`].
    pub fn function(&self) -> &str {
        &self.function.name
    }

    /// Reads the function's arguments from a request.
    ///
    /// # Errors
    /// Returns an [`InputError`] if the request does not fit the function's types.
    pub fn read(&self, input: &Input<'_>) -> Result<Vec<Val>, InputError> {
        read::arguments(self, input)
    }

    /// Converts the function's result, a value that wasmtime lifted.
    ///
    /// # Errors
    /// Returns any [`ResultError`] but [`ResultError::Abi`] and [`ResultError::TooLarge`].
    pub fn write(&self, result: &Val, limits: AnswerLimits) -> Result<Outcome, ResultError> {
        self.reply.outcome(result, limits)
    }

    /// Converts the function's result like [`Operation::write`], but reads it in the instance's
    /// memory at an address. Neither the address nor the memory has to be valid.
    ///
    /// # Errors
    /// Returns any [`ResultError`].
    pub fn write_in(
        &self,
        memory: &mut Memory<'_>,
        address: usize,
        limits: AnswerLimits,
    ) -> Result<Outcome, ResultError> {
        self.reply.outcome_in(memory, address, limits)
    }

    /// Returns the media types that the operation's body may have, comma-separated. The text is
    /// used in messages and in a header.
    pub(super) fn media_types(&self) -> &'static str {
        match self.route.method {
            Method::Put | Method::Patch => "application/json, application/merge-patch+json",
            Method::Get | Method::Post | Method::Delete => "application/json",
        }
    }

    pub(super) fn declaration(&self) -> &Arc<Function> {
        &self.function
    }

    pub(super) fn sources(&self) -> &[Source] {
        &self.sources
    }

    pub(super) fn reply(&self) -> &ReplyPlan {
        &self.reply
    }
}
