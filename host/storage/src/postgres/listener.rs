//! A connection on which the server notifies this host of other hosts' changes.

use std::sync::Arc;

use tokio::sync::{Mutex, Notify};
use tokio_postgres::Client;

use super::connection::{HOST_MESSAGE_BYTES, Login};
use super::{failure, socket};

/// Opens the connection when somebody first waits, and keeps it open.
pub(super) struct Listener {
    login: Login,
    client: Mutex<Option<Client>>,
    notified: Arc<Notify>,
}

impl Listener {
    /// `login` must bypass a pooler, if there is one.
    pub(super) fn new(login: Login) -> Self {
        Listener {
            login,
            client: Mutex::default(),
            notified: Arc::default(),
        }
    }

    /// Waits for a change or for the end of the connection. If the connection cannot be opened,
    /// this never returns.
    pub(super) async fn wait(&self) {
        // Held while waiting: only one caller waits at a time.
        let mut client = self.client.lock().await;
        if client.as_ref().is_none_or(Client::is_closed) {
            *client = None;
            match self.listen().await {
                Ok(listening) => *client = Some(listening),
                Err(reason) => {
                    tracing::debug!("cannot listen for other hosts' changes: {reason}");
                    std::future::pending().await
                }
            }
        }
        self.notified.notified().await;
    }

    async fn listen(&self) -> Result<Client, String> {
        let Login {
            url, encryption, ..
        } = &self.login;
        let notified = Some(self.notified.clone());
        let opened =
            socket::open_to_listen(url, encryption.clone(), HOST_MESSAGE_BYTES, notified).await;
        let client = opened.map_err(|error| error.to_string())?.client;
        let listening = client.batch_execute("LISTEN task_host").await;
        listening.map_err(|error| failure::message(&error))?;
        Ok(client)
    }
}
