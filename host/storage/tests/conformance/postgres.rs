//! What only PostgreSQL has: logins, more types of values, several writers, several hosts, and lost
//! connections.

mod encryption;
mod escapes;
mod lost;
mod replicas;
mod retention;
mod setup;
mod transfer;
mod values;
mod writers;

use storage::OpenError;
use storage::postgres::{Config, Postgres};
use testkit::postgres::{Server, server};

use super::*;

/// A database on the tests' server.
struct Fixture {
    server: &'static Server,
    name: String,
    database: Arc<dyn Database>,
}

impl Fixture {
    /// Returns a database with the tables of [`schema`]. `None` if PostgreSQL is missing.
    async fn new() -> Option<Self> {
        let server = server()?;
        let name = server.database();
        let database = open(&server.url(&name));
        prepare(&*database, Engine::Postgres).await;
        Some(Self {
            server,
            name,
            database,
        })
    }

    /// Opens the database as another host.
    fn another_host(&self) -> Arc<dyn Database> {
        open(&self.server.url(&self.name))
    }

    /// Runs a statement as the server's administrator and returns what it prints.
    #[track_caller]
    fn administer(&self, statement: &str) -> String {
        self.server.run(&self.name, statement)
    }

    /// Ends every session of the logic's login, as a restart would.
    fn end_sessions(&self) {
        let ended = self.administer(&format!(
            "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity \
             WHERE usename = '{}_logic'",
            self.name
        ));
        assert_ne!(ended, "0");
    }
}

fn config(url: &str) -> Config {
    Config {
        url: url.parse().unwrap(),
        direct: None,
        connections: 8,
        idle: Duration::from_secs(60),
        wait: Duration::ZERO,
        row_bytes: 1 << 20,
        no_sync: false,
        slow_statement: Duration::ZERO,
    }
}

fn open(url: &str) -> Arc<dyn Database> {
    match Postgres::open(&config(url)) {
        Ok(database) => Arc::new(database),
        Err(error) => panic!("{error}"),
    }
}

/// Returns why a database cannot be opened.
fn open_error(url: &str) -> OpenError {
    match Postgres::open(&config(url)) {
        Ok(_) => panic!("{url} was opened"),
        Err(error) => error,
    }
}
