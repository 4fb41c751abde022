//! Log lines leave in batches: one system call for the lines of many requests.
//!
//! An ordinary line, of level info or below, waits for at most [`PAUSE`]. A warning, an error and a line
//! of the audit log are written before the call that logs them returns, and everything that waits is
//! written before them: lines keep their order.
//!
//! No line is dropped. If the buffer is full, the next line writes it, so a reader that does not keep up
//! holds up requests, as it does if each line is written at once. Lines that wait are lost only if the
//! process is killed or aborts.

use std::io::{self, Write};
use std::mem;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// The longest time that an ordinary line waits.
const PAUSE: Duration = Duration::from_millis(50);
/// The buffer is full when it has this many bytes.
const FULL_BYTES: usize = 64 << 10;

/// What makes the writer of each line. It writes to `sink`.
pub(super) struct Batches {
    shared: Arc<Shared>,
}

/// Writes the lines that wait, until it is dropped, which writes the last ones. Lines that are logged
/// later are written at once.
#[derive(Debug)]
pub(super) struct Drain {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    /// The first line has come, or the thread shall end.
    came: Condvar,
    /// The thread shall end.
    ended: Condvar,
    /// Locked before `waiting`, so that batches are written in the order of their lines.
    sink: Mutex<Sink>,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    /// The thread has ended: nobody would write what waits.
    ended: bool,
}

struct Sink {
    target: Box<dyn Write + Send>,
    /// The memory of the last batch, which is the buffer of the next one.
    batch: Vec<u8>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// Starts the thread that writes what waits to `sink`.
///
/// # Errors
/// If the thread cannot be started.
pub(super) fn start(sink: impl Write + Send + 'static) -> io::Result<(Batches, Drain)> {
    let shared = Arc::new(Shared {
        waiting: Mutex::default(),
        came: Condvar::new(),
        ended: Condvar::new(),
        sink: Mutex::new(Sink {
            target: Box::new(sink),
            batch: Vec::new(),
        }),
    });
    let thread = thread::Builder::new().name("log".into()).spawn({
        let shared = shared.clone();
        move || shared.write_until_ended()
    })?;
    let drain = Drain {
        shared: shared.clone(),
        thread: Some(thread),
    };
    Ok((Batches { shared }, drain))
}

impl Shared {
    fn write_until_ended(&self) {
        loop {
            let mut waiting = self.waiting.lock();
            while waiting.lines.is_empty() && !waiting.ended {
                self.came.wait(&mut waiting);
            }
            if !waiting.ended {
                self.ended.wait_for(&mut waiting, PAUSE);
            }
            let ended = waiting.ended;
            drop(waiting);
            self.write_waiting();
            if ended {
                return;
            }
        }
    }

    fn add(&self, line: &[u8], at_once: bool) {
        let mut waiting = self.waiting.lock();
        let is_first = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(line);
        let must_write = at_once || waiting.ended || waiting.lines.len() >= FULL_BYTES;
        drop(waiting);
        if must_write {
            self.write_waiting();
        } else if is_first {
            self.came.notify_one();
        }
    }

    /// Writes all lines that wait. An error is ignored: a log that nobody reads any more must not stop
    /// the service.
    fn write_waiting(&self) {
        let mut sink = self.sink.lock();
        let Sink { target, batch } = &mut *sink;
        mem::swap(&mut self.waiting.lock().lines, batch);
        let _ = target.write_all(batch);
        batch.clear();
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.shared.waiting.lock().ended = true;
        self.shared.came.notify_one();
        self.shared.ended.notify_one();
        if let Some(thread) = self.thread.take() {
            // If the thread has panicked, the lines that it did not write are lost.
            let _ = thread.join();
        }
    }
}

/// Writes one line.
pub(super) struct Line<'a> {
    shared: &'a Shared,
    level: Level,
    at_once: bool,
}

impl<'a> MakeWriter<'a> for Batches {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            shared: &self.shared,
            level: Level::ERROR,
            at_once: true,
        }
    }

    fn make_writer_for(&'a self, line: &Metadata<'_>) -> Line<'a> {
        Line {
            shared: &self.shared,
            level: *line.level(),
            at_once: *line.level() <= Level::WARN || line.target() == "audit",
        }
    }
}

