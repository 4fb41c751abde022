//! What the handlers of the admin API share: the state, and the call into the deployment layer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{Instrument, error};

use super::access::Access;
use super::attempts::Attempts;
use super::respond::ProblemResponse;
use crate::App;
use deployment::{Admin, AdminError};

/// How long a call of the deployment layer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the handlers share, as long as the process serves.
pub(super) struct Shared {
    pub(super) app: Arc<App>,
    pub(super) admin: Arc<dyn Admin>,
    pub(super) access: Access,
    pub(super) attempts: Attempts,
    /// One permit for each upload.
    pub(super) uploads: Semaphore,
}

impl Shared {
    /// Calls the deployment layer on the runtime of the public port. Its log lines have the
    /// request's id.
    pub(super) async fn call<T, F>(
        &self,
        call: impl FnOnce(Arc<dyn Admin>) -> F,
    ) -> Result<T, ProblemResponse>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, AdminError>> + Send + 'static,
    {
        let calling = call(self.admin.clone()).in_current_span();
        let calling = self.app.workers.spawn(calling);
        let result = match timeout(PATIENCE, calling).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(AdminError::Unavailable("the call did not end".to_owned())),
            Err(_) => Err(AdminError::Unavailable(format!(
                "no result within {PATIENCE:?}"
            ))),
        };
        if let Err(AdminError::Unavailable(reason)) = &result {
            error!("the admin API is unavailable: {reason}");
        }
        Ok(result?)
    }
}
