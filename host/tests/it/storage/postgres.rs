//! What only PostgreSQL has: logins, values of more types, many writers, and connections that are
//! lost.

mod encryption;
mod escapes;
mod lost;
mod proxy;
mod replicas;
mod retention;
mod setup;
mod transfer;
mod values;
mod writers;

use storage::postgres::{Config, Postgres};

use super::*;
use crate::postgres::{Server, server};

/// A database on the tests' server.
struct Fixture {
    server: &'static Server,
    name: String,
    database: Arc<dyn Database>,
}

impl Fixture {
    /// A database with the tables of [`schema`]; none where PostgreSQL is missing.
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

    /// The database as another host sees it.
    fn another_host(&self) -> Arc<dyn Database> {
        open(&self.server.url(&self.name))
    }

    /// Asks the server as its administrator.
    #[track_caller]
    fn ask(&self, statement: &str) -> String {
        self.server.run(&self.name, statement)
    }

    /// Ends every session of the logic's login, as a restart would.
    fn cut_off(&self) {
        let ended = self.ask(&format!(
            "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity \
             WHERE usename = '{}_logic'",
            self.name
        ));
        assert_ne!(ended, "0");
    }
}

fn open(url: &str) -> Arc<dyn Database> {
    let config = Config {
        url: url.parse().unwrap(),
        direct: None,
        connections: 8,
        idle: Duration::from_secs(60),
        wait: Duration::ZERO,
        result_bytes: 1 << 20,
        no_sync: false,
    };
    match Postgres::open(&config) {
        Ok(database) => Arc::new(database),
        Err(error) => panic!("{error}"),
    }
}