impl Write for Line<'_> {
    /// `line` is a whole line: the subscriber writes it at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        telemetry::lines::recent().add(self.level, line);
        self.shared.add(line, self.at_once);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// Sends each batch to a test.
    struct Sent(SyncSender<String>);

    impl Write for Sent {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8(bytes.to_vec()).expect("text");
            // A test that has ended does not read any more.
            let _ = self.0.send(text);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// With room for that many batches that the test has not received yet.
    fn batches(room: usize) -> (Batches, Drain, Receiver<String>) {
        let (sender, receiver) = sync_channel(room);
        let (batches, drain) = start(Sent(sender)).unwrap();
        (batches, drain, receiver)
    }

    #[test]
    fn ordinary_lines_wait_for_each_other_and_leave_by_themselves() {
        let (batches, _drain, received) = batches(1);
        // On a slow machine the first line may leave before the second one comes.
        let waited = (0..20).any(|_| {
            batches.shared.add(b"one\n", false);
            batches.shared.add(b"two\n", false);
            let first = received.recv().unwrap();
            if first == "one\n" {
                assert_eq!(received.recv().unwrap(), "two\n");
                return false;
            }
            assert_eq!(first, "one\ntwo\n");
            true
        });
        assert!(waited);
    }

    #[test]
    fn warnings_and_audit_lines_are_written_before_the_call_returns_and_behind_what_waits() {
        let (batches, _drain, received) = batches(4);
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(batches)
            .with_ansi(false)
            .without_time();
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("a request");
            tracing::warn!("a warning");
            let lines: String = received.try_iter().collect();
            assert!(lines.contains("a request\n") && lines.ends_with("a warning\n"));
            tracing::info!(target: "audit", "an order");
            let lines: String = received.try_iter().collect();
            assert!(lines.ends_with("audit: an order\n"), "{lines}");
        });
    }

    #[test]
    fn a_full_buffer_is_written_by_the_line_that_fills_it() {
        let (batches, _drain, received) = batches(1);
        let line = [b"-".repeat(FULL_BYTES / 2 - 1), b"\n".to_vec()].concat();
        // Together with the thread, however slow it is, at least this many bytes leave at once.
        batches.shared.add(&line, false);
        batches.shared.add(&line, false);
        let mut length = received.try_recv().map_or(0, |batch| batch.len());
        while length < FULL_BYTES {
            length += received.recv().unwrap().len();
        }
        assert_eq!(length, FULL_BYTES);
    }

    #[test]
    fn a_reader_that_does_not_read_holds_up_who_would_exceed_the_buffer_and_loses_nothing() {
        let (batches, drain, received) = batches(1);
        // The channel takes the first batch, the second one blocks whoever writes it.
        batches.shared.add(b"1\n", true);
        let shared = batches.shared.clone();
        let full = b"-".repeat(FULL_BYTES);
        let (tell, told) = sync_channel(1);
        let blocked = thread::spawn(move || {
            shared.add(&full, false);
            tell.send(()).unwrap();
        });
        let early = told.recv_timeout(PAUSE);
        assert_eq!(early, Err(RecvTimeoutError::Timeout));
        assert_eq!(received.recv().unwrap(), "1\n");
        assert_eq!(received.recv().unwrap().len(), FULL_BYTES);
        told.recv().unwrap();
        blocked.join().unwrap();
        drop(drain);
    }

    #[test]
    fn the_last_lines_are_written_at_the_end_and_later_ones_at_once() {
        let (batches, drain, received) = batches(1);
        batches.shared.add(b"last\n", false);
        drop(drain);
        assert_eq!(received.try_recv().unwrap(), "last\n");
        batches.shared.add(b"later\n", false);
        assert_eq!(received.try_recv().unwrap(), "later\n");
    }

    #[test]
    fn a_panic_that_ends_the_process_leaves_no_line_behind() {
        let (batches, drain, received) = batches(1);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _drain = drain;
            batches.shared.add(b"before\n", false);
            panic!("as intended");
        }));
        assert!(panicked.is_err());
        assert_eq!(received.try_recv().unwrap(), "before\n");
    }
}
