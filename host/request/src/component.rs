//! The logic of a WebAssembly component. For each request: JSON to WIT values, a call on a fresh
//! instance, WIT values to JSON.

use std::sync::Arc;

use async_trait::async_trait;

use super::logic::{Finished, Invocation, Logic};
use contract::RouteIndex;
use runtime::{
    Call, Export, Fault, Interruption, Program, ReturnValue, Runtime, ServiceError, TimeLimit,
};
use transcode::{AnswerLimits, Input, InputError, Memory, Operation, ResultError, Val};

/// A compiled component with the operations of its routes.
pub struct Component {
    runtime: Arc<Runtime>,
    program: Arc<Program>,
    /// One for each route of the description, in the same order.
    operations: Vec<Arc<Bound>>,
}

/// An operation and the exported function that implements it.
struct Bound {
    operation: Operation,
    export: Export,
}

impl Component {
    /// Binds operations, in the order of the description's routes, to the exports of a program.
    ///
    /// # Errors
    /// Returns [`MissingExport`] if the program does not export an operation.
    pub fn new(
        runtime: Arc<Runtime>,
        program: Program,
        operations: Vec<Operation>,
    ) -> Result<Self, MissingExport> {
        let (mut bound, mut missing) = (Vec::new(), Vec::new());
        for operation in operations {
            let (interface, function) = (operation.interface(), operation.function());
            match program.operation(interface, function) {
                Some(export) => bound.push(Arc::new(Bound { operation, export })),
                None => missing.push(format!("{interface}#{function}")),
            }
        }
        if !missing.is_empty() {
            return Err(MissingExport(missing));
        }
        Ok(Component {
            runtime,
            program: Arc::new(program),
            operations: bound,
        })
    }
}

/// Operations that are in the component's types but not among the exports of its compiled code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the compiled component does not export {}", .0.join(", "))]
pub struct MissingExport(Vec<String>);

#[async_trait]
impl Logic for Component {
    fn prepare(
        &self,
        route: RouteIndex,
        input: &Input<'_>,
    ) -> Result<Box<dyn Invocation>, InputError> {
        let bound = self.operations[route.get()].clone();
        Ok(Box::new(ComponentCall {
            // During the call the arguments exist twice, here and in the instance.
            arguments: bound.operation.read(&Input {
                limit_bytes: self.runtime.limits().memory_bytes / 2,
                ..*input
            })?,
            bound,
            runtime: self.runtime.clone(),
            program: self.program.clone(),
        }))
    }

    fn alive(&self) -> bool {
        self.runtime.alive()
    }

    async fn health(&self, call: Call) -> Result<Result<Vec<(String, i64)>, String>, Interruption> {
        match self.runtime.health(&self.program, call).await {
            Ok(figures) => Ok(figures),
            Err(ServiceError::Interrupted(_, interruption)) => Err(interruption),
            Err(error) => Err(Fault::Value(error.to_string()).into()),
        }
    }
}

/// An operation of a component with its arguments.
struct ComponentCall {
    runtime: Arc<Runtime>,
    program: Arc<Program>,
    bound: Arc<Bound>,
    arguments: Vec<Val>,
}

#[async_trait]
impl Invocation for ComponentCall {
    async fn run(&self, call: Call) -> Finished {
        let Bound { operation, export } = &*self.bound;
        let limits = self.runtime.limits();
        let of_answer = AnswerLimits {
            bytes: limits.answer_bytes,
            deadline: call.deadline,
        };
        let write = |returned: ReturnValue<'_>| match returned {
            ReturnValue::Nothing => Err(Fault::Value("nothing".into())),
            ReturnValue::Value(value) => operation.write(&value, of_answer).map_err(fault_of),
            ReturnValue::InMemory { memory, address } => {
                let mut memory = Memory::new(memory, limits.handover_bytes);
                operation
                    .write_in(&mut memory, address, of_answer)
                    .map_err(fault_of)
            }
        };
        let returned = self
            .runtime
            .call(&self.program, export, &self.arguments, call, write)
            .await;
        Finished {
            transaction: returned.transaction,
            outcome: returned.result.and_then(|outcome| Ok(outcome?)),
            recording: returned.recording,
            cost: returned.cost,
        }
    }
}

/// The fault of logic that returned an unreadable result.
fn fault_of(error: ResultError) -> Fault {
    match error {
        ResultError::Value(reason) => Fault::Value(reason),
        ResultError::Abi(reason) => Fault::Trap(reason.to_owned()),
        ResultError::TooLarge => Fault::Handover,
        ResultError::AnswerTooLarge => Fault::Answer,
        ResultError::Deadline => Fault::Deadline(TimeLimit::Call),
    }
}
