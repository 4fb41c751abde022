//! Requests to a revision: found by its router, read, handed to its logic, answered.
//!
//! The client's revision is taken once at the start, and the request ends on it whatever is switched
//! meanwhile.

pub(super) mod answer;
mod body;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::header::{ALLOW, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method as HttpMethod, Request, StatusCode};
use axum::response::Response;
use percent_encoding::percent_decode_str;
use tracing::{error, warn};

use super::problem::Problem;
use super::surface::Surface;
use super::trace::Context;
use super::{App, assets, client};
use contract::{FieldError, Method, RESERVED_PATHS, RouteIndex};
use request::{self, Fault, Refusal, Revision, Template};

/// What a path that is only read takes.
pub(super) const READ_ONLY: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// Answers whatever is no fixed route of the host.
pub(super) async fn dispatch(
    State(app): State<Arc<App>>,
    Extension(context): Extension<Arc<Context>>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let revision = app.api.begin(client::of(&app, &parts));
    let mut response = match find(&app, &revision, &context, &parts, body).await {
        Ok(response) => response,
        Err(problem) => problem.respond(&context.request_id),
    };
    Surface::of(&revision).sign(&mut response);
    response
}

/// Answers another method than GET and HEAD on a fixed route.
pub(super) async fn only_get(
    Extension(context): Extension<Arc<Context>>,
    method: HttpMethod,
) -> Response {
    match method {
        HttpMethod::OPTIONS => options(READ_ONLY),
        _ => Problem::method_not_allowed(READ_ONLY).respond(&context.request_id),
    }
}

/// Answers where nothing is served.
pub(super) async fn not_found(Extension(context): Extension<Arc<Context>>) -> Response {
    Problem::not_found().respond(&context.request_id)
}

async fn find(
    app: &App,
    revision: &Arc<Revision>,
    context: &Context,
    parts: &Parts,
    body: Body,
) -> Result<Response, Problem> {
    let surface = Surface::of(revision);
    let path = parts.uri.path();
    if let Ok(found) = revision.router.at(path) {
        let template = found.value;
        let first = template.methods.first();
        let label = first.map(|(_, route)| surface.template(*route));
        context.matched(label.unwrap_or_default(), surface.label.clone());
        if parts.method == HttpMethod::OPTIONS {
            return Ok(options(allow(template)));
        }
        let route = route(template, &parts.method)
            .ok_or_else(|| Problem::method_not_allowed(allow(template)))?;
        let parameters = decode(found.params.iter()).map_err(not_utf_8)?;
        let body = body::read(app, &parts.headers, body).await?;
        return call(app, revision, context, parts, route, parameters, body).await;
    }
    if let Some(file) = surface.assets.get(path) {
        context.matched(path.into(), surface.label.clone());
        return assets::serve(file, &parts.method, &parts.headers)
            .ok_or_else(|| Problem::method_not_allowed(READ_ONLY));
    }
    context.matched("".into(), surface.label.clone());
    without_slash(app, revision, parts).ok_or_else(Problem::not_found)
}

async fn call(
    app: &App,
    revision: &Arc<Revision>,
    context: &Context,
    parts: &Parts,
    route: RouteIndex,
    parameters: Vec<(String, String)>,
    body: bytes::Bytes,
) -> Result<Response, Problem> {
    let request = request::Request {
        id: context.request_id.clone(),
        trace_id: context.trace_id.clone(),
        path: parts.uri.path().to_owned(),
        parameters,
        query: parts.uri.query().map(str::to_owned),
        media_type: text(&parts.headers, "content-type").map_err(not_text)?,
        body,
        if_match: text(&parts.headers, "if-match").map_err(not_text)?,
        idempotency_key: text(&parts.headers, "idempotency-key").map_err(not_text)?,
    };
    let answered = app.api.answer(revision, route, request).await;
    match answered {
        Ok(answer) => Ok(answer::respond(answer, parts, &app.config.public_path)),
        Err(refusal) => {
            log(&refusal);
            let reason = reason(&refusal);
            let problem = Problem::from(refusal);
            if let Some(reason) = reason {
                context.failed(&problem.code, reason);
            }
            Err(problem)
        }
    }
}

/// The route of that method; HEAD is answered as GET, and its body is left out on the way.
fn route(template: &Template, method: &HttpMethod) -> Option<RouteIndex> {
    let method = match *method {
        HttpMethod::GET | HttpMethod::HEAD => Method::Get,
        HttpMethod::POST => Method::Post,
        HttpMethod::PUT => Method::Put,
        HttpMethod::PATCH => Method::Patch,
        HttpMethod::DELETE => Method::Delete,
        _ => return None,
    };
    let mut methods = template.methods.iter();
    methods.find_map(|(of, route)| (*of == method).then_some(*route))
}

