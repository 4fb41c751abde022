//! The operations.

use task_host_sdk::prelude::*;

use crate::bindings::exports::toys::contacts::contacts::{Change, Contact, Guest};
use crate::{Component, revision, schema};

#[task_host_sdk::operations]
impl Guest for Component {
    fn get(name: String) -> Result<Contact, Problem> {
        let phone = schema::phone_of(revision(), &name).one().on_missing(
            404,
            "contact-not-found",
            "There is no such contact",
        )?;
        Ok(Contact { name, phone })
    }

    fn put(name: String, change: Change) -> Result<Contact, Problem> {
        schema::upsert(revision(), &name, &change.phone).execute()?;
        let phone = change.phone;
        Ok(Contact { name, phone })
    }
}
