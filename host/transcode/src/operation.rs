//! One route bound to its function: the plan by which requests become arguments, and results
//! become answers.
//!
//! All that can be decided is decided in [`Operation::bind`], against the function's real
//! signature; reading and writing only follow the plan.
//!
//! How parameters bind, in this order:
//! 1. `{name}` in the path takes the function parameter of that name, a scalar.
//! 2. On GET and DELETE everything else comes from the query: a record field by field, each
//!    field under its own name, any other parameter under its own.
//! 3. On POST, PUT and PATCH one remaining parameter takes the body, whatever its type. Of
//!    several, exactly one must be of a type that no query can hold (a record, a list of
//!    records, …): it takes the body, and the others come from the query.
//!
//! A query holds scalars, lists of scalars, and options of either.

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
use super::interface::{Function, Interface};
use super::layout::{Memory, Unreadable};
use super::types::{Record, Type};
use contract::{Method, Route};

/// A route and the function behind it.
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
        /// A scalar.
        ty: Type,
    },
    /// One query parameter.
    Query(QueryParam),
    /// A record whose fields are query parameters, in the fields' order.
    QueryRecord {
        /// The record.
        record: Arc<Record>,
        /// One for each field.
        fields: Vec<QueryParam>,
    },
    /// The body.
    Body {
        /// Any type.
        ty: Type,
    },
}

impl Operation {
    /// Binds a route to the function that it names.
    ///
    /// # Errors
    /// [`BindError`]: the first thing that does not fit, with the route and the item named.
    pub fn bind(interface: &Interface, route: &Route) -> Result<Operation, BindError> {
        bind::bind(interface, route).map_err(|fault| BindError {
            route: format!("{} {}", route.method, route.path),
            fault,
        })
    }

    /// The route.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// The export that holds the function, exactly as the component names it.
    pub fn interface(&self) -> &str {
        &self.function.interface.name
    }

    /// The function's name in [`Operation::interface`].
    pub fn function(&self) -> &str {
        &self.function.name
    }

    /// The function's arguments from a request.
    ///
    /// # Errors
    /// [`InputError`]: no instance need be made.
    pub fn read(&self, input: &Input<'_>) -> Result<Vec<Val>, InputError> {
        read::arguments(self, input)
    }

    /// The answer from what the function returned.
    ///
    /// # Errors
    /// What in the result has no JSON form, in words: the logic's fault.
    pub fn write(&self, result: &Val) -> Result<Outcome, String> {
        self.reply.outcome(result)
    }

    /// As [`Operation::write`], from the memory in which the result lies at an address.
    ///
    /// # Errors
    /// Every [`Unreadable`].
    pub fn write_in(&self, memory: &mut Memory<'_>, address: usize) -> Result<Outcome, Unreadable> {
        self.reply.outcome_in(memory, address)
    }

    /// The media types that the operation's body may have, in words; for a header, too.
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
