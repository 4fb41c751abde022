//! The PostgreSQL server of the benchmark. It has PostgreSQL's default settings, except for a larger
//! cache and write-ahead log.

use anyhow::Result;
use testkit::postgres::Server;

/// What differs from PostgreSQL's default settings.
const SETTINGS: [&str; 2] = ["shared_buffers=1GB", "max_wal_size=4GB"];

/// A running server. Dropping it ends the server and removes its data.
pub struct Cluster(Server);

impl Cluster {
    /// Makes a server and starts it.
    ///
    /// # Errors
    /// If PostgreSQL is missing or does not start.
    pub fn start() -> Result<Self> {
        Ok(Self(Server::start(&SETTINGS)?))
    }

    /// Makes a database named after a number of tasks, and returns its URL.
    ///
    /// # Errors
    /// If it exists.
    pub fn database(&self, tasks: u64) -> Result<String> {
        let name = format!("tasks{tasks}");
        self.query(&format!("CREATE DATABASE {name} OWNER host"))?;
        Ok(self.0.url(&name))
    }

    /// Replaces a database by an empty one or by a copy of another, and returns its URL.
    ///
    /// # Errors
    /// If the other database does not exist, or is in use.
    pub fn fresh(&self, name: &str, template: Option<&str>) -> Result<String> {
        let template = template.unwrap_or("template1");
        self.query(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))?;
        self.query(&format!(
            "CREATE DATABASE {name} OWNER host TEMPLATE {template}"
        ))?;
        Ok(self.0.url(name))
    }

    /// Renames a database. A database that has the new name is removed.
    ///
    /// # Errors
    /// If one of them is in use.
    pub fn rename(&self, name: &str, to: &str) -> Result<()> {
        self.query(&format!("DROP DATABASE IF EXISTS {to}"))?;
        self.query(&format!("ALTER DATABASE {name} RENAME TO {to}"))?;
        Ok(())
    }

    fn query(&self, statement: &str) -> Result<String> {
        self.0.query("postgres", statement)
    }
}

/// Returns the URL by which a peer reads the tasks of the database in a host's URL: as the superuser, in
/// the schema of the logic.
pub fn url_for_peers(url: &str) -> String {
    let url = url.replacen("//host:", "//admin:", 1);
    format!("{url}?options=-csearch_path%3Dlogic")
}
