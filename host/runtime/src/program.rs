//! A program: one component, compiled and linked, and how an export of it is called.
//!
//! Every call gets an instance of its own. An [`Export`] belongs to the program in which it was
//! looked up and must not outlive it.
//!
//! A function's result reaches the caller in one of two ways. wasmtime can lift it into a [`Val`],
//! which owns every string and every field's name. Or, if the compiler added a direct variant of
//! the function (see [`direct`]), the caller gets the instance's memory and the address of the
//! result, and reads only what it needs. The second way is much faster for large results.
//!
//! # Without a fiber
//! wasmtime runs a call that may be suspended on a *fiber*, a stack of its own. To make it, and to
//! switch to it for the instance and for each function, costs a small call more than its own code. A
//! read that is over before the first tick need not be suspended. So it runs on the stack of its
//! thread, if the database answers at once (SQLite) and the component imports nothing that may wait.
//!
//! If a tick interrupts it all the same, or if it does what others can see (it writes a log line, or a
//! statement fails), it is ended and begins again on a fiber, in the same transaction. Nobody can tell, because it has only
//! read. The next calls of the same function then run on a fiber from the start.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tracing::{Instrument as _, trace_span, warn};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{
    Component, ComponentExportIndex, Func, Instance, InstancePre, TypedFunc, Val, WasmList,
};
use wasmtime::{CallHook, Engine, Store, WasmBacktrace};

use super::debug_info::DebugInfo;
use super::direct;
use super::fault::{Fault, Interruption};
use super::limits::Limits;
use super::recording::Recording;
use super::state::{BeginAgain, State};
use contract::DETAIL;
use contract::text::escaped;
use storage::Transaction;

/// Number of ticks before a call is first interrupted. With one tick, a call that begins just
/// before the next tick would yield at once. With two, every call that is shorter than a tick runs
/// through.
const FIRST_TICKS: u64 = 2;

/// Number of calls of a function that run on a fiber from the start after one had to begin again. Higher
/// values waste less time if the function is always slow, lower ones if it was slow by chance.
const CALLS_ON_FIBER: u32 = 256;

/// A component that is compiled and linked. It can be called any number of times concurrently.
pub struct Program {
    instance: InstancePre<State>,
    /// The same, linked for calls without a fiber. `None`: it imports what may wait.
    without_fiber: Option<InstancePre<State>>,
    component: Component,
    /// The source lines for backtraces. `None`: nobody wants them.
    debug_info: Option<DebugInfo>,
}

