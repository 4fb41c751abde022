//! The gate: every check that a component passes before it can serve, in order.
//!
//! [`Gate::admit`] runs all of them, as stages of a deployment. [`Gate::load`] runs those that build
//! a revision, for a component that was admitted before. Both leave the active revision as it is.

mod code;
pub(crate) mod routes;
mod schema;
mod texts;

use std::sync::Arc;
use std::time::{Duration, Instant};

use self::routes::Bound;
use super::journal::Journal;
use super::rejection::Rejection;
use super::signature::{SignatureError, TrustedKeys};
use contract::deployment::{Reason, Stage};
use contract::{Asset, Description, digest};
use request::{Bulkheads, Component, Revision};
use runtime::{CodeCache, CodeKey, Compiler, Lines, Program, Runtime};
use storage::registry::StoredComponent;
use storage::{Database, Registry};
use transcode::{Interface, breaking_changes, openapi};

/// Everything that the checks need.
pub struct Gate {
    /// Runs components.
    pub runtime: Arc<Runtime>,
    /// Compiles components.
    pub compiler: Compiler,
    /// Keeps compiled code between starts. `None`: compiled code is not kept.
    pub cache: Option<CodeCache>,
    /// Seals the code that hosts of one database share. `None`: each host compiles for itself.
    pub shared: Option<CodeKey>,
    /// The keys of which one must have signed a component. Empty: components need no signature.
    pub keys: TrustedKeys,
    /// The components, and the data that their migrations apply to.
    pub database: Arc<dyn Database>,
    /// Whether backtraces have source lines: the gate then keeps each component's debug information.
    pub debug: bool,
    /// How long each of `describe`, `assets` and `check` may take.
    pub patience: Duration,
    /// How long the migrations of one component may take. Writes wait for them.
    pub migration_time: Duration,
    /// How long they and the self-test may take in a dry run.
    pub dry_run_time: Duration,
}

/// A component that was compiled and has described itself.
struct Described {
    program: Program,
    description: Description,
}

/// A component's routes and files, which fit its functions and each other.
struct Served {
    bound: Bound,
    assets: Vec<Asset>,
}

/// The revision with which a new component is compared.
pub(crate) struct Compared<'a> {
    pub(crate) active: &'a Revision,
    /// Whether the order accepts changes that break clients.
    pub(crate) allow_breaking: bool,
}

impl Gate {
    /// Puts a component through every check, without changing anything. `was_active`: the
    /// component was active before, so the database may have migrations that came later. `dry_run`:
    /// the migrations get less time, because they delay clients for nothing.
    ///
    /// # Errors
    /// Returns a [`Rejection`] with everything that is wrong. A component that has no valid
    /// signature, does not compile or does not describe itself cannot be checked further.
    pub(crate) async fn admit(
        &self,
        journal: &Journal,
        component: &StoredComponent,
        compared: Option<Compared<'_>>,
        was_active: bool,
        dry_run: bool,
    ) -> Result<Revision, Rejection> {
        let verified = async {
            check_digest(component)?;
            self.check_signature(component)
        };
        journal.stage(Stage::Verify, verified).await?;
        let described = self.describe(component, Some(journal)).await?;
        let mut rejections = Vec::new();
        let served = match self.bind(component, &described, Some(journal)).await {
            // The reasons of later rejections would quote texts that cannot be shown.
            Err(rejection) if rejection.code() == Reason::TextUnfit => return Err(rejection),
            Err(rejection) => {
                rejections.push(rejection);
                None
            }
            Ok(served) => Some(served),
        };
        if let (Some(compared), Some(served)) = (compared, &served) {
            let compared = async { compare(journal, &compared, &served.bound) };
            rejections.extend(journal.stage(Stage::Compare, compared).await.err());
        }
        let time = match dry_run {
            true => self.dry_run_time,
            false => self.migration_time,
        };
        let checked = self.check(journal, &described, was_active, time);
        rejections.extend(journal.stage(Stage::Check, checked).await.err());
        Rejection::unless_empty(rejections)?;
        match served {
            Some(served) => self.assemble(component, described, served),
            None => unreachable!("a component that cannot be bound was rejected"),
        }
    }

    /// Builds the revision of a component that was admitted before, and applies migrations that the
    /// database does not have yet. Leaves the comparison and the self-test out, so that a restart
    /// is quick.
    ///
    /// # Errors
    /// Returns a [`Rejection`]; the database is then as it was before.
    pub(crate) async fn load(
        &self,
        component: &StoredComponent,
    ) -> Result<Arc<Revision>, Rejection> {
        let revision = self.prepare(component).await?;
        self.migrate(&revision.description, true).await?;
        Ok(revision)
    }

    /// Builds the revision of a component that was admitted before, without applying its
    /// migrations.
    ///
    /// # Errors
    /// Returns a [`Rejection`].
    pub(crate) async fn prepare(
        &self,
        component: &StoredComponent,
    ) -> Result<Arc<Revision>, Rejection> {
        check_digest(component)?;
        let described = self.describe(component, None).await?;
        let served = self.bind(component, &described, None).await?;
        self.assemble(component, described, served).map(Arc::new)
    }

