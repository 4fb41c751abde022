//! Compiles components, always in a child process: `task-host compile`.
//!
//! The child reads the component from its standard input and writes machine code to its standard
//! output. It runs at a lower priority and within limits on memory and time: a hostile component
//! costs at most one child, and a large one does not compete with requests. The kernel enforces the
//! limits too. If memory runs out all the same, the kernel ends the child rather than the host. If
//! the host ends, the child ends too.
//!
//! The first line of the output says what the component imports and exports (`interfaces`). If that
//! does not fit this host, the child is killed before it has compiled anything.

use std::hash::{Hash, Hasher};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Resource, Rlimit, Signal};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use wasmtime::Engine;

use super::cgroup::Cgroups;
use super::interfaces::{self, Interfaces};
use super::load::LoadError;
use super::memory_first::{self, MemoryFirst};
use super::{direct, engine};

/// First bytes of all WebAssembly: the magic number.
const MAGIC: &[u8] = b"\0asm";
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

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Maximum number of threads of one compilation.
const MAX_THREADS: u64 = 4;
/// Memory that each thread of a compilation should have, in bytes.
const THREAD_BYTES: u64 = 64 << 20;
/// Memory that the host itself takes beside its requests, in bytes.
const HOST_BYTES: u64 = 80 << 20;

/// Returns a short text that identifies the engine's version and configuration and the changes by
/// [`memory_first`] and [`direct`]. Code runs only in an engine with the fingerprint that it was compiled for.
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
    fold.write(memory_first::VERSION);
    fold.write(direct::VERSION);
    hex::encode(&fold.0.finalize()[..8])
}

/// Maximum size of a child's message, in bytes.
const MAX_MESSAGE: u64 = 16 << 10;
/// If memory runs out, the kernel kills the process with the highest number first.
const FIRST_TO_KILL: &str = "1000";

/// Compiles components in child processes.
#[derive(Debug, Clone)]
pub struct Compiler {
    /// The program to start: this host's own executable.
    pub program: PathBuf,
    /// Maximum time of one compilation.
    pub timeout: Duration,
    /// Maximum memory of one compilation, in bytes: its heap and its stacks, whether they are used
    /// or only reserved.
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
    /// The component imports or exports other interfaces than this host's: everything that does not
    /// fit, at least one.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Interfaces(Vec<LoadError>),
    /// The compilation took too long.
    #[error("the compilation took more than {} (--compile-timeout)",
        humantime::format_duration(*.0))]
    TimedOut(Duration),
    /// The compilation needed more memory than the limit, in bytes.
    #[error("the compilation needed more than {0} bytes of memory (--compile-memory)")]
    OutOfMemory(u64),
    /// The kernel killed the child, which it does if memory runs out.
    #[error(
        "the kernel killed the compiler, probably because memory ran out; lower --compile-memory or \
         give the host more memory"
    )]
    Killed,
    /// The child could not be started or ended unexpectedly.
    #[error("the compiler could not run: {0}")]
    Failed(String),
}

impl Compiler {
    /// Default of [`Compiler::timeout`]. A component of 20 MB takes a minute on a slow machine.
    pub const TIMEOUT: Duration = Duration::from_secs(120);
    /// The largest default of [`Compiler::memory_bytes`]. Code generation needs up to a hundred
    /// times the component's size.
    pub const MEMORY_BYTES: u64 = 4 << 30;
    /// The minimum memory with which small components compile. Most of it is what the allocator
    /// reserves.
    pub const LEAST_MEMORY_BYTES: u64 = 128 << 20;

