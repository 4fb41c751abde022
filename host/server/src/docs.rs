//! `/docs`: the API's documentation as a page to try it on. It loads nothing from elsewhere,
//! and its policy forbids the browser to.
//!
//! Swagger UI's files are kept and sent compressed; the rare client that does not take gzip
//! gets them unpacked.

use std::sync::{Arc, LazyLock};

use axum::extract::Extension;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Uri, Version};
use axum::response::Response;
use bytes::Bytes;

use super::assets;
use super::problem::Problem;
use super::surface::{self, File};
use super::trace::Context;

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const SCRIPT: &str = "text/javascript; charset=utf-8";
pub(super) const STYLE: &str = "text/css; charset=utf-8";

/// Swagger UI sets styles on elements and draws icons from `data:` addresses.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

static PAGE: LazyLock<File> =
    LazyLock::new(|| plain(include_bytes!("../assets/docs/index.html"), HTML));
static INIT: LazyLock<File> =
    LazyLock::new(|| plain(include_bytes!("../assets/docs/init.js"), SCRIPT));
static BUNDLE: LazyLock<File> = LazyLock::new(|| {
    packed(
        include_bytes!("../assets/swagger-ui/swagger-ui-bundle.js.gz"),
        SCRIPT,
    )
});
static STYLES: LazyLock<File> = LazyLock::new(|| {
    packed(
        include_bytes!("../assets/swagger-ui/swagger-ui.css.gz"),
        STYLE,
    )
});

pub(super) fn plain(content: &'static [u8], media_type: &str) -> File {
    File::new(Bytes::from_static(content), media_type)
}

fn packed(content: &'static [u8], media_type: &str) -> File {
    File::packed(Bytes::from_static(content), media_type)
}

/// `GET /docs`.
pub(super) async fn page(headers: HeaderMap) -> Response {
    secured(assets::read(&PAGE, &headers), POLICY)
}

/// `GET /docs/{file}`.
pub(super) async fn file(
    Extension(context): Extension<Arc<Context>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let response = match uri.path() {
        "/docs/init.js" => assets::read(&INIT, &headers),
        "/docs/swagger-ui-bundle.js" => assets::read(&BUNDLE, &headers),
        "/docs/swagger-ui.css" => assets::read(&STYLES, &headers),
        _ => return Problem::not_found().respond(&context.request_id),
    };
    secured(response, POLICY)
}

/// Adds what keeps a page of the host's to itself.
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

/// Whether the compression layer should touch an answer.
pub(super) fn compressible(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    surface::packs(headers.get(CONTENT_TYPE))
}
