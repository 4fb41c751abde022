//! What the service provides to the host.

use task_host_sdk::prelude::*;
use task_host_sdk::service::{Description, Migration, Route};

use crate::bindings::exports::toys::contacts::contacts::{Change, Guest as _};
use crate::{Component, revision, schema};

task_host_sdk::component!(Component in crate::bindings, {
    describe: describe,
    check: check,
});

fn describe() -> Description {
    let steps = schema::STEPS.iter().filter(|step| step.0 <= revision());
    Description {
        name: "Contacts".to_owned(),
        version: format!("{}.0.0", revision()),
        routes: vec![
            Route::get("/contacts/{name}", "toys:contacts/contacts#get"),
            Route::put("/contacts/{name}", "toys:contacts/contacts#put"),
        ],
        migrations: steps.map(|(_, name, text)| migration(name, text)).collect(),
        constraints: Vec::new(),
    }
}

fn check() -> Result<()> {
    let name = "self-test of the contacts".to_owned();
    let phone = "1".to_owned();
    let written = Component::put(name.clone(), Change { phone })?;
    let read = Component::get(name)?;
    match read.phone == written.phone {
        true => Ok(()),
        false => Err(Problem::new(500, "contact-lost", "A contact was not found again").into()),
    }
}

fn migration(name: &str, statement: &str) -> Migration {
    Migration {
        name: name.to_owned(),
        sqlite: statement.to_owned(),
        postgres: statement.to_owned(),
    }
}
