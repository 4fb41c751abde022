//! Sets up a database: the host's tables, the logic's schema, and a login for the logic that may
//! only use that schema.
//!
//! The host does all of it if its own login has the rights. If it may not create logins, an
//! administrator must run the statements that [`OpenError::NeedsAdministrator`] shows, with the same
//! result. The password of the logic's login is generated here and stored in the host's tables,
//! where every replica finds it. An administrator sees only its verifier.
//!
//! This runs on its own connection, which is closed afterwards. Several hosts may do it at the same
//! time.

use std::time::{Duration, Instant};

use rand::RngCore as _;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::config::Config;
use super::connection::Login;
use super::failure::message;
use super::socket::{self, OpenFailure};
use crate::OpenError;
use crate::dialect::quoted;

/// The oldest supported server version. In 15 the schema `public` was closed to other roles.
const OLDEST: i32 = 150_000;

/// The host's tables, step by step. The statements of a released step never change.
const STEPS: [&str; 7] = [
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
    include_str!("schema/0005.sql"),
    include_str!("schema/0006.sql"),
    include_str!("schema/0007.sql"),
];

/// The lock under which one host at a time sets a database up.
const LOCK: &str = "SELECT pg_catalog.pg_advisory_xact_lock(7309452)";

/// How long all of it may take, including the wait for other hosts.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How often to try again while the server does not answer.
const PAUSE: Duration = Duration::from_millis(500);

/// What the hosts of a database share.
pub(super) struct Shared {
    /// The secret that the functions for a request's transaction demand.
    pub(super) secret: Vec<u8>,
    /// The logic's login.
    pub(super) logic: String,
    /// The password of the logic's login.
    pub(super) password: String,
}

/// Sets a database up, as far as it is not set up yet.
///
/// # Errors
/// Returns [`OpenError::NeedsAdministrator`] if the host's login lacks the rights, and
/// [`OpenError::Failed`] if anything else fails.
pub(super) async fn run(config: &Config, host: &Login) -> Result<Shared, OpenError> {
    let setup = Setup { config };
    let client = setup.connect(host).await?;
    tokio::time::timeout(TIMEOUT, setup.run(client, host))
        .await
        .unwrap_or_else(|_| Err(setup.failed("it does not answer")))
}

struct Setup<'a> {
    config: &'a Config,
}

impl Setup<'_> {
    /// Opens the first connection. In a cluster, the server may start at the same time as its hosts.
    async fn connect(&self, host: &Login) -> Result<Client, OpenError> {
        let until = Instant::now() + self.config.wait;
        loop {
            let opened = socket::open(&host.url, host.encryption.clone(), host.message_bytes);
            let reason = match tokio::time::timeout(TIMEOUT, opened).await {
                Ok(Ok(opened)) => return Ok(opened.client),
                Ok(Err(error)) if !error.is_temporary() => return Err(self.failed(error)),
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
        direct.url = host.url.with_login(&shared.logic, &shared.password);
        match self.check_login(&direct).await {
            Ok(()) => return Ok(shared),
            Err(LoginProblem::Login(reason)) => {
                tracing::info!("creating the logic's login {}: {reason}", shared.logic);
                self.make_login(&client, &shared).await?;
            }
            Err(LoginProblem::Rights) => {}
            Err(LoginProblem::Server(reason)) => return Err(self.failed(reason)),
        }
        self.grant(&client, &shared.logic).await?;
        match self.check_login(&direct).await {
            Ok(()) => Ok(shared),
            Err(LoginProblem::Login(reason) | LoginProblem::Server(reason)) => {
                Err(self.failed(reason))
            }
            Err(LoginProblem::Rights) => Err(self.failed("the logic's login lacks rights")),
        }
    }

    /// Creates the host's tables and the logic's schema, as far as they are missing.
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

    /// Logs in as the logic and checks the login's settings and rights.
    async fn check_login(&self, logic: &Login) -> Result<(), LoginProblem> {
        let opened = socket::open(&logic.url, logic.encryption.clone(), logic.message_bytes);
        let client = match opened.await {
            Ok(opened) => opened.client,
            Err(OpenFailure::Server(error)) if refuses_login(&error) => {
                return Err(LoginProblem::Login(message(&error)));
            }
            Err(error) => return Err(LoginProblem::Server(error.to_string())),
        };
        let found = client.query_one(
            "SELECT current_setting('search_path') = 'logic' \
                 AND current_setting('standard_conforming_strings') = 'on' \
                 AND current_setting('TimeZone') = 'UTC', \
             NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls) \
                 AND NOT EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid), \
             has_schema_privilege('logic', 'CREATE, USAGE') \
                 AND has_schema_privilege('task_host', 'USAGE') \
                 AND has_table_privilege('task_host.turns', 'UPDATE') \
             FROM pg_roles r WHERE rolname = current_user",
            &[],
        );
        let found = found.await;
        let row = found.map_err(|error| LoginProblem::Server(message(&error)))?;
        let [settings, restricted, rights] = [0, 1, 2].map(|column| row.get::<_, bool>(column));
        if !restricted {
            let reason = "the logic's login is not restricted: it may do more than use tables";
            return Err(LoginProblem::Server(reason.into()));
        }
        if !settings {
            return Err(LoginProblem::Login(
                "its settings are not those that the host needs".into(),
            ));
        }
        // All functions are checked at once, because they are granted together.
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
            false => Err(LoginProblem::Rights),
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
        // These belong to the role and not to the session, because a pooler shares sessions.
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

    /// Lets the logic's login use its schema and call the functions for a request's transaction.
    async fn grant(&self, client: &Client, role: &str) -> Result<(), OpenError> {
        let (role, database) = (quoted(role), quoted(&self.config.url.database));
        let text = format!(
            "GRANT USAGE ON SCHEMA task_host TO {role};
             GRANT USAGE, CREATE ON SCHEMA logic TO {role};
             GRANT EXECUTE ON FUNCTION task_host.lock_key, task_host.record_answer,
                 task_host.note_commit, task_host.seal, task_host.applied_migrations,
                 task_host.note_migration, task_host.publish TO {role};
             GRANT UPDATE ON task_host.turns TO {role};
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
enum LoginProblem {
    /// It does not exist, has another password, or has wrong settings.
    Login(String),
    /// It lacks rights.
    Rights,
    /// The server is at fault.
    Server(String),
}

fn refuses_login(error: &tokio_postgres::Error) -> bool {
    let code = error.code();
    code == Some(&SqlState::INVALID_PASSWORD)
        || code == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

/// Returns the logic's login for a database. Logins exist for a whole server, so its name contains
/// the database's name.
pub(super) fn logic_login(database: &str) -> String {
    const SUFFIX: &str = "_logic";
    let mut name = database.to_owned();
    while name.len() + SUFFIX.len() > 63 {
        name.pop();
    }
    name + SUFFIX
}

fn random_hex() -> String {
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logics_login_is_named_after_its_database() {
        assert_eq!(logic_login("tasks"), "tasks_logic");
        assert_eq!(logic_login(&"ä".repeat(40)).len(), 62);
        assert_ne!(random_hex(), random_hex());
    }
}
