//! This host among those that share its database: it beats, and keeps what it heard.
//!
//! A beat goes out every fifth of a lease, at once when something here has changed or another host
//! says so, and more often while a deployment runs. It never waits for work: what a host has to do
//! about what it hears is done elsewhere (`following`), while it goes on beating.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::start::StartError;
use request::{ClockReading, Counts, Lease, RevisionStats};
use storage::replicas::{Heartbeat, OLDEST_PROTOCOL, Staged, State, View};
use storage::{self, Database, Replicas};

/// Beats in a lease: this many may be lost.
const BEATS: u32 = 5;
/// How often is beaten while a deployment runs: the requests of all hosts are counted together.
const WHILE_DEPLOYING: Duration = Duration::from_millis(250);
/// The pause after a beat that failed.
const RETRY: Duration = Duration::from_millis(200);

/// This host among those that share its database.
pub struct Member {
    database: Arc<dyn Database>,
    /// Shared with the service, which answers while it holds.
    lease: Arc<Lease>,
    says: Mutex<Says>,
    heard: watch::Sender<Arc<View>>,
    poked: Notify,
    /// Beats until [`Member::leave`].
    beating: Mutex<Option<JoinHandle<()>>>,
}

/// What the next beat says.
struct Says {
    beat: Heartbeat,
    /// Whose requests are reported: those of the component that is deployed, and of the one before.
    watched: Option<[Watched; 2]>,
}

/// A revision's counts from some moment on.
struct Watched {
    stats: Arc<RevisionStats>,
    start: Counts,
}

