//! The PostgreSQL server that is measured: with PostgreSQL's own settings except for larger caches.

use anyhow::Result;
use testkit::postgres::Server;

/// What differs from PostgreSQL's own settings.
const SETTINGS: [&str; 2] = ["shared_buffers=1GB", "max_wal_size=4GB"];

/// A running server. Dropping it ends it and removes its data.
pub struct Cluster(Server);

impl Cluster {
    /// Makes a server and starts it.
    ///
    /// # Errors
    /// Where PostgreSQL is missing or does not start.
    pub fn start() -> Result<Self> {
        Ok(Self(Server::start(&SETTINGS)?))
    }

    /// Makes a database for so many tasks, and returns its URL.
    ///
    /// # Errors
    /// Where it is there already.
    pub fn database(&self, tasks: u64) -> Result<String> {
        let name = format!("tasks{tasks}");
        self.query(&format!("CREATE DATABASE {name} OWNER host"))?;
        Ok(self.0.url(&name))
    }

    /// Makes a database anew, empty or as a copy of another, and returns its URL.
    ///
    /// # Errors
    /// Where there is no such other, or it is in use.
    pub fn fresh(&self, name: &str, template: Option<&str>) -> Result<String> {
        let template = template.unwrap_or("template1");
        self.query(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))?;
        self.query(&format!(
            "CREATE DATABASE {name} OWNER host TEMPLATE {template}"
        ))?;
        Ok(self.0.url(name))
    }

    /// Gives a database another name, in the place of one that had it.
    ///
    /// # Errors
    /// Where it is in use.
    pub fn rename(&self, name: &str, to: &str) -> Result<()> {
        self.query(&format!("DROP DATABASE IF EXISTS {to}"))?;
        self.query(&format!("ALTER DATABASE {name} RENAME TO {to}"))?;
        Ok(())
    }

    fn query(&self, statement: &str) -> Result<String> {
        self.0.query("postgres", statement)
    }
}

/// The URL by which one who is no host reads the tasks that a host's URL leads to: as one who may
/// read everything, in the schema of the logic.
pub fn for_others(url: &str) -> String {
    let url = url.replacen("//host:", "//admin:", 1);
    format!("{url}?options=-csearch_path%3Dlogic")
}
