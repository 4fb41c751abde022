//! Runs components: the engine and its pool, compiled programs, one call, what it may import.
//!
//! Three lifetimes: the [`Runtime`] lives as long as the process, a [`Program`] as long as its
//! revision is served, an instance for one call.

mod bindings;
mod cache;
mod compiler;
mod description;
mod direct;
mod engine;
mod fault;
mod imports;
mod key;
mod limits;
mod load;
mod program;
mod state;

use std::time::{Duration, Instant};

use wasmtime::Engine;
use wasmtime::component::{Linker, Val};

pub use self::cache::CodeCache;
pub use self::compiler::{CompileError, CompiledCode, Compiler, compile_in_this_process};
pub use self::description::Unreadable;
pub use self::fault::{Fault, Interruption};
pub use self::key::CodeKey;
pub use self::limits::Limits;
pub use self::load::LoadError;
pub use self::program::{Answer, Cost, Export, Program, Returned};
pub use self::state::Call;
use contract::{Asset, Description};
use storage::{Dialect, Transaction};

/// The interface that every component exports, at the version that this host speaks.
pub const SERVICE: &str = "task-host:platform/service@1.0.0";

/// A ticker that has not ticked for this long is dead: deadlines no longer work.
const TICKER_GRACE: Duration = Duration::from_secs(2);

/// The engine, its pool and its ticker: one for the process.
pub struct Runtime {
    engine: Engine,
    linker: Linker<state::State>,
    limits: Limits,
    ticker: engine::Ticker,
}

/// Why a call that reads what a component says of itself came to nothing.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ServiceError {
    /// The component does not export the function.
    #[error("the component does not export {SERVICE} with {0}")]
    Missing(&'static str),
    /// The call was ended.
    #[error("{0} failed: {1}")]
    Interrupted(&'static str, Interruption),
    /// What it returned is not what the contract says.
    #[error("{0} returned something else than the contract says: {1}")]
    Unreadable(&'static str, Unreadable),
}

impl Runtime {
    /// Reserves the pool and starts the ticker.
    ///
    /// # Errors
    /// When the address space does not hold the pool.
    pub fn new(limits: Limits) -> anyhow::Result<Self> {
        let engine = engine::running(&limits)?;
        let mut linker = Linker::new(&engine);
        imports::define(&mut linker)?;
        Ok(Runtime {
            ticker: engine::Ticker::start(&engine)?,
            engine,
            linker,
            limits,
        })
    }

    /// What a call may use.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What compiled code must have been made with to run here, as a short text.
    pub fn fingerprint(&self) -> String {
        compiler::fingerprint(&self.engine)
    }

    /// Whether the ticker ticks, so that deadlines work.
    pub fn alive(&self) -> bool {
        self.ticker.age() < TICKER_GRACE
    }

    /// Links compiled code.
    ///
    /// # Errors
    /// [`LoadError`], each variant with the reason; nothing stays behind.
    pub fn load(&self, code: &CompiledCode) -> Result<Program, LoadError> {
        load::load(&self.engine, &self.linker, code)
    }

    /// Calls an export of a program on a fresh instance, and reads its answer. Dropping the future
    /// ends the call and rolls its transaction back.
    pub async fn call<T>(
        &self,
        program: &Program,
        export: Export,
        arguments: &[Val],
        call: Call,
        read: impl FnOnce(Answer<'_>) -> T + Send,
    ) -> Returned<T> {
        let (engine, limits) = (&self.engine, &self.limits);
        program
            .call(engine, limits, &self.ticker, export, arguments, call, read)
            .await
    }

    /// What the component says of itself.
    ///
    /// # Errors
    /// Every [`ServiceError`].
    pub async fn describe(
        &self,
        program: &Program,
        deadline: Instant,
    ) -> Result<Description, ServiceError> {
        let value = self.ask(program, "describe", pure_call(deadline)).await.0?;
        description::description(&value)
            .map_err(|error| ServiceError::Unreadable("describe", error))
    }

    /// The files of the component's web UI.
    ///
    /// # Errors
    /// Every [`ServiceError`].
    pub async fn assets(
        &self,
        program: &Program,
        deadline: Instant,
    ) -> Result<Vec<Asset>, ServiceError> {
        let value = self.ask(program, "assets", pure_call(deadline)).await.0?;
        description::assets(&value).map_err(|error| ServiceError::Unreadable("assets", error))
    }

    /// Runs the component's self-test. The inner error is the component's reason.
    ///
    /// # Errors
    /// Every [`ServiceError`].
    pub async fn check(
        &self,
        program: &Program,
        call: Call,
    ) -> Result<(Option<Box<dyn Transaction>>, Result<(), String>), ServiceError> {
        let (value, transaction) = self.ask(program, "check", call).await;
        let checked = description::checked(&value?)
            .map_err(|error| ServiceError::Unreadable("check", error))?;
        Ok((transaction, checked))
    }

    /// Asks the component for the figures of its health.
    ///
    /// # Errors
    /// Every [`ServiceError`].
    pub async fn health(
        &self,
        program: &Program,
        call: Call,
    ) -> Result<Result<Vec<(String, i64)>, String>, ServiceError> {
        let (value, _) = self.ask(program, "health", call).await;
        description::figures(&value?).map_err(|error| ServiceError::Unreadable("health", error))
    }

    async fn ask(
        &self,
        program: &Program,
        function: &'static str,
        call: Call,
    ) -> (Result<Val, ServiceError>, Option<Box<dyn Transaction>>) {
        let Some(export) = program.export(SERVICE, function) else {
            return (Err(ServiceError::Missing(function)), None);
        };
        let value = |answer: Answer<'_>| match answer {
            Answer::Value(value) => Some(value),
            Answer::Nothing | Answer::Memory { .. } => None,
        };
        let returned = self.call(program, export, &[], call, value).await;
        let value = match returned.result {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(ServiceError::Missing(function)),
            Err(interruption) => Err(ServiceError::Interrupted(function, interruption)),
        };
        (value, returned.transaction)
    }
}

fn pure_call(deadline: Instant) -> Call {
    Call {
        transaction: None,
        dialect: Dialect::Sqlite,
        now: Duration::ZERO,
        seed: None,
        deadline,
        span: tracing::Span::current(),
    }
}