impl Member {
    /// Joins the hosts of a database, as one that does not answer requests yet; none: the database
    /// belongs to this host alone. `name` is for people.
    ///
    /// # Errors
    /// [`StartError::Database`]; [`StartError::TooOld`] where another host is too old for this one.
    pub async fn join(
        database: &Arc<dyn Database>,
        name: String,
        lease: Duration,
    ) -> Result<Option<Arc<Self>>, StartError> {
        let Some(replicas) = database.replicas() else {
            return Ok(None);
        };
        let beat = Heartbeat {
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
        let view = replicas.heartbeat(&beat).await?;
        let mut living = view.replicas.iter().filter(|replica| replica.has_lease);
        if let Some(old) = living.find(|replica| replica.protocol < OLDEST_PROTOCOL) {
            // It runs out by itself where this fails.
            let _ = replicas.leave().await;
            return Err(StartError::TooOld {
                name: old.heartbeat.name.clone(),
                version: old.heartbeat.host_version.clone(),
            });
        }
        let member = Arc::new(Member {
            database: database.clone(),
            lease: Arc::new(Lease::none()),
            says: Mutex::new(Says {
                beat,
                watched: None,
            }),
            heard: watch::Sender::new(Arc::new(view)),
            poked: Notify::new(),
            beating: Mutex::default(),
        });
        let beating = tokio::spawn(member.clone().beat_on());
        *member
            .beating
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(beating);
        Ok(Some(member))
    }

    /// What this process is known by.
    pub(super) fn id(&self) -> &str {
        self.replicas().id()
    }

    /// The time for which this host may answer.
    pub fn lease(&self) -> Arc<Lease> {
        self.lease.clone()
    }

    /// What was heard last.
    pub(super) fn view(&self) -> Arc<View> {
        self.heard.borrow().clone()
    }

    /// What is heard from now on, the latest first.
    pub(super) fn views(&self) -> watch::Receiver<Arc<View>> {
        self.heard.subscribe()
    }

    /// The epoch of what this host serves.
    pub(super) fn epoch(&self) -> i64 {
        self.lock().beat.epoch
    }

    /// How long a lease lasts.
    pub(super) fn lease_time(&self) -> Duration {
        self.lock().beat.lease
    }

    /// Every request that begins from now on is answered by this component, of this epoch.
    pub(super) fn serves(&self, epoch: i64, digest: &str) {
        self.replicas().set_epoch(epoch);
        let mut says = self.lock();
        says.beat.state = State::Serving;
        says.beat.epoch = epoch;
        says.beat.digest = Some(digest.to_owned());
        drop(says);
        self.poked.notify_one();
    }

    /// The active component cannot be served here: nothing is answered until it can.
    pub(super) fn fails(&self) {
        let mut says = self.lock();
        says.beat.state = State::Failed;
        self.lease.end();
        drop(says);
        self.poked.notify_one();
    }

    /// Says how this host stands to a deployment, and reports from now on what its component and
    /// the one before do here.
    pub(super) fn stages(&self, staged: Staged, revisions: Option<[&Arc<RevisionStats>; 2]>) {
        let mut says = self.lock();
        says.beat.staged = staged;
        says.watched = revisions.map(|both| both.map(Watched::from_now_on));
        drop(says);
        self.poked.notify_one();
    }

    /// The deployment that this host has said how it stands to; 0: none.
    pub(super) fn staged(&self) -> i64 {
        self.lock().beat.staged.deployment
    }

    /// Whether no other host serves, as far as was heard.
    pub(super) fn is_alone(&self) -> bool {
        self.view().others(self.id()).next().is_none()
    }

    /// Waits until this host may answer, at most as long as a lease lasts.
    pub async fn granted(&self) {
        let mut views = self.views();
        let granted = async { while !self.lease.holds() && views.changed().await.is_ok() {} };
        // Whoever asks then is told to come back.
        let _ = tokio::time::timeout(self.lease_time(), granted).await;
    }

    /// Gives the lease back, for the end of the process.
    pub async fn leave(&self) {
        let beating = self
            .beating
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(beating) = beating {
            beating.abort();
            // It is over either way.
            let _ = beating.await;
        }
        self.lease.end();
        if let Err(error) = self.replicas().leave().await {
            tracing::warn!("other hosts wait until this one's lease runs out: {error}");
        }
    }

    /// The hosts of the database, as they are.
    pub(super) fn replicas(&self) -> &dyn Replicas {
        self.database
            .replicas()
            .expect("a member is made only where hosts share the database")
    }

    async fn beat_on(self: Arc<Self>) {
        loop {
            let pause = match self.beat().await {
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
                () = tokio::time::sleep(pause) => {}
                () = self.poked.notified() => {}
                () = self.replicas().wait_for_change() => {}
            }
        }
    }

    /// Beats once, and returns when to beat again.
    async fn beat(&self) -> Result<Duration, storage::Error> {
        let beat = self.lock().report();
        let asked = ClockReading::now();
        let view = self.replicas().heartbeat(&beat).await?;
        let granted = beat.state == State::Serving && beat.epoch >= view.fence;
        let says = self.lock();
        // Meanwhile it may have failed.
        if granted && says.beat.state == State::Serving {
            self.lease.extend(asked, beat.lease);
        }
        drop(says);
        let pause = match &view.running {
            Some(_) => WHILE_DEPLOYING.min(beat.lease / BEATS),
            None => beat.lease / BEATS,
        };
        self.heard.send_replace(Arc::new(view));
        Ok(pause)
    }

    fn lock(&self) -> MutexGuard<'_, Says> {
        // Each holder leaves it whole, also one that panics.
        self.says.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Says {
    fn report(&self) -> Heartbeat {
        let mut beat = self.beat.clone();
        if let Some([new, old]) = &self.watched {
            (beat.new, beat.old) = (new.so_far(), old.so_far());
        }
        beat
    }
}

impl Watched {
    fn from_now_on(stats: &Arc<RevisionStats>) -> Self {
        Watched {
            start: stats.counts(),
            stats: stats.clone(),
        }
    }

    fn so_far(&self) -> (u64, u64) {
        let now = self.stats.counts();
        (
            now.requests - self.start.requests,
            now.failures - self.start.failures,
        )
    }
}
