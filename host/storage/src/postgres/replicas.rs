//! The hosts of a PostgreSQL database. What has to be decided at once is one function in the
//! database (`schema/0003.sql`); the rest is read beside it.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tokio::sync::{Mutex, Notify};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::connection::Login;
use super::registry::{cell, deployments};
use super::{HOST_MESSAGE_BYTES, Postgres, socket};
use crate::replicas::{Beat, PROTOCOL, Replica, Running, Staged, State, View};
use crate::{Error, Replicas};

const BEAT: &str = "SELECT task_host.beat($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

const ALL: &str = "SELECT id, protocol, name, host_version, state, epoch, digest, staged, problem, \
     counts, now - beat_at, lease_until > now, lease_until - beat_at \
     FROM task_host.replicas, task_host.now_micros() AS now \
     WHERE lease_until > now - 60000000 ORDER BY began_at, id";

const LEAVE: &str = "WITH gone AS (DELETE FROM task_host.replicas WHERE id = $1 RETURNING 1) \
     SELECT count(*), pg_notify('task_host', '') FROM gone";

const SHARE: &str = "UPDATE task_host.deployments SET canary_percent = $2 \
     WHERE id = $1 AND outcome IS NULL AND coordinator = $3 \
     RETURNING id, pg_notify('task_host', '')";

const WISH: &str = "UPDATE task_host.deployments SET wish = $2 \
     WHERE id = $1 AND outcome IS NULL RETURNING id, pg_notify('task_host', '')";

const UNFULFILLED: &str = "SELECT id FROM task_host.deployments \
     WHERE id = $1 AND outcome IS NULL AND wish IS NOT NULL";

const FULFIL: &str = "UPDATE task_host.deployments SET wish = NULL WHERE id = $1 RETURNING id";

const CODE: &str = "SELECT sealed FROM task_host.code WHERE digest = $1 AND fingerprint = $2";

const KEEP_CODE: &str = "INSERT INTO task_host.code (digest, fingerprint, sealed) \
     VALUES ($1, $2, $3) ON CONFLICT (digest, fingerprint) DO UPDATE SET sealed = excluded.sealed";

/// How long a question may take, waiting for a connection included.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection on which other hosts' changes are heard of.
pub(super) struct Listener {
    login: Login,
    /// Kept while it is open.
    client: Mutex<Option<Client>>,
    heard: Arc<Notify>,
}

impl Listener {
    /// `login` leads past a pooler, where there is one.
    pub(super) fn new(login: Login) -> Self {
        Listener {
            login,
            client: Mutex::default(),
            heard: Arc::default(),
        }
    }

    /// Waits for a change, or for the end of the connection. Where there is no way to hear of
    /// changes, it never returns.
    async fn hear(&self) {
        // Held while waiting: there is one who waits.
        let mut client = self.client.lock().await;
        if client.as_ref().is_none_or(Client::is_closed) {
            *client = None;
            match self.listen().await {
                Ok(listening) => *client = Some(listening),
                Err(reason) => {
                    tracing::debug!("cannot hear of other hosts' changes: {reason}");
                    std::future::pending().await
                }
            }
        }
        self.heard.notified().await;
    }

    async fn listen(&self) -> Result<Client, String> {
        let Login {
            url, encryption, ..
        } = &self.login;
        let heard = Some(self.heard.clone());
        let opened = socket::open_to_hear(url, encryption.clone(), HOST_MESSAGE_BYTES, heard).await;
        let client = opened.map_err(|error| error.to_string())?.client;
        let listening = client.batch_execute("LISTEN task_host").await;
        listening.map_err(|error| super::failure::message(&error))?;
        Ok(client)
    }
}

#[async_trait]
impl Replicas for Postgres {
    fn id(&self) -> &str {
        &self.engine.id
    }

