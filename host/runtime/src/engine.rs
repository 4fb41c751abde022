//! The engine's configuration, and the ticker that drives its deadlines.
//!
//! One configuration serves both the process that compiles and the one that runs, or compiled
//! code would not fit: only the allocation strategy differs, which code does not depend on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

use super::limits::Limits;

/// How often running guests are interrupted to yield and to check their deadlines.
pub(super) const TICK: Duration = Duration::from_millis(1);
/// How often the ticker looks for work while no call runs. A call that begins within such a
/// pause is first interrupted at its end.
const IDLE_TICK: Duration = Duration::from_millis(10);

/// A component may consist of this many core instances, memories and tables. Components made by
/// wit-bindgen take three instances and one memory; those of language runtimes more: Python 38
/// instances, QuickJS 3 memories. What is not used costs address space only.
const CORE_INSTANCES_PER_COMPONENT: u32 = 128;
const MEMORIES_PER_COMPONENT: u32 = 4;
const TABLES_PER_COMPONENT: u32 = 16;

/// What stays resident of an instance's memory and stack for the next one in the same slot. All of
/// it is cleared after every call: more of it makes small calls pay for the largest before them,
/// less makes large calls ask for their pages anew.
const MEMORY_KEEP_RESIDENT: usize = 128 << 10;
const STACK_KEEP_RESIDENT: usize = 16 << 10;
const TABLE_KEEP_RESIDENT: usize = 4 << 10;

fn config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // No world of ours has async functions: without them a store is cheaper.
        .concurrency_support(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .memory_init_cow(true);
    config
}

/// An engine that only compiles.
pub(super) fn compiling() -> anyhow::Result<Engine> {
    Ok(Engine::new(&config())?)
}

/// An engine that only runs, with a pool for `limits.instances` calls at a time.
///
/// # Errors
/// When the address space does not hold the pool: it must not fall back to something slower in
/// silence.
pub(super) fn running(limits: &Limits) -> anyhow::Result<Engine> {
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
        .max_memory_size(limits.memory_bytes)
        .linear_memory_keep_resident(MEMORY_KEEP_RESIDENT)
        .async_stack_keep_resident(STACK_KEEP_RESIDENT)
        .table_keep_resident(TABLE_KEEP_RESIDENT)
        // Resets only the pages that a call touched. Where the kernel lacks it, keeping memory
        // resident costs more than it saves, which wasmtime decides by itself under `Auto`.
        .pagemap_scan(Enabled::Auto);
    let mut config = config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
        .map_err(anyhow::Error::from)
        .with_context(|| {
            format!(
                "the address space does not hold a pool of {instances} instances; \
                 lower --max-concurrency"
            )
        })
}

/// Advances the engine's epoch from a thread of its own: a guest that never yields would stop a
/// ticker that is a task.
pub(super) struct Ticker {
    shared: Arc<TickerShared>,
    thread: Option<JoinHandle<()>>,
}

struct TickerShared {
    started: Instant,
    /// Milliseconds after `started` of the latest tick.
    last_ms: AtomicU64,
    /// Calls that run now.
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

    /// Counts a call as running until the guard is dropped, so that the ticker keeps its pace.
    pub(super) fn run(&self) -> Running {
        self.shared.running.fetch_add(1, Ordering::Relaxed);
        Running(self.shared.clone())
    }

    /// How long ago the latest tick was.
    pub(super) fn age(&self) -> Duration {
        let last = Duration::from_millis(self.shared.last_ms.load(Ordering::Relaxed));
        self.shared.started.elapsed().saturating_sub(last)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A ticker that panicked has nothing left to stop.
            let _ = thread.join();
        }
    }
}

/// A call that runs. Dropping it ends the count.
pub(super) struct Running(Arc<TickerShared>);

impl Drop for Running {
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
        let engine = running(&Limits::default()).unwrap();
        let component = Component::new(&engine, wat::parse_str(text).unwrap()).unwrap();
        let needed = component.resources_required().unwrap();
        assert_eq!((needed.num_memories, needed.num_tables), (4, 4));
    }
}
