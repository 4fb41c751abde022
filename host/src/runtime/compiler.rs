//! Compiles components, always in another process: `task-host compile`.
//!
//! The child reads the component from its standard input and writes machine code to its standard
//! output. It is niced and limited in memory and time, so that a hostile component costs one
//! child and a large one does not compete with requests.

use std::hash::{Hash, Hasher};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wasmtime::Engine;

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
    /// The compilation took too long.
    #[error("the compilation took more than {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
    /// The child could not be started or died.
    #[error("the compiler could not run: {0}")]
    Failed(String),
}

/// How long a compilation may take: a component of 20 MB takes a minute on a slow machine.
const TIMEOUT: Duration = Duration::from_secs(120);
/// The address space that a compilation may use: code generation needs up to a hundred times the
/// component's size.
const MEMORY_BYTES: u64 = 4 << 30;

impl Compiler {
    /// A compiler that starts this very program again.
    ///
    /// # Errors
    /// When the system does not tell where the program is.
    pub fn of_this_program() -> std::io::Result<Self> {
        Ok(Compiler {
            program: std::env::current_exe()?,
            timeout: TIMEOUT,
            memory_bytes: MEMORY_BYTES,
        })
    }

    /// Compiles a component in a child process.
    ///
    /// # Errors
    /// Every [`CompileError`]; no child is left running. Dropping the future kills it.
    pub async fn compile(&self, component: &[u8]) -> Result<CompiledCode, CompileError> {
        let failed = |error: std::io::Error| CompileError::Failed(error.to_string());
        let mut child = tokio::process::Command::new(&self.program)
            .arg("compile")
            .arg("--memory-limit")
            .arg(self.memory_bytes.to_string())
            // The child needs no setting of the host's, and must not see its secrets.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
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
        match status.code() {
            Some(0) => Ok(CompiledCode(code)),
            Some(1) => Err(CompileError::Refused(message.trim().to_owned())),
            _ => Err(CompileError::Failed(format!(
                "{status}: {}",
                message.trim()
            ))),
        }
    }
}

/// The child's side: compiles standard input to standard output.
///
/// # Errors
/// With the reason why the input is not a component that this host can compile.
pub fn compile_in_this_process(memory_bytes: Option<u64>) -> anyhow::Result<()> {
    // Not fatal: a sandbox may forbid either, and both only protect the neighbours.
    let _ = rustix::process::nice(10);
    if let Some(limit) = memory_bytes {
        let limit = Some(limit);
        let _ = rustix::process::setrlimit(
            Resource::As,
            Rlimit {
                current: limit,
                maximum: limit,
            },
        );
    }
    let mut component = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut component)
        .context("cannot read the component")?;
    if Engine::detect_precompiled(&component).is_some() {
        anyhow::bail!("this is compiled code, not a component; give the .wasm that it was made of");
    }
    if component.starts_with(b"\0asm\x01\0\0\0") {
        anyhow::bail!(
            "this is a core WebAssembly module, not a component; link it with \
             wasm-component-ld, or encode it with `wasm-tools component new`"
        );
    }
    let code = engine_for_compiling()?
        .precompile_component(&component)
        .map_err(|error| anyhow::anyhow!("this is not a valid component: {error:#}"))?;
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&code)?;
    stdout.flush()?;
    Ok(())
}

fn engine_for_compiling() -> anyhow::Result<Engine> {
    super::engine::compiling()
}
