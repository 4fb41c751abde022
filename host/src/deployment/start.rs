//! Which revision a host starts on: the active one of its database. What a deployment left
//! unfinished is decided first; the bundled component is only for a new database.

use std::sync::Arc;

use super::deployments::Deployments;
use super::gate::{Gate, digest_of};
use super::journal::Journal;
use super::model::Order;
use super::signature::TrustedKeys;
use super::{Refused, history};
use crate::request::Revision;
use crate::storage::Database;
use crate::storage::registry::{DeploymentRow, End, NewDeployment, StoredComponent};

/// Who deploys what comes with the host.
const BUNDLED: &str = "bundled";

/// What a host starts with.
pub struct Start {
    /// The active revision.
    pub revision: Arc<Revision>,
    /// A deployment in probation that goes on, and the revision before it.
    paused: Option<(DeploymentRow, Arc<Revision>)>,
}

/// Why a host cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database is new and nothing was bundled.
    #[error("the database has no component yet; name one with --component")]
    NoComponent,
    /// The bundled component is refused.
    #[error("the component is refused ({code}): {0}", code = .0.code())]
    Refused(Refused),
    /// The active component does not load any more.
    #[error(
        "the active component {digest} does not load ({code}): {refused}; start a host of the \
         version before, and deploy a component that both load",
        code = .refused.code()
    )]
    Active {
        /// Its digest.
        digest: String,
        /// Why not.
        refused: Refused,
    },
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] crate::storage::Error),
}

/// Decides what an earlier process left unfinished, then loads the active revision; in a new
/// database, puts the bundled component through the gate and makes it the active one.
///
/// # Errors
/// [`StartError`].
pub async fn start(
    gate: &Gate,
    database: &dyn Database,
    bundled: Option<Vec<u8>>,
    keys: &TrustedKeys,
) -> Result<Start, StartError> {
    let registry = database.registry();
    let paused = match registry.running_deployment().await? {
        Some(row) if row.stage == "paused" => Some(row),
        Some(row) => {
            decide(database, row).await?;
            None
        }
        None => None,
    };
    let Some(active) = registry.active().await? else {
        let bundled = bundled.ok_or(StartError::NoComponent)?;
        let revision = first(gate, database, bundled, keys).await?;
        return Ok(Start {
            revision: Arc::new(revision),
            paused: None,
        });
    };
    if let Some(digest) = bundled.map(|content| digest_of(&content))
        && digest != active.digest
    {
        tracing::info!(
            component.digest = active.digest,
            bundled.digest = digest,
            "the database's active component is served, not the bundled one; deploy that with \
             `task-host deploy`"
        );
    }
    let revision = load(gate, database, &active.digest).await?;
    let paused = match paused {
        Some(row) => match &row.new.from {
            Some(from) => {
                let previous = load(gate, database, from).await?;
                Some((row, previous))
            }
            None => None,
        },
        None => None,
    };
    Ok(Start { revision, paused })
}

impl Start {
    /// A start on a revision that no registry knows: for logic that is no component.
    pub fn of(revision: Revision) -> Self {
        Start {
            revision: Arc::new(revision),
            paused: None,
        }
    }

    /// Goes on with a probation that a stop of the host interrupted.
    pub async fn resume(self, deployments: &Arc<Deployments>) {
        let Some((row, previous)) = self.paused else {
            return;
        };
        let journal = Arc::new(Journal::resumed(row.id, history::deployment(row).events));
        let report = history::report(&journal.events());
        let resumed = deployments.registry();
        if let Err(error) = resumed
            .advance_deployment(journal.id, "probation", &report)
            .await
        {
            tracing::error!(
                "the probation of deployment {} does not go on: {error}",
                journal.id
            );
            return;
        }
        deployments.keep(previous.clone());
        let (this, new) = (deployments.clone(), self.revision);
        deployments.run(journal.clone(), async move {
            this.watch(&journal, new, previous).await;
        });
    }
}

