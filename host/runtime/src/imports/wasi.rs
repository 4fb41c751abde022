//! WASI 0.2: all of `wasi:cli/imports`, with nothing granted.
//!
//! Most of it is the crate wasmtime-wasi with an empty context: no environment, no arguments, no
//! directories, an empty standard input, no sockets and no name lookup. Its context and resource
//! table are made when a call first needs them, so that other calls pay nothing.
//!
//! What a call's result can depend on is defined here:
//!
//! - **Time** stands still during a call, on both clocks. In `describe` and `assets` it is zero.
//! - **Nothing waits.** A timer that is not due when it is made never elapses, because time stands
//!   still, and every stream is ready. If the logic waits for something that is not ready, nothing
//!   will change that, so the call ends with [`Fault::Wait`] and never holds a thread or the
//!   transaction.
//! - **Random bytes** come from the call's seed, in `describe` and `assets` from a constant one.
//! - **Standard output and error** are log lines.
//! - **`exit`** ends the call with [`Fault::Exit`], as the logic has returned nothing.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime::component::{HasData, HasSelf, Linker, Resource, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream, WasiCli, WasiCliView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, random, sockets};
use wasmtime_wasi::p2::{
    DynPollable, OutputStream, Pollable, StreamError, StreamResult, subscribe,
};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView as _};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_io::bindings::wasi::io;
use wasmtime_wasi_io::bytes::Bytes;

use crate::fault::{Fault, Interruption};
use crate::log_lines::{LogLines, Output};
use crate::state::State;

/// Maximum number of random bytes that one invocation returns. WASI sets no limit, so a component
/// could request all of the host's memory.
const MAX_RANDOM_BYTES: u64 = 64 << 10;
/// Maximum number of streams, pollables and other resources that one call has at a time.
const MAX_RESOURCES: usize = 1024;
/// Maximum number of bytes that the logic may write to an output at a time. It can go on at once.
const OUTPUT_CHUNK: usize = 64 << 10;

/// The names of the interfaces that [`define`] defines, and their version.
pub(crate) const INTERFACES: [&str; 27] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];
/// The version of all of [`INTERFACES`].
pub(crate) const VERSION: &str = "0.2.12";

/// Defines the interfaces that logic uses on purpose: the time, random numbers, and the exit. None of
/// their functions waits, and none does what others can see.
pub(super) fn define_without_fiber(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    type Own = HasSelf<State>;
    clocks::wall_clock::add_to_linker::<_, Own>(linker, |state| state)?;
    random::random::add_to_linker::<_, Own>(linker, |state| state)?;
    random::insecure::add_to_linker::<_, Own>(linker, |state| state)?;
    random::insecure_seed::add_to_linker::<_, Own>(linker, |state| state)?;
    cli::exit::add_to_linker::<_, Own>(linker, |state| state)
}

/// Defines all of WASI.
pub(super) fn define(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    type Own = HasSelf<State>;
    define_without_fiber(linker)?;
    clocks::monotonic_clock::add_to_linker::<_, Own>(linker, |state| state)?;
    io::poll::add_to_linker::<_, Own>(linker, |state| state)?;

    let l = linker;
    io::error::add_to_linker::<_, Table>(l, |state| state.ctx().table)?;
    io::streams::add_to_linker::<_, Table>(l, |state| state.ctx().table)?;
    cli::environment::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::stdin::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::stdout::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::stderr::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, State::cli)?;
    filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, State::filesystem)?;
    filesystem::types::add_to_linker::<_, WasiFilesystem>(l, State::filesystem)?;
    let mut options = sockets::network::LinkOptions::default();
    options.network_error_code(true);
    sockets::network::add_to_linker::<_, WasiSockets>(l, &options, State::sockets)?;
    sockets::instance_network::add_to_linker::<_, WasiSockets>(l, State::sockets)?;
    sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(l, State::sockets)?;
    sockets::tcp::add_to_linker::<_, WasiSockets>(l, State::sockets)?;
    sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(l, State::sockets)?;
    sockets::udp::add_to_linker::<_, WasiSockets>(l, State::sockets)?;
    sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(l, State::sockets)
}

struct Table;

impl HasData for Table {
    type Data<'a> = &'a mut ResourceTable;
}

/// The context and the resources of one call.
pub(crate) struct Wasi {
    context: WasiCtx,
    table: ResourceTable,
}

