//! What a database needs before it is used: the host's tables, the logic's schema, and a login for
//! the logic that may do nothing but use that schema.
//!
//! The host makes all of it where its own login may. Where that may not make logins, an
//! administrator runs the statements that [`OpenError::NeedsAdministrator`] shows; what they make
//! is the same. The password of the logic's login is made up here and kept in the host's tables,
//! so every replica finds it; an administrator sees its verifier only.
//!
//! It runs on a connection of its own, which it closes, and several hosts may do it at a time.

use std::time::{Duration, Instant};

use rand::RngCore as _;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::Config;
use super::connection::Login;
use super::failure::message;
use super::socket::{self, OpenFailure};
use crate::OpenError;

/// The oldest server that is spoken to. In 15 the schema `public` became closed to other roles.
const OLDEST: i32 = 150_000;

/// The host's tables, step by step. A step that was released never changes again.
const STEPS: [&str; 3] = [
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
];

/// The lock under which one host at a time sets a database up.
const LOCK: &str = "SELECT pg_catalog.pg_advisory_xact_lock(7309452)";

/// How long all of it may take, waiting for other hosts included.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a server that does not answer is asked.
const PAUSE: Duration = Duration::from_millis(500);

/// What the hosts of a database share.
pub(super) struct Shared {
    /// What the functions that a request may call want to hear.
    pub(super) secret: Vec<u8>,
    /// How the logic's connections log in.
    pub(super) logic: String,
    pub(super) password: String,
}

/// Sets a database up where that was not done before.
///
/// # Errors
/// Every [`OpenError`] but `InUse` and `NotADatabase`.
pub(super) async fn run(config: &Config, host: &Login) -> Result<Shared, OpenError> {
    let setup = Setup { config };
    let client = setup.reach(host).await?;
    tokio::time::timeout(PATIENCE, setup.run(client, host))
        .await
        .unwrap_or_else(|_| Err(setup.failed("it does not answer")))
}

struct Setup<'a> {
    config: &'a Config,
}

