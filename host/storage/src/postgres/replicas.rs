//! The hosts of a PostgreSQL database. A heartbeat is one function in the database
//! (`schema/0003.sql`), because its decisions must be atomic. Everything else is read separately.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::database::Postgres;
use super::engine::column;
use super::registry::deployments;
use crate::replicas::{Heartbeat, PROTOCOL, Replica, RunningDeployment, Staged, State, View};
use crate::{Error, Replicas};

const HEARTBEAT: &str = "SELECT task_host.beat($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

const ALL: &str = "SELECT id, protocol, name, host_version, state, epoch, digest, staged, problem, \
     counts, now - beat_at, lease_until > now, lease_until - beat_at, serving_since \
     FROM task_host.replicas, task_host.now_micros() AS now \
     WHERE lease_until > now - 60000000 ORDER BY began_at, id";

const LEAVE: &str = "WITH gone AS (DELETE FROM task_host.replicas WHERE id = $1 RETURNING 1) \
     SELECT count(*), pg_notify('task_host', '') FROM gone";

const SET_CANARY_PERCENT: &str = "UPDATE task_host.deployments SET canary_percent = $2 \
     WHERE id = $1 AND outcome IS NULL AND coordinator = $3 \
     RETURNING id, pg_notify('task_host', '')";

const SEND_COMMAND: &str = "UPDATE task_host.deployments SET wish = $2 \
     WHERE id = $1 AND outcome IS NULL RETURNING id, pg_notify('task_host', '')";

const PENDING_COMMAND: &str = "SELECT id FROM task_host.deployments \
     WHERE id = $1 AND outcome IS NULL AND wish IS NOT NULL";

const CLEAR_COMMAND: &str =
    "UPDATE task_host.deployments SET wish = NULL WHERE id = $1 RETURNING id";

const CODE: &str = "SELECT sealed FROM task_host.code WHERE digest = $1 AND fingerprint = $2";

const STORE_CODE: &str = "INSERT INTO task_host.code (digest, fingerprint, sealed) \
     VALUES ($1, $2, $3) ON CONFLICT (digest, fingerprint) DO UPDATE SET sealed = excluded.sealed";

/// How long a query may take, including the wait for a connection.
const TIMEOUT: Duration = Duration::from_secs(5);

#[async_trait]
impl Replicas for Postgres {
    fn id(&self) -> &str {
        &self.engine.id
    }

    async fn heartbeat(&self, heartbeat: &Heartbeat) -> Result<View, Error> {
        let until = Instant::now() + heartbeat.lease;
        let micros = i64::try_from(heartbeat.lease.as_micros()).unwrap_or(i64::MAX / 2);
        let counts =
            [heartbeat.new, heartbeat.old].map(|(requests, failures)| [requests, failures]);
        let counts: Vec<i64> = counts.as_flattened().iter().map(|n| *n as i64).collect();
        let params: [&(dyn ToSql + Sync); 11] = [
            &self.engine.id,
            &heartbeat.name,
            &heartbeat.host_version,
            &PROTOCOL,
            &heartbeat.state.name(),
            &heartbeat.epoch,
            &heartbeat.digest,
            &heartbeat.staged.deployment,
            &heartbeat.staged.problem,
            &counts,
            &micros,
        ];
        self.engine.rows(HEARTBEAT, &params, until).await?;
        let active = self.engine.rows(deployments::ACTIVE, &[], until).await?;
        let running = self.engine.rows(deployments::RUNNING, &[], until).await?;
        let running = running.first().map(|row| {
            Ok::<_, Error>(RunningDeployment {
                row: deployments::read(row)?,
                canary_percent: column(row, 14)?,
                command: column(row, 15)?,
            })
        });
        Ok(View {
            fence: active.first().map_or(Ok(0), |row| column(row, 4))?,
            active: active.first().map(deployments::read_active).transpose()?,
            running: running.transpose()?,
            replicas: self.all().await?,
        })
    }

    async fn leave(&self) -> Result<(), Error> {
        self.exists(LEAVE, &[&self.engine.id]).await.map(drop)
    }

    async fn all(&self) -> Result<Vec<Replica>, Error> {
        let rows = self.engine.rows(ALL, &[], Instant::now() + TIMEOUT).await?;
        rows.iter().map(replica).collect()
    }

    fn set_epoch(&self, epoch: i64) {
        self.engine.epoch.store(epoch, Relaxed);
    }

    async fn set_canary_percent(&self, deployment: i64, percent: f64) -> Result<(), Error> {
        let params: [&(dyn ToSql + Sync); 3] = [&deployment, &percent, &self.engine.id];
        match self.exists(SET_CANARY_PERCENT, &params).await? {
            true => Ok(()),
            false => Err(Error::Conflict),
        }
    }

    async fn send_command(&self, deployment: i64, command: &str) -> Result<bool, Error> {
        self.exists(SEND_COMMAND, &[&deployment, &command]).await
    }

    async fn is_command_handled(&self, deployment: i64) -> Result<bool, Error> {
        Ok(!self.exists(PENDING_COMMAND, &[&deployment]).await?)
    }

    async fn clear_command(&self, deployment: i64) -> Result<(), Error> {
        self.exists(CLEAR_COMMAND, &[&deployment]).await.map(drop)
    }

    async fn code(&self, digest: &str, fingerprint: &str) -> Result<Option<Vec<u8>>, Error> {
        let until = Instant::now() + TIMEOUT;
        let rows = self
            .engine
            .rows(CODE, &[&digest, &fingerprint], until)
            .await?;
        rows.first().map(|row| column(row, 0)).transpose()
    }

    async fn store_code(
        &self,
        digest: &str,
        fingerprint: &str,
        sealed: &[u8],
    ) -> Result<(), Error> {
        let params: [&(dyn ToSql + Sync); 3] = [&digest, &fingerprint, &sealed];
        self.exists(STORE_CODE, &params).await.map(drop)
    }

    async fn wait_for_change(&self) {
        self.engine.listener.wait().await;
    }
}

impl Postgres {
    /// Runs a statement and returns whether it returned a row.
    async fn exists(
        &self,
        text: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<bool, Error> {
        let until = Instant::now() + TIMEOUT;
        let rows = self.engine.rows(text, params, until).await?;
        Ok(!rows.is_empty())
    }
}

fn replica(row: &Row) -> Result<Replica, Error> {
    let duration = |index| {
        let micros: i64 = column(row, index)?;
        Ok::<_, Error>(Duration::from_micros(micros.max(0).unsigned_abs()))
    };
    let state: String = column(row, 4)?;
    let counts: Vec<i64> = column(row, 9)?;
    let count = |at: usize| counts.get(at).copied().unwrap_or(0).max(0).unsigned_abs();
    Ok(Replica {
        id: column(row, 0)?,
        protocol: column(row, 1)?,
        heartbeat: Heartbeat {
            name: column(row, 2)?,
            host_version: column(row, 3)?,
            state: State::from_name(&state),
            epoch: column(row, 5)?,
            digest: column(row, 6)?,
            staged: Staged {
                deployment: column(row, 7)?,
                problem: column(row, 8)?,
            },
            new: (count(0), count(1)),
            old: (count(2), count(3)),
            lease: duration(12)?,
        },
        age: duration(10)?,
        has_lease: column(row, 11)?,
        serving_since: column(row, 13)?,
    })
}
