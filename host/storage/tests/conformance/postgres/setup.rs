//! The host sets a database up if it has the rights, and otherwise says what to run.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_starts_later_is_waited_for() {
    let Some(server) = server() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join(".s.PGSQL.5432");
    let url = server.url_at(directory.path(), &server.database());
    let early = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let config = Config {
        wait: Duration::from_secs(60),
        ..config(&url)
    };
    let opening = tokio::task::spawn_blocking(move || Postgres::open(&config));
    // A connection that arrives before the server has started is closed.
    drop(early.accept().unwrap());
    std::fs::remove_file(&socket).unwrap();
    std::os::unix::fs::symlink(server.directory().join(".s.PGSQL.5432"), &socket).unwrap();
    let opened = opening.await.unwrap();
    opened
        .map_err(|error| error.to_string())
        .unwrap()
        .ping()
        .await
        .unwrap();
}

#[test]
fn a_server_that_refuses_is_not_waited_for() {
    let Some(server) = server() else {
        return;
    };
    let config = Config {
        wait: Duration::from_secs(600),
        ..config(&server.url_as("host", "wrong", "postgres"))
    };
    match Postgres::open(&config) {
        Ok(_) => panic!("it was opened"),
        Err(error) => assert!(error.to_string().contains("password"), "{error}"),
    }
}

fn statements(error: OpenError) -> String {
    match error {
        OpenError::NeedsAdministrator { statements, .. } => statements.join("\n"),
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_hosts_may_set_one_database_up_at_once() {
    let Some(server) = server() else {
        return;
    };
    let name = server.database();
    let url = server.url(&name);
    let hosts: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            tokio::task::spawn_blocking(move || open(&url))
        })
        .collect();
    for host in hosts {
        host.await.unwrap().ping().await.unwrap();
    }
    assert_eq!(
        server.run(&name, "SELECT version FROM task_host.settings"),
        "7"
    );
}

#[tokio::test]
async fn a_host_that_may_not_create_logins_says_what_to_run() {
    let Some(server) = server() else {
        return;
    };
    let name = server.database();
    server.run(
        "postgres",
        &format!("CREATE ROLE {name}_plain LOGIN PASSWORD 'plain'"),
    );
    let url = server.url_as(&format!("{name}_plain"), "plain", &name);
    // At first it may not even create a schema.
    let first = statements(open_error(&url));
    assert_eq!(
        first,
        format!("GRANT CREATE ON DATABASE \"{name}\" TO \"{name}_plain\";")
    );
    server.run(&name, &first);
    let second = statements(open_error(&url));
    assert!(second.starts_with(&format!(
        "CREATE ROLE \"{name}_logic\" LOGIN PASSWORD 'SCRAM-"
    )));
    let password = server.run(&name, "SELECT logic_password FROM task_host.settings");
    assert!(!second.contains(&password), "only the verifier is shown");
    server.run(&name, &second);
    let database = open(&url);
    prepare(&*database, Engine::Postgres).await;
    write(&*database, "INSERT INTO notes (title) VALUES ('a')").await;
    assert_eq!(notes(&*database).await, 1);
}

#[tokio::test]
async fn a_login_that_was_changed_is_repaired() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let role = format!("{}_logic", fixture.name);
    for change in [
        format!("ALTER ROLE {role} PASSWORD 'other'"),
        format!(
            "ALTER ROLE {role} IN DATABASE {} SET search_path = public",
            fixture.name
        ),
        format!("REVOKE ALL ON SCHEMA logic FROM {role}"),
    ] {
        fixture.administer(&change);
        let database = fixture.another_host();
        assert_eq!(notes(&*database).await, 0, "{change}");
    }
    // Additional rights are hardly a mistake. They are not removed, and the login is not used.
    fixture.administer(&format!("ALTER ROLE {role} SUPERUSER"));
    let error = open_error(&fixture.server.url(&fixture.name)).to_string();
    assert!(error.contains("may do more than use tables"), "{error}");
}

#[tokio::test]
async fn an_error_says_why_and_does_not_show_the_password() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let server = fixture.server;
    for (url, reason) in [
        (
            server.url_as("host", "wrong", &fixture.name),
            "password authentication failed",
        ),
        (server.url("nowhere"), "database \"nowhere\" does not exist"),
        (
            "postgres://a:wrong@127.0.0.1:1/b".into(),
            "Connection refused",
        ),
        (
            "postgres://a:wrong@127.0.0.1:1/b?sslrootcert=/nowhere.pem".into(),
            "sslrootcert=/nowhere.pem cannot be used",
        ),
    ] {
        let error = open_error(&url).to_string();
        assert!(error.contains(reason), "{error}");
        assert!(!error.contains("wrong"), "{error}");
    }
}
