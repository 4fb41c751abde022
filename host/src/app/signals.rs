//! The signals that ask a serving process to end: SIGTERM and SIGINT. The first one starts the
//! drain, the second one ends the process at once.

use std::io;

use rustix::process::{Signal, set_parent_process_death_signal};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Makes this process receive SIGTERM when the process that started it has ended.
pub(super) fn end_with_parent() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    Ok(())
}

/// Counts signals from its creation on.
pub(super) struct Signals {
    count: watch::Receiver<u32>,
}

impl Signals {
    /// Starts to count signals, which no longer kill the process. The counting task ends with the
    /// async runtime.
    pub(super) fn listen() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        // A write beyond the limit of a file's size (`ulimit -f`) fails and must not kill the process.
        // Once there is a handler, it is never removed.
        drop(signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?);
        let (counter, count) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                counter.send_modify(|count| *count += 1);
            }
        });
        Ok(Signals { count })
    }

    /// Returns when at least `least` signals have been received.
    pub(super) fn received(&self, least: u32) -> impl Future<Output = ()> + Send + 'static {
        let mut count = self.count.clone();
        async move {
            // The counting task lives as long as the async runtime.
            if count.wait_for(|count| *count >= least).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
