//! Requests to the active revision: its operations and its web UI's files.
//!
//! The client's revision is chosen once, at the start. The request ends on it, also if another
//! revision becomes active meanwhile.

mod answer;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::header::LOCATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method as HttpMethod, Request, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::Body as _;
use percent_encoding::percent_decode_str;

pub(super) use self::answer::NextPage;
use super::app::App;
use super::body::{self, BodyError, Limits};
use super::fallback::{READ_ONLY, options};
use super::prefer::Preferences;
use super::problem::{Problem, report};
use super::surface::Surface;
use super::trace::Context;
use super::{assets, client};
use contract::{FieldError, Method, RESERVED_PATHS, RouteIndex};
use request::{Conditions, Error, Revision, Template};

/// Answers every path that is not a fixed route of the host.
pub(super) async fn dispatch(
    State(app): State<Arc<App>>,
    Extension(context): Extension<Arc<Context>>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let revision = app.api.begin(client::of(&app, &parts));
    let target = Target {
        surface: app.surfaces.of(&revision),
        app: &app,
        revision,
        context: &context,
        parts: &parts,
    };
    let mut response = match target.answer(body).await {
        Ok(response) => response,
        Err(problem) => problem.respond(&context.request_id),
    };
    target.surface.sign(&mut response);
    response
}

/// A request, and the revision that answers it.
struct Target<'a> {
    app: &'a App,
    revision: Arc<Revision>,
    surface: Arc<Surface>,
    context: &'a Context,
    parts: &'a Parts,
}

impl Target<'_> {
    /// Answers with an operation, a file, or a redirect to the path without its last slash.
    async fn answer(&self, body: Body) -> Result<Response, Problem> {
        let Target {
            app,
            revision,
            surface,
            context,
            parts,
        } = self;
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
            let body = read_body(app, parts, body).await?;
            let access = revision.description.route(route).access;
            let preferences = Preferences::of(&parts.headers, access);
            let called = self.call(route, parameters, body, preferences).await;
            let mut response =
                called.unwrap_or_else(|problem| problem.respond(&context.request_id));
            preferences.sign(&parts.method, &mut response);
            return Ok(response);
        }
        if let Some(file) = surface.asset(revision, path) {
            context.matched(path.into(), surface.label.clone());
            return assets::respond(file, &parts.method, &parts.headers)
                .ok_or_else(|| Problem::method_not_allowed(READ_ONLY));
        }
        context.matched("".into(), surface.label.clone());
        self.without_slash().ok_or_else(Problem::not_found)
    }

    /// Calls an operation and makes the response.
    async fn call(
        &self,
        route: RouteIndex,
        parameters: Vec<(String, String)>,
        body: Bytes,
        preferences: Preferences,
    ) -> Result<Response, Problem> {
        let Target {
            app,
            revision,
            context,
            parts,
            ..
        } = self;
        let request = request::Request {
            id: context.request_id.clone(),
            trace_id: context.trace_id.clone(),
            path: parts.uri.path().to_owned(),
            parameters,
            query: parts.uri.query().map(str::to_owned),
            media_type: text(&parts.headers, "content-type").map_err(not_text)?,
            body,
            conditions: self.conditions()?,
            idempotency_key: text(&parts.headers, "idempotency-key").map_err(not_text)?,
            dry_run: preferences.dry_run,
            strict: preferences.strict,
        };
        let answered = app.api.clone().answer(revision, route, request).await;
        context.answered(answered.source);
        match answered.result {
            Ok(answer) => {
                let answer = match preferences.minimal {
                    true => answer::minimal(answer),
                    false => answer,
                };
                Ok(answer::respond(answer, parts, &app.config.public_path))
            }
            Err(error) => {
                if error == Error::ArgumentsTooLarge {
                    app.metrics.limit_hit("arguments-too-large");
                }
                report::log(&error);
                let reason = report::reason(&error);
                let problem = Problem::from(error);
                if let Some(reason) = reason {
                    context.failed(&problem.code, reason);
                }
                Err(problem)
            }
        }
    }

    /// Returns the conditions of a request that may change something. The answer to a GET or HEAD is
    /// checked on its way out ([`crate::etag`]).
    fn conditions(&self) -> Result<Conditions, Error> {
        if matches!(self.parts.method, HttpMethod::GET | HttpMethod::HEAD) {
            return Ok(Conditions::default());
        }
        let list = |name| text(&self.parts.headers, name).map_err(not_text);
        Ok(Conditions {
            if_match: list("if-match")?,
            if_none_match: list("if-none-match")?,
        })
    }

    /// Redirects `/things/` to `/things` with the same method and body (308), because clients of
    /// other frameworks add the slash. A path that begins with two slashes is not redirected: a
    /// client would read it as the name of another host.
    fn without_slash(&self) -> Option<Response> {
        let path = self.parts.uri.path().strip_suffix('/')?;
        let is_known = RESERVED_PATHS.contains(&path)
            || self.revision.router.at(path).is_ok()
            || self.surface.asset(&self.revision, path).is_some();
        if path.starts_with("//") || !is_known {
            return None;
        }
        let location = match self.parts.uri.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        let location = self.app.config.public_path.of(&location);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        let location = HeaderValue::try_from(location).ok()?;
        response.headers_mut().insert(LOCATION, location);
        Some(response)
    }
}

/// Reads a request's body within the host's limits.
pub(super) async fn read_body(app: &App, parts: &Parts, body: Body) -> Result<Bytes, Problem> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let limits = Limits {
        account: parts.extensions.get(),
        size: app.config.body_limit,
        time: app.config.body_timeout,
    };
    let read = body::read(&parts.headers, body, limits).await;
    read.map_err(|error| match error {
        BodyError::Encoded => Problem::unsupported_coding(),
        BodyError::TooLarge => {
            app.metrics.limit_hit("payload-too-large");
            Problem::body_too_large(limits.size)
        }
        BodyError::TooSlow => {
            app.metrics.limit_hit("body-timeout");
            Problem::body_timeout()
        }
        BodyError::Incomplete => Problem::body_incomplete(),
        BodyError::Full(full) => full.into(),
    })
}

/// The route of a method. HEAD uses the route of GET; the server leaves the body out.
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

/// The `Allow` header of a template.
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

/// Percent-decodes the path's parameters. The error is the name of the first parameter that is not
/// UTF-8.
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

fn not_utf_8(parameter: &str) -> Error {
    Error::Invalid(vec![FieldError {
        pointer: format!("#/path/{parameter}"),
        detail: "After percent-decoding, this is not valid UTF-8.".to_owned(),
    }])
}

/// A header's text, with its lines joined by commas. The error is the header's name, if its value
/// is not text.
fn text(headers: &HeaderMap, name: &'static str) -> Result<Option<String>, &'static str> {
    let lines = headers.get_all(name).iter();
    let lines = lines.map(|line| line.to_str().map_err(|_| name));
    let lines = lines.collect::<Result<Vec<_>, _>>()?;
    Ok((!lines.is_empty()).then(|| lines.join(", ")))
}

fn not_text(header: &'static str) -> Error {
    let reason = "use only visible ASCII characters and spaces".to_owned();
    Error::BadHeader { header, reason }
}
