//! The compiled-in logic as a revision: its description, its migrations and its router.

use std::time::{Duration, Instant};

use anyhow::Result;
use contract::{Access, Description, Method, Migration, Route};
use deployment::router;
use request::{Bulkheads, Revision};
use storage::{Attempt, Budget, Database};
use tasks::contract::service;

use crate::logic::NativeLogic;
use crate::operation::Operation;

/// Time limit for the migrations.
const MIGRATION_TIME: Duration = Duration::from_secs(60);

/// Applies the logic's migrations and returns the revision, ready to serve.
///
/// # Errors
/// Returns an error if a migration fails.
pub async fn open(database: &dyn Database) -> Result<Revision> {
    let service::Description {
        name,
        version,
        routes,
        migrations,
        constraints: _,
    } = tasks::service::describe();
    let (routes, operations) = routes
        .into_iter()
        .filter_map(|served| {
            let operation = Operation::of(&served.operation)?;
            Some((route(served), operation))
        })
        .unzip();
    let description = Description {
        name,
        version,
        routes,
        migrations: migrations.into_iter().map(migration).collect(),
        constraints: Vec::new(),
    };
    migrate(database, &description.migrations).await?;
    Ok(Revision {
        digest: "native".to_owned(),
        router: router(&description)?,
        openapi: serde_json::json!({}),
        assets: Vec::new(),
        operations: Vec::new(),
        stats: std::sync::Arc::default(),
        bulkheads: Bulkheads::default(),
        logic: Box::new(NativeLogic { operations }),
        description,
    })
}

async fn migrate(database: &dyn Database, migrations: &[Migration]) -> Result<()> {
    let budget = Budget {
        deadline: Instant::now() + MIGRATION_TIME,
        wait_until: Instant::now() + MIGRATION_TIME,
        hold: MIGRATION_TIME,
        statements: u32::MAX,
        rows: u64::MAX,
        bytes: u64::MAX,
        attempt: Attempt::Repeated,
    };
    let mut transaction = database.begin_migration(budget).await?;
    transaction.migrate(migrations, false).await??;
    Ok(transaction.commit().await?)
}

fn route(route: service::Route) -> Route {
    Route {
        method: match route.method {
            service::Method::Get => Method::Get,
            service::Method::Post => Method::Post,
            service::Method::Put => Method::Put,
            service::Method::Patch => Method::Patch,
            service::Method::Delete => Method::Delete,
        },
        path: route.path,
        operation: route.operation,
        access: match route.access {
            service::Access::Read => Access::Read,
            service::Access::Write => Access::Write,
        },
        success: route.success,
        location: route.location,
        body: route.body,
        etag: route.etag,
        next: route.next,
    }
}

fn migration(migration: service::Migration) -> Migration {
    Migration {
        name: migration.name,
        sqlite: migration.sqlite,
        postgres: migration.postgres,
    }
}
