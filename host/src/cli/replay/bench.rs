//! Makes a revision of a component in this process, and replays recordings on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::report::Report;
use contract::digest;
use deployment::check_description;
use request::recording::Recording;
use request::{Bulkheads, Component, Revision, replay};
use runtime::{ClearMemory, CodeCache, CompiledCode, Compiler, Lines, Runtime};
use transcode::Interface;

/// Time limit for the component's description of itself.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Compiles components and replays recordings. It keeps the code of the last component.
pub(super) struct Bench {
    compiler: Compiler,
    cache: Option<CodeCache>,
    last: Option<(String, CompiledCode)>,
}

impl Bench {
    pub(super) fn new(compiler: Compiler, cache: Option<CodeCache>) -> Self {
        Bench {
            compiler,
            cache,
            last: None,
        }
    }

    /// Runs a recorded request on a component, with the limits that it had.
    ///
    /// # Errors
    /// No host would accept the component, it has no such route, or the recording is damaged.
    pub(super) async fn replay(
        &mut self,
        recording: &Recording,
        component: &[u8],
    ) -> anyhow::Result<Report> {
        let digest = digest::sha256(component);
        let limits = recording.runtime_limits();
        let runtime = Arc::new(Runtime::new(limits, ClearMemory::Auto)?);
        let code = match self.last.take() {
            Some((known, code)) if known == digest => code,
            _ => {
                self.code(component, &digest, &runtime.fingerprint())
                    .await?
            }
        };
        let (_, code) = self.last.insert((digest.clone(), code));
        let revision = revision(component, digest, code, runtime).await?;
        let began = Instant::now();
        let replayed = replay(recording, &revision).await?;
        let (name, version) = (revision.description.name, revision.description.version);
        Ok(Report {
            recording: recording.clone(),
            component: format!("{name} {version}"),
            digest: revision.digest,
            replayed,
            took: began.elapsed(),
        })
    }

    /// Returns a component's code: from the cache, or compiled now.
    async fn code(
        &self,
        component: &[u8],
        digest: &str,
        fingerprint: &str,
    ) -> anyhow::Result<CompiledCode> {
        let cache = self.cache.as_ref();
        if let Some(code) = cache.and_then(|cache| cache.get(digest, fingerprint)) {
            return Ok(code);
        }
        let code = self.compiler.compile(component).await?;
        if let Some(cache) = cache {
            let kept = cache.put(digest, fingerprint, &code);
            kept.context("--cache-dir: cannot keep the compiled code")?;
        }
        Ok(code)
    }
}

/// Makes a revision that answers requests, but serves no HTTP.
async fn revision(
    component: &[u8],
    digest: String,
    code: &CompiledCode,
    runtime: Arc<Runtime>,
) -> anyhow::Result<Revision> {
    let mut program = runtime.load(code)?;
    program.keep_debug_info(component);
    let (deadline, lines) = (Instant::now() + TIMEOUT, Lines::default());
    let description = runtime.describe(&program, deadline, &lines).await?;
    let interface = Interface::decode(component)?;
    let operations = check_description(&interface, &description, &[]).map_err(|refused| {
        let reasons = refused.all().iter().map(|reason| reason.to_string());
        let reasons = reasons.collect::<Vec<_>>().join("; ");
        anyhow::anyhow!("no host would accept the component: {reasons}")
    })?;
    let logic = Component::new(runtime, program, operations.clone())
        .context("no host would accept the component")?;
    Ok(Revision {
        digest,
        description,
        router: Default::default(),
        openapi: serde_json::Value::Null,
        assets: Vec::new(),
        operations,
        stats: Arc::default(),
        bulkheads: Bulkheads::default(),
        logic: Box::new(logic),
    })
}
