//! A way to the server that a test can cut, at the moment that it wants.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::SeqCst};
use std::thread;

use tempfile::TempDir;

use crate::harness::eventually;

/// When the way is cut next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Cut {
    Never,
    /// Before a COMMIT reaches the server.
    BeforeCommit,
    /// After a COMMIT has reached the server, and before its answer comes back.
    AfterCommit,
    /// Before a COMMIT reaches the server, which it does when the test lets it.
    AroundCommit,
}

/// Sits between a host and the server until it is dropped.
pub struct Proxy {
    directory: TempDir,
    cut: Arc<AtomicU8>,
    /// Whether the next answer to the question about a commit is lost.
    silences: Arc<AtomicBool>,
    released: Arc<AtomicBool>,
    open: Arc<AtomicUsize>,
}

impl Proxy {
    /// Listens in a directory of its own; the server's socket lies in the other one.
    pub fn new(server: &Path) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(".s.PGSQL.5432");
        let listener = UnixListener::bind(path).expect("a socket");
        let cut = Arc::new(AtomicU8::new(Cut::Never as u8));
        let proxy = Self {
            directory,
            cut,
            silences: Arc::default(),
            released: Arc::default(),
            open: Arc::default(),
        };
        let server = server.join(".s.PGSQL.5432");
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

    /// Lets a COMMIT through that was held back.
    pub fn release(&self) {
        self.released.store(true, SeqCst);
    }

    /// Connections that neither side has closed.
    pub fn open(&self) -> usize {
        self.open.load(SeqCst)
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Cuts the connection on which the next COMMIT comes, and no other.
    pub fn cut_next(&self, cut: Cut) {
        self.cut.store(cut as u8, SeqCst);
    }

    /// Loses the answer when a host asks next what became of a commit. The server has heard it.
    pub fn lose_the_next_outcome(&self) {
        self.silences.store(true, SeqCst);
    }

    /// Whether such an answer is still to be lost.
    pub fn has_outcome_to_lose(&self) -> bool {
        self.silences.load(SeqCst)
    }

    /// Whether it was cut since.
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
            // The server has answered, so it is done; the client does not hear of it.
            if muted.load(SeqCst) || back.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut bytes = vec![0; 64 << 10];
    let mut asks = false;
    while let count @ 1.. = client.read(&mut bytes)? {
        // It is prepared first, and run by what is sent next.
        let runs = asks && silences.swap(false, SeqCst);
        let names = |part: &[u8]| part == b"INTO task_host.commits";
        asks |= bytes[..count].windows(22).any(names);
        let commit = bytes[..count].windows(7).any(|part| part == b"COMMIT\0");
        let now = match commit {
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
    // The server reads what was sent, then the end.
    let _ = server.shutdown(Shutdown::Write);
    let _ = returning.join();
    Ok(())
}
