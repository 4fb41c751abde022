//! One operation of the document: parameters, request body and responses.

use serde_json::{Map, Value, json};

use super::schema::Schemas;
use super::{example, responses};
use crate::constraint::Constraints;
use crate::operation::{Operation, Source};
use crate::types::Type;
use contract::{Access, Method};

/// An operation, and what its description needs to know about the others.
pub(super) struct Endpoint<'a> {
    pub(super) operation: &'a Operation,
    pub(super) schemas: &'a Schemas,
    /// Its unique `operationId`.
    pub(super) id: String,
    /// Whether its path also has a GET route, so that its state has an entity tag.
    pub(super) has_get: bool,
}

impl Endpoint<'_> {
    /// Makes the Operation Object.
    pub(super) fn describe(&self) -> Value {
        let function = self.operation.declaration();
        let mut object = Map::new();
        object.insert("operationId".to_owned(), json!(self.id));
        object.insert("tags".to_owned(), json!([function.interface.local_name()]));
        if let Some(summary) = function.summary() {
            object.insert("summary".to_owned(), json!(summary));
        }
        if let Some(docs) = function.docs.as_ref().filter(|docs| docs.contains("\n\n")) {
            object.insert("description".to_owned(), json!(docs));
        }
        let parameters = self.parameters();
        if !parameters.is_empty() {
            object.insert("parameters".to_owned(), json!(parameters));
        }
        if let Some((ty, constraints)) = self.body() {
            let body = self.request_body(ty, constraints);
            object.insert("requestBody".to_owned(), body);
        }
        object.insert("responses".to_owned(), self.responses());
        Value::Object(object)
    }

    fn method(&self) -> Method {
        self.operation.route().method
    }

    fn body(&self) -> Option<(&Type, Option<&Constraints>)> {
        self.operation
            .sources()
            .iter()
            .find_map(|source| match source {
                Source::Body { ty, constraints } => Some((ty, constraints.as_deref())),
                _ => None,
            })
    }

    fn takes_if_match(&self) -> bool {
        self.has_get && !matches!(self.method(), Method::Get | Method::Post)
    }

    fn takes_idempotency_key(&self) -> bool {
        self.method() == Method::Post && self.operation.route().access == Access::Write
    }

    fn parameters(&self) -> Vec<Value> {
        let mut parameters = Vec::new();
        for source in self.operation.sources() {
            match source {
                Source::Path {
                    name,
                    ty,
                    constraints,
                } => parameters.push(json!({
                    "name": name,
                    "in": "path",
                    "required": true,
                    "schema": self.schemas.segment(ty, constraints.as_deref()),
                })),
                Source::Query(param) => parameters.push(self.schemas.query(param, None)),
                Source::QueryRecord { record, fields } => {
                    let described = record.fields.iter().zip(fields);
                    parameters
                        .extend(described.map(|(field, param)| {
                            self.schemas.query(param, field.docs.as_deref())
                        }));
                }
                Source::Body { .. } => {}
            }
        }
        if self.takes_idempotency_key() {
            parameters.push(header(
                "Idempotency-Key",
                "A key that the client chooses. A repeated request with the same key gets the first response again and changes nothing.",
                json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" }),
            ));
        }
        if self.takes_if_match() {
            parameters.push(header(
                "If-Match",
                "Entity tags of the states to which the request applies. If the current state has none of them, the response is 412.",
                entity_tags(),
            ));
        }
        if self.method() == Method::Get {
            parameters.push(header(
                "If-None-Match",
                "Entity tags of the states that the client has. If the current state has one of them, the response is 304.",
                entity_tags(),
            ));
        }
        parameters.push(header(
            "Prefer",
            &self.preferences(),
            json!({ "type": "string" }),
        ));
        parameters
    }

    /// Describes the preferences (RFC 7240) that the operation knows.
    ///
    /// `return=minimal` is described here only. If 204 were a response of its own, generated clients
    /// would have to expect no body after every success.
    fn preferences(&self) -> String {
        let mut known = vec![
            "`handling=strict`: unknown query parameters and members of the body are errors (422). \
             Otherwise they are ignored.",
        ];
        if self.operation.route().access == Access::Write {
            known.push(
                "`tx=rollback`: a dry run. The response is the usual one, and nothing is kept.",
            );
            known.push(match self.operation.route().success {
                200 => "`return=minimal`: a success is 204 and has no body.",
                _ => "`return=minimal`: a success has no body.",
            });
        }
        let known: Vec<String> = known.iter().map(|text| format!("\n- {text}")).collect();
        format!(
            "What the client prefers, comma-separated. `Preference-Applied` names what was applied.\n{}",
            known.concat()
        )
    }

    fn request_body(&self, ty: &Type, constraints: Option<&Constraints>) -> Value {
        let mut schema = json!({ "schema": self.schemas.input(ty, constraints) });
        if let Some(example) = example::of_body(ty, constraints) {
            schema["example"] = example;
        }
        let media_types = self.operation.media_types().split(", ");
        let content: Map<String, Value> = media_types
            .map(|media_type| (media_type.to_owned(), schema.clone()))
            .collect();
        json!({ "required": !ty.is_optional(), "content": content })
    }

    fn responses(&self) -> Value {
        let route = self.operation.route();
        let mut success = json!({
            "description": "Success",
            "headers": self.success_headers(),
        });
        if let Some(ty) = self.operation.reply().body() {
            success["content"] = json!({
                "application/json": { "schema": self.schemas.output(ty) },
            });
        }
        let mut all = Map::new();
        all.insert(route.success.to_string(), success);
        if self.method() == Method::Get {
            all.insert("304".to_owned(), responses::not_modified());
        }
        let sources = self.operation.sources();
        let has_path = sources.iter().any(|s| matches!(s, Source::Path { .. }));
        let has_body = self.body().is_some();
        let named = [
            (
                "400",
                has_body || self.takes_idempotency_key() || self.takes_if_match(),
            ),
            ("404", has_path),
            ("412", self.takes_if_match()),
            ("413", has_body),
            ("415", has_body),
            // An unknown query parameter can be an error of any operation.
            ("422", true),
            ("500", true),
            ("503", true),
            ("504", true),
            ("default", true),
        ];
        for (status, _) in named.into_iter().filter(|(_, given)| *given) {
            all.insert(status.to_owned(), responses::reference(status));
        }
        Value::Object(all)
    }

    fn success_headers(&self) -> Value {
        let route = self.operation.route();
        let mut headers = Map::new();
        let mut add = |name: &str, description: &str| {
            let header = json!({ "description": description, "schema": { "type": "string" } });
            headers.insert(name.to_owned(), header);
        };
        if route.method == Method::Get || route.etag.is_some() {
            add("ETag", "The strong entity tag of this state.");
        }
        if route.location.is_some() {
            add("Location", "The path of the created resource.");
        }
        if route.next.is_some() {
            add(
                "Link",
                "The next page, with rel=\"next\". Absent on the last page.",
            );
        }
        add(
            "Preference-Applied",
            "The preferences that were applied, of those in `Prefer`.",
        );
        add("X-Request-Id", "The id of the request, as in the logs.");
        Value::Object(headers)
    }
}

fn header(name: &str, description: &str, schema: Value) -> Value {
    json!({
        "name": name,
        "in": "header",
        "required": false,
        "description": description,
        "schema": schema,
    })
}

/// The schema of `*` or a list of entity tags (RFC 9110). It has no pattern, because a malformed
/// condition does not make the request invalid: the condition is just false.
fn entity_tags() -> Value {
    json!({ "type": "string" })
}
