//! The server as tests use it: shared, fast, and panicking where [`Server`] returns an error.
//!
//! If PostgreSQL is missing, the functions say so and return `None`, and the test passes. In CI they
//! panic instead, because nothing may be left out there.

use std::net::TcpListener;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use super::{Cluster, MISSING, PORT, Programs, Server, Session, Stop};

/// Makes the server fast. A crash of the machine would lose its data, but the data never outlives a
/// test.
const FAST: [&str; 7] = [
    "fsync=off",
    "max_connections=500",
    "full_page_writes=off",
    "shared_buffers=64MB",
    "max_wal_size=4GB",
    "autovacuum=off",
    "log_statement=none",
];

/// Returns the server that all tests of this process share. The first call starts it.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(own_server).as_ref()
}

/// Starts a server for one test, which may stop and crash it.
pub fn own_server() -> Option<Server> {
    let programs = programs_or_left_out()?;
    let cluster = Cluster::new(&programs).expect("a cluster is made");
    Some(start(programs, cluster, PORT, &[]))
}

/// Starts a server for one test that encrypts, on a port of 127.0.0.1. Certificate and key are PEM.
pub fn encrypted_server(certificate: &str, key: &str) -> Option<Server> {
    let programs = programs_or_left_out()?;
    let cluster = Cluster::new(&programs).expect("a cluster is made");
    for (name, text) in [("server.crt", certificate), ("server.key", key)] {
        cluster.place(name, text).expect("the server's file");
    }
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let port = free.expect("a free port").port();
    let port_setting = format!("port={port}");
    let settings = ["listen_addresses=127.0.0.1", &port_setting, "ssl=on"];
    Some(start(programs, cluster, port, &settings))
}

fn start(programs: Programs, cluster: Cluster, port: u16, settings: &[&str]) -> Server {
    let settings = FAST.iter().chain(settings);
    let settings = settings.map(|setting| (*setting).to_owned()).collect();
    Server::on(programs, cluster, port, settings).expect("PostgreSQL starts")
}

fn programs_or_left_out() -> Option<Programs> {
    let programs = Programs::find();
    if programs.is_none() {
        let ci = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
        assert!(!ci, "{MISSING}, and in CI nothing is left out");
        eprintln!("LEFT OUT: {MISSING}; tests on it pass without having run");
    }
    programs
}

/// Each method panics if the server or a statement fails.
impl Server {
    /// Makes an empty database that the user `host` owns, and returns its name.
    #[track_caller]
    pub fn database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test{number}");
        self.run("postgres", &format!("CREATE DATABASE {name} OWNER host"));
        name
    }

    /// Runs statements as the superuser and returns what they print.
    #[track_caller]
    pub fn run(&self, database: &str, statements: &str) -> String {
        self.query(database, statements).expect("the statements")
    }

    /// Runs statements as the superuser, and keeps their session open until the value is dropped.
    #[track_caller]
    pub fn hold(&self, database: &str, statements: &str) -> Session {
        self.try_hold(database, statements).expect("a session")
    }

    /// Stops the server in an orderly way, which ends every session, and starts it again.
    #[track_caller]
    pub fn restart(&self) {
        self.halt(Stop::Fast);
        self.resume();
    }

    /// Kills the whole server and starts it again: it recovers from its log.
    #[track_caller]
    pub fn crash(&self) {
        self.halt(Stop::Killed);
        self.resume();
    }

    /// Ends the server until [`Server::resume`].
    #[track_caller]
    pub fn halt(&self, how: Stop) {
        self.try_halt(how).expect("PostgreSQL ends");
    }

    /// Starts the server if it does not run, and waits until it answers.
    #[track_caller]
    pub fn resume(&self) {
        self.try_resume().expect("PostgreSQL starts");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_keeps_its_data_over_a_crash_and_leaves_nothing_behind() {
        let Some(server) = own_server() else {
            return;
        };
        let name = server.database();
        server.run(&name, "CREATE TABLE notes AS SELECT 7 AS number");
        server.crash();
        assert_eq!(server.run(&name, "SELECT number FROM notes"), "7");
        let error = server.query(&name, "SELECT nothing").unwrap_err();
        assert!(error.to_string().starts_with("SELECT nothing: "), "{error}");
        let directory = server.directory().to_owned();
        assert!(directory.join(".s.PGSQL.5432").exists());
        drop(server);
        assert!(!directory.exists());
    }
}
