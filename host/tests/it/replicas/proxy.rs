//! A host's way to its server, over TCP, on which a test does what networks do.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// What is wrong with a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Connections end, and new ones are refused.
    Refused,
    /// Nothing comes through, and nobody is told. What was sent comes late, as TCP sends it again.
    Silent,
    /// What the host sends comes through, and no answer does.
    Deaf,
    /// Connections end with their commit: one before it comes through, the next after it did and
    /// before its answer does.
    Commits,
    /// The next commit comes through, and no answer to it. Then it is as if connections were refused.
    LastCommit,
}

/// Stands between a host and its server until it is dropped.
pub struct Proxy {
    address: SocketAddr,
    way: Arc<Way>,
}

struct Way {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    cut: Option<Cut>,
    closed: bool,
    /// Those that ended a connection.
    commits: u64,
    connections: Vec<Arc<Connection>>,
}

/// One connection: both ends, and whether the way has forgotten it.
struct Connection {
    host: TcpStream,
    server: UnixStream,
    forgotten: AtomicBool,
    /// Whether it ends with what the server says next.
    last: AtomicBool,
}

impl Proxy {
    /// Listens on a free port; the server's socket lies in the directory.
    pub fn new(server: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("the port");
        let server = server.join(".s.PGSQL.5432");
        let way = Arc::new(Way {
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let of_listener = way.clone();
        thread::spawn(move || {
            for host in listener.incoming().flatten() {
                if of_listener.lock().closed {
                    break;
                }
                let (way, server) = (of_listener.clone(), server.clone());
                thread::spawn(move || way.carry(host, &server));
            }
        });
        Self { address, way }
    }

    /// Where the host connects to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks the way, for connections that there are and for new ones.
    pub fn cut(&self, cut: Cut) {
        let mut state = self.way.lock();
        state.cut = Some(cut);
        if cut == Cut::Refused {
            state.end_all();
        }
        drop(state);
        self.way.changed.notify_all();
    }

    /// Mends the way. What was held back comes through now.
    pub fn reconnect(&self) {
        self.way.lock().cut = None;
        self.way.changed.notify_all();
    }

    /// Forgets the connections that there are, as a firewall does that was started again: on them
    /// nothing comes through any more, and nobody is told. New ones work.
    pub fn forget(&self) {
        for connection in &self.way.lock().connections {
            connection.forgotten.store(true, SeqCst);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = self.way.lock();
        state.closed = true;
        state.end_all();
        drop(state);
        self.way.changed.notify_all();
        // Wakes the listener, which ends then.
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn end_all(&mut self) {
        for connection in self.connections.drain(..) {
            connection.end();
        }
    }
}

impl Way {
    /// Carries one connection to its end.
    fn carry(&self, host: TcpStream, server: &PathBuf) {
        let state = self.wait(|state| matches!(state.cut, Some(Cut::Silent)));
        if state.closed || state.cut == Some(Cut::Refused) {
            return;
        }
        drop(state);
        let _ = host.set_nodelay(true);
        // A server that does not run refuses as this does: the host's end is closed.
        let Ok(server) = UnixStream::connect(server) else {
            return;
        };
        let connection = Arc::new(Connection {
            host,
            server,
            forgotten: AtomicBool::new(false),
            last: AtomicBool::new(false),
        });
        let mut state = self.lock();
        if state.closed || state.cut == Some(Cut::Refused) {
            return;
        }
        state.connections.push(connection.clone());
        drop(state);
        thread::scope(|scope| {
            scope.spawn(|| {
                let _ = self.forward(&connection, &connection.server, &connection.host, true);
            });
            let _ = self.forward(&connection, &connection.host, &connection.server, false);
        });
        let mut state = self.lock();
        state
            .connections
            .retain(|other| !Arc::ptr_eq(other, &connection));
    }

    /// Hands on what comes from one end to the other, while the way lets it.
    fn forward<From, To>(
        &self,
        connection: &Connection,
        mut from: &From,
        mut to: &To,
        answers: bool,
    ) -> io::Result<()>
    where
        for<'a> &'a From: Read,
        for<'a> &'a To: Write,
    {
        let mut bytes = vec![0; 64 << 10];
        loop {
            let count = from.read(&mut bytes)?;
            let mut state = self.wait(|state| {
                connection.forgotten.load(SeqCst)
                    || state.cut == Some(Cut::Silent)
                    || (answers && state.cut == Some(Cut::Deaf))
            });
            if state.closed {
                return Ok(());
            }
            let mut ends = answers && connection.last.load(SeqCst);
            let commits = |bytes: &[u8]| bytes.windows(7).any(|part| part == b"COMMIT\0");
            if !answers && state.cut == Some(Cut::Commits) && commits(&bytes[..count]) {
                state.commits += 1;
                ends = !state.commits.is_multiple_of(2);
                connection.last.store(!ends, SeqCst);
            }
            if !answers && state.cut == Some(Cut::LastCommit) && commits(&bytes[..count]) {
                state.cut = Some(Cut::Refused);
                connection.last.store(true, SeqCst);
                let others = state.connections.iter().map(|other| &**other);
                others
                    .filter(|other| !std::ptr::eq(*other, connection))
                    .for_each(Connection::end);
            }
            drop(state);
            // Who closes here has nothing to say to the other end either.
            if ends || count == 0 {
                connection.end();
                return Ok(());
            }
            to.write_all(&bytes[..count])?;
        }
    }

    /// Waits while that is so and the proxy stands.
    fn wait(&self, held: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let held = |state: &mut State| !state.closed && held(state);
        self.changed
            .wait_while(self.lock(), held)
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    fn end(&self) {
        let _ = self.host.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}