impl Wasi {
    fn new(lines: Arc<Mutex<LogLines>>) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let output = |output| OutputLines {
            output,
            lines: lines.clone(),
        };
        let context = WasiCtx::builder()
            .stdout(output(Output::Stdout))
            .stderr(output(Output::Stderr))
            // Not even a socket without an address may be made.
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        Wasi { context, table }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let log = &mut self.log;
        let wasi = self
            .wasi
            .get_or_insert_with(|| Box::new(Wasi::new(log.share())));
        WasiCtxView {
            ctx: &mut wasi.context,
            table: &mut wasi.table,
        }
    }
}

/// Standard output or standard error.
#[derive(Clone)]
struct OutputLines {
    output: Output,
    lines: Arc<Mutex<LogLines>>,
}

impl IsTerminal for OutputLines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for OutputLines {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    /// Used by other versions of WASI only.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for OutputLines {
    async fn ready(&mut self) {}
}

impl OutputStream for OutputLines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let printed = self.lines.lock().print(self.output, &bytes);
        printed.map_err(|fault| StreamError::Trap(Interruption::from(fault).into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(OUTPUT_CHUNK)
    }
}

/// Runs a wait of the logic, which has to be over already.
///
/// # Errors
/// Returns [`Fault::Wait`] if it is not.
fn over<T>(wait: impl Future<Output = T>) -> Result<T, Interruption> {
    match pin!(wait).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err(Fault::Wait.into()),
    }
}

impl io::poll::Host for State {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        // A list may name a pollable any number of times.
        self.hand_over(size_of_val(&*pollables))?;
        over(io::poll::Host::poll(self.ctx().table, pollables))?
    }
}

impl io::poll::HostPollable for State {
    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        over(self.ctx().table.block(pollable))?
    }

    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        self.ctx().table.ready(pollable).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        io::poll::HostPollable::drop(self.ctx().table, pollable)
    }
}

impl clocks::wall_clock::Host for State {
    fn now(&mut self) -> wasmtime::Result<clocks::wall_clock::Datetime> {
        let now = self.time();
        Ok(clocks::wall_clock::Datetime {
            seconds: now.as_secs(),
            nanoseconds: now.subsec_nanos(),
        })
    }

    fn resolution(&mut self) -> wasmtime::Result<clocks::wall_clock::Datetime> {
        Ok(clocks::wall_clock::Datetime {
            seconds: 0,
            nanoseconds: 1_000,
        })
    }
}

impl clocks::monotonic_clock::Host for State {
    fn now(&mut self) -> wasmtime::Result<u64> {
        let now = u64::try_from(self.time().as_nanos()).unwrap_or(u64::MAX);
        // Go does not start while this clock is at zero.
        Ok(now.max(1))
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(1_000)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let now = clocks::monotonic_clock::Host::now(self)?;
        self.subscribe_duration(when.saturating_sub(now))
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let table = self.ctx().table;
        let timer = table.push(Timer {
            elapsed: duration == 0,
        })?;
        subscribe(table, timer)
    }
}

/// A timer. If it has not elapsed when it is made, it never does.
struct Timer {
    elapsed: bool,
}

#[wasmtime_wasi::async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {
        if !self.elapsed {
            std::future::pending().await
        }
    }
}

impl random::random::Host for State {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        if len > MAX_RANDOM_BYTES {
            return Err(wasmtime::format_err!(
                "{len} random bytes were requested; the maximum at a time is {MAX_RANDOM_BYTES}"
            ));
        }
        let mut bytes = vec![0; len as usize];
        self.fill_random(&mut bytes);
        Ok(bytes)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        let mut bytes = [0; 8];
        self.fill_random(&mut bytes);
        Ok(u64::from_ne_bytes(bytes))
    }
}

impl random::insecure::Host for State {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        random::random::Host::get_random_bytes(self, len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        random::random::Host::get_random_u64(self)
    }
}

impl random::insecure_seed::Host for State {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        let mut half = || random::random::Host::get_random_u64(self);
        Ok((half()?, half()?))
    }
}

impl cli::exit::Host for State {
    fn exit(&mut self, status: Result<(), ()>) -> wasmtime::Result<()> {
        self.exit_with_code(status.is_err().into())
    }

    fn exit_with_code(&mut self, status: u8) -> wasmtime::Result<()> {
        Err(Interruption::from(Fault::Exit(status)).into())
    }
}