/// A function that a program exports. It can be called only on the program that it came from.
#[derive(Debug, Clone)]
pub struct Export {
    function: ComponentExportIndex,
    /// Whether the function has a result. It has at most one.
    has_result: bool,
    /// The function that returns a view of the instance's memory, if this export is a direct one:
    /// its result is then the address of the actual result in that memory.
    memory_view: Option<ComponentExportIndex>,
    /// How many of the next calls run on a fiber from the start. Shared by the export's clones.
    calls_on_fiber: Arc<AtomicU32>,
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
    pub(super) fn new(
        instance: InstancePre<State>,
        without_fiber: Option<InstancePre<State>>,
        component: Component,
    ) -> Self {
        Program {
            instance,
            without_fiber,
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
            calls_on_fiber: Arc::default(),
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
        mut state: State,
        export: &Export,
        arguments: &[Val],
        read: impl FnOnce(ReturnValue<'_>) -> T + Send,
    ) -> Ended<T> {
        let began = Instant::now();
        let mut instantiation = Duration::ZERO;
        if let Some(instance) = &self.without_fiber
            && state.can_begin_again()
            && export.may_run_without_fiber()
        {
            let mut store = store(engine, limits, state.without_fiber());
            let result =
                run_without_fiber(instance, &mut store, export, arguments, &mut instantiation);
            match result {
                Err(error) if error.is::<BeginAgain>() => {
                    export.calls_on_fiber.store(CALLS_ON_FIBER, Relaxed);
                    state = store.into_data().begin_again(limits);
                }
                result => return self.end(store, result, began, instantiation, read),
            }
        }
        let mut store = store(engine, limits, state);
        let result = self
            .run(&mut store, export, arguments, &mut instantiation)
            .await;
        self.end(store, result, began, instantiation, read)
    }

    /// Reads the result of a call, or finds out what ended it.
    fn end<T>(
        &self,
        store: Store<State>,
        result: wasmtime::Result<RawReturnValue>,
        began: Instant,
        instantiation: Duration,
        read: impl FnOnce(ReturnValue<'_>) -> T,
    ) -> Ended<T> {
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
        export: &Export,
        arguments: &[Val],
        instantiation: &mut Duration,
    ) -> wasmtime::Result<RawReturnValue> {
        let began = Instant::now();
        let instantiating = trace_span!(target: DETAIL, "instantiate");
        let instance = self.instance.instantiate_async(&mut *store);
        let instance = instance.instrument(instantiating).await?;
        *instantiation = began.elapsed();
        let function = export.on(store, &instance)?;
        let mut results = [Val::Bool(false)];
        function
            .call_async(
                &mut *store,
                arguments,
                &mut results[..export.has_result.into()],
            )
            .await?;
        let [result] = results;
        Ok(match export.address(&result) {
            None => RawReturnValue::of(export, result),
            Some((view, address)) => {
                let view = memory_view(store, &instance, view)?;
                let (memory,) = view.call_async(&mut *store, ()).await?;
                RawReturnValue::InMemory { memory, address }
            }
        })
    }
}

/// As [`Program::run`], but on the stack of this thread.
fn run_without_fiber(
    instance: &InstancePre<State>,
    store: &mut Store<State>,
    export: &Export,
    arguments: &[Val],
    instantiation: &mut Duration,
) -> wasmtime::Result<RawReturnValue> {
    let began = Instant::now();
    let instantiating = trace_span!(target: DETAIL, "instantiate");
    let instance = instantiating.in_scope(|| instance.instantiate(&mut *store))?;
    *instantiation = began.elapsed();
    let function = export.on(store, &instance)?;
    let mut results = [Val::Bool(false)];
    function.call(
        &mut *store,
        arguments,
        &mut results[..export.has_result.into()],
    )?;
    let [result] = results;
    Ok(match export.address(&result) {
        None => RawReturnValue::of(export, result),
        Some((view, address)) => {
            let view = memory_view(store, &instance, view)?;
            let (memory,) = view.call(&mut *store, ())?;
            RawReturnValue::InMemory { memory, address }
        }
    })
}

/// Makes the store of one call.
fn store(engine: &Engine, limits: &Limits, state: State) -> Store<State> {
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
    store
}

/// Finds the function that returns a view of an instance's memory.
fn memory_view(
    store: &mut Store<State>,
    instance: &Instance,
    view: ComponentExportIndex,
) -> wasmtime::Result<TypedFunc<(), (WasmList<u8>,)>> {
    // wasmtime would charge the whole memory as data that the guest passes to the host. Nothing is
    // copied here. What the caller reads in the memory is charged by the caller.
    store.set_hostcall_fuel(usize::MAX);
    instance.get_typed_func(store, view)
}

impl Export {
    /// Whether the next call may run without a fiber. Counts it, if not.
    fn may_run_without_fiber(&self) -> bool {
        let left = self.calls_on_fiber.load(Relaxed);
        if left > 0 {
            // Concurrent calls may be counted once. The number need not be exact.
            self.calls_on_fiber.store(left - 1, Relaxed);
        }
        left == 0
    }

    /// Finds the function in an instance.
    fn on(&self, store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<Func> {
        instance
            .get_func(store, self.function)
            .ok_or_else(|| wasmtime::format_err!("the export belongs to another component"))
    }

    /// If the function's result is the address of the actual result, returns it, with the function that
    /// returns a view of the memory.
    fn address(&self, result: &Val) -> Option<(ComponentExportIndex, usize)> {
        match (self.memory_view, result) {
            (Some(view), Val::U32(address)) => Some((view, *address as usize)),
            _ => None,
        }
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
    /// The value that wasmtime lifted, if the function has one.
    fn of(export: &Export, result: Val) -> Self {
        match export.has_result {
            true => RawReturnValue::Value(result),
            false => RawReturnValue::Nothing,
        }
    }

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

#[cfg(test)]
mod tests {
    use contract::Access;
    use storage::{Attempt, Budget, Database, Dialect, Location, Options, Usage};

    use super::*;
    use crate::{Call, ClearMemory, Record, Runtime};

    /// A component whose function does nothing, as often as it is told, and returns 7.
    const SPINNING: &str = r#"(component
        (core module $m
            (func (export "spin") (param $times i32) (result i32)
                (loop $next
                    (local.set $times (i32.sub (local.get $times) (i32.const 1)))
                    (br_if $next (local.get $times)))
                (i32.const 7)))
        (core instance $i (instantiate $m))
        (func $spin (param "times" u32) (result u32) (canon lift (core func $i "spin")))
        (instance $api (export "spin" (func $spin)))
        (export "test:spinning/api" (instance $api)))"#;

    /// Calls the function in a transaction that has run a statement, and returns what the transaction has
    /// used afterwards.
    async fn spin(
        runtime: &Runtime,
        program: &Program,
        export: &Export,
        database: &dyn Database,
        access: Access,
        times: u32,
    ) -> Usage {
        let deadline = Instant::now() + Duration::from_secs(60);
        let budget = Budget {
            deadline,
            wait_until: Instant::now() + Duration::from_secs(60),
            hold: Duration::from_secs(60),
            statements: 1,
            rows: 1,
            bytes: 0,
            attempt: Attempt::Repeated,
        };
        let mut transaction = database.begin(access, budget).await.unwrap();
        transaction.query("SELECT 1", &[]).await.unwrap().unwrap();
        let call = Call {
            transaction,
            dialect: Dialect::Sqlite,
            now: Duration::ZERO,
            seed: None,
            deadline,
            span: tracing::Span::none(),
            lines: None,
            record: Record::default(),
        };
        let arguments = [Val::U32(times)];
        let returned = runtime
            .call(program, export, &arguments, call, |returned| {
                matches!(returned, ReturnValue::Value(Val::U32(7)))
            })
            .await;
        assert_eq!(returned.result, Ok(true));
        returned.transaction.usage()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_read_that_a_tick_interrupts_begins_again_on_a_fiber() {
        let limits = Limits {
            instances: 1,
            spare_instances: 0,
            cpu: Duration::from_secs(60),
            ..Limits::default()
        };
        let runtime = Runtime::new(limits, ClearMemory::Exact).unwrap();
        let bytes = wat::parse_str(SPINNING).unwrap();
        let component = Component::new(&runtime.engine, bytes).unwrap();
        let instance = runtime.linkers.linker.instantiate_pre(&component).unwrap();
        let without_fiber = &runtime.linkers.without_fiber;
        let without_fiber = without_fiber.instantiate_pre(&component).unwrap();
        let program = Program::new(instance, Some(without_fiber), component);
        let database = storage::connect(&Location::Temporary, Options::default()).unwrap();
        let export = || program.export("test:spinning/api", "spin").unwrap();
        let on_fiber = |export: &Export| export.calls_on_fiber.load(Relaxed);
        // More than twenty milliseconds on any machine, and much less than a second.
        let long = 50_000_000;
        let used = Usage {
            statements: 1,
            rows: 1,
            bytes: 0,
        };

        let reading = export();
        for (times, expected) in [
            (1, 0),
            // It begins again. The next calls are on a fiber from the start, whatever they do.
            (long, CALLS_ON_FIBER),
            (long, CALLS_ON_FIBER - 1),
            (1, CALLS_ON_FIBER - 2),
        ] {
            let usage = spin(
                &runtime,
                &program,
                &reading,
                &*database,
                Access::Read,
                times,
            )
            .await;
            assert_eq!(usage, used);
            assert_eq!(on_fiber(&reading), expected);
        }
        let writing = export();
        let usage = spin(
            &runtime,
            &program,
            &writing,
            &*database,
            Access::Write,
            long,
        )
        .await;
        assert_eq!(usage, used);
        assert_eq!(on_fiber(&writing), 0, "a write is on a fiber anyway");
    }
}
