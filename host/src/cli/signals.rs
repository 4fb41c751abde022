//! The signals that ask a serving process to end: SIGTERM and SIGINT. The first has it drain, the
//! second has it end at once.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Counts the signals from when it was made.
pub(super) struct Signals {
    count: watch::Receiver<u32>,
}

impl Signals {
    /// From here on a signal is counted instead of killing. The task that counts ends with the
    /// runtime.
    pub(super) fn listen() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
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

    /// Returns when that many signals have come.
    pub(super) fn come(&self, least: u32) -> impl Future<Output = ()> + Send + 'static {
        let mut count = self.count.clone();
        async move {
            // The task that counts lives as long as the runtime.
            if count.wait_for(|count| *count >= least).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
