//! With an invalid configuration the host exits before it opens a port, with status 2 and the name
//! of the flag.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::harness::{Setup, run, task_host};

#[test]
fn a_wrong_value_names_its_flag() {
    for (flag, value) in [
        ("--request-timeout", "soon"),
        ("--cpu-limit", "1 lightyear"),
        ("--memory-limit", "64 bananas"),
        ("--body-limit", "1.5MiB"),
        ("--max-concurrency", "none"),
        ("--max-concurrency", "0"),
        ("--max-queue", "lots"),
        ("--queue-timeout", ""),
        ("--log-format", "xml"),
        ("--statement-limit", "many"),
    ] {
        Setup::tasks().flag(flag, value).refused().says(2, &[flag]);
    }
}

#[test]
fn an_invalid_address_names_its_flag() {
    for flag in ["--addr", "--admin-addr"] {
        let mut command = task_host();
        command.args(["serve", "--component", "x.wasm", flag, "nonsense:port"]);
        run(command).says(2, &[flag]);
    }
}

#[test]
fn a_database_of_an_unknown_kind_is_refused() {
    for url in ["mysql://localhost/tasks", "oracle", ""] {
        let setup = Setup::tasks().database(url);
        setup.refused().says(2, &["--database"]);
    }
}

#[test]
fn an_unknown_flag_is_refused() {
    Setup::tasks()
        .flag("--no-such-flag", "1")
        .refused()
        .says(2, &["--no-such-flag"]);
}

#[test]
fn environment_variables_set_flags_and_are_checked() {
    let setup = Setup::tasks().variable("TASK_HOST_REQUEST_TIMEOUT", "soon");
    setup.refused().says(2, &["request-timeout"]);
    let setup = Setup::tasks().variable("TASK_HOST_BODY_LIMIT", "16B");
    let body = serde_json::json!({"title": "Too long", "category": "feature"});
    setup
        .start()
        .post("/tasks", &body)
        .problem(413, "payload-too-large");
}

#[test]
fn too_few_open_files_are_named() {
    for limit in ["8", "16", "100", "300"] {
        let host = task_host();
        let mut command = Command::new("sh");
        testkit::without_settings(&mut command)
            .args(["-c", "ulimit -n \"$0\" && exec \"$@\"", limit])
            .arg(host.get_program())
            .args(["serve", "--database", "sqlite::memory:", "--component"])
            .arg(crate::harness::built("tasks.wasm"));
        run(command).says(
            1,
            &[&format!("open {limit} files (ulimit -n)"), "needs 354"],
        );
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let mut command = task_host();
    command
        .args([
            "serve",
            "--database",
            "sqlite::memory:",
            "--admin-addr",
            "127.0.0.1:0",
        ])
        .args(["--addr", &address, "--component"])
        .arg(crate::harness::built("tasks.wasm"));
    let refused = run(command);
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    assert!(refused.stderr.contains(&address), "{refused:#?}");
}

#[test]
fn a_database_that_cannot_be_opened_is_named() {
    let setup = Setup::tasks();
    let directory = setup.directory().display().to_string();
    // A directory can never be opened as a file, even if root runs the test.
    let refused = setup.database(&format!("sqlite:{directory}")).refused();
    refused.says(2, &["--database", &directory]);
}

#[test]
fn without_root_certificates_the_host_does_not_connect_to_the_server() {
    let setup = Setup::tasks().database("postgres://a@127.0.0.1:1/b?sslrootcert=system");
    let setup = setup.variable("SSL_CERT_FILE", "/nowhere");
    let refused = setup.variable("SSL_CERT_DIR", "/nowhere").refused();
    refused.says(2, &["--database", "ca-certificates", "sslrootcert=FILE"]);
}

#[test]
fn a_key_of_the_code_cache_that_every_user_can_read_is_refused() {
    let setup = Setup::tasks().own_cache();
    drop(setup.start());
    let key = setup.directory().join("code-cache.key");
    assert_eq!(mode(&key), 0o600);
    for (mode, accepted) in [(0o640, true), (0o604, false), (0o602, false)] {
        fs::set_permissions(&key, Permissions::from_mode(mode)).expect("our own file");
        if accepted {
            drop(setup.start());
        } else {
            setup.refused().says(2, &["--cache-dir", "every user"]);
        }
    }
    // A link is not followed: it could lead to a file whose content is known to others.
    fs::remove_file(&key).expect("removed");
    symlink("/etc/passwd", &key).expect("linked");
    setup.refused().says(2, &["--cache-dir", "code-cache.key"]);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[test]
fn several_replicas_are_refused_if_the_database_belongs_to_one_host() {
    for database in ["sqlite:data.sqlite", "sqlite::memory:"] {
        let setup = Setup::tasks().database(database).flag("--replicas", "2");
        setup
            .refused()
            .says(2, &["--replicas", database, "--database"]);
    }
    Setup::tasks()
        .flag("--replicas", "0")
        .refused()
        .says(2, &["--replicas"]);
    Setup::tasks()
        .flag("--replicas", "1")
        .start()
        .get("/readyz")
        .expect(200);
}

#[test]
fn a_place_where_no_database_can_be_is_named_before_anything_is_created() {
    let setup = Setup::tasks().without_component();
    let directory = setup.directory().to_owned();
    let at = |name: &str| directory.join(name);
    symlink("/none/here", at("link")).expect("linked");
    symlink("/none/here.sqlite", at("link.sqlite")).expect("linked");
    fs::write(at("file"), "").expect("written");
    let entries = || fs::read_dir(&directory).expect("ours").count();
    let before = entries();
    for (path, words) in [
        (
            "link/tasks.sqlite",
            "link to /none/here, which does not exist",
        ),
        (
            "link.sqlite",
            "link to /none/here.sqlite, which does not exist",
        ),
        ("file/tasks.sqlite", "is not a directory"),
    ] {
        let url = format!("sqlite:{}", at(path).display());
        setup
            .clone()
            .database(&url)
            .refused()
            .says(2, &["--database", words]);
        assert_eq!(entries(), before, "{path}");
    }
    let null = setup.clone().database("sqlite:/dev/null").refused();
    null.says(2, &["--database", "not a regular file"]);
}
