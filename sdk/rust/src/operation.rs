//! What happens around each operation: a panic is logged, and in a test the operation is a transaction of its own.

/// Prepares an instance for one call: a panic is logged with its message and place before it ends the call.
pub fn start() {
    #[cfg(target_family = "wasm")]
    std::panic::set_hook(Box::new(log_panic));
}

#[cfg(target_family = "wasm")]
fn log_panic(info: &std::panic::PanicHookInfo<'_>) {
    use crate::bindings::task_host::platform::log::{Level, write};

    let message = info.payload_as_str().unwrap_or("a panic without a message");
    let mut fields = vec![("exception.message".to_owned(), message.to_owned())];
    if let Some(place) = info.location() {
        fields.push(("code.file.path".to_owned(), place.file().to_owned()));
        fields.push(("code.line.number".to_owned(), place.line().to_string()));
    }
    write(Level::Error, "the logic panicked", &fields);
}

/// Runs an operation that may write. In a test, what it writes is undone if it fails.
#[inline]
pub fn write<T, E>(body: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    run(false, body)
}

/// Runs an operation that only reads. In a test, it cannot write.
#[inline]
pub fn read<T, E>(body: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    run(true, body)
}

/// Runs an operation of a service whose interface is written in WIT. It only reads if the route says so.
#[cfg(not(target_family = "wasm"))]
pub fn named<T, E>(name: &str, body: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    run(crate::testing::only_reads(name), body)
}

#[cfg(target_family = "wasm")]
#[inline]
fn run<T, E>(_read_only: bool, body: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    start();
    body()
}

#[cfg(not(target_family = "wasm"))]
fn run<T, E>(read_only: bool, body: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    crate::testing::operation(read_only, body)
}
