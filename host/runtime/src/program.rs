//! A program: one component, compiled and linked, and how an export of it is called.
//!
//! Every call gets an instance of its own. An [`Export`] belongs to the program in which it was
//! looked up and must not outlive it.
//!
//! A function's result reaches the caller in one of two ways. wasmtime can lift it into a [`Val`],
//! which owns every string and every field's name. Or, if the compiler added a direct variant of
//! the function (see [`direct`]), the caller gets the instance's memory and the address of the
//! result, and reads only what it needs. The second way is much faster for large results.

use std::time::{Duration, Instant};

use tracing::{Instrument as _, trace_span, warn};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Val, WasmList};
use wasmtime::{CallHook, Engine, Store, WasmBacktrace};

use super::debug_info::DebugInfo;
use super::direct;
use super::fault::{Fault, Interruption};
use super::limits::Limits;
use super::recording::Recording;
use super::state::State;
use contract::DETAIL;
use contract::text::escaped;
use storage::Transaction;

/// Number of ticks before a call is first interrupted. With one tick, a call that begins just
/// before the next tick would yield at once. With two, every call that is shorter than a tick runs
/// through.
const FIRST_TICKS: u64 = 2;

/// A component that is compiled and linked. It can be called any number of times concurrently.
pub struct Program {
    instance: InstancePre<State>,
    component: Component,
    /// The source lines for backtraces. `None`: nobody wants them.
    debug_info: Option<DebugInfo>,
}

/// A function that a program exports. It can be called only on the program that it came from.
#[derive(Debug, Clone, Copy)]
pub struct Export {
    function: ComponentExportIndex,
    /// Whether the function has a result. It has at most one.
    has_result: bool,
    /// The function that returns a view of the instance's memory, if this export is a direct one:
    /// its result is then the address of the actual result in that memory.
    memory_view: Option<ComponentExportIndex>,
}

/// What a function returned.
pub enum ReturnValue<'a> {
    /// The function has no result.
    Nothing,
    /// The result, lifted by wasmtime.
    Value(Val),
    /// The result lies in the instance's memory, laid out by the canonical ABI. The guest wrote all
    /// of it, so neither the address nor the bytes can be trusted.
    InMemory {
        /// All of the instance's memory.
        memory: &'a [u8],
        /// The address of the result in the memory.
        address: usize,
    },
}

/// A call that has ended.
pub struct Returned<T> {
    /// The call's transaction, to be committed or dropped.
    pub transaction: Box<dyn Transaction>,
    /// The call's recording, if one was ordered.
    pub recording: Option<Box<Recording>>,
    /// What the caller made of the return value, or what interrupted the call.
    pub result: Result<T, Interruption>,
    /// The time that the call took.
    pub cost: Cost,
}

/// The time that a call took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// Creating the instance. Included in `guest`.
    pub instantiation: Duration,
    /// From instantiation to the end of the call, without the time in host functions.
    pub guest: Duration,
    /// Time in host functions.
    pub host: Duration,
}

/// A call that has ended, with its state.
pub(super) struct Ended<T> {
    pub(super) state: State,
    pub(super) result: Result<T, Interruption>,
    pub(super) cost: Cost,
}

impl Program {
    pub(super) fn new(instance: InstancePre<State>, component: Component) -> Self {
        Program {
            instance,
            component,
            debug_info: None,
        }
    }

    /// Keeps the component's debug information, so that backtraces have source lines. The log then also
    /// says where the logic was when a limit ended a call. `component` is what the program was
    /// compiled from.
    pub fn keep_debug_info(&mut self, component: &[u8]) {
        self.debug_info = Some(DebugInfo::read(component));
    }

    /// Looks up an exported function. `interface` is the interface's name with its version,
    /// `function` the function's name in WIT.
    pub fn export(&self, interface: &str, function: &str) -> Option<Export> {
        let instance = self.component.get_export_index(None, interface)?;
        let (item, function) = self.component.get_export(Some(&instance), function)?;
        let ComponentItem::ComponentFunc(ty) = item else {
            return None;
        };
        Some(Export {
            function,
            has_result: ty.results().len() > 0,
            memory_view: None,
        })
    }

    /// Looks up an exported function like [`Program::export`]. If the function has a direct
    /// variant, returns that one: its result is then [`ReturnValue::InMemory`].
    pub fn operation(&self, interface: &str, function: &str) -> Option<Export> {
        let plain = self.export(interface, function)?;
        let direct = self.export(&direct::interface_of(interface), function);
        let view = self.export(direct::MEMORY_VIEW.interface, direct::MEMORY_VIEW.function);
        Some(match (direct, view) {
            (Some(direct), Some(view)) => Export {
                memory_view: Some(view.function),
                ..direct
            },
            _ => plain,
        })
    }

