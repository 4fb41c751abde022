//! `/openapi.json`, and `/docs`: the API's documentation as a page where it can be tried.
//!
//! The page is our own, in plain modules with lit-html. Swagger UI has no dark scheme, no navigation and
//! contrast faults, and takes 450 KB compressed. Scalar's only self-contained file takes 1.4 MB. This page takes
//! 13 KB, and loads nothing from elsewhere, which its content security policy forbids.

use std::sync::{Arc, LazyLock};

use axum::extract::{Extension, State};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Uri, Version};
use axum::response::Response;
use bytes::Bytes;

use super::app::App;
use super::client;
use super::file::{self, File};
use super::problem::Problem;
use super::trace::Context;

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const SCRIPT: &str = "text/javascript; charset=utf-8";
pub(super) const STYLE: &str = "text/css; charset=utf-8";

/// Only lit-html may turn text into HTML.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
     trusted-types lit-html",
);

static PAGE: LazyLock<File> =
    LazyLock::new(|| plain(include_bytes!("../assets/docs/index.html"), HTML));
static STYLES: LazyLock<File> =
    LazyLock::new(|| plain(include_bytes!("../assets/docs/docs.css"), STYLE));
static PARTS: LazyLock<File> =
    LazyLock::new(|| plain(include_bytes!("../assets/docs/docs.js"), SCRIPT));
static SCHEMA: LazyLock<File> =
    LazyLock::new(|| plain(include_bytes!("../assets/docs/schema.js"), SCRIPT));
static ATTEMPT: LazyLock<File> =
    LazyLock::new(|| plain(include_bytes!("../assets/docs/attempt.js"), SCRIPT));
static LIT: LazyLock<File> =
    LazyLock::new(|| plain(include_bytes!("../assets/lit-html/lit-html.js"), SCRIPT));

pub(super) fn plain(content: &'static [u8], media_type: &str) -> File {
    File::new(Bytes::from_static(content), media_type)
}

/// `GET /openapi.json`: the API of the client's revision.
pub(super) async fn openapi(State(app): State<Arc<App>>, parts: Parts) -> Response {
    let revision = app.api.begin(client::of(&app, &parts));
    let surface = app.surfaces.of(&revision);
    let document = surface.openapi(&revision, &app.config);
    let mut response = document.respond(&parts.headers);
    surface.sign(&mut response);
    response
}

/// `GET /docs`.
pub(super) async fn page(headers: HeaderMap) -> Response {
    secured(PAGE.respond(&headers), POLICY)
}

/// `GET /docs/{file}`.
pub(super) async fn file(
    Extension(context): Extension<Arc<Context>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let response = match uri.path() {
        "/docs/docs.css" => STYLES.respond(&headers),
        "/docs/docs.js" => PARTS.respond(&headers),
        "/docs/schema.js" => SCHEMA.respond(&headers),
        "/docs/attempt.js" => ATTEMPT.respond(&headers),
        "/docs/lit-html.js" => LIT.respond(&headers),
        _ => return Problem::not_found().respond(&context.request_id),
    };
    secured(response, POLICY)
}

/// Adds the security headers of the host's own pages.
pub(super) fn secured(mut response: Response, policy: HeaderValue) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
    response
}

/// Whether the compression layer may compress an answer.
pub(super) fn compressible(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    file::is_compressible(headers.get(CONTENT_TYPE))
}
