//! Compiles components, always in another process: `task-host compile`.
//!
//! The child reads the component from its standard input and writes machine code to its standard
//! output. It is niced and limited in memory and time, so that a hostile component costs one
//! child and a large one does not compete with requests. Its limits are the kernel's too: a child
//! whose host was killed ends by itself.

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

use super::direct;

/// How a core module begins, up to its version.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Machine code that this host's own compiler made.
pub struct CompiledCode(Vec<u8>);

impl CompiledCode {
    /// The caller vouches for the bytes: see `load`.
    pub(super) fn vouched(bytes: Vec<u8>) -> Self {
        CompiledCode(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Threads of one compilation, at most: each costs address space too.
const MOST_THREADS: u64 = 4;

/// What code must be compiled with to run in an engine of this configuration and version.
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
    let digest = fold.0.finalize();
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Starts children that compile.
#[derive(Debug, Clone)]
pub struct Compiler {
    /// The program to start: this host's own file.
    pub program: PathBuf,
    /// How long a compilation may take.
    pub timeout: Duration,
    /// The address space that a compilation may use, in bytes.
    pub memory_bytes: u64,
}

/// Why a component was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The compiler refused it; the text is the compiler's reason.
    #[error("{0}")]
    Refused(String),
    /// It is a core module.
    #[error(
        "this is a core WebAssembly module, not a component; link it with wasm-component-ld, or \
         encode it with `wasm-tools component new`"
    )]
    Module,
    /// It is machine code already. Nobody can tell what that does.
    #[error("this is compiled code, not a component; give the .wasm that it was made of")]
    Precompiled,
    /// The compilation took too long.
    #[error("the compilation took more than {} (--compile-timeout)",
        humantime::format_duration(*.0))]
    TimedOut(Duration),
    /// The compilation needed too much memory. In bytes.
    #[error("the compilation needed more than {0} bytes of memory (--compile-memory)")]
    OutOfMemory(u64),
    /// The child could not be started or died.
    #[error("the compiler could not run: {0}")]
    Failed(String),
}

impl Compiler {
    /// How long a compilation may take unless it is set: a component of 20 MB takes a minute on a
    /// slow machine.
    pub const TIMEOUT: Duration = Duration::from_secs(120);
    /// The address space that a compilation may use unless it is set: code generation needs up to
    /// a hundred times the component's size.
    pub const MEMORY_BYTES: u64 = 4 << 30;
    /// The address space without which hardly a component compiles: half of it is the program,
    /// stacks, and what the allocator sets aside for each thread.
    pub const LEAST_MEMORY_BYTES: u64 = 640 << 20;

    /// A compiler that starts this very program again.
    ///
    /// # Errors
    /// When the system does not tell where the program is.
    pub fn of_this_program() -> std::io::Result<Self> {
        Ok(Compiler {
            program: std::env::current_exe()?,
            timeout: Self::TIMEOUT,
            memory_bytes: Self::MEMORY_BYTES,
        })
    }

    /// Compiles a component in a child process.
    ///
    /// # Errors
    /// Every [`CompileError`]; no child is left running. Dropping the future kills it.
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
                // A child that refuses early closes its end: its message says why.
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
            // The standard library says so, and aborts.
            _ if message.contains("memory allocation of") => {
                Err(CompileError::OutOfMemory(self.memory_bytes))
            }
            _ => Err(CompileError::Failed(format!("{status}: {message}"))),
        }
    }

    fn start(&self) -> std::io::Result<Child> {
        let cores = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
        let threads = cores.min(MOST_THREADS);
        // Several threads use up their time faster than the clock goes.
        let cpu_seconds = (self.timeout.as_secs() + 1).saturating_mul(threads);
        Command::new(&self.program)
            .arg("compile")
            .args(["--memory-limit", &self.memory_bytes.to_string()])
            .args(["--cpu-limit", &cpu_seconds.to_string()])
            // The child needs no setting of the host's, and must not see its secrets.
            .env_clear()
            .env("RAYON_NUM_THREADS", threads.to_string())
            // Address space is limited: the allocator must not reserve a GiB of it.
            .env("MIMALLOC_ARENA_RESERVE", "8MiB")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }
}

/// The child's side: compiles standard input to standard output, within an address space and a
/// CPU time where they are given.
///
/// # Errors
/// With the reason why the input is not a component that this host can compile.
pub fn compile_in_this_process(
    memory_bytes: Option<u64>,
    cpu_seconds: Option<u64>,
) -> anyhow::Result<()> {
    // Not fatal: a sandbox may forbid either, and they only protect the neighbours.
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
    let engine = engine_for_compiling()?;
    let direct = direct::with_direct_results(&component);
    let code = direct.and_then(|direct| engine.precompile_component(&direct).ok());
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

fn engine_for_compiling() -> anyhow::Result<Engine> {
    super::engine::compiling()
}
