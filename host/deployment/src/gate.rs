//! The gate: compile, link, describe, bind, migrate, self-test.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use super::{Refused, routes};
use contract::{Asset, Description};
use request::{Component, Revision, Template};
use runtime::{Call, CodeCache, CodeKey, Compiler, Interruption, Program, Runtime, ServiceError};
use storage::registry::StoredComponent;
use storage::{self, Budget, Database, MigrationError};
use transcode::{Interface, Operation, openapi};

/// How often a transaction of the gate is tried that meets clients' transactions.
const ATTEMPTS: u32 = 12;
/// After so long it is not tried again: while a change of a table waits for its lock, so does
/// everybody who uses the table.
const ATTEMPTS_END: Duration = Duration::from_secs(5);
/// The longest pause before the next attempt.
const PAUSE: Duration = Duration::from_millis(50);

/// Everything that the checks need.
pub struct Gate {
    /// Where components run.
    pub runtime: Arc<Runtime>,
    /// What compiles them.
    pub compiler: Compiler,
    /// Where compiled code is kept; none: nowhere.
    pub cache: Option<CodeCache>,
    /// What seals the code that hosts of one database share; none: each compiles for itself.
    pub shared: Option<CodeKey>,
    /// What their schema is applied to.
    pub database: Arc<dyn Database>,
    /// How long `describe`, `assets` and `check` may take, each.
    pub patience: Duration,
    /// How long the migrations of one component may take. They hold the writer.
    pub migration_time: Duration,
}

impl Gate {
    /// Loads a component that passed the gate before: everything but the comparison and the
    /// self-test, so that a restart is quick.
    ///
    /// # Errors
    /// [`Refused`]; the database is as it was before.
    pub(super) async fn load(&self, component: &StoredComponent) -> Result<Revision, Refused> {
        let revision = self.prepare(component).await?;
        self.migrate(&revision.description, true).await?;
        Ok(revision)
    }

    /// Makes a revision of a component whose schema is another's matter.
    ///
    /// # Errors
    /// [`Refused`].
    pub(super) async fn prepare(&self, component: &StoredComponent) -> Result<Revision, Refused> {
        let digest = component.digest.clone();
        let found = digest_of(&component.content);
        if found != digest {
            return Err(Refused::Damaged(found));
        }
        let component = component.content.as_slice();
        let program = self.compile(component, &digest).await?;
        let description = self.describe(&program).await?;
        let assets = self.assets(&program).await?;
        let bound = bind(&Interface::decode(component)?, &description, &assets)?;
        self.assemble(digest, program, description, assets, bound)
    }

    /// Asks the component what it is.
    pub(super) async fn describe(&self, program: &Program) -> Result<Description, Refused> {
        Ok(self.runtime.describe(program, self.deadline()).await?)
    }

    /// Asks the component for the files of its web UI.
    pub(super) async fn assets(&self, program: &Program) -> Result<Vec<Asset>, Refused> {
        Ok(self.runtime.assets(program, self.deadline()).await?)
    }

    /// Joins what was checked.
    pub(super) fn assemble(
        &self,
        digest: String,
        program: Program,
        description: Description,
        assets: Vec<Asset>,
        bound: Bound,
    ) -> Result<Revision, Refused> {
        let openapi = openapi(&description, &bound.operations);
        let logic = Component::new(self.runtime.clone(), program, bound.operations.clone())?;
        Ok(Revision {
            digest,
            router: bound.router,
            openapi,
            assets,
            operations: bound.operations,
            stats: Arc::default(),
            logic: Box::new(logic),
            description,
        })
    }

    /// Applies the migrations and runs the self-test on the result, in a transaction that is
    /// rolled back. `was_active`: the database may have steps beyond the component's.
    pub(super) async fn try_schema(
        &self,
        program: &Program,
        description: &Description,
        was_active: bool,
    ) -> Result<(), Refused> {
        let mut attempts = Attempts::begin();
        loop {
            match self.try_once(program, description, was_active).await {
                Err(refused) if attempts.go_on(&refused) => pause().await,
                decided => return decided,
            }
        }
    }

