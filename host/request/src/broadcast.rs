//! The feed of committed events, read once for all of its subscribers.
//!
//! While there are subscribers, one task reads new events and sends them to all of them through a
//! ring buffer. A subscriber that starts in the past, or was too slow for the ring, reads pages from
//! the database until it has caught up. So nobody waits for the slowest subscriber, and nothing is
//! buffered for it.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt as _, unfold};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, broadcast};
use tokio::task::AbortHandle;

use super::Error;
use storage::{Cursor, Database, Published};

/// Events that a subscriber may be behind before it has to read them from the database again.
const RING: usize = 1024;
/// Events in one page. The database also limits the size of a page.
const PAGE: u32 = 256;
/// Subscribers that read from the database at a time. A small number leaves connections for
/// requests, however many subscribers return at once.
const CATCHING_UP: usize = 2;

/// Sends the events that the database's transactions publish to all subscribers.
pub struct Broadcast {
    shared: Arc<Shared>,
}

/// One subscriber's stream of events.
pub struct Subscription {
    /// The position in the feed that the stream starts after.
    pub from: Cursor,
    /// The events after that position, in order. The stream ends if the database does not answer.
    pub items: BoxStream<'static, FeedItem>,
}

/// An item of a subscription.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedItem {
    /// The next event.
    Event(Arc<FeedEvent>),
    /// Events before this position may be missing. The subscriber must read the data again.
    Reset(Cursor),
}

/// An event of the feed, as all subscribers share it.
#[derive(Debug, PartialEq)]
pub struct FeedEvent {
    /// The event.
    pub published: Published,
    message: OnceLock<Bytes>,
}

impl FeedEvent {
    /// Wraps an event that was not sent yet.
    pub fn new(published: Published) -> Self {
        FeedEvent {
            published,
            message: OnceLock::new(),
        }
    }

    /// Returns the message that carries the event to clients. The first caller makes it, for all
    /// subscribers, so every caller must make the same.
    pub fn message(&self, make: impl FnOnce(&Published) -> Bytes) -> Bytes {
        self.message.get_or_init(|| make(&self.published)).clone()
    }
}

struct Shared {
    database: Arc<dyn Database>,
    /// One permit for each subscriber that reads from the database.
    catching_up: Semaphore,
    /// `None` while there are no subscribers. Each change under this lock is a single step.
    reader: Mutex<Option<Reader>>,
}

/// The task that reads for all subscribers. It ends after the last subscriber has left.
struct Reader {
    ring: broadcast::Sender<Arc<FeedEvent>>,
    /// The position after the last event in the ring. Changed together with the ring, under the
    /// lock.
    place: Cursor,
    task: AbortHandle,
}

impl Broadcast {
    /// Creates a broadcast that reads nothing until there is a subscriber.
    pub fn new(database: Arc<dyn Database>) -> Self {
        Broadcast {
            shared: Arc::new(Shared {
                database,
                catching_up: Semaphore::new(CATCHING_UP),
                reader: Mutex::new(None),
            }),
        }
    }

    /// Subscribes to the events after a position. `None`: to the events from now on.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] or [`Error::Overloaded`] if the database does not answer.
    pub async fn subscribe(&self, from: Option<Cursor>) -> Result<Subscription, Error> {
        let (ring, place) = self.join().await?;
        let behind = from.is_some();
        let from = from.unwrap_or(place);
        let subscriber = Subscriber {
            shared: self.shared.clone(),
            ring,
            place: from.clone(),
            behind,
            page: Vec::new().into_iter(),
        };
        Ok(Subscription {
            from,
            items: unfold(subscriber, Subscriber::next).boxed(),
        })
    }

