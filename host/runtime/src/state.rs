//! The data of one call's store: what its imports may use, its meters and what is left of its
//! limits.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use wasmtime::UpdateDeadline;

use super::engine::RunningCall;
use super::fault::{Fault, Interruption, TimeLimit};
use super::imports::wasi::Wasi;
use super::limits::Limits;
use super::lines::Lines;
use super::log_lines::Log;
use super::meters::{CpuMeter, MemoryMeter};
use super::recording::{Record, Recording};
use storage::{Dialect, Transaction, Usage};

/// The seed of the random numbers of pure calls. Runtimes of languages do not start without any.
const PURE_SEED: [u8; 32] = [0; 32];

/// Failed statements that one call logs. The first one ends the transaction, so those after it say
/// little.
const FAILED_STATEMENTS: u32 = 3;

/// Ends a run without a fiber that only a fiber can complete, see `program.rs`.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the call begins again on a fiber")]
pub(super) struct BeginAgain;

/// One call to the logic, as the request layer orders it.
pub struct Call {
    /// The transaction in which the logic's SQL runs. It comes back in
    /// [`Returned`](super::Returned).
    pub transaction: Box<dyn Transaction>,
    /// The SQL dialect of the database.
    pub dialect: Dialect,
    /// The time that the clock shows during the whole call, since the Unix epoch.
    pub now: Duration,
    /// Seed of the random numbers: the same seed gives the same numbers. If `None`, the system gives
    /// one as soon as the call asks for numbers.
    pub seed: Option<[u8; 32]>,
    /// When the call must have ended.
    pub deadline: Instant,
    /// The request's log span. The guest's log lines belong to it.
    pub span: tracing::Span,
    /// Keeps the first log lines, if somebody wants to see them.
    pub lines: Option<Lines>,
    /// How much of the call is recorded.
    pub record: Record,
}

/// The data of a store. It lives for one call.
pub(super) struct State {
    /// `None` in a pure call, which is one of `describe` or `assets`.
    pub(super) context: Option<Context>,
    /// `None`: the system gives one.
    seed: Option<[u8; 32]>,
    /// `None` until the call first asks for random numbers.
    random: Option<Box<StdRng>>,
    pub(super) memory: MemoryMeter,
    pub(super) cpu: CpuMeter,
    deadline: Instant,
    /// Time spent in host functions.
    pub(super) host_time: Duration,
    handover_left: usize,
    pub(super) log: Log,
    /// `None` until the call first uses WASI's streams, files or sockets.
    pub(super) wasi: Option<Box<Wasi>>,
    /// Failed statements that may still be logged.
    pub(super) failed_statements_left: u32,
    /// Keeps the first log lines, if somebody wants to see them.
    pub(super) lines: Option<Lines>,
    /// `None`: the call is not recorded.
    pub(super) recording: Option<Box<Recording>>,
    /// Whether the call runs on a fiber, so that it can be suspended.
    on_fiber: bool,
    _running: RunningCall,
}

/// What the imports of a call use that a pure call does not have.
pub(super) struct Context {
    pub(super) transaction: Box<dyn Transaction>,
    pub(super) dialect: Dialect,
    now: Duration,
    pub(super) events_left: u32,
    /// What the transaction had used when the call began.
    used_before: Usage,
}

impl State {
    /// The state of a call with a transaction.
    pub(super) fn new(call: Call, limits: &Limits, running: RunningCall) -> Self {
        let context = Context {
            used_before: call.transaction.usage(),
            transaction: call.transaction,
            dialect: call.dialect,
            now: call.now,
            events_left: limits.events,
        };
        let (span, deadline, lines) = (call.span, call.deadline, call.lines);
        State {
            seed: call.seed,
            recording: Recording::begin(call.record, call.now),
            ..State::with(Some(context), span, deadline, lines, limits, running)
        }
    }

    /// The state of a pure call: SQL and events trap, time is zero and the random numbers are always
    /// the same.
    pub(super) fn pure(
        deadline: Instant,
        lines: &Lines,
        limits: &Limits,
        running: RunningCall,
    ) -> Self {
        let (span, lines) = (tracing::Span::current(), Some(lines.clone()));
        State {
            seed: Some(PURE_SEED),
            ..State::with(None, span, deadline, lines, limits, running)
        }
    }