    async fn try_once(
        &self,
        program: &Program,
        description: &Description,
        was_active: bool,
    ) -> Result<(), Refused> {
        let mut trial = self.database.begin_trial(self.budget()).await?;
        trial.migrate(&description.migrations, was_active).await??;
        let call = Call {
            dialect: self.database.dialect(),
            deadline: self.deadline(),
            transaction: trial,
            now: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
            seed: None,
            span: tracing::Span::current(),
        };
        let checked = self.runtime.check(program, call).await?;
        checked.map_err(Refused::Check)
    }

    /// Applies the migrations for good and returns the names of those that were new.
    pub(super) async fn migrate(
        &self,
        description: &Description,
        was_active: bool,
    ) -> Result<Vec<String>, Refused> {
        let mut attempts = Attempts::begin();
        let applied = loop {
            match self.migrate_once(description, was_active).await {
                Err(refused) if attempts.go_on(&refused) => pause().await,
                decided => break decided?,
            }
        };
        for name in &applied {
            tracing::info!(migration.name = name, "applied migration {name}");
        }
        Ok(applied)
    }

    async fn migrate_once(
        &self,
        description: &Description,
        was_active: bool,
    ) -> Result<Vec<String>, Refused> {
        let mut transaction = self.database.begin_migration(self.budget()).await?;
        let migrations = &description.migrations;
        let applied = transaction.migrate(migrations, was_active).await??;
        if !applied.is_empty() {
            transaction.commit().await?;
        }
        Ok(applied)
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

/// How often something was tried, and since when.
struct Attempts {
    began: Instant,
    left: u32,
}

impl Attempts {
    fn begin() -> Self {
        Attempts {
            began: Instant::now(),
            left: ATTEMPTS,
        }
    }

    /// Whether to try again after this refusal.
    fn go_on(&mut self, refused: &Refused) -> bool {
        self.left -= 1;
        self.left > 0 && is_conflict(refused) && self.began.elapsed() < ATTEMPTS_END
    }
}

/// Waits for a moment, by chance: who met once should not meet again.
async fn pause() {
    tokio::time::sleep(PAUSE.mul_f64(rand::random())).await;
}

/// Whether another transaction was in the way, which says nothing of the component.
fn is_conflict(refused: &Refused) -> bool {
    matches!(
        refused,
        Refused::Migration(MigrationError::Blocked { .. })
            | Refused::Database(storage::Error::Conflict)
            | Refused::Service(ServiceError::Interrupted(
                _,
                Interruption::Database(storage::Error::Conflict)
            ))
    )
}

/// A description's routes, bound to the functions that they name.
pub(super) struct Bound {
    pub(super) operations: Vec<Operation>,
    pub(super) router: matchit::Router<Template>,
}

/// Checks that what a component says of itself fits its own types and the host's paths, as far
/// as that shows without a database, and returns its operations in the routes' order.
///
/// # Errors
/// [`Refused`], as a deployment would be.
pub fn check_description(
    interface: &Interface,
    description: &Description,
    assets: &[Asset],
) -> Result<Vec<Operation>, Refused> {
    bind(interface, description, assets).map(|bound| bound.operations)
}

/// Binds the routes to the component's functions, and its paths to each other.
pub(super) fn bind(
    interface: &Interface,
    description: &Description,
    assets: &[Asset],
) -> Result<Bound, Refused> {
    let operations = description
        .routes
        .iter()
        .map(|route| Operation::bind(interface, route))
        .collect::<Result<_, _>>()?;
    let router = routes::router(description)?;
    routes::check_assets(assets, description)?;
    Ok(Bound { operations, router })
}

/// A component's digest: SHA-256 in lower-case hex.
pub fn digest_of(component: &[u8]) -> String {
    Sha256::digest(component)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
