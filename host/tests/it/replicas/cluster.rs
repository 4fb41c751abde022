//! Some hosts over a PostgreSQL server that is theirs alone, each by a way of its own.
//!
//! Everything takes `&self`, so that one thread does harm while others ask. A host that was started
//! again has other ports: ask for its addresses each time.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::proxy::{Cut, Proxy};
use crate::client::{Answer, Request};
use crate::harness::{Host, Log, Setup, eventually};
use crate::postgres::{Server, own_server};

/// Hosts and their server. Dropping it ends all of them.
pub struct Cluster {
    /// Dropped before the server, so that none complains of its end.
    pub hosts: Vec<Node>,
    pub postgres: Server,
    /// The name of the database that the hosts share.
    pub database: String,
}

/// A place for a host: its settings, its way to the server, and the process where one runs.
pub struct Node {
    setup: Setup,
    running: Mutex<Running>,
    pub way: Proxy,
}

#[derive(Default)]
struct Running {
    host: Option<Host>,
    /// Where the last process listened or listens: the API, then the operators' port.
    addresses: Option<[SocketAddr; 2]>,
}

impl Cluster {
    /// So many hosts with the task component, started; none where PostgreSQL is missing and may be.
    pub fn start(count: usize) -> Option<Self> {
        let cluster = Self::of(&Setup::tasks, count)?;
        for host in &cluster.hosts {
            host.start();
        }
        Some(cluster)
    }

    /// Places for so many hosts that are set up so, on an empty database, none of them started.
    pub fn of(setup: &dyn Fn() -> Setup, count: usize) -> Option<Self> {
        let postgres = own_server()?;
        let database = postgres.database();
        let hosts = (0..count).map(|_| Node::new(setup(), &postgres, &database));
        Some(Self {
            hosts: hosts.collect(),
            postgres,
            database,
        })
    }

    /// Where the hosts' APIs are, for those that were started.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let addresses = self.hosts.iter().map(|host| host.lock().addresses);
        addresses.flatten().map(|[api, _]| api).collect()
    }
}

impl Node {
    fn new(setup: Setup, postgres: &Server, database: &str) -> Self {
        let way = Proxy::new(postgres.directory());
        let url = format!("postgres://host:secret@{}/{database}", way.address());
        Self {
            setup: setup.database(&url),
            running: Mutex::default(),
            way,
        }
    }

    /// Starts a process and waits until it serves.
    pub fn start(&self) {
        let host = self.setup.start();
        let mut running = self.lock();
        assert!(running.host.is_none(), "it runs already");
        running.addresses = Some([host.address, host.admin_address]);
        running.host = Some(host);
    }

    /// Ends the process at once, as the machine's death would.
    pub fn kill(&self) {
        self.process().kill();
    }

    /// Asks the process to drain and go, and waits until it has.
    pub fn stop(&self) {
        let mut host = self.process();
        host.terminate();
        host.wait();
    }

    /// Kills the process where one runs, and starts another.
    pub fn restart(&self) {
        let host = self.lock().host.take();
        if let Some(host) = host {
            host.kill();
        }
        self.start();
    }

    /// Lets the process stand still.
    pub fn pause(&self) {
        self.with(Host::pause);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.with(Host::resume);
    }

    /// Cuts it off from the database.
    pub fn cut(&self, cut: Cut) {
        self.way.cut(cut);
    }

    /// Opens its way to the database again.
    pub fn reconnect(&self) {
        self.way.reconnect();
    }

    /// Where the API of the last process is or was.
    pub fn address(&self) -> SocketAddr {
        self.addresses()[0]
    }

    /// Where its operators' port is or was.
    pub fn admin_address(&self) -> SocketAddr {
        self.addresses()[1]
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin_address())
    }

    /// Begins a request to the API.
    pub fn request(&self, method: &str, target: &str) -> Request {
        Request::new(self.address(), method, target)
    }

    /// GET.
    pub fn get(&self, target: &str) -> Answer {
        self.request("GET", target).send()
    }

    /// What the running process has written.
    pub fn log(&self) -> Log {
        self.with(|host| host.log.clone())
    }

    /// Waits until it says that it is ready, whatever happened to it.
    pub fn ready(&self) {
        eventually("the host is ready", || self.is_ready().then_some(()));
    }

    /// Whether a process was started, and says that it is ready.
    pub fn is_ready(&self) -> bool {
        let addresses = self.lock().addresses;
        addresses.is_some_and(|[_, admin]| {
            let asked = Request::new(admin, "GET", "/readyz").try_send();
            asked.is_ok_and(|answer| answer.status == 200)
        })
    }

    fn addresses(&self) -> [SocketAddr; 2] {
        self.lock().addresses.expect("the host was started")
    }

    fn process(&self) -> Host {
        self.lock().host.take().expect("the host runs")
    }

    fn with<T>(&self, look: impl FnOnce(&Host) -> T) -> T {
        look(self.lock().host.as_ref().expect("the host runs"))
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
