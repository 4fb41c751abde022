//! A component's compiled code: from this machine, from another host of the database, or made now,
//! in a child process.

use std::time::Instant;

use super::Refused;
use super::gate::Gate;
use runtime::{CodeKey, CompiledCode, Program};
use storage::Replicas;

impl Gate {
    /// A component's code, ready to run. Where it was made now, it is kept for the next time.
    ///
    /// # Errors
    /// [`Refused`].
    pub(super) async fn compile(&self, component: &[u8], digest: &str) -> Result<Program, Refused> {
        let fingerprint = self.runtime.fingerprint();
        if let Some(cache) = &self.cache
            && let Some(code) = cache.get(digest, &fingerprint)
            && let Ok(program) = self.runtime.load(&code)
        {
            tracing::info!(
                component.digest = digest,
                "loaded the component's code from the cache"
            );
            return Ok(program);
        }
        if let Some(code) = self.made_elsewhere(digest, &fingerprint).await
            && let Ok(program) = self.runtime.load(&code)
        {
            tracing::info!(
                component.digest = digest,
                "loaded the component's code that another host has made"
            );
            self.keep(digest, &fingerprint, &code);
            return Ok(program);
        }
        let began = Instant::now();
        let code = self.compiler.compile(component).await?;
        tracing::info!(
            component.digest = digest,
            duration_ms = began.elapsed().as_millis() as u64,
            "compiled the component"
        );
        let program = self.runtime.load(&code)?;
        self.keep(digest, &fingerprint, &code);
        self.share(digest, &fingerprint, &code).await;
        Ok(program)
    }

    fn keep(&self, digest: &str, fingerprint: &str, code: &CompiledCode) {
        if let Some(cache) = &self.cache
            && let Err(error) = cache.put(digest, fingerprint, code)
        {
            tracing::warn!("cannot keep the compiled code, so the next start compiles: {error}");
        }
    }

    /// What another host has compiled for the same engine.
    async fn made_elsewhere(&self, digest: &str, fingerprint: &str) -> Option<CompiledCode> {
        let (replicas, key) = self.sharing()?;
        match replicas.code(digest, fingerprint).await {
            Ok(sealed) => key.open(digest, fingerprint, sealed?),
            Err(error) => {
                tracing::warn!("cannot ask for code that another host has made: {error}");
                None
            }
        }
    }

    async fn share(&self, digest: &str, fingerprint: &str, code: &CompiledCode) {
        let Some((replicas, key)) = self.sharing() else {
            return;
        };
        let sealed = key.seal(digest, fingerprint, code);
        if let Err(error) = replicas.store_code(digest, fingerprint, &sealed).await {
            tracing::warn!("cannot share the compiled code, so each host compiles: {error}");
        }
    }

    fn sharing(&self) -> Option<(&dyn Replicas, &CodeKey)> {
        self.database.replicas().zip(self.shared.as_ref())
    }
}
