//! The engine's configuration, and the ticker that enforces deadlines.
//!
//! The process that compiles and the process that runs use the same configuration, because compiled
//! code runs only in an engine of the configuration that it was compiled for. They differ only in
//! the allocation strategy, on which compiled code does not depend.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

use super::clearing::ClearingMode;
use super::limits::Limits;

/// Interval at which running guests are interrupted to yield and to check their deadlines.
pub(super) const TICK: Duration = Duration::from_millis(1);
/// Interval at which the ticker looks for running calls while no call runs. A call that begins in
/// such an interval is first interrupted after it.
const IDLE_TICK: Duration = Duration::from_millis(10);

/// Maximum number of core instances, memories and tables of one component. Components made with
/// wit-bindgen have two or three instances and one memory. Language runtimes have more: Python 38
/// instances, QuickJS 3 memories. Unused slots cost only address space.
const CORE_INSTANCES_PER_COMPONENT: u32 = 128;
const MEMORIES_PER_COMPONENT: u32 = 4;
const TABLES_PER_COMPONENT: u32 = 16;
/// Maximum number of elements of one table: as many functions can be called through pointers.
const TABLE_ELEMENTS: usize = 64 << 10;

/// Bytes of an instance's memory, stack and tables that stay resident for the next instance in the
/// same slot. After every call they are cleared. With higher values a small call pays for a large
/// call before it; with lower values a large call has to request its pages again.
const MEMORY_KEEP_RESIDENT: usize = 128 << 10;
const STACK_KEEP_RESIDENT: usize = 16 << 10;
const TABLE_KEEP_RESIDENT: usize = 4 << 10;

fn config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // Our worlds have no async functions. Without support for them a store is cheaper.
        .concurrency_support(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .memory_init_cow(true);
    config
}

/// Creates an engine that only compiles.
pub(super) fn compiling() -> anyhow::Result<Engine> {
    Ok(Engine::new(&config())?)
}

/// Creates an engine that only runs code, with a pool for `limits.instances` concurrent calls.
///
/// # Errors
/// Returns an error if the address space is too small for the pool. It must not silently fall back
/// to a slower allocation strategy.
pub(super) fn running(limits: &Limits, clearing: ClearingMode) -> anyhow::Result<Engine> {
    let instances = limits.instances + limits.spare_instances;
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(instances)
        .total_core_instances(instances * CORE_INSTANCES_PER_COMPONENT)
        .total_memories(instances * MEMORIES_PER_COMPONENT)
        .total_tables(instances * TABLES_PER_COMPONENT)
        .total_stacks(instances)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_memories_per_module(MEMORIES_PER_COMPONENT)
        .max_tables_per_module(TABLES_PER_COMPONENT)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(limits.memory_bytes)
        .linear_memory_keep_resident(MEMORY_KEEP_RESIDENT)
        .async_stack_keep_resident(STACK_KEEP_RESIDENT)
        .table_keep_resident(TABLE_KEEP_RESIDENT)
        .pagemap_scan(match clearing {
            ClearingMode::Scan => Enabled::Yes,
            ClearingMode::Exact => Enabled::No,
        });
    let mut config = config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
        .map_err(anyhow::Error::from)
        .with_context(|| {
            format!(
                "the address space is too small for a pool of {instances} instances; \
                 lower --max-concurrency"
            )
        })
}

/// Advances the engine's epoch. It is a thread and not a task, because a guest that never yields
/// would block the task.
pub(super) struct Ticker {
    shared: Arc<TickerShared>,
    thread: Option<JoinHandle<()>>,
}

struct TickerShared {
    started: Instant,
    /// Time of the latest tick, in milliseconds after `started`.
    last_ms: AtomicU64,
    /// Number of calls that run now.
    running: AtomicU32,
    stop: AtomicBool,
}