    /// Calls an export on a fresh instance. If the future is dropped, the call ends and its state
    /// is dropped.
    pub(super) async fn call<T>(
        &self,
        engine: &Engine,
        limits: &Limits,
        state: State,
        export: Export,
        arguments: &[Val],
        read: impl FnOnce(ReturnValue<'_>) -> T + Send,
    ) -> Ended<T> {
        let began = Instant::now();
        let mut store = Store::new(engine, state);
        store.limiter(|state| &mut state.memory);
        store.call_hook(|mut store, hook| {
            if let CallHook::ReturningFromHost = hook {
                store.data_mut().memory.release();
            }
            Ok(())
        });
        store.set_hostcall_fuel(limits.handover_bytes);
        store.set_epoch_deadline(FIRST_TICKS);
        store.epoch_deadline_callback(|mut store| store.data_mut().tick());
        let mut instantiation = Duration::ZERO;
        let result = self
            .run(&mut store, export, arguments, &mut instantiation)
            .await;
        let elapsed = began.elapsed();
        let reading = trace_span!(target: DETAIL, "result");
        let result = result.map(|returned| reading.in_scope(|| read(returned.resolve(&store))));
        let state = store.into_data();
        Ended {
            result: result.map_err(|error| self.interruption_of(&error, &state)),
            cost: Cost {
                instantiation,
                guest: elapsed.saturating_sub(state.host_time),
                host: state.host_time,
            },
            state,
        }
    }

    /// Finds out what ended a call. With debug information the log says where the logic was when a limit
    /// ended it; the text of a trap has that anyway.
    fn interruption_of(&self, error: &wasmtime::Error, state: &State) -> Interruption {
        let debug_info = self.debug_info.as_ref();
        let interruption = interruption_of(error, debug_info);
        if let Interruption::Fault(fault) = &interruption
            && !matches!(fault, Fault::Trap(_))
            && let Some(debug_info) = debug_info
            && let Some(frames) = error.downcast_ref::<WasmBacktrace>()
        {
            let _entered = state.log.span().entered();
            let place = printable(&debug_info.trace(frames));
            warn!("the logic was here ({}):\n{place}", fault.code());
        }
        interruption
    }

    async fn run(
        &self,
        store: &mut Store<State>,
        export: Export,
        arguments: &[Val],
        instantiation: &mut Duration,
    ) -> wasmtime::Result<RawReturnValue> {
        let began = Instant::now();
        let instantiating = trace_span!(target: DETAIL, "instantiate");
        let instance = self.instance.instantiate_async(&mut *store);
        let instance = instance.instrument(instantiating).await?;
        *instantiation = began.elapsed();
        let function = instance
            .get_func(&mut *store, export.function)
            .ok_or_else(|| wasmtime::format_err!("the export belongs to another component"))?;
        let mut results = [Val::Bool(false)];
        function
            .call_async(
                &mut *store,
                arguments,
                &mut results[..export.has_result.into()],
            )
            .await?;
        let [result] = results;
        Ok(match (export.memory_view, result) {
            _ if !export.has_result => RawReturnValue::Nothing,
            (Some(view), Val::U32(address)) => {
                // wasmtime would charge the whole memory as data that the guest passes to the host.
                // Nothing is copied here. What the caller reads in the memory is charged by the
                // caller.
                store.set_hostcall_fuel(usize::MAX);
                let view = instance.get_typed_func::<(), (WasmList<u8>,)>(&mut *store, view)?;
                let (memory,) = view.call_async(&mut *store, ()).await?;
                RawReturnValue::InMemory {
                    memory,
                    address: address as usize,
                }
            }
            (_, value) => RawReturnValue::Value(value),
        })
    }
}

/// A return value whose memory still has to be resolved in the store.
enum RawReturnValue {
    Nothing,
    Value(Val),
    InMemory {
        memory: WasmList<u8>,
        address: usize,
    },
}

impl RawReturnValue {
    fn resolve(self, store: &Store<State>) -> ReturnValue<'_> {
        match self {
            RawReturnValue::Nothing => ReturnValue::Nothing,
            RawReturnValue::Value(value) => ReturnValue::Value(value),
            RawReturnValue::InMemory { memory, address } => ReturnValue::InMemory {
                memory: memory.as_le_slice(store),
                address,
            },
        }
    }
}

/// Finds out what ended a call. An [`Interruption`] of ours keeps its kind; any other error is a
/// trap.
fn interruption_of(error: &wasmtime::Error, debug_info: Option<&DebugInfo>) -> Interruption {
    if let Some(interruption) = error.downcast_ref::<Interruption>() {
        return interruption.clone();
    }
    // The type of this error is private to wasmtime. A test fails if its text changes.
    if format!("{}", error.root_cause()).contains("hostcalls has been exhausted") {
        return Fault::Handover.into();
    }
    // The cause first, then the place in the guest. If RUST_BACKTRACE is set, wasmtime's own text
    // would have the host's stack between them.
    let text = match (error.downcast_ref::<WasmBacktrace>(), debug_info) {
        (Some(frames), Some(debug_info)) => {
            format!("{}\n{}", error.root_cause(), debug_info.trace(frames))
        }
        (Some(frames), None) => format!("{}\n{frames}", error.root_cause()),
        (None, _) => format!("{error:#}"),
    };
    Fault::Trap(printable(&text)).into()
}

/// Escapes each line: the names of functions and files are the component's.
fn printable(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(escaped).collect();
    lines.join("\n")
}
