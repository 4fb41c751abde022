//! Threads of low priority, for requests that give way to others.
//!
//! A run that computes for long must not delay short ones. Between two tasks of one runtime, only a task's
//! own pauses decide, and a statement of SQLite, the reading of a large result and the clearing of memory
//! have none. So these requests run on threads of their own, and the kernel decides: it gives a processor to
//! the threads of short requests as soon as they need one, and everything that is left to the others.

use std::panic::resume_unwind;

use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// A runtime whose threads have a low priority.
#[derive(Debug, Clone)]
pub struct Background(Handle);

impl Background {
    /// Uses a runtime. Its owner lowers the priority of its threads, and ends it after everything that runs
    /// requests.
    pub fn new(runtime: Handle) -> Self {
        Self(runtime)
    }

    /// Does work there. Dropping the future ends the work at its next pause.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        // Dropping the set aborts the task.
        let mut set = JoinSet::new();
        set.spawn_on(work, &self.0);
        match set.join_next().await {
            Some(Ok(done)) => done,
            Some(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
            // The process ends, and with it this task.
            _ => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use tokio::runtime::{Builder, Runtime};
    use tokio::sync::Notify;

    use super::*;

    fn runtime(name: &str) -> Runtime {
        let mut threads = Builder::new_multi_thread();
        threads.worker_threads(1).thread_name(name).build().unwrap()
    }

    #[test]
    fn work_is_done_on_the_threads_of_the_runtime() {
        let (elsewhere, here) = (runtime("elsewhere"), runtime("here"));
        let background = Background::new(elsewhere.handle().clone());
        let name = async { thread::current().name().map(str::to_owned) };
        let name = here.block_on(background.run(name));
        assert_eq!(name.as_deref(), Some("elsewhere"));
    }

    #[test]
    fn work_ends_if_nobody_waits_for_it_any_more() {
        let (elsewhere, here) = (runtime("elsewhere"), runtime("here"));
        let background = Background::new(elsewhere.handle().clone());
        let (begun, held) = (Arc::new(Notify::new()), Arc::new(()));
        let work = {
            let (begun, held) = (begun.clone(), held.clone());
            async move {
                let _held = held;
                begun.notify_one();
                std::future::pending::<()>().await;
            }
        };
        here.block_on(async {
            tokio::select! {
                () = background.run(work) => unreachable!("the work has no end"),
                () = begun.notified() => {}
            }
        });
        testkit::eventually("the work is dropped", || {
            (Arc::strong_count(&held) == 1).then_some(())
        });
    }

    #[test]
    #[should_panic(expected = "a defect of the host")]
    fn a_panic_reaches_whoever_waits() {
        let (elsewhere, here) = (runtime("elsewhere"), runtime("here"));
        let background = Background::new(elsewhere.handle().clone());
        here.block_on(background.run(async { panic!("a defect of the host") }));
    }
}
