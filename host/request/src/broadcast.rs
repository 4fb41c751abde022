//! The feed of events, read once for all who follow it.
//!
//! While anyone follows, one task reads what is new and hands it to everyone through a ring of
//! bounded size. Who begins in the past, and who was too slow for the ring, reads pages from the
//! database until it has caught up: nobody waits for the slowest, and nothing is kept for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::stream::{BoxStream, StreamExt as _, unfold};
use tokio::sync::{Semaphore, broadcast};
use tokio::task::AbortHandle;

use super::Refusal;
use storage::{Cursor, Database, Error, Published};

/// Events that a follower may be behind before it reads them from the database again.
const RING: usize = 1024;
/// Events read at a time.
const PAGE: u32 = 256;
/// Followers that read from the database at a time: few, so that requests find a connection
/// however many come back at once.
const CATCHING_UP: usize = 2;

/// Tells everyone who follows what the database's transactions publish.
pub struct Broadcast {
    shared: Arc<Shared>,
}

/// A follower's view of the feed.
pub struct Following {
    /// The place that it begins after.
    pub from: Cursor,
    /// What comes after that place. It ends when the database does not answer.
    pub news: BoxStream<'static, News>,
}

/// What a follower hears.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// The next event.
    Event(Arc<Published>),
    /// Events may be missing before this place: the follower has to look at the data again.
    Reset(Cursor),
}

struct Shared {
    database: Arc<dyn Database>,
    catching_up: Semaphore,
    /// None while nobody follows.
    reader: Mutex<Option<Reader>>,
}

/// The task that reads for all. It ends when the last follower has left.
struct Reader {
    ring: broadcast::Sender<Arc<Published>>,
    /// The place after the last event in the ring. Changed together with it, under the lock.
    place: Cursor,
    task: AbortHandle,
}

impl Broadcast {
    /// Reads nothing until someone follows.
    pub fn new(database: Arc<dyn Database>) -> Self {
        Broadcast {
            shared: Arc::new(Shared {
                database,
                catching_up: Semaphore::new(CATCHING_UP),
                reader: Mutex::new(None),
            }),
        }
    }

    /// Follows the feed from a place, or from now on.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] and [`Refusal::Overloaded`] where the database does not answer.
    pub async fn follow(&self, from: Option<Cursor>) -> Result<Following, Refusal> {
        let (ring, place) = self.join().await?;
        let behind = from.is_some();
        let from = from.unwrap_or(place);
        let follower = Follower {
            shared: self.shared.clone(),
            ring,
            place: from.clone(),
            behind,
            page: Vec::new().into_iter(),
        };
        Ok(Following {
            from,
            news: unfold(follower, Follower::next).boxed(),
        })
    }

    /// Takes a place at the ring, and says where in the feed it begins.
    async fn join(&self) -> Result<(broadcast::Receiver<Arc<Published>>, Cursor), Error> {
        let running = |reader: &Reader| (reader.ring.subscribe(), reader.place.clone());
        if let Some(reader) = &*self.shared.reader() {
            return Ok(running(reader));
        }
        let place = self.shared.database.feed().end().await?;
        let mut slot = self.shared.reader();
        // Someone else may have been first meanwhile.
        if let Some(reader) = &*slot {
            return Ok(running(reader));
        }
        let (ring, receiver) = broadcast::channel(RING);
        let read = self.shared.clone().read(ring.clone(), place.clone());
        *slot = Some(Reader {
            ring,
            place: place.clone(),
            task: tokio::spawn(read).abort_handle(),
        });
        Ok((receiver, place))
    }
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        if let Some(reader) = self.shared.reader().take() {
            reader.task.abort();
        }
    }
}

impl Shared {
    fn reader(&self) -> MutexGuard<'_, Option<Reader>> {
        // Every change under this lock is a single step, so a panic leaves nothing half done.
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills the ring until nobody listens or the database does not answer. Followers find the
    /// ring closed then.
    async fn read(self: Arc<Self>, ring: broadcast::Sender<Arc<Published>>, mut place: Cursor) {
        let feed = self.database.feed();
        loop {
            let awoken = tokio::select! {
                awoken = feed.wait_for_events(&place) => awoken,
                () = ring.closed() => Ok(()),
            };
            if self.stopped(&ring) {
                return;
            }
            let read = match awoken {
                Ok(()) => feed.after(&place, PAGE).await,
                Err(error) => Err(error),
            };
            let mut reader = self.reader();
            match read {
                Ok(Some(events)) => {
                    for event in events {
                        place = event.cursor.clone();
                        // Nobody listens: the next turn ends.
                        let _ = ring.send(Arc::new(event));
                    }
                    if let Some(reader) = &mut *reader {
                        reader.place = place.clone();
                    }
                }
                // Events were forgotten before they were told: whoever comes back is told so.
                Ok(None) => {
                    *reader = None;
                    return;
                }
                Err(error) => {
                    tracing::warn!(%error, "the feed of events cannot be read; its clients are cut off");
                    *reader = None;
                    return;
                }
            }
        }
    }

    /// Whether the last follower has left: then nothing runs until the next one comes.
    fn stopped(&self, ring: &broadcast::Sender<Arc<Published>>) -> bool {
        let mut reader = self.reader();
        let deserted = ring.receiver_count() == 0;
        if deserted {
            *reader = None;
        }
        deserted
    }
}

/// One who follows.
struct Follower {
    shared: Arc<Shared>,
    ring: broadcast::Receiver<Arc<Published>>,
    /// After the last event that it heard of.
    place: Cursor,
    /// Whether the ring does not hold all that comes next.
    behind: bool,
    /// Read from the database, not told yet.
    page: std::vec::IntoIter<Published>,
}

impl Follower {
    async fn next(mut self) -> Option<(News, Self)> {
        loop {
            if let Some(event) = self.page.next() {
                return Some(self.tell(Arc::new(event)));
            }
            if self.behind {
                match self.read().await? {
                    Some(page) => {
                        // The ring was joined before, so what is not in the page comes there.
                        self.behind = page.len() as u32 == PAGE;
                        self.page = page.into_iter();
                        continue;
                    }
                    None => {
                        let end = self.shared.database.feed().end().await.ok()?;
                        self.place = end.clone();
                        self.behind = false;
                        return Some((News::Reset(end), self));
                    }
                }
            }
            match self.ring.recv().await {
                Ok(event) if event.cursor <= self.place => {}
                Ok(event) => return Some(self.tell(event)),
                Err(broadcast::error::RecvError::Lagged(_)) => self.behind = true,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    fn tell(mut self, event: Arc<Published>) -> (News, Self) {
        self.place = event.cursor.clone();
        (News::Event(event), self)
    }

    /// The next page; the outer none where the database does not answer.
    async fn read(&self) -> Option<Option<Vec<Published>>> {
        // The semaphore is never closed.
        let _turn = self.shared.catching_up.acquire().await.ok()?;
        let feed = self.shared.database.feed();
        feed.after(&self.place, PAGE).await.ok()
    }
}
