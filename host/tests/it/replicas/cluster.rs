//! Several hosts on a PostgreSQL server of their own, each connected through its own proxy.
//!
//! All methods take `&self`, so that one thread can cause faults while others send requests. A
//! restarted host has other ports, so get its addresses before each request.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::proxy::{Cut, Proxy};
use crate::client::{Answer, Request};
use crate::harness::{Host, Log, Setup, eventually};
use crate::postgres::{Server, own_server};

/// Hosts and their database server. Dropping the cluster ends all of them.
pub struct Cluster {
    /// Dropped before the server, so that no host logs an error about the server's end.
    pub hosts: Vec<Node>,
    pub postgres: Server,
    /// The name of the database that the hosts share.
    pub database: String,
}

/// One host of a cluster: its settings, its proxy to the server, and its process if one runs.
pub struct Node {
    setup: Setup,
    process: Mutex<Process>,
    pub proxy: Proxy,
}

#[derive(Default)]
struct Process {
    host: Option<Host>,
    /// The addresses of the API and the admin port of the current or last process.
    addresses: Option<[SocketAddr; 2]>,
}

impl Cluster {
    /// Starts `count` hosts with the task component. Returns `None` if PostgreSQL is not installed
    /// and not required.
    pub fn start(count: usize) -> Option<Self> {
        let cluster = Self::of(&Setup::tasks, count)?;
        for host in &cluster.hosts {
            host.start();
        }
        Some(cluster)
    }

    /// Sets up `count` hosts on an empty database without starting them. Returns `None` if
    /// PostgreSQL is not installed and not required.
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

    /// Returns the API addresses of the hosts that were started.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let addresses = self.hosts.iter().map(|host| host.lock().addresses);
        addresses.flatten().map(|[api, _]| api).collect()
    }
}

impl Node {
    fn new(setup: Setup, postgres: &Server, database: &str) -> Self {
        let proxy = Proxy::new(postgres.directory());
        let url = format!("postgres://host:secret@{}/{database}", proxy.address());
        Self {
            setup: setup.database(&url),
            process: Mutex::default(),
            proxy,
        }
    }

    /// Starts a process and waits until it serves.
    pub fn start(&self) {
        let host = self.setup.start();
        let mut process = self.lock();
        assert!(process.host.is_none(), "the host already runs");
        process.addresses = Some([host.address, host.admin_address]);
        process.host = Some(host);
    }

    /// Kills the process without warning, as a failure of its machine would.
    pub fn kill(&self) {
        self.take_host().kill();
    }

    /// Asks the process to drain and exit, and waits until it has.
    pub fn stop(&self) {
        let mut host = self.take_host();
        host.terminate();
        host.wait();
    }

    /// Kills the process, if one runs, and starts another.
    pub fn restart(&self) {
        let host = self.lock().host.take();
        if let Some(host) = host {
            host.kill();
        }
        self.start();
    }

    /// Pauses the process.
    pub fn pause(&self) {
        self.with(Host::pause);
    }

    /// Resumes the process.
    pub fn resume(&self) {
        self.with(Host::resume);
    }

    /// Breaks the connection to the database.
    pub fn cut(&self, cut: Cut) {
        self.proxy.cut(cut);
    }

    /// Restores the connection to the database.
    pub fn reconnect(&self) {
        self.proxy.reconnect();
    }

    /// The API address of the current or last process.
    pub fn address(&self) -> SocketAddr {
        self.addresses()[0]
    }

    /// The address of the admin port of the current or last process.
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

    /// The log of the running process.
    pub fn log(&self) -> Log {
        self.with(|host| host.log.clone())
    }

    /// Waits until the host is ready.
    pub fn ready(&self) {
        eventually("the host is ready", || self.is_ready().then_some(()));
    }

    /// Whether a process was started and reports that it is ready.
    pub fn is_ready(&self) -> bool {
        let addresses = self.lock().addresses;
        addresses.is_some_and(|[_, admin]| {
            let answer = Request::new(admin, "GET", "/readyz").try_send();
            answer.is_ok_and(|answer| answer.status == 200)
        })
    }

    fn addresses(&self) -> [SocketAddr; 2] {
        self.lock().addresses.expect("the host was started")
    }

    fn take_host(&self) -> Host {
        self.lock().host.take().expect("the host runs")
    }

    fn with<T>(&self, look: impl FnOnce(&Host) -> T) -> T {
        look(self.lock().host.as_ref().expect("the host runs"))
    }

    fn lock(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
