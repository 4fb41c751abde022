//! A TCP proxy between a host and PostgreSQL that fails as networks do.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::{SOCKET, commits};

/// What is wrong with the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Connections end, and new ones are refused.
    Refused,
    /// Nothing arrives, and neither side sees an error. What was sent arrives after
    /// [`Proxy::reconnect`], as TCP would send it again.
    Silent,
    /// What the host sends arrives, and no answer does.
    Deaf,
    /// Every COMMIT ends its connection: in turns before the COMMIT arrives, and after it has arrived
    /// but before its answer does.
    Commits,
    /// The next COMMIT arrives, and its answer does not. From then on as [`Cut::Refused`].
    LastCommit,
}

/// Forwards connections between a host and a server. Dropping it ends all of them.
pub struct Proxy {
    address: SocketAddr,
    network: Arc<Network>,
}

struct Network {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    cut: Option<Cut>,
    closed: bool,
    /// Number of COMMITs that ended a connection.
    commits: u64,
    connections: Vec<Arc<Connection>>,
}

/// One connection with both ends.
struct Connection {
    host: TcpStream,
    server: UnixStream,
    /// Nothing arrives on it any more.
    forgotten: AtomicBool,
    /// It ends instead of forwarding the server's next bytes.
    last: AtomicBool,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1, in front of the server whose socket is in the directory.
    ///
    /// # Panics
    /// If no port is free.
    pub fn new(server: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("the port");
        let server = server.join(SOCKET);
        let network = Arc::new(Network {
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let listening = network.clone();
        thread::spawn(move || {
            for host in listener.incoming().flatten() {
                if listening.lock().closed {
                    break;
                }
                let (network, server) = (listening.clone(), server.clone());
                thread::spawn(move || network.carry(host, &server));
            }
        });
        Self { address, network }
    }

    /// Returns the address that the host connects to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks the network, for open connections and for new ones.
    pub fn cut(&self, cut: Cut) {
        let mut state = self.network.lock();
        state.cut = Some(cut);
        if cut == Cut::Refused {
            state.end_all();
        }
        drop(state);
        self.network.changed.notify_all();
    }

    /// Repairs the network. What was held back arrives now.
    pub fn reconnect(&self) {
        self.network.lock().cut = None;
        self.network.changed.notify_all();
    }

    /// Forgets all open connections, as a restarted firewall does: nothing arrives on them any more, and
    /// neither side sees an error. New connections work.
    pub fn forget(&self) {
        for connection in &self.network.lock().connections {
            connection.forgotten.store(true, SeqCst);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = self.network.lock();
        state.closed = true;
        state.end_all();
        drop(state);
        self.network.changed.notify_all();
        // Wakes the listener, which then ends.
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

impl Network {
    /// Forwards one connection until it ends.
    fn carry(&self, host: TcpStream, server: &PathBuf) {
        let state = self.wait(|state| matches!(state.cut, Some(Cut::Silent)));
        if state.closed || state.cut == Some(Cut::Refused) {
            return;
        }
        drop(state);
        let _ = host.set_nodelay(true);
        // If the server does not run, the host's connection is closed.
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

    /// Forwards bytes from one end to the other, as long as the network allows it.
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
            // An end that closes its half closes the whole connection.
            if ends || count == 0 {
                connection.end();
                return Ok(());
            }
            to.write_all(&bytes[..count])?;
        }
    }

    /// Waits while `held` is true and the proxy lives.
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