    async fn beat(&self, beat: &Beat) -> Result<View, Error> {
        let until = Instant::now() + beat.lease;
        let micros = i64::try_from(beat.lease.as_micros()).unwrap_or(i64::MAX / 2);
        let counts = [beat.new, beat.old].map(|(requests, failures)| [requests, failures]);
        let counts: Vec<i64> = counts.as_flattened().iter().map(|n| *n as i64).collect();
        let params: [&(dyn ToSql + Sync); 11] = [
            &self.engine.id,
            &beat.name,
            &beat.host_version,
            &PROTOCOL,
            &beat.state.name(),
            &beat.epoch,
            &beat.digest,
            &beat.staged.deployment,
            &beat.staged.problem,
            &counts,
            &micros,
        ];
        self.engine.own(BEAT, &params, until).await?;
        let active = self.engine.own(deployments::ACTIVE, &[], until).await?;
        let running = self.engine.own(deployments::RUNNING, &[], until).await?;
        let running = running.first().map(|row| {
            Ok::<_, Error>(Running {
                row: deployments::read(row)?,
                canary_percent: cell(row, 14)?,
                wish: cell(row, 15)?,
            })
        });
        Ok(View {
            fence: active.first().map_or(Ok(0), |row| cell(row, 4))?,
            active: active.first().map(deployments::read_active).transpose()?,
            running: running.transpose()?,
            replicas: self.all().await?,
        })
    }

    async fn leave(&self) -> Result<(), Error> {
        self.own_row(LEAVE, &[&self.engine.id]).await.map(drop)
    }

    async fn all(&self) -> Result<Vec<Replica>, Error> {
        let rows = self.engine.own(ALL, &[], Instant::now() + PATIENCE).await?;
        rows.iter().map(replica).collect()
    }

    fn serve(&self, epoch: i64) {
        self.engine.epoch.store(epoch, Relaxed);
    }

    async fn share(&self, deployment: i64, percent: f64) -> Result<(), Error> {
        let params: [&(dyn ToSql + Sync); 3] = [&deployment, &percent, &self.engine.id];
        match self.own_row(SHARE, &params).await? {
            true => Ok(()),
            false => Err(Error::Conflict),
        }
    }

    async fn wish(&self, deployment: i64, wish: &str) -> Result<bool, Error> {
        self.own_row(WISH, &[&deployment, &wish]).await
    }

    async fn is_fulfilled(&self, deployment: i64) -> Result<bool, Error> {
        Ok(!self.own_row(UNFULFILLED, &[&deployment]).await?)
    }

    async fn fulfil(&self, deployment: i64) -> Result<(), Error> {
        self.own_row(FULFIL, &[&deployment]).await.map(drop)
    }

    async fn code(&self, digest: &str, fingerprint: &str) -> Result<Option<Vec<u8>>, Error> {
        let until = Instant::now() + PATIENCE;
        let rows = self
            .engine
            .own(CODE, &[&digest, &fingerprint], until)
            .await?;
        rows.first().map(|row| cell(row, 0)).transpose()
    }

    async fn keep_code(&self, digest: &str, fingerprint: &str, sealed: &[u8]) -> Result<(), Error> {
        let params: [&(dyn ToSql + Sync); 3] = [&digest, &fingerprint, &sealed];
        self.own_row(KEEP_CODE, &params).await.map(drop)
    }

    async fn awaken(&self) {
        self.engine.listener.hear().await;
    }
}

impl Postgres {
    /// Whether a statement returned a row.
    async fn own_row(
        &self,
        text: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<bool, Error> {
        let until = Instant::now() + PATIENCE;
        let rows = self.engine.own(text, params, until).await?;
        Ok(!rows.is_empty())
    }
}

fn replica(row: &Row) -> Result<Replica, Error> {
    let micros = |column| {
        let micros: i64 = cell(row, column)?;
        Ok::<_, Error>(Duration::from_micros(micros.max(0).unsigned_abs()))
    };
    let state: String = cell(row, 4)?;
    let counts: Vec<i64> = cell(row, 9)?;
    let count = |at: usize| counts.get(at).copied().unwrap_or(0).max(0).unsigned_abs();
    Ok(Replica {
        id: cell(row, 0)?,
        protocol: cell(row, 1)?,
        beat: Beat {
            name: cell(row, 2)?,
            host_version: cell(row, 3)?,
            state: State::named(&state),
            epoch: cell(row, 5)?,
            digest: cell(row, 6)?,
            staged: Staged {
                deployment: cell(row, 7)?,
                problem: cell(row, 8)?,
            },
            new: (count(0), count(1)),
            old: (count(2), count(3)),
            lease: micros(12)?,
        },
        age: micros(10)?,
        lives: cell(row, 11)?,
    })
}