    /// Returns a component that was uploaded.
    ///
    /// # Errors
    /// Returns [`Rejection::Gone`] if the database does not have it, or [`Rejection::Database`].
    pub(crate) async fn stored(&self, digest: &str) -> Result<StoredComponent, Rejection> {
        let component = self.registry().component(digest).await?;
        component.ok_or_else(|| Rejection::Gone(digest.to_owned()))
    }

    /// Checks that a trusted key signed a component, if any key is trusted.
    ///
    /// # Errors
    /// Returns [`Rejection::Signature`].
    pub(crate) fn check_signature(&self, component: &StoredComponent) -> Result<(), Rejection> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let signature = component.signature.as_deref();
        let signature = signature.ok_or(SignatureError::Missing)?;
        self.keys.verify(&component.digest, signature)?;
        Ok(())
    }

    /// Returns the tables of components and deployments.
    pub(crate) fn registry(&self) -> &dyn Registry {
        self.database.registry()
    }

    /// Compiles a component and asks it for its description: as stages, if there is a journal.
    async fn describe(
        &self,
        component: &StoredComponent,
        journal: Option<&Journal>,
    ) -> Result<Described, Rejection> {
        let content = component.content.as_slice();
        // The compiler goes first: its errors are the clearest for bytes that are not a component.
        let compiled = self.compile(content, &component.digest);
        let mut program = stage(journal, Stage::Compile, compiled).await?;
        if self.debug {
            program.keep_debug_info(content);
        }
        let described = async {
            let lines = Lines::default();
            let asked = self.runtime.describe(&program, self.deadline(), &lines);
            let description = asked.await;
            note_log(journal, Stage::Describe, &lines);
            Ok(description?)
        };
        let description = stage(journal, Stage::Describe, described).await?;
        Ok(Described {
            program,
            description,
        })
    }

    /// Binds a component's routes and files: as a stage, if there is a journal.
    async fn bind(
        &self,
        component: &StoredComponent,
        described: &Described,
        journal: Option<&Journal>,
    ) -> Result<Served, Rejection> {
        let bound = async {
            let interface = Interface::decode(&component.content)?;
            let lines = Lines::default();
            let asked = self
                .runtime
                .assets(&described.program, self.deadline(), &lines);
            let assets = asked.await;
            note_log(journal, Stage::Bind, &lines);
            // Without the files the routes are checked all the same.
            let (assets, refused) = match assets {
                Ok(assets) => (assets, None),
                Err(error) => (Vec::new(), Some(Rejection::from(error))),
            };
            let bound = routes::bind(&interface, &described.description, &assets);
            match (bound, refused) {
                (Ok(bound), None) => Ok(Served { bound, assets }),
                (bound, refused) => {
                    let rejections = bound.err().into_iter().chain(refused).collect();
                    Err(Rejection::several(rejections))
                }
            }
        };
        stage(journal, Stage::Bind, bound).await
    }

    fn assemble(
        &self,
        component: &StoredComponent,
        described: Described,
        served: Served,
    ) -> Result<Revision, Rejection> {
        let Described {
            program,
            description,
        } = described;
        let Served { bound, assets } = served;
        let openapi = openapi(&description, &bound.operations);
        let logic = Component::new(self.runtime.clone(), program, bound.operations.clone())?;
        Ok(Revision {
            digest: component.digest.clone(),
            router: bound.router,
            openapi,
            assets,
            operations: bound.operations,
            stats: Arc::default(),
            bulkheads: Bulkheads::default(),
            logic: Box::new(logic),
            description,
        })
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.patience
    }
}

/// Runs a check, as a stage if there is a journal.
async fn stage<T>(
    journal: Option<&Journal>,
    stage: Stage,
    check: impl Future<Output = Result<T, Rejection>>,
) -> Result<T, Rejection> {
    match journal {
        Some(journal) => journal.stage(stage, check).await,
        None => check.await,
    }
}

/// Adds what the component logged to a stage, if there is a journal.
fn note_log(journal: Option<&Journal>, stage: Stage, lines: &Lines) {
    if let Some(journal) = journal {
        journal.note_log(stage, lines.take());
    }
}

fn check_digest(component: &StoredComponent) -> Result<(), Rejection> {
    let found = digest::sha256(&component.content);
    if found != component.digest {
        return Err(Rejection::Damaged(found));
    }
    Ok(())
}

fn compare(journal: &Journal, compared: &Compared<'_>, new: &Bound) -> Result<(), Rejection> {
    let changes = breaking_changes(&compared.active.operations, &new.operations);
    let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
    if changes.is_empty() {
        return Ok(());
    }
    journal.note_breaking(changes.clone());
    match compared.allow_breaking {
        true => Ok(()),
        false => Err(Rejection::Breaking(changes)),
    }
}
