//! What the service provides to the host.

use crate::bindings::exports::task_host::platform::service::{
    Access, Asset, Description, Guest, Method, Migration, Route,
};
use crate::bindings::exports::toys::contacts::contacts::{Change, Guest as Contacts};
use crate::{Component, revision, schema};

impl Guest for Component {
    fn describe() -> Description {
        let steps = schema::STEPS.iter().filter(|step| step.0 <= revision());
        Description {
            name: "Contacts".to_owned(),
            version: format!("{}.0.0", revision()),
            routes: vec![
                route(Method::Get, "get", Access::Read),
                route(Method::Put, "put", Access::Write),
            ],
            migrations: steps.map(|(_, name, text)| migration(name, text)).collect(),
            constraints: Vec::new(),
        }
    }

    fn assets() -> Vec<Asset> {
        Vec::new()
    }

    fn check() -> Result<(), String> {
        let name = "self-test of the contacts".to_owned();
        let phone = "1".to_owned();
        let change = Change { phone };
        let written = Component::put(name.clone(), change).map_err(|problem| problem.title)?;
        let read = Component::get(name).map_err(|problem| problem.title)?;
        match read.phone == written.phone {
            true => Ok(()),
            false => Err(format!("wrote {}, read {}", written.phone, read.phone)),
        }
    }

    fn health() -> Result<Vec<(String, i64)>, String> {
        Ok(Vec::new())
    }
}

fn route(method: Method, function: &str, access: Access) -> Route {
    Route {
        method,
        path: "/contacts/{name}".to_owned(),
        operation: format!("toys:contacts/contacts#{function}"),
        access,
        success: 200,
        location: None,
        body: None,
        etag: None,
        next: None,
    }
}

fn migration(name: &str, statement: &str) -> Migration {
    Migration {
        name: name.to_owned(),
        sqlite: statement.to_owned(),
        postgres: statement.to_owned(),
    }
}
