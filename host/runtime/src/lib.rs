//! Runs WebAssembly components: compiles them, loads the code, and runs each call on a fresh
//! instance within limits.
//!
//! Three lifetimes:
//!
//! | what | lives for | type |
//! | --- | --- | --- |
//! | engine, instance pool, linker, ticker | the process | [`Runtime`] |
//! | a component, compiled and linked | as long as its revision is served | [`Program`], its functions as [`Export`] |
//! | a store with one instance | one call | [`Call`] goes in, [`Returned`] comes out |
//!
//! A component becomes a program in two steps. [`Compiler`] makes [`CompiledCode`] in a child
//! process, or [`CodeCache`] has the code from an earlier compilation, authenticated with a
//! [`CodeKey`]. [`Runtime::load`] then links the code. [`Runtime::call`] runs any export;
//! [`Runtime::describe`], [`assets`](Runtime::assets), [`check`](Runtime::check) and
//! [`health`](Runtime::health) run the functions of the platform's `service` interface.
//!
//! A call ends with a result or an [`Interruption`]. An interruption is either the logic's
//! [`Fault`] or an error of the database.
//!
//! This crate must not know HTTP or JSON: arguments and results are component values, or bytes in
//! the instance's memory that the caller reads (see [`ReturnValue::InMemory`]). The only JSON is in
//! the fields of log lines. It must not know any service's types either: exports are looked up by
//! name.

mod bindings;
mod cache;
mod cgroup;
mod clearing;
mod compiler;
mod debug_info;
mod description;
mod direct;
mod engine;
mod fault;
mod imports;
mod interfaces;
mod key;
mod limits;
mod lines;
mod load;
mod log_lines;
mod memory_first;
mod meters;
mod misfits;
mod program;
mod recording;
mod shape;
mod slot;
mod state;

use std::time::{Duration, Instant};

use wasmtime::Engine;
use wasmtime::component::Val;

pub use self::cache::CodeCache;
pub use self::clearing::{ClearMemory, Clearing, ClearingMode};
pub use self::compiler::{CompileError, CompiledCode, Compiler, compile_in_this_process};
pub use self::description::ContractViolation;
pub use self::fault::{Fault, Interruption, TimeLimit};
pub use self::key::CodeKey;
pub use self::limits::Limits;
pub use self::lines::Lines;
pub use self::load::LoadError;
pub use self::program::{Cost, Export, Program, ReturnValue, Returned};
pub use self::recording::{Asked, Heard, Record, Recording};
pub use self::slot::Slot;
pub use self::state::Call;
use self::state::State;
use contract::{Asset, Description};

/// The interface that every component exports, in the version that this host supports.
pub const SERVICE: &str = "task-host:platform/service@1.0.0";

/// If the ticker has not ticked for this long, it is dead and deadlines no longer work.
const TICKER_GRACE: Duration = Duration::from_secs(2);

/// The engine, its instance pool and its ticker. A process has one.
pub struct Runtime {
    engine: Engine,
    linkers: load::Linkers,
    limits: Limits,
    clearing: Clearing,
    ticker: engine::Ticker,
}

