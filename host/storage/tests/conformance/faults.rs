//! Faults of SQLite's files: other names, moved files, damaged pages.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;

use storage::sqlite::{Config, Sqlite};
use storage::{OpenError, StorageFault};

use super::*;

/// Opens a database that nobody else has. Another test that starts a process at this moment may still
/// hold its lock: a child has all descriptors of its parent until it runs its program.
fn open(path: &Path) -> Result<Sqlite, OpenError> {
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        match Sqlite::open(Config::file(path)) {
            Err(OpenError::InUse { .. }) if Instant::now() < until => {
                std::thread::park_timeout(Duration::from_millis(10));
            }
            opened => return opened,
        }
    }
}

/// A database with a note, in a directory of its own.
async fn opened() -> (tempfile::TempDir, PathBuf, Sqlite) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.sqlite");
    let database = open(&path).unwrap();
    prepare(&database, Engine::Sqlite).await;
    write(&database, "INSERT INTO notes (title) VALUES ('a')").await;
    (directory, path, database)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Overwrites a page with zeros. In another process, because closing a descriptor of the file would
/// release the locks of this one.
fn erase_page(path: &Path, page: u64) {
    let status = Command::new("dd")
        .args(["if=/dev/zero", "bs=4096", "count=1", "conv=notrunc"])
        .arg(format!("of={}", path.display()))
        .arg(format!("seek={page}"))
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
}

/// Fills the notes so that they take some hundred pages, and closes the database, which moves the
/// log into the file.
async fn fill(database: Sqlite) {
    for number in 0..50 {
        let text = format!("INSERT INTO notes (title) VALUES ('{number}' || hex(zeroblob(10000)))");
        write(&database, &text).await;
    }
    drop(database);
}

async fn try_write(database: &Sqlite, title: &str) -> Result<(), Error> {
    let mut transaction = database.begin(Access::Write, generous()).await?;
    let text = format!("INSERT INTO notes (title) VALUES ('{title}')");
    transaction.execute(&text, &[]).await?.unwrap();
    transaction.commit().await
}

async fn try_read(database: &Sqlite) -> Result<(), Error> {
    let mut transaction = database.begin(Access::Read, generous()).await?;
    let rows = transaction.query("SELECT max(length(title)) FROM notes", &[]);
    rows.await?.unwrap();
    transaction.commit().await
}

#[tokio::test]
async fn the_lock_is_on_the_file_and_not_only_on_its_path() {
    let (_directory, path, _first) = opened().await;
    fs::remove_file(with_suffix(&path, "-lock")).unwrap();
    assert!(matches!(
        Sqlite::open(Config::file(&path)),
        Err(OpenError::InUse { .. })
    ));
    // The refused attempt has not released the locks of the first one.
    let locks = fs::read_to_string("/proc/locks").unwrap();
    let inode = format!(
        ":{} ",
        std::os::unix::fs::MetadataExt::ino(&path.metadata().unwrap())
    );
    let of_file: Vec<&str> = locks.lines().filter(|line| line.contains(&inode)).collect();
    assert!(of_file.iter().any(|line| line.contains("FLOCK")), "{locks}");
    assert!(of_file.iter().any(|line| line.contains("POSIX")), "{locks}");
}

#[tokio::test]
async fn a_file_with_two_names_is_refused_by_each_until_one_is_removed() {
    let (directory, path, first) = opened().await;
    drop(first);
    let other = directory.path().join("other.sqlite");
    fs::hard_link(&path, &other).unwrap();
    for name in [&path, &other] {
        let error = open(name).err().unwrap();
        assert!(matches!(error, OpenError::Alias { .. }), "{error}");
        let said = error.to_string();
        assert!(said.contains("has 2 names (hard links)"), "{said}");
        // A copy of it would lack what is in the log of the other name.
        let location = Location::Sqlite(name.clone());
        let copy = directory.path().join("copy.sqlite");
        let refused = storage::backup(&location, &copy).unwrap_err();
        assert_eq!(refused.to_string(), said);
        let refused = storage::export(&location).await.err().unwrap();
        assert_eq!(refused.to_string(), said);
    }
    fs::remove_file(other).unwrap();
    assert_eq!(notes(&open(&path).unwrap()).await, 1);
}

#[tokio::test]
async fn a_log_that_belongs_to_another_name_is_refused() {
    let (directory, path, first) = opened().await;
    drop(first);
    let elsewhere = directory.path().join("elsewhere");
    fs::write(&elsewhere, b"").unwrap();
    for suffix in ["-wal", "-shm"] {
        let name = with_suffix(&path, suffix);
        symlink(&elsewhere, &name).unwrap();
        let error = open(&path).err().unwrap().to_string();
        assert!(error.contains("is a symbolic link"), "{error}");
        fs::remove_file(&name).unwrap();
        fs::hard_link(&elsewhere, &name).unwrap();
        let error = open(&path).err().unwrap().to_string();
        assert!(error.contains("has 2 names"), "{error}");
        fs::remove_file(&name).unwrap();
    }
    assert_eq!(notes(&open(&path).unwrap()).await, 1);
}

