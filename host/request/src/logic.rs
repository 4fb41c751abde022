//! What runs a request: the logic, called with arguments that were read before.
//!
//! [`Component`](super::Component) is the logic of a WebAssembly component. The benchmark's
//! native twin implements the same traits; everything around them is the same code.

use async_trait::async_trait;

use contract::RouteIndex;
use runtime::{Call, Cost, Interruption, Recording};
use storage::Transaction;
use transcode::{Input, InputError, Outcome};

/// One version of the logic.
#[async_trait]
pub trait Logic: Send + Sync + 'static {
    /// Reads a request's arguments for a route. Creates no instance and begins no transaction.
    ///
    /// # Errors
    /// Returns [`InputError`] if the request does not fit the operation.
    fn prepare(
        &self,
        route: RouteIndex,
        input: &Input<'_>,
    ) -> Result<Box<dyn Invocation>, InputError>;

    /// Whether the engine that runs the logic can still end a call at its deadline.
    fn alive(&self) -> bool;

    /// Returns the logic's figures for `GET /health`. The inner error is its reason for being
    /// unhealthy.
    ///
    /// # Errors
    /// Returns [`Interruption`] if the call was ended early.
    async fn health(&self, call: Call) -> Result<Result<Vec<(String, i64)>, String>, Interruption>;
}

/// An operation with its arguments. After a conflict the host runs it again, each time in a new
/// transaction.
#[async_trait]
pub trait Invocation: Send + Sync {
    /// Runs the operation in the call's transaction. Dropping the future rolls back.
    async fn run(&self, call: Call) -> Finished;
}

/// The result of running an operation.
pub struct Finished {
    /// The call's transaction, to be committed or dropped.
    pub transaction: Box<dyn Transaction>,
    /// A reply, a problem, or the reason why the call was ended early.
    pub outcome: Result<Outcome, Interruption>,
    /// What the call asked the host for. `None`: it was not recorded, so neither its answer nor its recording is kept.
    pub recording: Option<Box<Recording>>,
    /// The time that the call took.
    pub cost: Cost,
}