/// Why a call of a `service` function gave no usable value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ServiceError {
    /// The component does not export the function.
    #[error("the component does not export {SERVICE} with {0}")]
    Missing(&'static str),
    /// The call was interrupted.
    #[error("{0} failed: {1}")]
    Interrupted(&'static str, Interruption),
    /// The function returned a value that breaks the contract.
    #[error("{0} returned a value that breaks the contract: {1}")]
    Unreadable(&'static str, ContractViolation),
}

impl Runtime {
    /// Creates the engine, reserves the instance pool and starts the ticker. `clear_memory` says how
    /// the pool clears an instance's memory for the next one.
    ///
    /// # Errors
    /// Returns an error if the address space is too small for the pool.
    pub fn new(limits: Limits, clear_memory: ClearMemory) -> anyhow::Result<Self> {
        let clearing = Clearing::choose(clear_memory);
        let engine = engine::running(&limits, clearing.mode)?;
        Ok(Runtime {
            ticker: engine::Ticker::start(&engine)?,
            linkers: load::Linkers::new(&engine)?,
            engine,
            limits,
            clearing,
        })
    }

    /// Returns how memory is cleared. Reads from the kernel whether that is safe now.
    pub fn clearing(&self) -> Clearing {
        self.clearing.checked_again()
    }

    /// Returns the limits of every call.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns a short text that identifies the engine's configuration and version. Only code that
    /// was compiled with the same fingerprint runs here.
    pub fn fingerprint(&self) -> String {
        compiler::fingerprint(&self.engine)
    }

    /// Returns whether the ticker still ticks, so that deadlines work.
    pub fn alive(&self) -> bool {
        self.ticker.age() < TICKER_GRACE
    }

    /// Links compiled code.
    ///
    /// # Errors
    /// Returns a [`LoadError`] with the reason. Nothing stays loaded then.
    pub fn load(&self, code: &CompiledCode) -> Result<Program, LoadError> {
        load::load(&self.engine, &self.linkers, code)
    }

    /// Calls an export of a program on a fresh instance and passes its return value to `read`.
    ///
    /// The call's transaction always comes back in [`Returned`]: this function neither commits it
    /// nor rolls it back. If the future is dropped, the call ends and the transaction is rolled
    /// back.
    pub async fn call<T>(
        &self,
        program: &Program,
        export: &Export,
        arguments: &[Val],
        call: Call,
        read: impl FnOnce(ReturnValue<'_>) -> T + Send,
    ) -> Returned<T> {
        let state = State::new(call, &self.limits, self.ticker.call_started());
        let ended = program
            .call(&self.engine, &self.limits, state, export, arguments, read)
            .await;
        let (transaction, recording) = ended.state.into_parts();
        Returned {
            transaction,
            recording,
            result: ended.result,
            cost: ended.cost,
        }
    }

    /// Asks the component to describe itself. The call has no transaction: SQL and events trap, the
    /// clocks are at zero, and the random numbers are always the same. Its first log lines are added to
    /// `lines`.
    ///
    /// # Errors
    /// Returns any [`ServiceError`].
    pub async fn describe(
        &self,
        program: &Program,
        deadline: Instant,
        lines: &Lines,
    ) -> Result<Description, ServiceError> {
        let asked = self.ask_pure(program, "describe", deadline, lines);
        let value = asked.await?;
        description::description(&value)
            .map_err(|error| ServiceError::Unreadable("describe", error))
    }

    /// Asks the component for the files of its web UI. The call has no transaction, as in
    /// [`Runtime::describe`].
    ///
    /// # Errors
    /// Returns any [`ServiceError`].
    pub async fn assets(
        &self,
        program: &Program,
        deadline: Instant,
        lines: &Lines,
    ) -> Result<Vec<Asset>, ServiceError> {
        let value = self.ask_pure(program, "assets", deadline, lines).await?;
        description::assets(&value).map_err(|error| ServiceError::Unreadable("assets", error))
    }

    /// Runs the component's self-test and rolls its transaction back. The inner error is the
    /// component's reason why it is not fit to serve.
    ///
    /// # Errors
    /// Returns any [`ServiceError`].
    pub async fn check(
        &self,
        program: &Program,
        call: Call,
    ) -> Result<Result<(), String>, ServiceError> {
        let value = self.ask(program, "check", call).await?;
        description::checked(&value).map_err(|error| ServiceError::Unreadable("check", error))
    }

    /// Asks the component for its health figures and rolls the transaction back. The inner error is
    /// the component's reason why it is unhealthy.
    ///
    /// # Errors
    /// Returns any [`ServiceError`].
    pub async fn health(
        &self,
        program: &Program,
        call: Call,
    ) -> Result<Result<Vec<(String, i64)>, String>, ServiceError> {
        let value = self.ask(program, "health", call).await?;
        description::figures(&value).map_err(|error| ServiceError::Unreadable("health", error))
    }

    /// Calls a `service` function in a transaction that is rolled back.
    async fn ask(
        &self,
        program: &Program,
        function: &'static str,
        call: Call,
    ) -> Result<Val, ServiceError> {
        let export = service_export(program, function)?;
        let returned = self.call(program, &export, &[], call, value_of).await;
        drop(returned.transaction);
        service_value(function, returned.result)
    }

    /// Calls a `service` function without a transaction.
    async fn ask_pure(
        &self,
        program: &Program,
        function: &'static str,
        deadline: Instant,
        lines: &Lines,
    ) -> Result<Val, ServiceError> {
        let export = service_export(program, function)?;
        let state = State::pure(deadline, lines, &self.limits, self.ticker.call_started());
        let ended = program
            .call(&self.engine, &self.limits, state, &export, &[], value_of)
            .await;
        service_value(function, ended.result)
    }
}

fn service_export(program: &Program, function: &'static str) -> Result<Export, ServiceError> {
    let export = program.export(SERVICE, function);
    export.ok_or(ServiceError::Missing(function))
}

fn value_of(returned: ReturnValue<'_>) -> Option<Val> {
    match returned {
        ReturnValue::Value(value) => Some(value),
        ReturnValue::Nothing | ReturnValue::InMemory { .. } => None,
    }
}

/// The value of a `service` function. A function without a result is another function than the
/// contract's, so it counts as missing.
fn service_value(
    function: &'static str,
    result: Result<Option<Val>, Interruption>,
) -> Result<Val, ServiceError> {
    match result {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(ServiceError::Missing(function)),
        Err(interruption) => Err(ServiceError::Interrupted(function, interruption)),
    }
}
