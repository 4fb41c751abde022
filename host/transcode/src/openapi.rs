//! The OpenAPI 3.1 document of a revision, made from its routes, types and doc comments.
//!
//! The document is a plain JSON value, so that the server can add the host's own paths. Each
//! response that the host itself gives is listed. All other responses of the logic are `default`.

mod endpoint;
mod example;
mod responses;
mod schema;

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use self::endpoint::Endpoint;
pub use self::responses::problem_schema;
pub(crate) use self::schema::{NO_NUL, Schemas};
use super::operation::Operation;
use super::types::snake_case;
use contract::{Description, Method};

/// Makes the document of a service. `operations` are the description's routes, bound, in order.
pub fn openapi(description: &Description, operations: &[Operation]) -> Value {
    let schemas = Schemas::of(operations);
    let readable: HashSet<&str> = operations
        .iter()
        .map(Operation::route)
        .filter(|route| route.method == Method::Get)
        .map(|route| route.path.as_str())
        .collect();
    let mut paths = Map::new();
    for (operation, id) in operations.iter().zip(operation_ids(operations)) {
        let route = operation.route();
        let endpoint = Endpoint {
            operation,
            schemas: &schemas,
            id,
            has_get: readable.contains(route.path.as_str()),
        };
        let path = paths.entry(&route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = endpoint.describe();
    }
    let shared = responses::shared(&referenced(&paths));
    json!({
        "openapi": "3.1.0",
        "info": { "title": description.name, "version": description.version },
        "tags": tags(operations),
        "paths": paths,
        "components": {
            "schemas": schemas.components(),
            "responses": shared,
        },
    })
}

/// Returns the references to shared responses in the operations of these paths.
fn referenced(paths: &Map<String, Value>) -> HashSet<&str> {
    let operations = paths
        .values()
        .filter_map(Value::as_object)
        .flat_map(Map::values);
    let responses = operations.filter_map(|operation| operation["responses"].as_object());
    let responses = responses.flat_map(Map::values);
    responses
        .filter_map(|response| response["$ref"].as_str())
        .collect()
}

/// Makes one tag for each interface, in the order of the routes.
fn tags(operations: &[Operation]) -> Value {
    let mut seen = HashSet::new();
    let interfaces = operations
        .iter()
        .map(|operation| &operation.declaration().interface)
        .filter(|interface| seen.insert(interface.local_name()));
    let tag = |interface: &std::sync::Arc<super::interface::ExportedInterface>| {
        let mut tag = json!({ "name": interface.local_name() });
        if let Some(docs) = &interface.docs {
            tag["description"] = json!(docs);
        }
        tag
    };
    interfaces.map(tag).collect()
}

/// Makes a unique id for each operation: `interface.function`. If several routes call the same
/// function, the later ones get the method appended, and then a number.
fn operation_ids(operations: &[Operation]) -> Vec<String> {
    let mut taken = HashSet::new();
    // The next number of each id that needs one.
    let mut numbers = HashMap::new();
    let mut ids = Vec::with_capacity(operations.len());
    for operation in operations {
        let interface = &operation.declaration().interface;
        let plain = format!(
            "{}.{}",
            snake_case(interface.local_name()),
            snake_case(operation.function())
        );
        let method = operation.route().method.as_str().to_ascii_lowercase();
        let with_method = format!("{plain}.{method}");
        let next = numbers.entry(with_method.clone()).or_insert(2);
        let numbered = (*next..).map(|number| format!("{with_method}.{number}"));
        let id = [plain, with_method.clone()]
            .into_iter()
            .chain(numbered.inspect(|_| *next += 1))
            .find(|id| !taken.contains(id))
            .unwrap_or(with_method);
        taken.insert(id.clone());
        ids.push(id);
    }
    ids
}
