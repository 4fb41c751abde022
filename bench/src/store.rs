//! The data that servers run on: fresh for each start, empty or a copy of a seeded database.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::postgres::Cluster;

/// The PostgreSQL database that is served; seeded ones wait under names of their own.
const SERVED: &str = "served";

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Engine {
    /// A file.
    Sqlite,
    /// A server of the benchmark's own.
    Postgres,
}

impl Engine {
    /// Its name for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Engine::Sqlite => "SQLite",
            Engine::Postgres => "PostgreSQL",
        }
    }
}

/// Where databases lie. One server at a time uses one: the next takes the data of the last.
pub struct Stores {
    folder: PathBuf,
    cluster: Option<Cluster>,
}

impl Stores {
    /// Databases below a folder; those of PostgreSQL in a server that is started here.
    ///
    /// # Errors
    /// Where PostgreSQL is asked for and does not start.
    pub fn open(folder: PathBuf, engines: &[Engine]) -> Result<Self> {
        let postgres = engines.contains(&Engine::Postgres);
        Ok(Stores {
            folder,
            cluster: postgres.then(Cluster::start).transpose()?,
        })
    }

    /// A fresh database: empty, or the kept one of so many tasks. Returns its URL.
    ///
    /// # Errors
    /// Where none of so many tasks was kept.
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

    /// Keeps what a server has left, as the database of so many tasks.
    ///
    /// # Errors
    /// Where it cannot be copied.
    pub fn keep(&self, engine: Engine, tasks: usize) -> Result<()> {
        match engine {
            // A server leaves everything in the one file: the log is folded into it at the end.
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
    fn what_was_kept_is_served_again_and_the_rest_is_gone() {
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
