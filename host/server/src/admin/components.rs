//! Components: uploaded as bytes, named by their digest.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::audit::Action;
use super::body;
use super::respond::{ProblemResponse, json, located};
use super::shared::Shared;
use crate::problem::Problem;
use contract::digest;
use deployment::AdminError;
use request::Error;

const DIGEST: HeaderName = HeaderName::from_static("task-host-digest");
const SIGNATURE: HeaderName = HeaderName::from_static("task-host-signature");

/// `POST /admin/components`.
///
/// [`deployment::Admin`] compares the digest with the content.
pub(super) async fn upload(
    State(shared): State<Arc<Shared>>,
    Extension(action): Extension<Arc<Action>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ProblemResponse> {
    let digest = digest_header(&headers)?;
    let signature = signature_header(&headers)?;
    if let Some(digest) = &digest {
        action.set_component(digest);
    }
    let Ok(_permit) = shared.uploads.try_acquire() else {
        shared.app.metrics.limit_hit("uploads-busy");
        return Err(Problem::uploads_busy().into());
    };
    let content = body::component(&shared, &headers, body).await?;
    let actor = action.actor.clone();
    let component = shared
        .call(|admin| async move {
            let (content, digest) = (content.into(), digest.as_deref());
            admin.upload(content, digest, signature, &actor).await
        })
        .await?;
    action.set_component(&component.digest);
    let location = format!("/admin/components/{}", component.digest);
    Ok(located(StatusCode::CREATED, &location, &component))
}

/// `GET /admin/components`.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Result<Response, ProblemResponse> {
    let components = shared
        .call(|admin| async move { admin.components().await })
        .await?;
    Ok(json(StatusCode::OK, &components))
}

/// `GET /admin/components/{digest}`.
pub(super) async fn describe(
    State(shared): State<Arc<Shared>>,
    digest: Result<Path<String>, PathRejection>,
) -> Result<Response, ProblemResponse> {
    // A path that is not UTF-8 is not a digest.
    let digest = digest.map(|Path(digest)| digest).unwrap_or_default();
    let not_found = AdminError::NotFound(format!("No component has the digest {digest}."));
    let component = match digest::parse(&digest) {
        Some(digest) => {
            shared
                .call(|admin| async move { admin.component(&digest).await })
                .await?
        }
        None => None,
    };
    Ok(json(StatusCode::OK, &component.ok_or(not_found)?))
}

/// `GET /admin/components/{digest}/content`.
pub(super) async fn content(
    State(shared): State<Arc<Shared>>,
    digest: Result<Path<String>, PathRejection>,
) -> Result<Response, ProblemResponse> {
    let digest = digest.map(|Path(digest)| digest).unwrap_or_default();
    let not_found = AdminError::NotFound(format!("No component has the digest {digest}."));
    let content = match digest::parse(&digest) {
        Some(digest) => {
            shared
                .call(|admin| async move { admin.content(&digest).await })
                .await?
        }
        None => None,
    };
    let mut response = Response::new(Body::from(content.ok_or(not_found)?));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/wasm"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn digest_header(headers: &HeaderMap) -> Result<Option<String>, ProblemResponse> {
    let Some(value) = headers.get(&DIGEST) else {
        return Ok(None);
    };
    let digest = value.to_str().ok().and_then(digest::parse);
    digest.map(Some).ok_or_else(|| {
        Error::BadHeader {
            header: "Task-Host-Digest",
            reason: "give sha256: and 64 hex digits".to_owned(),
        }
        .into()
    })
}

fn signature_header(headers: &HeaderMap) -> Result<Option<Vec<u8>>, ProblemResponse> {
    let Some(value) = headers.get(&SIGNATURE) else {
        return Ok(None);
    };
    STANDARD.decode(value).map(Some).map_err(|error| {
        Error::BadHeader {
            header: "Task-Host-Signature",
            reason: format!("give the signature in base64: {error}"),
        }
        .into()
    })
}
