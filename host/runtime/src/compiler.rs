//! Compiles components, always in a child process: `task-host compile`.
//!
//! The child reads the component from its standard input and writes machine code to its standard
//! output. It runs at a lower priority and within limits on memory and time: a hostile component
//! costs at most one child, and a large one does not compete with requests. The kernel enforces the
//! limits too, so a child ends even if its host was killed.

use std::hash::{Hash, Hasher};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, Signal};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use wasmtime::Engine;

use super::{direct, engine};

/// First bytes of a core module: the magic number and the version.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Machine code that this host's own compiler made. Code from any other source cannot become a
/// `CompiledCode`, because it runs without further checks.
pub struct CompiledCode(Vec<u8>);

impl CompiledCode {
    /// Wraps bytes. The caller guarantees that this host's compiler made them; see the safety
    /// comment in `load`.
    pub(super) fn vouched(bytes: Vec<u8>) -> Self {
        CompiledCode(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Maximum number of threads of one compilation. Each thread costs address space too.
const MAX_THREADS: u64 = 4;

/// Returns a short text that identifies the engine's version and configuration and the additions of
/// [`direct`]. Code runs only in an engine with the fingerprint that it was compiled for.
pub(super) fn fingerprint(engine: &Engine) -> String {
    struct Fold(Sha256);
    impl Hasher for Fold {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut fold = Fold(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut fold);
    fold.write(direct::VERSION);
    hex::encode(&fold.0.finalize()[..8])
}

/// Compiles components in child processes.
#[derive(Debug, Clone)]
pub struct Compiler {
    /// The program to start: this host's own executable.
    pub program: PathBuf,
    /// Maximum time of one compilation.
    pub timeout: Duration,
    /// Maximum address space of one compilation, in bytes.
    pub memory_bytes: u64,
}

/// Why a component was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The compiler rejected the input. The text is the compiler's reason.
    #[error("{0}")]
    Refused(String),
    /// The input is a core module.
    #[error(
        "this is a core WebAssembly module, not a component; link it with wasm-component-ld, or \
         encode it with `wasm-tools component new`"
    )]
    Module,
    /// The input is machine code already. It cannot be checked, so it is not accepted.
    #[error("this is compiled code, not a component; use the .wasm file that it was compiled from")]
    Precompiled,
    /// The compilation took too long.
    #[error("the compilation took more than {} (--compile-timeout)",
        humantime::format_duration(*.0))]
    TimedOut(Duration),
    /// The compilation needed more memory than the limit, in bytes.
    #[error("the compilation needed more than {0} bytes of memory (--compile-memory)")]
    OutOfMemory(u64),
    /// The child could not be started or ended unexpectedly.
    #[error("the compiler could not run: {0}")]
    Failed(String),
}

impl Compiler {
    /// Default of [`Compiler::timeout`]. A component of 20 MB takes a minute on a slow machine.
    pub const TIMEOUT: Duration = Duration::from_secs(120);
    /// Default of [`Compiler::memory_bytes`]. Code generation needs up to a hundred times the
    /// component's size.
    pub const MEMORY_BYTES: u64 = 4 << 30;
    /// The minimum address space with which most components compile. Half of it is the program, the
    /// stacks and what the allocator reserves for each thread.
    pub const LEAST_MEMORY_BYTES: u64 = 640 << 20;

    /// Returns a compiler that starts this program's own executable.
    ///
    /// # Errors
    /// Returns an error if the path of the executable is not known.
    pub fn of_this_program() -> std::io::Result<Self> {
        Ok(Compiler {
            program: std::env::current_exe()?,
            timeout: Self::TIMEOUT,
            memory_bytes: Self::MEMORY_BYTES,
        })
    }

    /// Compiles a component in a child process. If the future is dropped, the child is killed.
    ///
    /// # Errors
    /// Returns any [`CompileError`]. The child no longer runs then.
    pub async fn compile(&self, component: &[u8]) -> Result<CompiledCode, CompileError> {
        if Engine::detect_precompiled(component).is_some() {
            return Err(CompileError::Precompiled);
        }
        if component.starts_with(CORE_MODULE) {
            return Err(CompileError::Module);
        }
        let failed = |error: std::io::Error| CompileError::Failed(error.to_string());
        let mut child = self.start().map_err(failed)?;
        let (Some(mut stdin), Some(mut stdout), Some(mut stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(CompileError::Failed("the child has no pipes".into()));
        };
        let mut code = Vec::new();
        let mut message = String::new();
        let work = async {
            let write = async {
                // A child that rejects the input early closes its end. Its message says why.
                let _ = stdin.write_all(component).await;
                drop(stdin);
                Ok(())
            };
            tokio::try_join!(
                write,
                stdout.read_to_end(&mut code),
                stderr.read_to_string(&mut message)
            )?;
            child.wait().await
        };
        let status = tokio::time::timeout(self.timeout, work)
            .await
            .map_err(|_| CompileError::TimedOut(self.timeout))?
            .map_err(failed)?;
        let message = message.trim();
        match (status.code(), status.signal()) {
            (Some(0), _) => Ok(CompiledCode(code)),
            (Some(1), _) => Err(CompileError::Refused(message.to_owned())),
            (_, Some(signal)) if signal == Signal::XCPU.as_raw() => {
                Err(CompileError::TimedOut(self.timeout))
            }
            // The standard library's message before it aborts.
            _ if message.contains("memory allocation of") => {
                Err(CompileError::OutOfMemory(self.memory_bytes))
            }
            _ => Err(CompileError::Failed(format!("{status}: {message}"))),
        }
    }

    fn start(&self) -> std::io::Result<Child> {
        let cores = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
        let threads = cores.min(MAX_THREADS);
        // Several threads use CPU time faster than wall-clock time passes.
        let cpu_seconds = (self.timeout.as_secs() + 1).saturating_mul(threads);
        Command::new(&self.program)
            .arg("compile")
            .args(["--memory-limit", &self.memory_bytes.to_string()])
            .args(["--cpu-limit", &cpu_seconds.to_string()])
            // The child needs none of the host's settings, and must not see its secrets.
            .env_clear()
            .env("RAYON_NUM_THREADS", threads.to_string())
            // The address space is limited, so the allocator must not reserve 1 GiB of it.
            .env("MIMALLOC_ARENA_RESERVE", "8MiB")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }
}

/// The child's side: compiles standard input to standard output. If limits are given, it runs
/// within that address space and CPU time.
///
/// # Errors
/// Returns the reason why this host cannot compile the input.
pub fn compile_in_this_process(
    memory_bytes: Option<u64>,
    cpu_seconds: Option<u64>,
) -> anyhow::Result<()> {
    // A failure is not fatal: a sandbox may forbid both, and they only protect other processes.
    let _ = rustix::process::nice(10);
    for (resource, limit) in [(Resource::As, memory_bytes), (Resource::Cpu, cpu_seconds)] {
        if limit.is_some() {
            let limits = Rlimit {
                current: limit,
                maximum: limit,
            };
            let _ = rustix::process::setrlimit(resource, limits);
        }
    }
    let mut component = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut component)
        .context("cannot read the component")?;
    let engine = engine::compiling()?;
    let with_direct = direct::with_direct_functions(&component);
    let code = with_direct.and_then(|component| engine.precompile_component(&component).ok());
    let code = match code {
        Some(code) => code,
        None => engine
            .precompile_component(&component)
            .map_err(|error| anyhow::anyhow!("this is not a valid component: {error:#}"))?,
    };
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&code)?;
    stdout.flush()?;
    Ok(())
}
