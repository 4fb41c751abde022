//! The page that shows what the tables contain. This command serves it, not the host: a host that other
//! people use has no such page.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use server::tables::{Tables, serve};
use storage::Location;
use storage::transfer::{Place, View};

/// The served page. Dropping it closes its port.
pub(super) struct TablesPage {
    /// Where it is served: a free port of this machine.
    pub(super) address: SocketAddr,
    shown: Arc<Shown>,
    task: AbortHandle,
}

/// The database that is shown. `None`: no host has started yet.
#[derive(Default)]
struct Shown(Mutex<Option<Location>>);

impl TablesPage {
    /// Begins to serve the page.
    pub(super) async fn serve() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("cannot open a port for the page of the tables")?;
        let address = listener.local_addr()?;
        let shown = Arc::new(Shown::default());
        let task = tokio::spawn(serve(listener, shown.clone())).abort_handle();
        Ok(TablesPage {
            address,
            shown,
            task,
        })
    }

    /// Shows this database from now on.
    pub(super) fn show(&self, database: Location) {
        *self.shown.0.lock() = Some(database);
    }
}

impl Drop for TablesPage {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[async_trait]
impl Tables for Shown {
    async fn view(&self, place: Option<Place>) -> Result<View, String> {
        let database = self.0.lock().clone();
        let database = database.ok_or("no host has started yet")?;
        let viewed = storage::view(&database, place).await;
        viewed.map_err(|error| error.to_string())
    }
}
