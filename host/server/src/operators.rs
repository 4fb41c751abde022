//! The operators' port, on an OS thread with a runtime of its own: whatever the logic does to
//! the workers of the public port, probes and metrics still answer.

use std::future::pending;
use std::io;
use std::net::TcpListener;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use tokio::sync::oneshot;
use tracing::error;

use super::Readiness;
use super::listen::{self, Drained, Limits};

/// The running port. Stop it last, so that it tells of the drain. Dropping it stops it too,
/// without waiting.
#[must_use = "the port closes when this is dropped"]
pub struct OperatorsPort {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<io::Result<Drained>>,
}

impl OperatorsPort {
    /// Serves the router from a new thread.
    ///
    /// # Errors
    /// The thread or its runtime could not be made; nothing is served.
    pub fn serve(
        listener: TcpListener,
        router: Router,
        limits: Limits,
    ) -> io::Result<OperatorsPort> {
        // Nobody balances load over this port, so nobody has to notice first.
        let limits = Limits {
            drain_delay: Duration::ZERO,
            ..limits
        };
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new()
            .name("operators".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    let listener = tokio::net::TcpListener::from_std(listener)?;
                    let shutdown = async move { drop(stopped.await) };
                    Ok(listen::serve(
                        listener,
                        router,
                        limits,
                        Readiness::default(),
                        None,
                        shutdown,
                        pending(),
                    )
                    .await)
                })
            })?;
        Ok(OperatorsPort { stop, thread })
    }

    /// Stops accepting, lets what is in flight end, and waits for the thread. Blocks: call it
    /// from `spawn_blocking` or after the runtime's end.
    pub fn stop(self) -> Drained {
        // The thread may have ended already; then nobody listens.
        let _ = self.stop.send(());
        match self.thread.join() {
            Ok(Ok(drained)) => drained,
            Ok(Err(failure)) => {
                error!("the operators' port was not served: {failure}");
                Drained { connections_cut: 0 }
            }
            Err(_) => {
                error!("the operators' thread panicked");
                Drained { connections_cut: 0 }
            }
        }
    }
}
