//! A proxy between a host and PostgreSQL that loses a single COMMIT, or its answer.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::SeqCst};
use std::thread;

use tempfile::TempDir;

use super::{SOCKET, commits};
use crate::wait::eventually;

/// When the next connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Cut {
    /// It is not.
    Never,
    /// Before a COMMIT reaches the server.
    BeforeCommit,
    /// After a COMMIT has reached the server, and before its answer reaches the host.
    AfterCommit,
    /// Before a COMMIT reaches the server. It reaches the server after [`Proxy::release`].
    AroundCommit,
}

/// Forwards connections from a socket of its own to the server.
pub struct Proxy {
    directory: TempDir,
    cut: Arc<AtomicU8>,
    /// The answer to the host's next question about the outcome of a commit is lost.
    silences: Arc<AtomicBool>,
    released: Arc<AtomicBool>,
    open: Arc<AtomicUsize>,
}

impl Proxy {
    /// Listens in a directory of its own, in front of the server whose socket is in the other one.
    ///
    /// # Panics
    /// If no socket can be made.
    pub fn new(server: &Path) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(SOCKET);
        let listener = UnixListener::bind(path).expect("a socket");
        let cut = Arc::new(AtomicU8::new(Cut::Never as u8));
        let proxy = Self {
            directory,
            cut,
            silences: Arc::default(),
            released: Arc::default(),
            open: Arc::default(),
        };
        let server = server.join(SOCKET);
        let (cut, released) = (proxy.cut.clone(), proxy.released.clone());
        let silences = proxy.silences.clone();
        let open = proxy.open.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (server, cut) = (server.clone(), cut.clone());
                let (released, open) = (released.clone(), open.clone());
                let silences = silences.clone();
                open.fetch_add(1, SeqCst);
                thread::spawn(move || {
                    let _ = forward(client, server, &cut, &released, &silences);
                    open.fetch_sub(1, SeqCst);
                });
            }
        });
        proxy
    }

    /// Forwards the COMMIT that was held back.
    pub fn release(&self) {
        self.released.store(true, SeqCst);
    }

    /// Returns the number of connections that neither side has closed.
    pub fn open(&self) -> usize {
        self.open.load(SeqCst)
    }

    /// Returns the directory of the socket that the host connects to.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Cuts the connection that sends the next COMMIT, and no other.
    pub fn cut_next(&self, cut: Cut) {
        self.cut.store(cut as u8, SeqCst);
    }

    /// Loses the answer to the host's next question about the outcome of a commit. The question reaches
    /// the server.
    pub fn lose_the_next_outcome(&self) {
        self.silences.store(true, SeqCst);
    }

    /// Whether that answer is still to be lost.
    pub fn has_outcome_to_lose(&self) -> bool {
        self.silences.load(SeqCst)
    }

    /// Whether the connection of [`Proxy::cut_next`] was cut.
    pub fn was_cut(&self) -> bool {
        self.cut.load(SeqCst) == Cut::Never as u8
    }
}

fn forward(
    mut client: UnixStream,
    server: PathBuf,
    cut: &AtomicU8,
    released: &AtomicBool,
    silences: &AtomicBool,
) -> std::io::Result<()> {
    let mut server = UnixStream::connect(server)?;
    let (mut answers, mut back) = (server.try_clone()?, client.try_clone()?);
    let mute = Arc::new(AtomicBool::new(false));
    let muted = mute.clone();
    let returning = thread::spawn(move || {
        let mut bytes = vec![0; 64 << 10];
        while let Ok(count @ 1..) = answers.read(&mut bytes) {
            // The server has answered, and the client does not receive the answer.
            if muted.load(SeqCst) || back.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut bytes = vec![0; 64 << 10];
    let mut asks = false;
    while let count @ 1.. = client.read(&mut bytes)? {
        // The question is prepared first, and the next bytes run it.
        let runs = asks && silences.swap(false, SeqCst);
        let names = |part: &[u8]| part == b"INTO task_host.commits";
        asks |= bytes[..count].windows(22).any(names);
        let now = match commits(&bytes[..count]) {
            true => cut.swap(Cut::Never as u8, SeqCst),
            false => Cut::Never as u8,
        };
        if now == Cut::BeforeCommit as u8 {
            client.shutdown(Shutdown::Both)?;
            break;
        }
        if now == Cut::AroundCommit as u8 {
            client.shutdown(Shutdown::Both)?;
            eventually("it is released", || released.load(SeqCst).then_some(()));
        }
        mute.store(runs || now == Cut::AfterCommit as u8, SeqCst);
        server.write_all(&bytes[..count])?;
    }
    // The server reads what was sent, and then the end of the stream.
    let _ = server.shutdown(Shutdown::Write);
    let _ = returning.join();
    Ok(())
}
