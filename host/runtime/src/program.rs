//! One component, compiled and linked: what a call is made on.
//!
//! An instance lives for one call. Export handles belong to the program that they were looked up
//! in and never outlive it.

use std::time::{Duration, Instant};

use tracing::{Instrument as _, trace_span};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Val, WasmList};
use wasmtime::{Engine, Store, WasmBacktrace};

use super::direct;
use super::engine::Ticker;
use super::fault::{Fault, Interruption};
use super::limits::Limits;
use super::state::{Call, State};
use contract::DETAIL;
use storage::Transaction;

/// Ticks before a call is first interrupted. After one, a call that began just before it would give
/// way at once; two let everything shorter than a tick run through.
pub(super) const FIRST_TICKS: u64 = 2;

/// A component that is compiled and linked, and can be called any number of times at once.
pub struct Program {
    instance: InstancePre<State>,
    component: Component,
}

/// A function that a program exports. Only for the program that it came from.
#[derive(Debug, Clone, Copy)]
pub struct Export {
    function: ComponentExportIndex,
    /// Whether it has a result. No function has more than one.
    answers: bool,
    /// What gives a view of the memory, where the function returns its result's address.
    view: Option<ComponentExportIndex>,
}

/// What a function answered.
pub enum Answer<'a> {
    /// It has no result.
    Nothing,
    /// The result.
    Value(Val),
    /// Where the result lies, and in what.
    Memory {
        /// All of the instance's memory.
        bytes: &'a [u8],
        /// The result's place in it.
        address: usize,
    },
}

/// What a call came to.
pub struct Returned<T> {
    /// The transaction of the call, to be committed or dropped.
    pub transaction: Option<Box<dyn Transaction>>,
    /// What was read from the function's answer.
    pub result: Result<T, Interruption>,
    /// What the call took.
    pub cost: Cost,
}

/// What a call took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// Making the instance, a part of `guest`.
    pub instantiation: Duration,
    /// From instantiation to the end of the call, less the time in host functions.
    pub guest: Duration,
    /// In host functions.
    pub host: Duration,
}

impl Program {
    pub(super) fn new(instance: InstancePre<State>, component: Component) -> Self {
        Program {
            instance,
            component,
        }
    }

    /// Looks an exported function up. `interface` with its version, `function` as in WIT.
    pub fn export(&self, interface: &str, function: &str) -> Option<Export> {
        let instance = self.component.get_export_index(None, interface)?;
        let (item, function) = self.component.get_export(Some(&instance), function)?;
        let ComponentItem::ComponentFunc(ty) = item else {
            return None;
        };
        Some(Export {
            function,
            answers: ty.results().len() > 0,
            view: None,
        })
    }

    /// Looks an exported function up, to have its answer in memory where that is possible.
    pub fn operation(&self, interface: &str, function: &str) -> Option<Export> {
        let plain = self.export(interface, function)?;
        let direct = self.export(&direct::beside(interface), function);
        let view = self.export(direct::MEMORY.0, direct::MEMORY.1);
        Some(match (direct, view) {
            (Some(direct), Some(view)) => Export {
                view: Some(view.function),
                ..direct
            },
            _ => plain,
        })
    }

    /// Calls an export on a fresh instance. Dropping the future ends the call and drops the
    /// transaction.
    #[expect(
        clippy::too_many_arguments,
        reason = "three are what the runtime has for every call"
    )]
    pub(super) async fn call<T>(
        &self,
        engine: &Engine,
        limits: &Limits,
        ticker: &Ticker,
        export: Export,
        arguments: &[Val],
        call: Call,
        read: impl FnOnce(Answer<'_>) -> T + Send,
    ) -> Returned<T> {
        let began = Instant::now();
        let mut store = Store::new(engine, State::new(call, limits, ticker.run()));
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(limits.handover_bytes);
        store.set_epoch_deadline(FIRST_TICKS);
        store.epoch_deadline_callback(|mut store| store.data_mut().tick());
        let mut instantiation = Duration::ZERO;
        let result = self
            .run(&mut store, export, arguments, &mut instantiation)
            .await;
        let elapsed = began.elapsed();
        let reads = trace_span!(target: DETAIL, "result");
        let result = result.map(|answer| reads.in_scope(|| read(answer.of(&store))));
        let state = store.into_data();
        if state.log_lines_dropped > 0 {
            let _entered = state.span.enter();
            tracing::warn!(
                dropped = state.log_lines_dropped,
                "the logic wrote more log lines than a request may"
            );
        }
        Returned {
            result: result.map_err(classify),
            cost: Cost {
                instantiation,
                guest: elapsed.saturating_sub(state.host_time),
                host: state.host_time,
            },
            transaction: state.transaction,
        }
    }

    async fn run(
        &self,
        store: &mut Store<State>,
        export: Export,
        arguments: &[Val],
        instantiation: &mut Duration,
    ) -> wasmtime::Result<Place> {
        let began = Instant::now();
        let makes = trace_span!(target: DETAIL, "instantiate");
        let instance = self.instance.instantiate_async(&mut *store);
        let instance = instance.instrument(makes).await?;
        *instantiation = began.elapsed();
        let function = instance
            .get_func(&mut *store, export.function)
            .ok_or_else(|| wasmtime::format_err!("the export belongs to another component"))?;
        let mut results = [Val::Bool(false)];
        function
            .call_async(
                &mut *store,
                arguments,
                &mut results[..export.answers.into()],
            )
            .await?;
        let [result] = results;
        Ok(match (export.view, result) {
            _ if !export.answers => Place::Nothing,
            (Some(view), Val::U32(address)) => {
                // A view of the memory is not handed over; what is read in it is counted there.
                store.set_hostcall_fuel(usize::MAX);
                let view = instance.get_typed_func::<(), (WasmList<u8>,)>(&mut *store, view)?;
                let (bytes,) = view.call_async(&mut *store, ()).await?;
                Place::Memory {
                    bytes,
                    address: address as usize,
                }
            }
            (_, value) => Place::Value(value),
        })
    }
}

/// Where an answer is, as long as the store lives.
enum Place {
    Nothing,
    Value(Val),
    Memory { bytes: WasmList<u8>, address: usize },
}

impl Place {
    fn of(self, store: &Store<State>) -> Answer<'_> {
        match self {
            Place::Nothing => Answer::Nothing,
            Place::Value(value) => Answer::Value(value),
            Place::Memory { bytes, address } => Answer::Memory {
                bytes: bytes.as_le_slice(store),
                address,
            },
        }
    }
}

/// Tells what ended a call: an interruption of ours keeps its kind, all else is a trap.
fn classify(error: wasmtime::Error) -> Interruption {
    if let Some(interruption) = error.downcast_ref::<Interruption>() {
        return interruption.clone();
    }
    // The type of this error is private to wasmtime; a test holds its text in place.
    if format!("{}", error.root_cause()).contains("hostcalls has been exhausted") {
        return Fault::Handover.into();
    }
    // The cause, then where in the guest. Wasmtime's own text would put the host's stack between
    // them where RUST_BACKTRACE is set.
    let text = match error.downcast_ref::<WasmBacktrace>() {
        Some(frames) => format!("{}\n{frames}", error.root_cause()),
        None => format!("{error:#}"),
    };
    Fault::Trap(text).into()
}