impl Ticker {
    pub(super) fn start(engine: &Engine) -> std::io::Result<Self> {
        let shared = Arc::new(TickerShared {
            started: Instant::now(),
            last_ms: AtomicU64::new(0),
            running: AtomicU32::new(0),
            stop: AtomicBool::new(false),
        });
        let thread = std::thread::Builder::new().name("ticker".into()).spawn({
            let (engine, shared) = (engine.clone(), shared.clone());
            move || {
                while !shared.stop.load(Ordering::Relaxed) {
                    let idle = shared.running.load(Ordering::Relaxed) == 0;
                    std::thread::sleep(if idle { IDLE_TICK } else { TICK });
                    engine.increment_epoch();
                    let elapsed = shared.started.elapsed().as_millis() as u64;
                    shared.last_ms.store(elapsed, Ordering::Relaxed);
                }
            }
        })?;
        Ok(Ticker {
            shared,
            thread: Some(thread),
        })
    }

    /// Counts a call as running until the guard is dropped. While a call runs, the ticker ticks at
    /// its full rate.
    pub(super) fn call_started(&self) -> RunningCall {
        self.shared.running.fetch_add(1, Ordering::Relaxed);
        RunningCall(self.shared.clone())
    }

    /// Returns the time since the latest tick.
    pub(super) fn age(&self) -> Duration {
        let last = Duration::from_millis(self.shared.last_ms.load(Ordering::Relaxed));
        self.shared.started.elapsed().saturating_sub(last)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // If the ticker panicked, there is nothing left to stop.
            let _ = thread.join();
        }
    }
}

/// Guard of a call that the ticker counts as running.
pub(super) struct RunningCall(Arc<TickerShared>);

impl Drop for RunningCall {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::component::Component;

    #[test]
    fn a_component_with_the_parts_of_a_language_runtime_fits_the_pool() {
        let empty = "(core instance (instantiate $empty))".repeat(50);
        let parts = "(core instance (instantiate $parts))".repeat(4);
        let text = format!(
            "(component
                (core module $empty)
                (core module $parts (memory 1) (table 1 funcref))
                {empty} {parts})"
        );
        let engine = running(&Limits::default(), ClearingMode::Exact).unwrap();
        let component = Component::new(&engine, wat::parse_str(text).unwrap()).unwrap();
        let needed = component.resources_required().unwrap();
        assert_eq!((needed.num_memories, needed.num_tables), (4, 4));
    }

    /// A component that returns the sum of what it finds in every page of its memory and in
    /// its table, and leaves something there.
    const LEAVING: &str = r#"(component
        (core module $m
            (memory (export "memory") 4)
            (table $t 2000 funcref)
            (elem declare func $f)
            (func $f (export "f") (result i32) (local $at i32) (local $found i32)
                (loop $next
                    (local.set $found (i32.add (local.get $found) (i32.load (local.get $at))))
                    (i32.store (local.get $at) (i32.const 1))
                    (local.set $at (i32.add (local.get $at) (i32.const 4096)))
                    (br_if $next (i32.lt_u (local.get $at) (i32.const 0x40000))))
                (local.set $at (i32.const 0))
                (loop $next
                    (local.set $found (i32.add (local.get $found)
                        (i32.eqz (ref.is_null (table.get $t (local.get $at))))))
                    (table.set $t (local.get $at) (ref.func $f))
                    (local.set $at (i32.add (local.get $at) (i32.const 100)))
                    (br_if $next (i32.lt_u (local.get $at) (i32.const 2000))))
                (local.get $found)))
        (core instance $i (instantiate $m))
        (func (export "f") (result u32) (canon lift (core func $i "f"))))"#;

    #[test]
    fn an_instance_finds_nothing_of_the_instance_before_it() {
        for mode in [ClearingMode::Scan, ClearingMode::Exact] {
            if mode == ClearingMode::Scan && !PoolingAllocationConfig::is_pagemap_scan_available() {
                continue;
            }
            let limits = Limits {
                instances: 1,
                spare_instances: 0,
                ..Limits::default()
            };
            let engine = running(&limits, mode).unwrap();
            let component = Component::new(&engine, wat::parse_str(LEAVING).unwrap()).unwrap();
            let linker = wasmtime::component::Linker::<()>::new(&engine);
            for _ in 0..20 {
                let mut store = wasmtime::Store::new(&engine, ());
                store.set_epoch_deadline(1000);
                let instance = linker.instantiate(&mut store, &component).unwrap();
                let f = instance
                    .get_typed_func::<(), (u32,)>(&mut store, "f")
                    .unwrap();
                assert_eq!(f.call(&mut store, ()).unwrap(), (0,), "{mode:?}");
            }
        }
    }
}
