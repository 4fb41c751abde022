//! This host's membership: its heartbeats, its lease, and its latest view of the cluster.
//!
//! A host sends a heartbeat five times in a lease, more often while a deployment runs, and at once
//! when something changes here or on another host. A heartbeat never waits for work: `follower`
//! reacts to the views, while the heartbeats go on.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use request::{ClockReading, Counts, Lease, RevisionStats};
use storage::replicas::{Heartbeat, OLDEST_PROTOCOL, Staged, State, View};
use storage::{self, Database, Replicas};

/// Heartbeats in a lease. The lease expires when all of them fail.
const HEARTBEATS: u32 = 5;
/// The longest pause between heartbeats while a deployment runs, because they report the request
/// counts by which the deployment is judged.
const WHILE_DEPLOYING: Duration = Duration::from_millis(250);
/// The pause after a heartbeat that failed.
const RETRY: Duration = Duration::from_millis(200);
/// How long a host that leaves waits for its last heartbeat, if the database is slow.
const LAST_HEARTBEAT: Duration = Duration::from_secs(1);

/// This host's membership among the hosts that share its database.
pub struct Member {
    database: Arc<dyn Database>,
    /// Shared with the request service, which answers only while the lease lasts.
    lease: Arc<Lease>,
    report: Mutex<Report>,
    view: watch::Sender<Arc<View>>,
    /// Wakes the heartbeats up when the report has changed.
    changed: Notify,
    /// Sends heartbeats until [`Member::leave`].
    heartbeats: Mutex<Option<JoinHandle<()>>>,
    /// Ends the task that sends heartbeats, after the one that is in flight.
    leaving: Notify,
}

/// Why a host cannot join the others.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// A host that shares the database is too old for this one.
    #[error(
        "the host {name} shares this database and its version {version} is too old for this one; \
         end it, or update it first"
    )]
    TooOld {
        /// Its name for people.
        name: String,
        /// Its version.
        version: String,
    },
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] storage::Error),
}

/// The content of the next heartbeat.
struct Report {
    heartbeat: Heartbeat,
    /// The revisions whose requests are reported: the deployed one and the previous one.
    watched: Option<[Watched; 2]>,
}

/// A revision's request counts since a given time.
struct Watched {
    stats: Arc<RevisionStats>,
    start: Counts,
}

impl Member {
    /// Joins the hosts of a database, as one that does not answer requests yet. Returns `None` if
    /// the database belongs to this host alone. `name` is for people.
    ///
    /// # Errors
    /// Returns [`JoinError::TooOld`] if another host is too old for this one, or
    /// [`JoinError::Database`].
    pub async fn join(
        database: &Arc<dyn Database>,
        name: String,
        lease: Duration,
    ) -> Result<Option<Arc<Self>>, JoinError> {
        let Some(replicas) = database.replicas() else {
            return Ok(None);
        };
        let heartbeat = Heartbeat {
            name,
            host_version: env!("CARGO_PKG_VERSION").to_owned(),
            state: State::Starting,
            epoch: 0,
            digest: None,
            staged: Staged::default(),
            new: (0, 0),
            old: (0, 0),
            lease,
        };
        let view = replicas.heartbeat(&heartbeat).await?;
        let mut living = view.replicas.iter().filter(|replica| replica.has_lease);
        if let Some(old) = living.find(|replica| replica.protocol < OLDEST_PROTOCOL) {
            // If this fails, the membership expires.
            let _ = replicas.leave().await;
            return Err(JoinError::TooOld {
                name: old.heartbeat.name.clone(),
                version: old.heartbeat.host_version.clone(),
            });
        }
        let member = Arc::new(Member {
            database: database.clone(),
            lease: Arc::new(Lease::none()),
            report: Mutex::new(Report {
                heartbeat,
                watched: None,
            }),
            view: watch::Sender::new(Arc::new(view)),
            changed: Notify::new(),
            heartbeats: Mutex::default(),
            leaving: Notify::new(),
        });
        let heartbeats = tokio::spawn(member.clone().send_heartbeats());
        *member.heartbeats.lock() = Some(heartbeats);
        Ok(Some(member))
    }

    /// Returns the id of this process.
    pub(crate) fn id(&self) -> &str {
        self.replicas().id()
    }

    /// Returns this host's lease: it may answer requests while the lease lasts.
    pub fn lease(&self) -> Arc<Lease> {
        self.lease.clone()
    }

    /// Returns the view of the cluster after the latest heartbeat.
    pub(crate) fn view(&self) -> Arc<View> {
        self.view.borrow().clone()
    }

    /// Subscribes to the views. A subscriber that is slow sees only the latest.
    pub(crate) fn views(&self) -> watch::Receiver<Arc<View>> {
        self.view.subscribe()
    }

    /// Returns the epoch that this host serves.
    pub(crate) fn epoch(&self) -> i64 {
        self.report.lock().heartbeat.epoch
    }

