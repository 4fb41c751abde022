//! Reading a request's body, within its limits of size and time.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use tokio::time::timeout;

use crate::App;
use crate::problem::Problem;

/// The whole body; empty where there is none.
///
/// A body that says at once that it is too large is refused before a byte of it is read, so a
/// client that waits for `100 Continue` never sends it.
pub(super) async fn read(app: &App, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if let Some(coding) = headers.get(CONTENT_ENCODING)
        && coding != "identity"
    {
        return Err(Problem::unsupported_coding());
    }
    let limit = app.config.body_limit;
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let too_large = || {
        app.metrics.limit_hit("payload-too-large");
        Problem::body_too_large(limit)
    };
    if declared.is_some_and(|declared| declared > limit.0 as u64) {
        return Err(too_large());
    }
    match timeout(
        app.config.body_timeout,
        Limited::new(body, limit.0).collect(),
    )
    .await
    {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Problem::body_incomplete()),
        Err(_) => {
            app.metrics.limit_hit("body-timeout");
            Err(Problem::body_timeout())
        }
    }
}
