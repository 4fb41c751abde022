//! `/console`: the page on the admin port that shows this host and replaces its logic.
//!
//! Everybody who reaches the port can load these files: they contain no data. The page uses the
//! admin API, with the token that the operator enters.

use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::extract::Extension;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;

use super::docs::{HTML, SCRIPT, STYLE, plain, secured};
use super::file::File;
use super::problem::Problem;
use super::trace::Context;

/// Scripts and styles come only from the page's own files, and only lit-html may turn text into
/// markup.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types lit-html",
);

macro_rules! file {
    ($name:literal, $media_type:expr) => {
        file!($name, concat!("../assets/console/", $name), $media_type)
    };
    ($name:literal, $source:expr, $media_type:expr) => {
        (
            concat!("/console/", $name),
            include_bytes!($source) as &[u8],
            $media_type,
        )
    };
}

static PAGE: LazyLock<File> =
    LazyLock::new(|| plain(include_bytes!("../assets/console/index.html"), HTML));

/// All other files, by path.
static FILES: LazyLock<Vec<(&'static str, File)>> = LazyLock::new(|| {
    let files = [
        file!("console.css", STYLE),
        file!("icon.svg", "image/svg+xml"),
        file!("lit-html.js", "../assets/lit-html/lit-html.js", SCRIPT),
        file!("api.js", SCRIPT),
        file!("app.js", SCRIPT),
        file!("canary_form.js", SCRIPT),
        file!("candidate.js", SCRIPT),
        file!("chart.js", SCRIPT),
        file!("charts.js", SCRIPT),
        file!("deploy.js", SCRIPT),
        file!("failures.js", SCRIPT),
        file!("gauges.js", SCRIPT),
        file!("groups.js", SCRIPT),
        file!("history.js", SCRIPT),
        file!("hosts.js", SCRIPT),
        file!("figures.js", SCRIPT),
        file!("format.js", SCRIPT),
        file!("lines.js", SCRIPT),
        file!("list.js", SCRIPT),
        file!("log.js", SCRIPT),
        file!("login.js", SCRIPT),
        file!("messages.js", SCRIPT),
        file!("notice.js", SCRIPT),
        file!("progress.js", SCRIPT),
        file!("question.js", SCRIPT),
        file!("recording.js", SCRIPT),
        file!("revisions.js", SCRIPT),
        file!("share.js", SCRIPT),
        file!("state.js", SCRIPT),
        file!("statements.js", SCRIPT),
        file!("steps.js", SCRIPT),
        file!("timeline.js", SCRIPT),
        file!("verdict.js", SCRIPT),
    ];
    let files = files.map(|(path, content, media_type)| (path, plain(content, media_type)));
    files.into()
});

/// `GET /console`.
pub(super) async fn page(headers: HeaderMap) -> Response {
    secured(PAGE.respond(&headers), POLICY)
}

/// `GET /console/{file}`.
pub(super) async fn file(
    Extension(context): Extension<Arc<Context>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let path = uri.path();
    match FILES.iter().find(|(known, _)| *known == path) {
        Some((_, file)) => secured(file.respond(&headers), POLICY),
        None => Problem::not_found().respond(&context.request_id),
    }
}

/// `GET /console/`: the page's relative URLs need the path without the slash.
pub(super) async fn without_slash() -> Response {
    redirect("../console")
}

/// `GET /`: opening the port in a browser shows the console.
pub(super) async fn from_root() -> Response {
    redirect("console")
}

/// The location is relative, because a proxy in front may add a path.
fn redirect(location: &'static str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    let location = HeaderValue::from_static(location);
    response.headers_mut().insert(LOCATION, location);
    response
}