/// Ends a deployment that ran when the process before this one died.
async fn decide(database: &dyn Database, row: DeploymentRow) -> Result<(), StartError> {
    let (outcome, code, reason, back_to) = match row.stage.as_str() {
        "probation" => (
            "rolled-back",
            Some("crashed-in-probation"),
            Some("the host crashed while the component was in probation"),
            row.new.from.as_deref(),
        ),
        stage @ ("canary" | "shadow") => (
            "rolled-back",
            Some("crashed-in-trial"),
            Some(match stage {
                "canary" => "the host crashed while the component was a canary",
                _ => "the host crashed while the component was in the shadow",
            }),
            None,
        ),
        // A rollback that was asked for: nothing was left to do.
        "switched" => ("active", None, None, None),
        _ => (
            "rejected",
            Some("host-stopped"),
            Some("the host stopped before the switch"),
            None,
        ),
    };
    let end = End {
        outcome: outcome.to_owned(),
        code: code.map(str::to_owned),
        reason: reason.map(str::to_owned),
        report: row.report.clone(),
    };
    database
        .registry()
        .end_deployment(row.id, &end, back_to)
        .await?;
    tracing::warn!(
        deployment.id = row.id,
        deployment.outcome = outcome,
        component.digest = row.new.digest,
        "deployment {} was unfinished at its stage {:?} and is now {outcome}",
        row.id,
        row.stage
    );
    Ok(())
}

async fn load(
    gate: &Gate,
    database: &dyn Database,
    digest: &str,
) -> Result<Arc<Revision>, StartError> {
    let missing = || StartError::Active {
        digest: digest.to_owned(),
        refused: Refused::Compile("its content is not in the database".into()),
    };
    let component = database
        .registry()
        .component(digest)
        .await?
        .ok_or_else(missing)?;
    let loaded = gate.load(&component.content).await;
    loaded.map(Arc::new).map_err(|refused| StartError::Active {
        digest: digest.to_owned(),
        refused,
    })
}

/// The first component of a database.
async fn first(
    gate: &Gate,
    database: &dyn Database,
    content: Vec<u8>,
    keys: &TrustedKeys,
) -> Result<Revision, StartError> {
    let registry = database.registry();
    let component = StoredComponent {
        digest: digest_of(&content),
        size_bytes: content.len() as u64,
        content,
        signature: None,
        actor: BUNDLED.to_owned(),
        uploaded_at: 0,
    };
    registry.put_component(&component).await?;
    let new = NewDeployment {
        digest: component.digest.clone(),
        from: None,
        kind: BUNDLED.to_owned(),
        actor: BUNDLED.to_owned(),
        order: "{}".to_owned(),
    };
    let id = match registry.begin_deployment(&new).await? {
        Ok(id) | Err(id) => id,
    };
    let journal = Journal::new(id);
    let order = Order::default();
    let end = |outcome: &str, refused: Option<&Refused>| {
        let reason = refused.map(ToString::to_string);
        journal.end(outcome, reason.as_deref());
        End {
            outcome: outcome.to_owned(),
            code: refused.map(|refused| refused.code().to_owned()),
            reason,
            report: history::report(&journal.events()),
        }
    };
    let admitted = async {
        let admitted = gate.admit(&journal, &order, &component, keys, None, false);
        let revision = admitted.await?;
        let migrated = gate.migrate(&revision.description, false);
        journal.stage("migrate", migrated).await?;
        Ok::<_, Refused>(revision)
    };
    match admitted.await {
        Ok(revision) => {
            registry.activate(id, &component.digest, "switched").await?;
            registry
                .end_deployment(id, &end("active", None), None)
                .await?;
            Ok(revision)
        }
        Err(refused) => {
            let end = end("rejected", Some(&refused));
            registry.end_deployment(id, &end, None).await?;
            Err(StartError::Refused(refused))
        }
    }
}
