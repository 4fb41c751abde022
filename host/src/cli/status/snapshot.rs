//! The state of a host at one time, from several calls of the admin API.

use crate::cli::client::{Client, Error};
use deployment::model::{Deployment, Status};
use server::{Failure as FailedRequest, Figures};

/// The number of latest deployments that are fetched, among which the one that activated the current
/// revision is looked for.
const DEPLOYMENTS: u32 = 20;

/// What `status` shows.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) status: Status,
    /// The latest deployments, newest first.
    pub(super) deployments: Vec<Deployment>,
    pub(super) figures: Figures,
    /// The latest failed requests, newest first.
    pub(super) failures: Vec<FailedRequest>,
}

impl Snapshot {
    /// Fetches the state of a host.
    pub(super) async fn fetch(client: &Client) -> Result<Self, Error> {
        Ok(Snapshot {
            status: client.status().await?,
            deployments: client.deployments(DEPLOYMENTS).await?,
            figures: client.figures().await?,
            failures: client.failures().await?,
        })
    }
}
