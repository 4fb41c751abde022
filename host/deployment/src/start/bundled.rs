//! The component that comes with a host: a new, empty database starts with it.

use crate::gate::Gate;
use crate::journal::{Ending, Journal};
use crate::rejection::Rejection;
use contract::deployment::{Kind, Outcome, Progress, Stage};
use contract::digest;
use request::Revision;
use storage::registry::{NewDeployment, StoredComponent};

use super::StartError;

/// The actor of the deployment.
const ACTOR: &str = "bundled";

/// A component that comes with a host.
#[derive(Debug, Clone)]
pub struct Bundled {
    /// Its file or reference, for people.
    pub name: String,
    /// Its bytes.
    pub content: Vec<u8>,
    /// A detached signature of its digest.
    pub signature: Option<Vec<u8>>,
}

impl Bundled {
    /// Returns its digest.
    pub fn digest(&self) -> String {
        digest::sha256(&self.content)
    }

    /// Puts it through the gate and makes it the first active component of a database. Returns the
    /// revision and its epoch, or `None` if another host of the database deploys one.
    ///
    /// # Errors
    /// Returns [`StartError::Rejected`], which is in the history, or [`StartError::Database`].
    pub(super) async fn deploy(&self, gate: &Gate) -> Result<Option<(Revision, i64)>, StartError> {
        let registry = gate.registry();
        let component = StoredComponent {
            digest: self.digest(),
            size_bytes: self.content.len() as u64,
            content: self.content.clone(),
            signature: self.signature.clone(),
            actor: ACTOR.to_owned(),
            uploaded_at: 0,
        };
        registry.put_component(&component).await?;
        let new = NewDeployment {
            digest: component.digest.clone(),
            from: None,
            kind: Kind::Bundled.into(),
            actor: ACTOR.to_owned(),
            order: "{}".to_owned(),
        };
        let Ok(id) = registry.begin_deployment(&new).await? else {
            return Ok(None);
        };
        let journal = Journal::new(id, gate.database.clone());
        match admit(gate, &journal, &component).await {
            Ok(revision) => {
                let switched = registry.activate(id, &component.digest, Progress::Switched);
                let epoch = switched.await?;
                journal.record_end(&Ending::of(Outcome::Active)).await?;
                Ok(Some((revision, epoch)))
            }
            Err(rejection) => {
                journal.record_end(&Ending::rejected(&rejection)).await?;
                Err(StartError::Rejected(rejection))
            }
        }
    }
}

/// Runs the stages of the deployment. There is no active revision to compare the component with.
async fn admit(
    gate: &Gate,
    journal: &Journal,
    component: &StoredComponent,
) -> Result<Revision, Rejection> {
    let revision = gate.admit(journal, component, None, false, false).await?;
    let migrated = gate.migrate(&revision.description, false);
    journal.stage(Stage::Migrate, migrated).await?;
    Ok(revision)
}
