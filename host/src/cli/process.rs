//! The async runtime of a subcommand.

/// Runs a future to its end on the current thread. For commands that talk to a host and then exit.
pub(super) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(future)
}