    /// Returns a receiver of the ring and the position in the feed that it starts after. Starts the
    /// reader if it does not run.
    async fn join(&self) -> Result<(broadcast::Receiver<Arc<FeedEvent>>, Cursor), storage::Error> {
        let joined = |reader: &Reader| (reader.ring.subscribe(), reader.place.clone());
        if let Some(reader) = &*self.shared.reader.lock() {
            return Ok(joined(reader));
        }
        let place = self.shared.database.feed().end().await?;
        let mut slot = self.shared.reader.lock();
        // Another subscriber may have started the reader meanwhile.
        if let Some(reader) = &*slot {
            return Ok(joined(reader));
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
        if let Some(reader) = self.shared.reader.lock().take() {
            reader.task.abort();
        }
    }
}

impl Shared {
    /// Sends new events to the ring until there are no subscribers or the database does not answer.
    /// Then the ring closes.
    async fn read(self: Arc<Self>, ring: broadcast::Sender<Arc<FeedEvent>>, mut place: Cursor) {
        let feed = self.database.feed();
        loop {
            let awoken = tokio::select! {
                awoken = feed.wait_for_events(&place) => awoken,
                () = ring.closed() => Ok(()),
            };
            if self.stop_if_deserted(&ring) {
                return;
            }
            let read = match awoken {
                Ok(()) => feed.after(&place, PAGE).await,
                Err(error) => Err(error),
            };
            let mut reader = self.reader.lock();
            match read {
                Ok(Some(events)) => {
                    for event in events {
                        place = event.cursor.clone();
                        // Without receivers this fails, and the next iteration ends the task.
                        let _ = ring.send(Arc::new(FeedEvent::new(event)));
                    }
                    if let Some(reader) = &mut *reader {
                        reader.place = place.clone();
                    }
                }
                // Events were deleted before they were sent. Subscribers that return get a reset.
                Ok(None) => {
                    *reader = None;
                    return;
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot read the feed of events; its clients are disconnected");
                    *reader = None;
                    return;
                }
            }
        }
    }

    /// Removes the reader if the last subscriber has left. The next subscriber starts a new one.
    fn stop_if_deserted(&self, ring: &broadcast::Sender<Arc<FeedEvent>>) -> bool {
        let mut reader = self.reader.lock();
        let deserted = ring.receiver_count() == 0;
        if deserted {
            *reader = None;
        }
        deserted
    }
}

/// The state of one subscription.
struct Subscriber {
    shared: Arc<Shared>,
    ring: broadcast::Receiver<Arc<FeedEvent>>,
    /// The position after the last event that was delivered.
    place: Cursor,
    /// Whether the next events must be read from the database, because the ring may not hold them.
    behind: bool,
    /// Events that were read from the database and not delivered yet.
    page: std::vec::IntoIter<Published>,
}

impl Subscriber {
    async fn next(mut self) -> Option<(FeedItem, Self)> {
        loop {
            if let Some(event) = self.page.next() {
                return Some(self.deliver(Arc::new(FeedEvent::new(event))));
            }
            if self.behind {
                match self.read_page().await? {
                    Some(page) => {
                        // The ring was joined first, so it holds everything after the last page. A
                        // page may end early, so only an empty one is the last.
                        self.behind = !page.is_empty();
                        self.page = page.into_iter();
                        continue;
                    }
                    None => {
                        let end = self.shared.database.feed().end().await.ok()?;
                        self.place = end.clone();
                        self.behind = false;
                        return Some((FeedItem::Reset(end), self));
                    }
                }
            }
            match self.ring.recv().await {
                Ok(event) if event.published.cursor <= self.place => {}
                Ok(event) => return Some(self.deliver(event)),
                Err(broadcast::error::RecvError::Lagged(_)) => self.behind = true,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    fn deliver(mut self, event: Arc<FeedEvent>) -> (FeedItem, Self) {
        self.place = event.published.cursor.clone();
        (FeedItem::Event(event), self)
    }

    /// Reads the next page. The inner `None` means that events were deleted before they were
    /// delivered; the outer one that the database does not answer.
    async fn read_page(&self) -> Option<Option<Vec<Published>>> {
        // The semaphore is never closed.
        let _turn = self.shared.catching_up.acquire().await.ok()?;
        let feed = self.shared.database.feed();
        feed.after(&self.place, PAGE).await.ok()
    }
}