    /// Returns how long a lease lasts.
    pub(crate) fn lease_time(&self) -> Duration {
        self.report.lock().heartbeat.lease
    }

    /// Reports that every request that begins from now on is answered by this component, of this
    /// epoch.
    pub(crate) fn serves(&self, epoch: i64, digest: &str) {
        self.replicas().set_epoch(epoch);
        let mut report = self.report.lock();
        report.heartbeat.state = State::Serving;
        report.heartbeat.epoch = epoch;
        report.heartbeat.digest = Some(digest.to_owned());
        drop(report);
        self.changed.notify_one();
    }

    /// Reports that the active component cannot be served here, and ends the lease: this host
    /// answers nothing until it can serve the component.
    pub(crate) fn fails(&self) {
        let mut report = self.report.lock();
        report.heartbeat.state = State::Failed;
        self.lease.end();
        drop(report);
        self.changed.notify_one();
    }

    /// Reports whether this host has prepared a deployment's component, and from now on the
    /// requests to that component and to the previous one.
    pub(crate) fn stages(&self, staged: Staged, revisions: Option<[&Arc<RevisionStats>; 2]>) {
        let mut report = self.report.lock();
        report.heartbeat.staged = staged;
        report.watched = revisions.map(|both| both.map(Watched::from_now_on));
        drop(report);
        self.changed.notify_one();
    }

    /// Returns the deployment of the last call of [`Member::stages`]. 0: none.
    pub(crate) fn staged(&self) -> i64 {
        self.report.lock().heartbeat.staged.deployment
    }

    /// Returns whether no other host serves, according to the latest view.
    pub(crate) fn is_alone(&self) -> bool {
        self.view().others(self.id()).next().is_none()
    }

    /// Waits until this host has a lease, at most as long as a lease lasts.
    pub async fn granted(&self) {
        let mut views = self.views();
        let granted = async { while !self.lease.holds() && views.changed().await.is_ok() {} };
        // A request without a lease gets 503, and its client retries.
        let _ = tokio::time::timeout(self.lease_time(), granted).await;
    }

    /// Gives the lease back, before the process ends.
    pub async fn leave(&self) {
        let heartbeats = self.heartbeats.lock().take();
        if let Some(mut heartbeats) = heartbeats {
            // The server carries out a heartbeat in flight even if the task is aborted. If that
            // happened after the lease was given back, this host would be a member again.
            self.leaving.notify_one();
            let ended = tokio::time::timeout(LAST_HEARTBEAT, &mut heartbeats).await;
            if ended.is_err() {
                heartbeats.abort();
            }
        }
        self.lease.end();
        if let Err(error) = self.replicas().leave().await {
            tracing::warn!(
                "cannot give the lease back, so other hosts wait until it expires: {error}"
            );
        }
    }

    /// Returns the database's tables of hosts.
    pub(crate) fn replicas(&self) -> &dyn Replicas {
        self.database
            .replicas()
            .expect("a member exists only if hosts share the database")
    }

    async fn send_heartbeats(self: Arc<Self>) {
        loop {
            let pause = match self.send_heartbeat().await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::warn!(
                        lease.remaining_ms = self.lease.remaining().as_millis() as u64,
                        "cannot renew the lease: {error}"
                    );
                    RETRY
                }
            };
            tokio::select! {
                biased;
                () = self.leaving.notified() => return,
                () = tokio::time::sleep(pause) => {}
                () = self.changed.notified() => {}
                () = self.replicas().wait_for_change() => {}
            }
        }
    }

    /// Sends one heartbeat, and returns the pause until the next.
    async fn send_heartbeat(&self) -> Result<Duration, storage::Error> {
        let heartbeat = self.report.lock().heartbeat();
        let asked = ClockReading::now();
        let view = self.replicas().heartbeat(&heartbeat).await?;
        let granted = heartbeat.state == State::Serving && heartbeat.epoch >= view.fence;
        let report = self.report.lock();
        // `Member::fails` may have ended the lease in the meantime.
        if granted && report.heartbeat.state == State::Serving {
            self.lease.extend(asked, heartbeat.lease);
        }
        drop(report);
        let pause = match &view.running {
            Some(_) => WHILE_DEPLOYING.min(heartbeat.lease / HEARTBEATS),
            None => heartbeat.lease / HEARTBEATS,
        };
        self.view.send_replace(Arc::new(view));
        Ok(pause)
    }
}

impl Report {
    fn heartbeat(&self) -> Heartbeat {
        let mut heartbeat = self.heartbeat.clone();
        if let Some([new, old]) = &self.watched {
            (heartbeat.new, heartbeat.old) = (new.counts(), old.counts());
        }
        heartbeat
    }
}

impl Watched {
    fn from_now_on(stats: &Arc<RevisionStats>) -> Self {
        Watched {
            start: stats.counts(),
            stats: stats.clone(),
        }
    }

    fn counts(&self) -> (u64, u64) {
        let now = self.stats.counts();
        (
            now.requests - self.start.requests,
            now.failures - self.start.failures,
        )
    }
}
