//! The admin port. It has an OS thread and a runtime of its own, so probes and metrics answer
//! whatever the logic does to the worker threads of the public port.

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

/// How many connections the port accepts, whatever `--max-connections` says. If more clients come, the
/// connections that have been idle the longest are closed.
pub const CONNECTIONS: usize = 64;

/// The running admin port. Stop it last, so that its probes and metrics cover the drain. Dropping it
/// stops it too, without waiting.
#[must_use = "the port closes when this is dropped"]
pub struct OperatorsPort {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<io::Result<Drained>>,
}

impl OperatorsPort {
    /// Serves the router from a new thread.
    ///
    /// # Errors
    /// Returns an error if the thread or its runtime could not be created. Nothing is served then.
    pub fn serve(
        listener: TcpListener,
        router: Router,
        limits: Limits,
    ) -> io::Result<OperatorsPort> {
        // No load balancer uses this port, so nothing has to notice readiness first.
        let limits = Limits {
            drain_delay: Duration::ZERO,
            connections: CONNECTIONS,
            buffer_bytes: limits.buffer_bytes / 4,
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

    /// Stops accepting, waits for requests in flight and for the thread. Blocks: call this from
    /// `spawn_blocking` or after the runtime has ended.
    pub fn stop(self) -> Drained {
        // This fails if the thread has ended already.
        let _ = self.stop.send(());
        match self.thread.join() {
            Ok(Ok(drained)) => drained,
            Ok(Err(failure)) => {
                error!("cannot serve the admin port: {failure}");
                Drained { connections_cut: 0 }
            }
            Err(_) => {
                error!("the thread of the admin port panicked");
                Drained { connections_cut: 0 }
            }
        }
    }
}
