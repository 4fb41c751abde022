//! A component's compiled code: from this host's cache, from another host of the database, or
//! compiled now in a child process.

use std::time::Instant;

use super::Gate;
use crate::rejection::Rejection;
use runtime::{CodeKey, CompiledCode, Program};
use storage::Replicas;

impl Gate {
    /// Returns a component's code, ready to run. Code that is compiled now is kept in the cache and
    /// shared with the other hosts.
    ///
    /// # Errors
    /// Returns [`Rejection::Compile`] or [`Rejection::Load`].
    pub(super) async fn compile(
        &self,
        component: &[u8],
        digest: &str,
    ) -> Result<Program, Rejection> {
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
        if let Some(code) = self.shared_code(digest, &fingerprint).await
            && let Ok(program) = self.runtime.load(&code)
        {
            tracing::info!(
                component.digest = digest,
                "loaded the component's code that another host compiled"
            );
            self.cache(digest, &fingerprint, &code);
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
        self.cache(digest, &fingerprint, &code);
        self.share(digest, &fingerprint, &code).await;
        Ok(program)
    }

    fn cache(&self, digest: &str, fingerprint: &str, code: &CompiledCode) {
        if let Some(cache) = &self.cache
            && let Err(error) = cache.put(digest, fingerprint, code)
        {
            tracing::warn!(
                "cannot keep the compiled code, so the next start compiles again: {error}"
            );
        }
    }

    /// Returns the code that another host compiled for the same engine.
    async fn shared_code(&self, digest: &str, fingerprint: &str) -> Option<CompiledCode> {
        let (replicas, key) = self.sharing()?;
        match replicas.code(digest, fingerprint).await {
            Ok(sealed) => key.open(digest, fingerprint, sealed?),
            Err(error) => {
                tracing::warn!("cannot read the code that another host compiled: {error}");
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
            tracing::warn!("cannot share the compiled code, so every host compiles: {error}");
        }
    }

    fn sharing(&self) -> Option<(&dyn Replicas, &CodeKey)> {
        self.database.replicas().zip(self.shared.as_ref())
    }
}
