//! The gate: compile, link, describe, bind, migrate, self-test.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use super::{Refused, routes};
use crate::contract::{Asset, Description};
use crate::request::{Component, Revision, Template};
use crate::runtime::{Call, CodeCache, Compiler, Program, Runtime};
use crate::storage::{Budget, Database};
use crate::transcode::{Interface, Operation, openapi};

/// Everything that the checks need.
pub struct Gate {
    /// Where components run.
    pub runtime: Arc<Runtime>,
    /// What compiles them.
    pub compiler: Compiler,
    /// Where compiled code is kept; none: nowhere.
    pub cache: Option<CodeCache>,
    /// What their schema is applied to.
    pub database: Arc<dyn Database>,
    /// How long `describe`, `assets` and `check` may take, each.
    pub patience: Duration,
    /// How long the migrations of one component may take. They hold the writer.
    pub migration_time: Duration,
}

impl Gate {
    /// Checks a component, applies its migrations, and returns it ready to serve.
    ///
    /// # Errors
    /// [`Refused`]; the database is as it was before.
    pub async fn admit(&self, component: &[u8]) -> Result<Revision, Refused> {
        let digest = digest_of(component);
        // The compiler goes first: it says best what is wrong with bytes that are no component.
        let program = self.program(component, &digest).await?;
        let interface = Interface::decode(component)?;
        let description = self.runtime.describe(&program, self.deadline()).await?;
        let assets = self.runtime.assets(&program, self.deadline()).await?;
        let (operations, router) = bind(&interface, &description, &assets)?;
        let openapi = openapi(&description, &operations);
        self.migrate(&program, &description).await?;
        let logic = Component::new(self.runtime.clone(), program, operations)?;
        Ok(Revision {
            digest,
            router,
            openapi,
            assets,
            logic: Box::new(logic),
            description,
        })
    }

    /// The component's code: from the cache, or compiled in a child process.
    async fn program(&self, component: &[u8], digest: &str) -> Result<Program, Refused> {
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
        let began = Instant::now();
        let code = self.compiler.compile(component).await;
        let code = code.map_err(|error| Refused::Compile(error.to_string()))?;
        tracing::info!(
            component.digest = digest,
            duration_ms = began.elapsed().as_millis() as u64,
            "compiled the component"
        );
        let program = self.runtime.load(&code)?;
        if let Some(cache) = &self.cache
            && let Err(error) = cache.put(digest, &fingerprint, &code)
        {
            tracing::warn!("cannot keep the compiled code, so the next start compiles: {error}");
        }
        Ok(program)
    }

    /// Applies the migrations and runs the self-test on the result; then applies them again for
    /// good. The first round is rolled back, so a refusal leaves the database as it was.
    async fn migrate(&self, program: &Program, description: &Description) -> Result<(), Refused> {
        let mut trial = self.database.begin_migration(self.budget()).await?;
        trial.migrate(&description.migrations, false).await??;
        let call = Call {
            dialect: self.database.dialect(),
            deadline: self.deadline(),
            transaction: Some(trial),
            now: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
            span: tracing::Span::current(),
        };
        let (trial, checked) = self.runtime.check(program, call).await?;
        drop(trial);
        checked.map_err(Refused::Check)?;

        let mut transaction = self.database.begin_migration(self.budget()).await?;
        let applied = transaction
            .migrate(&description.migrations, false)
            .await??;
        transaction.commit().await?;
        for name in applied {
            tracing::info!(migration.name = name, "applied migration {name}");
        }
        Ok(())
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.patience
    }

    fn budget(&self) -> Budget {
        Budget {
            deadline: Instant::now() + self.migration_time,
            wait: self.patience,
            hold: self.migration_time,
            statements: u32::MAX,
            rows: u64::MAX,
            bytes: u64::MAX,
        }
    }
}

/// Checks that what a component says of itself fits its own types and the host's paths, as far
/// as that shows without a database.
///
/// # Errors
/// [`Refused`], as [`Gate::admit`] would refuse it.
pub fn check_description(
    interface: &Interface,
    description: &Description,
    assets: &[Asset],
) -> Result<(), Refused> {
    bind(interface, description, assets).map(drop)
}

fn bind(
    interface: &Interface,
    description: &Description,
    assets: &[Asset],
) -> Result<(Vec<Operation>, matchit::Router<Template>), Refused> {
    let operations = description
        .routes
        .iter()
        .map(|route| Operation::bind(interface, route))
        .collect::<Result<Vec<_>, _>>()?;
    let router = routes::router(description)?;
    routes::check_assets(assets, description)?;
    Ok((operations, router))
}

/// A component's digest: SHA-256 in lower-case hex.
pub fn digest_of(component: &[u8]) -> String {
    Sha256::digest(component)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
