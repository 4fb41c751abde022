//! One call of a tool: it becomes a request to the public port's own router, and the response becomes the
//! call's result. So a call passes every step, limit, metric and log line that a request passes.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request};
use axum::response::Response;
use http_body_util::{BodyExt as _, Collected};
use rmcp::model::{CallToolResult, ContentBlock, MetaObject, RequestMetaObject};
use serde_json::{Map, Value};
use tower::ServiceExt as _;

use super::toolbox::Entry;
use crate::api::NextPage;
use crate::buffered::Account;
use crate::client::Peer;
use crate::problem::Problem;
use crate::trace::Context;
use crate::wire::Refusal;
use request::Error;
use transcode::ToolRequest;

/// Headers of the agent's request that are also those of the call's.
const KEPT: [&str; 2] = ["traceparent", "tracestate"];

/// Members of a call's `_meta` that become headers of its request.
const FROM_META: [(&str, &str); 4] = [
    ("task-host/idempotency-key", "idempotency-key"),
    ("task-host/if-match", "if-match"),
    // They describe this call, and not the connection.
    ("traceparent", "traceparent"),
    ("tracestate", "tracestate"),
];

/// Headers of the response that become members of the result's `_meta`.
const TO_META: [(&str, &str); 3] = [
    ("etag", "task-host/etag"),
    ("location", "task-host/location"),
    ("idempotent-replayed", "task-host/idempotent-replayed"),
];

/// A call, before it runs.
pub(super) struct Call<'a> {
    pub(super) entry: &'a Entry,
    /// The request that brought the call.
    pub(super) parts: &'a Parts,
    /// What the agent says about the call.
    pub(super) meta: &'a RequestMetaObject,
    pub(super) operations: &'a Router,
    /// The header that identifies a client in a canary.
    pub(super) client_header: &'a HeaderName,
}

impl Call<'_> {
    /// Runs the call. Dropping the future before the commit began rolls everything back.
    pub(super) async fn run(&self, arguments: Map<String, Value>) -> CallToolResult {
        let request = match self.entry.tool.request(arguments) {
            Ok(request) => request,
            Err(errors) => {
                let response = self.refuse(Error::Invalid(errors).into());
                return failed(body_of(response.into_body()).await);
            }
        };
        let dry_run = request.dry_run;
        let (head, body) = self.send(request).await.into_parts();
        let body = body_of(body).await;
        let mut result = match head.status.is_success() {
            false => failed(self.about_arguments(body)),
            true => {
                let next = head.extensions.get::<NextPage>().map(|next| &*next.0);
                match self.entry.tool.result(body, next) {
                    Some(value) => CallToolResult::structured(value),
                    None => CallToolResult::success(vec![ContentBlock::text("Done.")]),
                }
            }
        };
        let mut meta = meta_of(&head.headers);
        if dry_run && head.status.is_success() {
            let note = "This was a dry run: nothing was kept.";
            result.content.push(ContentBlock::text(note));
            meta.insert("task-host/dry-run".to_owned(), true.into());
        }
        result.meta = (!meta.is_empty()).then_some(meta);
        result
    }

    async fn send(&self, call: ToolRequest) -> Response {
        let uri = match &call.query {
            Some(query) => format!("{}?{query}", call.path),
            None => call.path.clone(),
        };
        let method = self.entry.method.as_str();
        let body = call.body.clone().map(Body::from).unwrap_or_default();
        let Ok(mut request) = Request::builder().method(method).uri(uri).body(body) else {
            return self.refuse(Refusal::TargetTooLong.into());
        };
        if let Some(value) = self.head(&call, request.headers_mut()) {
            return self.refuse(Problem::from(Error::BadHeader {
                header: value,
                reason: "use only visible ASCII characters and spaces".to_owned(),
            }));
        }
        let extensions = &self.parts.extensions;
        if let Some(peer) = extensions.get::<Peer>() {
            request.extensions_mut().insert(*peer);
        }
        if let Some(account) = extensions.get::<Arc<Account>>() {
            request.extensions_mut().insert(account.clone());
        }
        match self.operations.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// Sets the request's headers. Returns the name of one whose value is not text.
    fn head(&self, call: &ToolRequest, headers: &mut HeaderMap) -> Option<&'static str> {
        let kept = KEPT.map(HeaderName::from_static);
        for name in kept.iter().chain([self.client_header]) {
            if let Some(value) = self.parts.headers.get(name) {
                headers.insert(name, value.clone());
            }
        }
        for (member, name) in FROM_META {
            match self.meta.get(member) {
                None | Some(Value::Null) => {}
                Some(value) => match value.as_str().map(HeaderValue::from_str) {
                    Some(Ok(value)) => drop(headers.insert(name, value)),
                    _ => return Some(member),
                },
            }
        }
        let preferences = match call.dry_run {
            true => "handling=strict, tx=rollback",
            false => "handling=strict",
        };
        headers.insert("prefer", HeaderValue::from_static(preferences));
        if call.body.is_some() {
            let json = HeaderValue::from_static("application/json");
            headers.insert("content-type", json);
        }
        // Both log lines have the same id.
        if let Ok(id) = HeaderValue::from_str(self.request_id()) {
            headers.insert("x-request-id", id);
        }
        None
    }

    fn request_id(&self) -> &str {
        let context = self.parts.extensions.get::<Arc<Context>>();
        context.map_or("", |context| &context.request_id)
    }

    fn refuse(&self, problem: Problem) -> Response {
        problem.respond(self.request_id())
    }

    /// Lets a problem's pointers point to the arguments.
    fn about_arguments(&self, mut problem: Value) -> Value {
        if let Some(Value::Array(errors)) = problem.get_mut("errors") {
            for error in errors {
                if let Some(pointer) = error["pointer"].as_str() {
                    error["pointer"] = self.entry.tool.pointer(pointer).into();
                }
            }
        }
        problem
    }
}

/// Makes the result of a problem. The text is the problem's JSON. There is no structured content, because
/// clients compare that with the schema of a success.
fn failed(problem: Value) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(problem.to_string())])
}

/// Reads an answer of the host. It is whole already, and within the limit of answers. Null: it has no body,
/// such as 204.
async fn body_of(body: Body) -> Value {
    let body = body.collect().await.map(Collected::to_bytes);
    let body = body
        .ok()
        .and_then(|body| serde_json::from_slice(&body).ok());
    body.unwrap_or_default()
}

/// What the response's headers say that is of use to an agent's program.
fn meta_of(headers: &HeaderMap) -> MetaObject {
    let mut meta = MetaObject::new();
    for (name, member) in TO_META {
        if let Some(value) = headers.get(name).and_then(|value| value.to_str().ok()) {
            meta.insert(member.to_owned(), value.into());
        }
    }
    meta
}