impl Setup<'_> {
    /// Opens the first connection. In a cluster the server may be started together with its hosts.
    async fn reach(&self, host: &Login) -> Result<Client, OpenError> {
        let until = Instant::now() + self.config.wait;
        loop {
            let opened = socket::open(&host.url, host.encryption.clone(), host.message_bytes);
            let reason = match tokio::time::timeout(PATIENCE, opened).await {
                Ok(Ok(opened)) => return Ok(opened.client),
                Ok(Err(error)) if !error.may_pass() => return Err(self.failed(error)),
                Ok(Err(error)) => self.failed(error),
                Err(_) => self.failed("it does not answer"),
            };
            if Instant::now() + PAUSE > until {
                return Err(reason);
            }
            tracing::warn!("waiting for the database: {reason}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn run(&self, client: Client, host: &Login) -> Result<Shared, OpenError> {
        let server: i32 = self
            .one(
                &client,
                "SELECT current_setting('server_version_num')::integer",
            )
            .await?;
        if server < OLDEST {
            return Err(self.failed("it is older than PostgreSQL 15"));
        }
        let standby: bool = self.one(&client, "SELECT pg_is_in_recovery()").await?;
        if standby {
            return Err(self.failed("it is a standby, which cannot be written"));
        }
        let shared = self.tables(&client).await?;
        let mut direct = host.clone();
        direct.url = host.url.login(&shared.logic, &shared.password);
        match self.check(&direct).await {
            Ok(()) => return Ok(shared),
            Err(Lacking::Login(reason)) => {
                tracing::info!("making the logic's login {}: {reason}", shared.logic);
                self.make_login(&client, &shared).await?;
            }
            Err(Lacking::Rights) => {}
            Err(Lacking::Server(reason)) => return Err(self.failed(reason)),
        }
        self.grant(&client, &shared.logic).await?;
        match self.check(&direct).await {
            Ok(()) => Ok(shared),
            Err(Lacking::Login(reason) | Lacking::Server(reason)) => Err(self.failed(reason)),
            Err(Lacking::Rights) => Err(self.failed("the logic's login lacks rights")),
        }
    }

    /// Creates the host's tables and the logic's schema as far as they are missing.
    async fn tables(&self, client: &Client) -> Result<Shared, OpenError> {
        self.batch(client, "BEGIN").await?;
        self.batch(client, LOCK).await?;
        let known: bool = self
            .one(
                client,
                "SELECT to_regclass('task_host.settings') IS NOT NULL",
            )
            .await?;
        if !known {
            let first = format!(
                "CREATE SCHEMA task_host; CREATE SCHEMA logic;
                 CREATE TABLE task_host.settings (
                     only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
                     version integer NOT NULL DEFAULT 0,
                     secret bytea NOT NULL,
                     logic_password text NOT NULL
                 );
                 INSERT INTO task_host.settings (secret, logic_password)
                     VALUES ('\\x{}', '{}')",
                random_hex(),
                random_hex()
            );
            if let Err(error) = client.batch_execute(&first).await {
                return Err(match error.code() {
                    Some(&SqlState::INSUFFICIENT_PRIVILEGE) => self.administrator(vec![format!(
                        "GRANT CREATE ON DATABASE {} TO {};",
                        quoted(&self.config.url.database),
                        quoted(&self.config.url.user)
                    )]),
                    _ => self.failed(message(&error)),
                });
            }
        }
        let version: i32 = self
            .one(client, "SELECT version FROM task_host.settings")
            .await?;
        let done = usize::try_from(version).unwrap_or(0);
        for step in STEPS.iter().skip(done) {
            self.batch(client, step).await?;
        }
        if done < STEPS.len() {
            let note = format!("UPDATE task_host.settings SET version = {}", STEPS.len());
            self.batch(client, &note).await?;
        }
        let secret = self
            .one(client, "SELECT secret FROM task_host.settings")
            .await?;
        let password = self
            .one(client, "SELECT logic_password FROM task_host.settings")
            .await?;
        self.batch(client, "COMMIT").await?;
        Ok(Shared {
            secret,
            logic: logic_login(&self.config.url.database),
            password,
        })
    }

    /// Logs in as the logic and looks at what it finds.
    async fn check(&self, logic: &Login) -> Result<(), Lacking> {
        let opened = socket::open(&logic.url, logic.encryption.clone(), logic.message_bytes);
        let client = match opened.await {
            Ok(opened) => opened.client,
            Err(OpenFailure::Server(error)) if refuses_login(&error) => {
                return Err(Lacking::Login(message(&error)));
            }
            Err(error) => return Err(Lacking::Server(error.to_string())),
        };
        let found = client.query_one(
            "SELECT current_setting('search_path') = 'logic' \
                 AND current_setting('standard_conforming_strings') = 'on' \
                 AND current_setting('TimeZone') = 'UTC', \
             NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls) \
                 AND NOT EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid), \
             has_schema_privilege('logic', 'CREATE, USAGE') \
                 AND has_schema_privilege('task_host', 'USAGE') \
             FROM pg_roles r WHERE rolname = current_user",
            &[],
        );
        let found = found.await;
        let row = found.map_err(|error| Lacking::Server(message(&error)))?;
        let [settings, restricted, rights] = [0, 1, 2].map(|column| row.get::<_, bool>(column));
        if !restricted {
            let reason = "the logic's login is no restricted one: it may do more than use tables";
            return Err(Lacking::Server(reason.into()));
        }
        if !settings {
            return Err(Lacking::Login("its settings are not the host's".into()));
        }
        // Not asked for one by one: they are granted together.
        let callable: Result<bool, _> = client
            .query_one(
                "SELECT bool_and(has_function_privilege(p.oid, 'EXECUTE')) FROM pg_proc p \
                 WHERE p.pronamespace = 'task_host'::regnamespace AND p.prosecdef",
                &[],
            )
            .await
            .map(|row| row.get(0));
        match rights && callable.unwrap_or(false) {
            true => Ok(()),
            false => Err(Lacking::Rights),
        }
    }

    async fn make_login(&self, client: &Client, shared: &Shared) -> Result<(), OpenError> {
        self.batch(client, "BEGIN").await?;
        self.batch(client, LOCK).await?;
        let exists = client
            .query_one(
                "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)",
                &[&shared.logic],
            )
            .await
            .map_err(|error| self.failed(message(&error)))?
            .get(0);
        let statements = self.login_statements(shared, exists);
        match client.batch_execute(&statements.join("\n")).await {
            Ok(()) => self.batch(client, "COMMIT").await,
            Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                Err(self.administrator(statements))
            }
            Err(error) => Err(self.failed(message(&error))),
        }
    }

    fn login_statements(&self, shared: &Shared, exists: bool) -> Vec<String> {
        let (role, database) = (quoted(&shared.logic), quoted(&self.config.url.database));
        let verifier = postgres_protocol::password::scram_sha_256(shared.password.as_bytes());
        let verb = if exists { "ALTER" } else { "CREATE" };
        let mut statements = vec![format!("{verb} ROLE {role} LOGIN PASSWORD '{verifier}';")];
        // Of the role and not of the session: a pooler gives sessions to whoever comes.
        for setting in [
            "search_path = logic",
            "standard_conforming_strings = on",
            "TimeZone = 'UTC'",
            "jit = off",
        ] {
            statements.push(format!(
                "ALTER ROLE {role} IN DATABASE {database} SET {setting};"
            ));
        }
        statements
    }

    /// Lets the logic's login use its schema and call what a request has to.
    async fn grant(&self, client: &Client, role: &str) -> Result<(), OpenError> {
        let (role, database) = (quoted(role), quoted(&self.config.url.database));
        let text = format!(
            "GRANT USAGE ON SCHEMA task_host TO {role};
             GRANT USAGE, CREATE ON SCHEMA logic TO {role};
             GRANT EXECUTE ON FUNCTION task_host.lock_key, task_host.record_answer,
                 task_host.note_commit, task_host.seal, task_host.applied_migrations,
                 task_host.note_migration, task_host.publish TO {role};
             REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC;"
        );
        self.batch(client, "BEGIN").await?;
        self.batch(client, LOCK).await?;
        self.batch(client, &text).await?;
        self.batch(client, "COMMIT").await
    }

    async fn batch(&self, client: &Client, text: &str) -> Result<(), OpenError> {
        let done = client.batch_execute(text).await;
        done.map_err(|error| self.failed(message(&error)))
    }

    async fn one<T>(&self, client: &Client, text: &str) -> Result<T, OpenError>
    where
        T: for<'a> tokio_postgres::types::FromSql<'a>,
    {
        let row = client.query_one(text, &[]).await;
        row.and_then(|row| row.try_get(0))
            .map_err(|error| self.failed(message(&error)))
    }

    fn failed(&self, reason: impl ToString) -> OpenError {
        OpenError::Failed {
            path: self.config.url.to_string(),
            reason: reason.to_string(),
        }
    }

    fn administrator(&self, statements: Vec<String>) -> OpenError {
        OpenError::NeedsAdministrator {
            path: self.config.url.to_string(),
            statements,
        }
    }
}

/// Why the logic's login cannot be used yet.
enum Lacking {
    /// It cannot log in as it should.
    Login(String),
    /// It can, and may not do enough.
    Rights,
    /// The server is at fault.
    Server(String),
}

fn refuses_login(error: &tokio_postgres::Error) -> bool {
    let code = error.code();
    code == Some(&SqlState::INVALID_PASSWORD)
        || code == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

/// The logic's login belongs to one database, and logins to all of a server.
pub(super) fn logic_login(database: &str) -> String {
    const SUFFIX: &str = "_logic";
    let mut name = database.to_owned();
    while name.len() + SUFFIX.len() > 63 {
        name.pop();
    }
    name + SUFFIX
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn random_hex() -> String {
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logics_login_is_named_after_its_database() {
        assert_eq!(logic_login("tasks"), "tasks_logic");
        assert_eq!(logic_login(&"ä".repeat(40)).len(), 62);
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert_ne!(random_hex(), random_hex());
    }
}
