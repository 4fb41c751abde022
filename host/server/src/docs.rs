//! `/openapi.json`, and `/docs`: the API's documentation as a page where it can be tried.
//!
//! The page loads nothing from elsewhere, and its content security policy forbids that. Swagger
//! UI's files are stored and sent compressed. Clients that do not accept gzip get them
//! decompressed.

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

/// Swagger UI sets inline styles and loads icons from `data:` URLs.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

static PAGE: LazyLock<File> =
    LazyLock::new(|| plain(include_bytes!("../assets/docs/index.html"), HTML));
static INIT: LazyLock<File> =
    LazyLock::new(|| plain(include_bytes!("../assets/docs/init.js"), SCRIPT));
static BUNDLE: LazyLock<File> = LazyLock::new(|| {
    compressed(
        include_bytes!("../assets/swagger-ui/swagger-ui-bundle.js.gz"),
        SCRIPT,
    )
});
static STYLES: LazyLock<File> = LazyLock::new(|| {
    compressed(
        include_bytes!("../assets/swagger-ui/swagger-ui.css.gz"),
        STYLE,
    )
});

pub(super) fn plain(content: &'static [u8], media_type: &str) -> File {
    File::new(Bytes::from_static(content), media_type)
}

fn compressed(content: &'static [u8], media_type: &str) -> File {
    File::compressed(Bytes::from_static(content), media_type)
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
        "/docs/init.js" => INIT.respond(&headers),
        "/docs/swagger-ui-bundle.js" => BUNDLE.respond(&headers),
        "/docs/swagger-ui.css" => STYLES.respond(&headers),
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
