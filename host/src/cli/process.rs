//! What every subcommand needs from its process: an async runtime and standard output.

use std::io::{self, Write as _};
use std::ops::ControlFlow;

/// Runs a future to its end on the current thread. For commands that talk to a host and then exit.
pub(super) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(future)
}

/// Writes to standard output. If the reader has closed it (`| head`), the text is dropped, which is
/// not an error.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    print_next(text).map(|_| ())
}

/// Writes to standard output. Returns `Break` if the reader has closed it, so that a command that
/// prints repeatedly can stop.
pub(super) fn print_next(text: &str) -> anyhow::Result<ControlFlow<()>> {
    let mut output = io::stdout();
    let written = output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush());
    match written {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(error.into()),
    }
}
