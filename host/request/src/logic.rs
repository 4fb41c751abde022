//! What answers a request: logic, called on arguments that were read before.
//!
//! [`Component`](super::Component) is the logic of a WebAssembly component. The benchmark's
//! native twin is the other implementation; everything around them is the same.

use async_trait::async_trait;

use contract::RouteIndex;
use runtime::{Call, Cost, Interruption};
use storage::Transaction;
use transcode::{Input, InputError, Outcome};

/// One version of the logic.
#[async_trait]
pub trait Logic: Send + Sync + 'static {
    /// Reads the arguments for a route of the description from a request. No instance is made and
    /// no transaction is begun.
    ///
    /// # Errors
    /// [`InputError`]: what the client sent does not fit the operation.
    fn prepare(
        &self,
        route: RouteIndex,
        input: &Input<'_>,
    ) -> Result<Box<dyn Invocation>, InputError>;

    /// Whether what runs the logic can still end a call at its deadline.
    fn alive(&self) -> bool;

    /// The logic's figures for `GET /health`; the inner error is its reason to be unhealthy.
    ///
    /// # Errors
    /// [`Interruption`]: the call was ended.
    async fn health(&self, call: Call) -> Result<Result<Vec<(String, i64)>, String>, Interruption>;
}

/// An operation with its arguments. It may run more than once, each time in a transaction of
/// its own: after a conflict the host runs it again.
#[async_trait]
pub trait Invocation: Send + Sync {
    /// Runs the operation in the call's transaction. Dropping the future rolls back.
    async fn run(&self, call: Call) -> Finished;
}

/// What an operation came to.
pub struct Finished {
    /// The call's transaction, to be committed or dropped.
    pub transaction: Box<dyn Transaction>,
    /// A reply, a problem, or what ended the call.
    pub outcome: Result<Outcome, Interruption>,
    /// What it took.
    pub cost: Cost,
}