fn allow(template: &Template) -> HeaderValue {
    let mut names = Vec::with_capacity(template.methods.len() + 2);
    for (method, _) in &template.methods {
        names.push(method.as_str());
        if *method == Method::Get {
            names.push("HEAD");
        }
    }
    names.push("OPTIONS");
    HeaderValue::from_str(&names.join(", ")).expect("methods are ASCII")
}

/// The answer to an OPTIONS request that is no preflight.
pub(super) fn options(allow: HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, allow);
    response
}

/// The path's parameters without their percent-encoding, or the name of the first one that is
/// not UTF-8.
fn decode<'a>(
    parameters: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<(String, String)>, &'a str> {
    parameters
        .map(|(name, value)| {
            let value = percent_decode_str(value).decode_utf8().map_err(|_| name)?;
            Ok((name.to_owned(), value.into_owned()))
        })
        .collect()
}

fn not_utf_8(parameter: &str) -> Refusal {
    Refusal::Invalid(vec![FieldError {
        pointer: format!("#/path/{parameter}"),
        detail: "This is not UTF-8 once its percent-encoding is undone.".to_owned(),
    }])
}

/// A header's text, its lines joined by a comma; or its name, where it is not text.
fn text(headers: &HeaderMap, name: &'static str) -> Result<Option<String>, &'static str> {
    let lines = headers.get_all(name).iter();
    let lines = lines.map(|line| line.to_str().map_err(|_| name));
    let lines = lines.collect::<Result<Vec<_>, _>>()?;
    Ok((!lines.is_empty()).then(|| lines.join(", ")))
}

fn not_text(header: &'static str) -> Refusal {
    let reason = "only visible ASCII characters and spaces may stand in it".to_owned();
    Refusal::BadHeader { header, reason }
}

/// Clients of other frameworks ask for `/things/` and mean `/things`: they are sent there, with
/// method and body (308). A path that begins with two slashes would name another host.
fn without_slash(app: &App, revision: &Revision, parts: &Parts) -> Option<Response> {
    let path = parts.uri.path().strip_suffix('/')?;
    let known = RESERVED_PATHS.contains(&path)
        || revision.router.at(path).is_ok()
        || Surface::of(revision).assets.contains_key(path);
    if path.starts_with("//") || !known {
        return None;
    }
    let location = match parts.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let location = app.config.public_path.of(&location);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    let location = HeaderValue::try_from(location).ok()?;
    response.headers_mut().insert(LOCATION, location);
    Some(response)
}

/// Why, for operators; none where it is the client's fault.
fn reason(refusal: &Refusal) -> Option<String> {
    match refusal {
        Refusal::Problem(problem) if (400..500).contains(&problem.status) => None,
        Refusal::Problem(problem) => Some(match &problem.detail {
            Some(detail) => format!("{}: {detail}", problem.title),
            None => problem.title.clone(),
        }),
        Refusal::Fault(_)
        | Refusal::Unavailable(_)
        | Refusal::OutcomeUnknown(_)
        | Refusal::Overloaded { .. } => Some(refusal.to_string()),
        Refusal::Malformed(_)
        | Refusal::Invalid(_)
        | Refusal::UnsupportedMediaType(_)
        | Refusal::PreconditionFailed
        | Refusal::BadHeader { .. }
        | Refusal::KeyReused => None,
    }
}

/// Tells the log what the client is not told. Everything else is the access line's matter.
pub(super) fn log(refusal: &Refusal) {
    match refusal {
        Refusal::Fault(fault @ (Fault::Trap(_) | Fault::Event(_) | Fault::Value(_))) => {
            error!(fault.kind = fault.code(), "{fault}");
        }
        Refusal::Fault(fault) => warn!(fault.kind = fault.code(), "{fault}"),
        Refusal::Unavailable(_) | Refusal::OutcomeUnknown(_) => error!("{refusal}"),
        Refusal::Problem(problem) if !(400..500).contains(&problem.status) => {
            let detail = problem.detail.as_deref().unwrap_or_default();
            error!(
                problem.code,
                problem.detail = detail,
                "the logic answered with a problem"
            );
        }
        Refusal::Problem(_)
        | Refusal::Malformed(_)
        | Refusal::Invalid(_)
        | Refusal::UnsupportedMediaType(_)
        | Refusal::PreconditionFailed
        | Refusal::BadHeader { .. }
        | Refusal::KeyReused
        | Refusal::Overloaded { .. } => {}
    }
}