    /// Returns a compiler that starts this program's own executable, with the default limits.
    /// `used_bytes` is the memory that requests and the database of this process may take meanwhile.
    ///
    /// # Errors
    /// Returns an error if the path of the executable is not known.
    pub fn of_this_program(used_bytes: u64) -> std::io::Result<Self> {
        let root = Path::new("/");
        let limit = Cgroups::below(root).memory_limit();
        Ok(Compiler {
            program: std::env::current_exe()?,
            timeout: Self::TIMEOUT,
            memory_bytes: default_memory(limit.or(memory_of_machine(root)), used_bytes),
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
        if !component.starts_with(MAGIC) {
            let reason = "this is not a valid component: the content is not WebAssembly";
            return Err(CompileError::Refused(reason.to_owned()));
        }
        if component.starts_with(CORE_MODULE) {
            return Err(CompileError::Module);
        }
        let failed = |error: std::io::Error| CompileError::Failed(error.to_string());
        let mut child = self.start().map_err(failed)?;
        let (Some(mut stdin), Some(stdout), Some(mut stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(CompileError::Failed("the child has no pipes".into()));
        };
        let mut code = Vec::new();
        let mut message = Vec::new();
        let work = async {
            let write = async {
                // A child that rejects the input early closes its end. Its message says why.
                let _ = stdin.write_all(component).await;
                drop(stdin);
                Ok(())
            };
            let read = async {
                let mut stdout = BufReader::new(stdout);
                let mut line = Vec::new();
                let mut first = (&mut stdout).take(interfaces::MAX_LINE);
                first.read_until(b'\n', &mut line).await.map_err(failed)?;
                if let Some(interfaces) = Interfaces::from_line(&line) {
                    interfaces.check().map_err(CompileError::Interfaces)?;
                }
                stdout.read_to_end(&mut code).await.map_err(failed)?;
                Ok(())
            };
            let report = async {
                let mut first = (&mut stderr).take(MAX_MESSAGE);
                first.read_to_end(&mut message).await.map_err(failed)?;
                // A child whose messages nobody reads would wait forever.
                let rest = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
                rest.map_err(failed)?;
                Ok::<_, CompileError>(())
            };
            tokio::try_join!(write, read, report)?;
            child.wait().await.map_err(failed)
        };
        let status = tokio::time::timeout(self.timeout, work)
            .await
            .map_err(|_| CompileError::TimedOut(self.timeout))??;
        let message = String::from_utf8_lossy(&message);
        let message = message.trim();
        // The child is this program, which names itself in front of a message.
        let message = message.strip_prefix("task-host: ").unwrap_or(message);
        match (status.code(), status.signal()) {
            (Some(0), _) => Ok(CompiledCode(code)),
            // The standard library's message before it aborts, and the kernel's word for it.
            _ if ["memory allocation of", "Cannot allocate memory"]
                .iter()
                .any(|words| message.contains(words)) =>
            {
                Err(CompileError::OutOfMemory(self.memory_bytes))
            }
            (Some(1), _) => Err(CompileError::Refused(message.to_owned())),
            (_, Some(signal)) if signal == Signal::XCPU.as_raw() => {
                Err(CompileError::TimedOut(self.timeout))
            }
            (_, Some(signal)) if signal == Signal::KILL.as_raw() => Err(CompileError::Killed),
            _ => Err(CompileError::Failed(format!("{status}: {message}"))),
        }
    }

    fn start(&self) -> std::io::Result<Child> {
        let cores = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
        // Each thread reserves memory too.
        let threads = cores
            .min(MAX_THREADS)
            .min(self.memory_bytes / THREAD_BYTES)
            .max(1);
        // Several threads use CPU time faster than wall-clock time passes.
        let cpu_seconds = (self.timeout.as_secs() + 1).saturating_mul(threads);
        Command::new(&self.program)
            .arg("compile")
            .args(["--memory-limit", &self.memory_bytes.to_string()])
            .args(["--cpu-limit", &cpu_seconds.to_string()])
            // The child needs none of the host's settings, and must not see its secrets.
            .env_clear()
            .env("RAYON_NUM_THREADS", threads.to_string())
            // What is reserved counts, so the allocator must not reserve 1 GiB.
            .env("MIMALLOC_ARENA_RESERVE", "8MiB")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }
}

/// Returns how much memory a compilation may take by default: what the container or the machine has
/// beside the host and its requests, but at least a quarter of all, as requests seldom take all that
/// they may.
fn default_memory(limit: Option<u64>, used_bytes: u64) -> u64 {
    let Some(limit) = limit else {
        return Compiler::MEMORY_BYTES;
    };
    let beside = limit.saturating_sub(HOST_BYTES.saturating_add(used_bytes));
    beside
        .max(limit / 4)
        .clamp(Compiler::LEAST_MEMORY_BYTES, Compiler::MEMORY_BYTES)
}

/// Returns the memory of the machine, in bytes. `None` if the kernel does not report it.
fn memory_of_machine(root: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes: u64 = total?.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// The child's side: compiles standard input to standard output. If limits are given, it runs
/// within that memory and CPU time. The first line of the output describes the interfaces.
///
/// # Errors
/// Returns the reason why this host cannot compile the input.
pub fn compile_in_this_process(
    memory_bytes: Option<u64>,
    cpu_seconds: Option<u64>,
) -> anyhow::Result<()> {
    // A failure is not fatal: a sandbox may forbid these, and they only protect other processes.
    let _ = rustix::process::nice(10);
    let _ = std::fs::write("/proc/self/oom_score_adj", FIRST_TO_KILL);
    for (resource, limit) in [(Resource::Data, memory_bytes), (Resource::Cpu, cpu_seconds)] {
        if limit.is_some() {
            let limits = Rlimit {
                current: limit,
                maximum: limit,
            };
            let _ = rustix::process::setrlimit(resource, limits);
        }
    }
    std::thread::Builder::new().spawn(end_with_the_reader)?;
    let mut component = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut component)
        .context("cannot read the component")?;
    let engine = engine::compiling()?;
    if let Some(mut interfaces) = Interfaces::read(&component) {
        interfaces.compare(&engine, &component);
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(interfaces.to_line().as_bytes())?;
        stdout.flush()?;
    }
    let code = changed(&component).and_then(|changed| engine.precompile_component(&changed).ok());
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

/// Returns the component as it runs best, or `None` if nothing about it can be changed.
pub(super) fn changed(component: &[u8]) -> Option<Vec<u8>> {
    match memory_first::with_memory_first(component) {
        Some(MemoryFirst { bytes, view }) => {
            Some(direct::with_direct_functions(&bytes, Some(view)).unwrap_or(bytes))
        }
        None => direct::with_direct_functions(component, None),
    }
}

/// Ends this process when nobody can read its output any more: then the host has ended, and nobody
/// needs the code. A signal by the kernel at the parent's death would not do, because the kernel
/// sends it when the host's thread ends that started this process.
fn end_with_the_reader() {
    let stdout = std::io::stdout();
    // Without events to wait for, `poll` reports only that the other end of a pipe was closed. If
    // the output is a file, it waits until the process ends.
    let mut output = [PollFd::new(&stdout, PollFlags::empty())];
    while poll(&mut output, None).is_err() {}
    if output[0].revents().contains(PollFlags::ERR) {
        // There is nothing to clean up and nobody to tell.
        let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::KILL);
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::super::cgroup::tests::machine;
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_compilation_takes_what_the_host_and_its_requests_leave() {
        // The pod of the manifests: 12 requests of 32 MiB, kept answers, and recordings with samples.
        let used = (12 * 32 + 32 + 16) * MIB;
        assert_eq!(default_memory(Some(640 * MIB), used), 160 * MIB);
        assert_eq!(default_memory(Some(2048 * MIB), used), 1536 * MIB);
    }

    #[test]
    fn a_compilation_gets_a_quarter_where_requests_may_take_all() {
        assert_eq!(default_memory(Some(2048 * MIB), 4096 * MIB), 512 * MIB);
        assert_eq!(default_memory(Some(256 * MIB), u64::MAX), 128 * MIB);
    }

    #[test]
    fn a_compilation_without_a_limit_has_a_default() {
        assert_eq!(default_memory(None, 4096 * MIB), Compiler::MEMORY_BYTES);
        assert_eq!(default_memory(Some(1 << 40), 0), Compiler::MEMORY_BYTES);
    }

    #[test]
    fn the_memory_of_the_machine_is_read_from_the_kernel() {
        let root = machine(&[("proc/meminfo", "MemTotal:       2048 kB\nMemFree: 1 kB\n")]);
        assert_eq!(memory_of_machine(root.path()), Some(2 * MIB));
        assert_eq!(memory_of_machine(machine(&[]).path()), None);
    }
}
