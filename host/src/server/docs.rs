//! `/docs`: the API's documentation as a page to try it on. It loads nothing from elsewhere,
//! and its policy forbids the browser to.
//!
//! Swagger UI's files are kept and sent compressed; the rare client that does not take gzip
//! gets them unpacked.

use std::io::Read;
use std::sync::{Arc, LazyLock};

use axum::extract::Extension;
use axum::http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, VARY,
    X_FRAME_OPTIONS,
};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Uri, Version};
use axum::response::Response;
use bytes::Bytes;
use flate2::read::GzDecoder;

use super::assets;
use super::problem::Problem;
use super::surface::File;
use super::trace::Context;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// Swagger UI sets styles on elements and draws icons from `data:` addresses.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

static PAGE: LazyLock<File> =
    LazyLock::new(|| plain(include_bytes!("../../assets/docs/index.html"), HTML));
static INIT: LazyLock<File> =
    LazyLock::new(|| plain(include_bytes!("../../assets/docs/init.js"), SCRIPT));
static BUNDLE: LazyLock<File> = LazyLock::new(|| {
    plain(
        include_bytes!("../../assets/swagger-ui/swagger-ui-bundle.js.gz"),
        SCRIPT,
    )
});
static STYLES: LazyLock<File> = LazyLock::new(|| {
    plain(
        include_bytes!("../../assets/swagger-ui/swagger-ui.css.gz"),
        STYLE,
    )
});

fn plain(content: &'static [u8], media_type: &str) -> File {
    File::new(Bytes::from_static(content), media_type)
}

/// `GET /docs`.
pub(super) async fn page(headers: HeaderMap) -> Response {
    secured(assets::read(&PAGE, &headers))
}

/// `GET /docs/{file}`.
pub(super) async fn file(
    Extension(context): Extension<Arc<Context>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let response = match uri.path() {
        "/docs/init.js" => assets::read(&INIT, &headers),
        "/docs/swagger-ui-bundle.js" => packed(&BUNDLE, &headers),
        "/docs/swagger-ui.css" => packed(&STYLES, &headers),
        _ => return Problem::not_found().respond(&context.request_id),
    };
    secured(response)
}

fn packed(file: &File, headers: &HeaderMap) -> Response {
    let mut response = assets::read(file, headers);
    if response.status() == StatusCode::OK {
        if takes_gzip(headers) {
            let gzip = HeaderValue::from_static("gzip");
            response.headers_mut().insert(CONTENT_ENCODING, gzip);
        } else {
            let mut unpacked = Vec::new();
            GzDecoder::new(&file.content[..])
                .read_to_end(&mut unpacked)
                .expect("the file was packed by gzip when the host was built");
            *response.body_mut() = unpacked.into();
        }
        let vary = HeaderValue::from_static("accept-encoding");
        response.headers_mut().insert(VARY, vary);
    }
    response
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).iter();
    lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let named = matches!(parts.next(), Some("gzip" | "*"));
            named && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
}

fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
    response
}

/// Whether the compression layer should touch an answer: images and fonts are packed already.
pub(super) fn compressible(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let kind = headers
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let packed = [
        // Not packed, but gathering it would keep messages back.
        "text/event-stream",
        "image/",
        "font/woff",
        "audio/",
        "video/",
        "application/zip",
        "application/gzip",
    ];
    kind.starts_with("image/svg") || !packed.iter().any(|prefix| kind.starts_with(prefix))
}