#[tokio::test]
async fn nothing_is_acknowledged_after_a_file_was_removed_or_replaced() {
    for suffix in ["", "-wal", "-shm"] {
        for replaced in [false, true] {
            let (directory, path, database) = opened().await;
            let name = with_suffix(&path, suffix);
            let moved = directory.path().join("moved");
            fs::rename(&name, &moved).unwrap();
            if replaced {
                // Not a copy: reading the database file here would release its locks.
                fs::write(&name, b"another file").unwrap();
            }
            let case = format!("{suffix:?}, replaced: {replaced}");
            let written = try_write(&database, "lost").await.unwrap_err();
            assert!(
                matches!(written, Error::OutcomeUnknown(_)),
                "{case}: {written}"
            );
            let moved = |error: &Error| matches!(error, Error::Storage(StorageFault::Moved(_)));
            for error in [
                try_read(&database).await.unwrap_err(),
                try_write(&database, "later").await.unwrap_err(),
                database.ping().await.unwrap_err(),
            ] {
                assert!(moved(&error), "{case}: {error}");
            }
            let said = database.fault().unwrap().to_string();
            let what = if replaced {
                "is another file now"
            } else {
                "was removed"
            };
            assert!(said.contains(what), "{case}: {said}");
            assert_eq!(database.stats().moved.load(Relaxed), 1);
        }
    }
}

#[tokio::test]
async fn a_file_that_is_moved_while_nobody_writes_is_noticed() {
    let (directory, path, database) = opened().await;
    database.watch().await;
    assert_eq!(database.fault(), None);
    fs::rename(&path, directory.path().join("moved")).unwrap();
    database.watch().await;
    assert!(matches!(database.fault(), Some(StorageFault::Moved(_))));
}

#[tokio::test]
async fn a_damaged_page_is_found_at_the_start() {
    let (_directory, path, database) = opened().await;
    fill(database).await;
    let pages = path.metadata().unwrap().len() / 4096;
    erase_page(&path, pages / 2);
    let error = open(&path).err().unwrap();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("restore a back-up"), "{error}");
    // The first page identifies the format.
    erase_page(&path, 0);
    let error = open(&path).err().unwrap();
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
    assert!(error.to_string().contains("restore a back-up"), "{error}");
}

#[tokio::test]
async fn a_row_that_breaks_a_constraint_is_no_damage() {
    let (_directory, path, database) = opened().await;
    drop(database);
    let sqlite = rusqlite::Connection::open(&path).unwrap();
    let text = "PRAGMA ignore_check_constraints = on; \
                INSERT INTO notes (title, rank) VALUES ('b', -1)";
    sqlite.execute_batch(text).unwrap();
    drop(sqlite);
    assert_eq!(notes(&open(&path).unwrap()).await, 2);
}

#[tokio::test]
async fn a_schema_that_a_migration_makes_too_long_is_no_damage() {
    let (_directory, _path, database) = opened().await;
    let wide = |table: &str| {
        let column = |number: usize| format!("{table}{number}_{} INTEGER", "x".repeat(7000));
        let columns: Vec<String> = (0..70).map(column).collect();
        format!("CREATE TABLE {table} ({});", columns.join(", "))
    };
    let longer = "CREATE TABLE c AS SELECT a.*, b.*, d.* FROM a, b, a AS d";
    let text = [wide("a"), wide("b"), longer.to_owned()].concat();
    let steps = [tables(Engine::Sqlite), step("0002-wide", &text)];
    let mut transaction = database.begin_migration(generous()).await.unwrap();
    let failed = transaction.migrate(&steps, false).await.unwrap();
    let failed = failed.unwrap_err().to_string();
    assert!(failed.contains("too big"), "{failed}");
    drop(transaction);
    assert_eq!(database.fault(), None);
    try_write(&database, "b").await.unwrap();
}

#[tokio::test]
async fn a_log_without_its_database_is_refused_and_kept() {
    let (directory, path, database) = opened().await;
    let copy = directory.path().join("copy.sqlite");
    fs::copy(with_suffix(&path, "-wal"), with_suffix(&copy, "-wal")).unwrap();
    for empty in [false, true] {
        if empty {
            fs::write(&copy, b"").unwrap();
        }
        let error = open(&copy).err().unwrap().to_string();
        assert!(
            error.contains("is missing or empty, but its write-ahead log"),
            "{error}"
        );
    }
    assert!(with_suffix(&copy, "-wal").metadata().unwrap().len() > 0);
    drop(database);
}

#[tokio::test]
async fn a_link_that_points_elsewhere_is_noticed() {
    let (directory, path, database) = opened().await;
    drop(database);
    let link = directory.path().join("link");
    symlink(&path, &link).unwrap();
    let database = open(&link).unwrap();
    try_write(&database, "b").await.unwrap();
    fs::remove_file(&link).unwrap();
    symlink(directory.path().join("other"), &link).unwrap();
    let written = try_write(&database, "c").await.unwrap_err();
    assert!(matches!(written, Error::OutcomeUnknown(_)), "{written}");
}

#[tokio::test]
async fn a_page_that_is_damaged_while_the_host_runs_ends_writes_and_not_reads() {
    let (_directory, path, database) = opened().await;
    fill(database).await;
    let database = open(&path).unwrap();
    let pages = path.metadata().unwrap().len() / 4096;
    for page in pages / 2..pages / 2 + 20 {
        erase_page(&path, page);
    }
    let damaged = |error: &Error| matches!(error, Error::Storage(StorageFault::Damaged(_)));
    let found = async {
        let mut transaction = database.begin(Access::Read, generous()).await?;
        let text = "SELECT sum(length(hex(title))) FROM notes NOT INDEXED";
        transaction.query(text, &[]).await
    };
    let error = found.await.unwrap_err();
    assert!(damaged(&error), "{error}");
    assert_eq!(database.stats().damaged.load(Relaxed), 1);
    assert!(damaged(&try_write(&database, "more").await.unwrap_err()));
    assert!(damaged(&database.ping().await.unwrap_err()));
    // Undamaged pages can still be read, for example to save them.
    let mut transaction = database.begin(Access::Read, generous()).await.unwrap();
    let text = "SELECT title FROM notes WHERE id = 1";
    assert_eq!(
        transaction
            .query(text, &[])
            .await
            .unwrap()
            .unwrap()
            .cells
            .len(),
        1
    );
    transaction.commit().await.unwrap();
}
