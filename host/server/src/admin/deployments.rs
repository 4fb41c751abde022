//! Deployments: ordered, seen, decided on.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::audit::Attempt;
use super::{Desk, Refused, body, json, located, plain_digest, unfit};
use crate::AdminError;
use deployment::model::Order;

/// How many deployments a list has where it does not say, and at most.
const LIMIT: u32 = 50;
const HIGHEST_LIMIT: u32 = 1000;

/// `POST /admin/deployments`.
pub(super) async fn start(
    State(desk): State<Arc<Desk>>,
    Extension(attempt): Extension<Arc<Attempt>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let mut order: Order = body::order(&desk, &headers, body).await?;
    order.digest = digest_of(&order.digest)?;
    attempt.about(&order.digest);
    check_percent(order.canary_percent)?;
    let actor = attempt.actor.clone();
    let id = desk
        .ask(|admin| async move { admin.deploy(order, &actor).await })
        .await?;
    Ok(begun(&attempt, id))
}

/// What `POST /admin/rollback` takes.
#[derive(Deserialize, Serialize)]
struct Rollback {
    /// Where to; none: to what was active before.
    digest: Option<String>,
}

/// `POST /admin/rollback`.
pub(super) async fn rollback(
    State(desk): State<Arc<Desk>>,
    Extension(attempt): Extension<Arc<Attempt>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let order: Rollback = body::optional_order(&desk, &headers, body).await?;
    let digest = order.digest.as_deref().map(digest_of).transpose()?;
    if let Some(digest) = &digest {
        attempt.about(digest);
    }
    let actor = attempt.actor.clone();
    let id = desk
        .ask(|admin| async move { admin.rollback(digest, &actor).await })
        .await?;
    Ok(begun(&attempt, id))
}

fn check_percent(percent: Option<f64>) -> Result<(), Refused> {
    match percent {
        Some(percent) if !(percent > 0.0 && percent < 100.0) => {
            Err(unfit("#/canary_percent", "must be above 0 and below 100"))
        }
        _ => Ok(()),
    }
}

/// What `POST /admin/deployments/{id}/promote` takes.
#[derive(Deserialize, Serialize)]
struct Promotion {
    /// The share that a canary gets from now on; none: it gets everything.
    canary_percent: Option<f64>,
}

/// `POST /admin/deployments/{id}/promote`.
pub(super) async fn promote(
    State(desk): State<Arc<Desk>>,
    Extension(attempt): Extension<Arc<Attempt>>,
    Id(id): Id,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refused> {
    attempt.within(id);
    let order: Promotion = body::optional_order(&desk, &headers, body).await?;
    let percent = order.canary_percent;
    check_percent(percent)?;
    let actor = attempt.actor.clone();
    desk.ask(move |admin| async move { admin.promote(id, percent, &actor).await })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /admin/deployments/{id}/abort`.
pub(super) async fn abort(
    State(desk): State<Arc<Desk>>,
    Extension(attempt): Extension<Arc<Attempt>>,
    Id(id): Id,
) -> Result<StatusCode, Refused> {
    attempt.within(id);
    let actor = attempt.actor.clone();
    desk.ask(|admin| async move { admin.abort(id, &actor).await })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /admin/deployments`.
pub(super) async fn list(State(desk): State<Arc<Desk>>, uri: Uri) -> Result<Response, Refused> {
    let limit = limit(uri.query().unwrap_or_default())?;
    let deployments = desk
        .ask(move |admin| async move { admin.history(limit).await })
        .await?;
    Ok(json(StatusCode::OK, &deployments))
}

/// `GET /admin/deployments/{id}`.
pub(super) async fn describe(
    State(desk): State<Arc<Desk>>,
    Id(id): Id,
) -> Result<Response, Refused> {
    let deployment = desk
        .ask(move |admin| async move { admin.deployment(id).await })
        .await?
        .ok_or_else(|| unknown(id))?;
    Ok(json(StatusCode::OK, &deployment))
}

/// `GET /admin/status`.
pub(super) async fn status(State(desk): State<Arc<Desk>>) -> Result<Response, Refused> {
    let status = desk
        .ask(|admin| async move { admin.status().await })
        .await?;
    Ok(json(StatusCode::OK, &status))
}

/// A deployment's id in the path. What is no number is the id of none.
pub(super) struct Id(pub(super) i64);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Id, Response> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let text = text.map(|Path(text)| text).unwrap_or_default();
        text.parse()
            .map(Id)
            .map_err(|_| unknown(text).into_response())
    }
}

/// There is no such deployment.
pub(super) fn unknown(id: impl std::fmt::Display) -> Refused {
    AdminError::NotFound(format!("There is no deployment {id}.")).into()
}

fn begun(attempt: &Attempt, id: i64) -> Response {
    attempt.within(id);
    let location = format!("/admin/deployments/{id}");
    located(StatusCode::ACCEPTED, &location, &json!({ "id": id }))
}

fn digest_of(text: &str) -> Result<String, Refused> {
    plain_digest(text).ok_or_else(|| unfit("#/digest", "must be a SHA-256: 64 hex digits"))
}

fn limit(query: &str) -> Result<u32, Refused> {
    let given = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("limit="));
    let Some(given) = given else {
        return Ok(LIMIT);
    };
    given
        .parse()
        .ok()
        .filter(|limit| (1..=HIGHEST_LIMIT).contains(limit))
        .ok_or_else(|| {
            let detail = format!("must be a number from 1 to {HIGHEST_LIMIT}");
            unfit("#/query/limit", detail)
        })
}
