//! The component that comes with a host: what a new, empty database begins with.

use super::{Refused, StartError};
use crate::gate::{Gate, digest_of};
use crate::history;
use crate::journal::Journal;
use crate::model::Order;
use crate::signature::TrustedKeys;
use request::Revision;
use storage::registry::{End, NewDeployment, StoredComponent};

/// Who deploys what comes with the host, and the kind of that deployment.
const BUNDLED: &str = "bundled";

/// A component that comes with a host.
#[derive(Debug, Clone)]
pub struct Bundled {
    /// Its bytes.
    pub content: Vec<u8>,
    /// A detached signature over its digest.
    pub signature: Option<Vec<u8>>,
}

impl Bundled {
    /// Its digest.
    pub fn digest(&self) -> String {
        digest_of(&self.content)
    }

    /// Puts it through the gate and makes it the first active component of a database; with the
    /// epoch. None: another host of the database deploys one.
    ///
    /// # Errors
    /// [`StartError::Refused`], which the history remembers.
    pub(super) async fn deploy(
        &self,
        gate: &Gate,
        keys: &TrustedKeys,
    ) -> Result<Option<(Revision, i64)>, StartError> {
        let registry = gate.database.registry();
        let component = StoredComponent {
            digest: self.digest(),
            size_bytes: self.content.len() as u64,
            content: self.content.clone(),
            signature: self.signature.clone(),
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
        let Ok(id) = registry.begin_deployment(&new).await? else {
            return Ok(None);
        };
        let journal = Journal::new(id, gate.database.clone());
        let order = Order::default();
        let admitted = async {
            let admitted = gate.admit(&journal, &order, &component, keys, None, false);
            let revision = admitted.await?;
            let migrated = gate.migrate(&revision.description, false);
            journal.stage("migrate", migrated).await?;
            Ok::<_, Refused>(revision)
        };
        let admitted = admitted.await;
        let (outcome, refused, epoch) = match &admitted {
            Ok(_) => {
                let epoch = registry.activate(id, &component.digest, "switched").await?;
                ("active", None, epoch)
            }
            Err(refused) => ("rejected", Some(refused), 0),
        };
        let reason = refused.map(ToString::to_string);
        journal.end(outcome, reason.as_deref());
        let end = End {
            outcome: outcome.to_owned(),
            code: refused.map(|refused| refused.code().to_owned()),
            reason,
            report: history::report(&journal.events()),
        };
        registry.end_deployment(id, &end, None).await?;
        let revision = admitted.map_err(StartError::Refused)?;
        Ok(Some((revision, epoch)))
    }
}
