//! The databases that servers run on: fresh for each start, empty or a copy of a seeded database.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::postgres::Cluster;

/// The PostgreSQL database that is served. Seeded databases have other names.
const SERVED: &str = "served";

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Engine {
    /// A file.
    Sqlite,
    /// A server that the benchmark starts.
    Postgres,
}

impl Engine {
    /// Returns the name in tables.
    pub fn label(self) -> &'static str {
        match self {
            Engine::Sqlite => "SQLite",
            Engine::Postgres => "PostgreSQL",
        }
    }
}

/// The databases. Only one server may run at a time: [`Stores::fresh`] replaces its data.
pub struct Stores {
    folder: PathBuf,
    cluster: Option<Cluster>,
}

impl Stores {
    /// Keeps SQLite's databases in a folder, and starts PostgreSQL if it is one of the engines.
    ///
    /// # Errors
    /// If PostgreSQL does not start.
    pub fn open(folder: PathBuf, engines: &[Engine]) -> Result<Self> {
        let postgres = engines.contains(&Engine::Postgres);
        Ok(Stores {
            folder,
            cluster: postgres.then(Cluster::start).transpose()?,
        })
    }

    /// Makes a fresh database and returns its URL. It is empty, or a copy of the kept one with that many
    /// tasks.
    ///
    /// # Errors
    /// If no database with that many tasks was kept.
    pub fn fresh(&self, engine: Engine, tasks: Option<usize>) -> Result<String> {
        match engine {
            Engine::Sqlite => {
                let file = self.file();
                let folder = file.parent().context("the database has no folder")?;
                if folder.exists() {
                    fs::remove_dir_all(folder)?;
                }
                fs::create_dir_all(folder)?;
                if let Some(tasks) = tasks {
                    fs::copy(self.kept_file(tasks), &file).context("no seeded database")?;
                }
                Ok(format!("sqlite:{}", file.display()))
            }
            Engine::Postgres => {
                let template = tasks.map(kept);
                self.cluster()?.fresh(SERVED, template.as_deref())
            }
        }
    }

    /// Keeps the database of the last server, as the one with that many tasks.
    ///
    /// # Errors
    /// If it cannot be copied.
    pub fn keep(&self, engine: Engine, tasks: usize) -> Result<()> {
        match engine {
            // When the server ends, it writes its log into the database file.
            Engine::Sqlite => {
                fs::copy(self.file(), self.kept_file(tasks))?;
                Ok(())
            }
            Engine::Postgres => self.cluster()?.rename(SERVED, &kept(tasks)),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.join("data").join("tasks.sqlite")
    }

    fn kept_file(&self, tasks: usize) -> PathBuf {
        self.folder.join(kept(tasks)).with_extension("sqlite")
    }

    fn cluster(&self) -> Result<&Cluster> {
        self.cluster.as_ref().context("PostgreSQL was not started")
    }
}

fn kept(tasks: usize) -> String {
    format!("seed{tasks}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_database_is_served_again_without_later_changes() {
        let folder = tempfile::tempdir().unwrap();
        let stores = Stores::open(folder.path().to_owned(), &[Engine::Sqlite]).unwrap();
        let url = stores.fresh(Engine::Sqlite, None).unwrap();
        let file = stores.file();
        assert_eq!(url, format!("sqlite:{}", file.display()));
        fs::write(&file, "seeded").unwrap();
        stores.keep(Engine::Sqlite, 7).unwrap();
        fs::write(&file, "changed").unwrap();
        fs::write(file.with_extension("sqlite-wal"), "left over").unwrap();

        stores.fresh(Engine::Sqlite, Some(7)).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"seeded");
        assert!(!file.with_extension("sqlite-wal").exists());
        assert!(stores.fresh(Engine::Sqlite, Some(8)).is_err());
    }
}