    fn with(
        context: Option<Context>,
        span: tracing::Span,
        deadline: Instant,
        lines: Option<Lines>,
        limits: &Limits,
        running: RunningCall,
    ) -> Self {
        State {
            context,
            seed: None,
            random: None,
            memory: MemoryMeter::new(limits.memory_bytes),
            cpu: CpuMeter::new(limits.cpu),
            deadline,
            host_time: Duration::ZERO,
            handover_left: limits.handover_bytes,
            log: Log::new(span, lines.clone(), limits),
            wasi: None,
            failed_statements_left: FAILED_STATEMENTS,
            lines,
            recording: None,
            on_fiber: true,
            _running: running,
        }
    }

    /// Returns whether the call may run without a fiber first: if it has to begin again then, nobody can
    /// tell.
    pub(super) fn can_begin_again(&self) -> bool {
        let context = self.context.as_ref();
        context.is_some_and(|context| context.transaction.can_begin_again())
    }

    /// The call runs without a fiber.
    pub(super) fn without_fiber(self) -> Self {
        State {
            on_fiber: false,
            ..self
        }
    }

    /// Takes back what a run without a fiber has done. The call begins again on one.
    pub(super) fn begin_again(mut self, limits: &Limits) -> Self {
        if let Some(context) = &mut self.context {
            context.transaction.begin_again(context.used_before);
            context.events_left = limits.events;
        }
        if let Some(recording) = &mut self.recording {
            recording.begin_again();
        }
        State {
            random: None,
            memory: MemoryMeter::new(limits.memory_bytes),
            cpu: CpuMeter::new(limits.cpu),
            handover_left: limits.handover_bytes,
            wasi: None,
            failed_statements_left: FAILED_STATEMENTS,
            on_fiber: true,
            ..self
        }
    }

    /// Checks that the call runs on a fiber, before it does what others can see.
    ///
    /// # Errors
    /// Ends a run without a fiber. The call begins again on one.
    pub(super) fn expect_fiber(&self) -> wasmtime::Result<()> {
        match self.on_fiber {
            true => Ok(()),
            false => Err(BeginAgain.into()),
        }
    }

    /// Returns what the import with that name may use.
    ///
    /// # Errors
    /// Returns a trap if the call is pure.
    pub(super) fn context(&mut self, import: &str) -> wasmtime::Result<&mut Context> {
        self.context.as_mut().ok_or_else(|| {
            wasmtime::format_err!("{import} is not available to describe and assets: they are pure")
        })
    }

    /// Returns the time of the call, since the Unix epoch. In a pure call it is zero.
    pub(super) fn time(&mut self) -> Duration {
        if let Some(recording) = &mut self.recording {
            recording.clock = true;
        }
        self.context
            .as_ref()
            .map_or(Duration::ZERO, |context| context.now)
    }

    /// Fills `bytes` with random bytes from the call's seed.
    pub(super) fn fill_random(&mut self, bytes: &mut [u8]) {
        let random = self.random.get_or_insert_with(|| {
            let seed = self.seed.unwrap_or_else(|| rand::rng().random());
            if let Some(recording) = &mut self.recording {
                recording.seed = Some(seed);
            }
            Box::new(StdRng::from_seed(seed))
        });
        random.fill_bytes(bytes);
    }

    /// Returns the transaction of a call that was not pure, and the call's recording.
    pub(super) fn into_parts(mut self) -> (Box<dyn Transaction>, Option<Box<Recording>>) {
        if let Some(recording) = &mut self.recording {
            recording.log = self.log.was_used();
        }
        let context = self
            .context
            .expect("`State::new` set the context, and nothing outside this file can take it");
        (context.transaction, self.recording)
    }

    /// Called at every tick that interrupts the guest: checks its deadlines, then lets other tasks
    /// use the thread.
    pub(super) fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        if Instant::now() >= self.deadline {
            return Err(Interruption::from(Fault::Deadline(TimeLimit::Call)).into());
        }
        self.cpu.measure().map_err(Interruption::from)?;
        self.expect_fiber()?;
        Ok(UpdateDeadline::YieldCustom(1, self.cpu.yield_now()))
    }

    /// Notes that a statement has ended after `elapsed` and that the guest goes on.
    pub(super) fn statement_ended(&mut self, elapsed: Duration) {
        self.host_time += elapsed;
        self.cpu.resume(elapsed);
    }

    /// Charges data that the guest passes to the host.
    ///
    /// # Errors
    /// Returns [`Fault::Handover`] if the call has passed more than its limit.
    pub(super) fn hand_over(&mut self, size_bytes: usize) -> Result<(), Interruption> {
        self.handover_left = self
            .handover_left
            .checked_sub(size_bytes)
            .ok_or(Fault::Handover)?;
        Ok(())
    }
}
