//! A component's compiled code: from this host's cache, from another host of the database, or
//! compiled now in a child process.

use std::time::Instant;

use super::Gate;
use crate::rejection::Rejection;
use runtime::{CodeKey, CompiledCode, Program, Slot};
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
        let slot = Slot::of(component);
        if let Some(code) = self.cached(digest, &fingerprint, slot.as_ref())
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
            self.cache(digest, &fingerprint, slot.as_ref(), &code);
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
        self.cache(digest, &fingerprint, slot.as_ref(), &code);
        self.share(digest, &fingerprint, &code).await;
        Ok(program)
    }

    /// Returns a component's code from the cache. That of a component with a slot is kept without it.
    fn cached(
        &self,
        digest: &str,
        fingerprint: &str,
        slot: Option<&Slot<'_>>,
    ) -> Option<CompiledCode> {
        let cache = self.cache.as_ref()?;
        match slot {
            None => cache.get(digest, fingerprint),
            Some(slot) => slot.put_into(cache.get(slot.owner(), fingerprint)?),
        }
    }

    fn cache(&self, digest: &str, fingerprint: &str, slot: Option<&Slot<'_>>, code: &CompiledCode) {
        let Some(cache) = &self.cache else { return };
        let name = match slot {
            None => digest,
            Some(slot) => {
                // The next one replaces the interpreter, too.
                cache.forget(Slot::OWNERS);
                slot.owner()
            }
        };
        if let Err(error) = cache.put(name, fingerprint, code) {
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
