//! Components: uploaded by their bytes, named by their digest.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::audit::Attempt;
use super::{Desk, Refused, body, json, located, plain_digest};
use crate::AdminError;
use crate::problem::Problem;
use request::Error;

const DIGEST: HeaderName = HeaderName::from_static("task-host-digest");
const SIGNATURE: HeaderName = HeaderName::from_static("task-host-signature");

/// `POST /admin/components`.
///
/// The digest is compared below, where the attempt is remembered.
pub(super) async fn upload(
    State(desk): State<Arc<Desk>>,
    Extension(attempt): Extension<Arc<Attempt>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let digest = digest_header(&headers)?;
    let signature = signature_header(&headers)?;
    if let Some(digest) = &digest {
        attempt.about(digest);
    }
    let Ok(_permit) = desk.uploads.try_acquire() else {
        desk.app.metrics.limit_hit("uploads-busy");
        return Err(Problem::uploads_busy().into());
    };
    let content = body::component(&desk, &headers, body).await?;
    let actor = attempt.actor.clone();
    let component = desk
        .ask(|admin| async move { admin.upload(content, digest, signature, &actor).await })
        .await?;
    attempt.about(&component.digest);
    let location = format!("/admin/components/{}", component.digest);
    Ok(located(StatusCode::CREATED, &location, &component))
}

/// `GET /admin/components`.
pub(super) async fn list(State(desk): State<Arc<Desk>>) -> Result<Response, Refused> {
    let components = desk
        .ask(|admin| async move { admin.components().await })
        .await?;
    Ok(json(StatusCode::OK, &components))
}

/// `GET /admin/components/{digest}`.
pub(super) async fn describe(
    State(desk): State<Arc<Desk>>,
    digest: Result<Path<String>, PathRejection>,
) -> Result<Response, Refused> {
    // What is not UTF-8 is no digest either.
    let digest = digest.map(|Path(digest)| digest).unwrap_or_default();
    let not_found = AdminError::NotFound(format!("No component has the digest {digest}."));
    let component = match plain_digest(&digest) {
        Some(digest) => {
            desk.ask(|admin| async move { admin.component(&digest).await })
                .await?
        }
        None => None,
    };
    Ok(json(StatusCode::OK, &component.ok_or(not_found)?))
}

fn digest_header(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let Some(value) = headers.get(&DIGEST) else {
        return Ok(None);
    };
    let digest = value.to_str().ok().and_then(plain_digest);
    digest.map(Some).ok_or_else(|| {
        Error::BadHeader {
            header: "Task-Host-Digest",
            reason: "give sha256: and 64 hex digits".to_owned(),
        }
        .into()
    })
}

fn signature_header(headers: &HeaderMap) -> Result<Option<Vec<u8>>, Refused> {
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
