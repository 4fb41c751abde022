//! Deployments: orders, views, promotion, abort.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use super::audit::Action;
use super::body;
use super::respond::{ProblemResponse, invalid, json, located};
use super::shared::Shared;
use contract::{Vocabulary, digest};
use deployment::model::Order;
use deployment::{AdminError, Filter};

/// How many deployments a list has by default, and at most.
const LIMIT: u32 = 50;
const HIGHEST_LIMIT: u32 = 1000;

/// How many shares of a canary may follow the first one.
const MOST_STEPS: usize = 20;
/// How long a step of a canary may take at least.
const LONGEST_STEP_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// `POST /admin/deployments`.
pub(super) async fn start(
    State(shared): State<Arc<Shared>>,
    Extension(action): Extension<Arc<Action>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ProblemResponse> {
    let mut order: Order = body::order(&shared, &headers, body).await?;
    order.digest = valid_digest(&order.digest)?;
    action.set_component(&order.digest);
    check_percent(order.canary_percent)?;
    check_steps(&order)?;
    let actor = action.actor.clone();
    let id = shared
        .call(|admin| async move { admin.deploy(order, &actor).await })
        .await?;
    Ok(begun(&action, id))
}

/// The component to go back to.
#[derive(Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Rollback {
    /// A component that was active before. Absent: the one before the active one.
    #[schemars(extend("pattern" = "^(sha256:)?[0-9a-fA-F]{64}$"))]
    digest: Option<String>,
}

/// `POST /admin/rollback`.
pub(super) async fn rollback(
    State(shared): State<Arc<Shared>>,
    Extension(action): Extension<Arc<Action>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ProblemResponse> {
    let order: Rollback = body::optional_order(&shared, &headers, body).await?;
    let digest = order.digest.as_deref().map(valid_digest).transpose()?;
    if let Some(digest) = &digest {
        action.set_component(digest);
    }
    let actor = action.actor.clone();
    let id = shared
        .call(|admin| async move { admin.rollback(digest.as_deref(), &actor).await })
        .await?;
    Ok(begun(&action, id))
}

fn check_percent(percent: Option<f64>) -> Result<(), ProblemResponse> {
    match percent {
        Some(percent) if !(percent > 0.0 && percent < 100.0) => {
            Err(invalid("#/canary_percent", "must be above 0 and below 100"))
        }
        _ => Ok(()),
    }
}

/// Checks the steps of a canary: each has a larger share than the one before it, and takes a time.
fn check_steps(order: &Order) -> Result<(), ProblemResponse> {
    let steps = &order.canary_steps;
    let by_itself = !steps.is_empty() || order.promote_by_itself;
    let Some(first) = order.canary_percent else {
        return match by_itself || order.canary_step_ms.is_some() {
            true => Err(invalid(
                "#/canary_percent",
                "is needed for a canary in steps: the share to begin with",
            )),
            false => Ok(()),
        };
    };
    if steps.len() > MOST_STEPS {
        let detail = format!("must be at most {MOST_STEPS} shares");
        return Err(invalid("#/canary_steps", detail));
    }
    let mut before = first;
    for (index, &share) in steps.iter().enumerate() {
        if !(share > before && share < 100.0) {
            return Err(invalid(
                format!("#/canary_steps/{index}"),
                format!("must be above {before}, the share before it, and below 100"),
            ));
        }
        before = share;
    }
    let fault = match (order.canary_step_ms, by_itself) {
        (None, true) => "is needed: how long the canary keeps each share at least",
        (Some(_), false) => "has no effect without canary_steps or promote_by_itself",
        (Some(least), true) if !(1..=LONGEST_STEP_MS).contains(&least) => {
            "must be from 1 to 2592000000, which is 30 days"
        }
        _ => return Ok(()),
    };
    Err(invalid("#/canary_step_ms", fault))
}

/// The share of clients that a canary gets.
#[derive(Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Promotion {
    /// The share of clients that a canary gets from now on, in percent. Absent: all clients, and the
    /// trial ends.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 100))]
    canary_percent: Option<f64>,
}

/// `POST /admin/deployments/{id}/promote`.
pub(super) async fn promote(
    State(shared): State<Arc<Shared>>,
    Extension(action): Extension<Arc<Action>>,
    Id(id): Id,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ProblemResponse> {
    action.set_deployment(id);
    let order: Promotion = body::optional_order(&shared, &headers, body).await?;
    let percent = order.canary_percent;
    check_percent(percent)?;
    let actor = action.actor.clone();
    shared
        .call(move |admin| async move { admin.promote(id, percent, &actor).await })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /admin/deployments/{id}/abort`.
pub(super) async fn abort(
    State(shared): State<Arc<Shared>>,
    Extension(action): Extension<Arc<Action>>,
    Id(id): Id,
) -> Result<StatusCode, ProblemResponse> {
    action.set_deployment(id);
    let actor = action.actor.clone();
    shared
        .call(|admin| async move { admin.abort(id, &actor).await })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /admin/deployments`.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
) -> Result<Response, ProblemResponse> {
    let filter = filter(uri.query().unwrap_or_default())?;
    let deployments = shared
        .call(move |admin| async move { admin.history(&filter).await })
        .await?;
    Ok(json(StatusCode::OK, &deployments))
}

/// `GET /admin/deployments/{id}`.
pub(super) async fn describe(
    State(shared): State<Arc<Shared>>,
    Id(id): Id,
) -> Result<Response, ProblemResponse> {
    let deployment = shared
        .call(move |admin| async move { admin.deployment(id).await })
        .await?
        .ok_or_else(|| unknown(id))?;
    Ok(json(StatusCode::OK, &deployment))
}

/// `GET /admin/status`.
pub(super) async fn status(State(shared): State<Arc<Shared>>) -> Result<Response, ProblemResponse> {
    let status = shared
        .call(|admin| async move { admin.status().await })
        .await?;
    Ok(json(StatusCode::OK, &status))
}

/// A deployment's id in the path. A text that is not a number is the id of no deployment.
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

/// The deployment does not exist.
pub(super) fn unknown(id: impl std::fmt::Display) -> ProblemResponse {
    AdminError::NotFound(format!("There is no deployment {id}.")).into()
}

/// A deployment that has begun.
#[derive(Serialize, JsonSchema)]
pub(super) struct Begun {
    /// The deployment's id.
    #[schemars(range(min = 0))]
    id: i64,
}

fn begun(action: &Action, id: i64) -> Response {
    action.set_deployment(id);
    let location = format!("/admin/deployments/{id}");
    located(StatusCode::ACCEPTED, &location, &Begun { id })
}

fn valid_digest(text: &str) -> Result<String, ProblemResponse> {
    digest::parse(text).ok_or_else(|| invalid("#/digest", "must be a SHA-256: 64 hex digits"))
}

/// Reads which deployments a list is to have. Parameters that are not known are ignored.
fn filter(query: &str) -> Result<Filter, ProblemResponse> {
    let mut filter = Filter::latest(LIMIT);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let fault = |detail: String| invalid(format!("#/query/{name}"), detail);
        match &*name {
            "limit" => {
                let limit = value.parse().ok();
                let limit = limit.filter(|limit| (1..=HIGHEST_LIMIT).contains(limit));
                filter.limit = limit
                    .ok_or_else(|| fault(format!("must be a number from 1 to {HIGHEST_LIMIT}")))?;
            }
            "before" => {
                let before = value.parse().ok();
                let detail = || "must be the id of a deployment".to_owned();
                filter.before = Some(before.ok_or_else(|| fault(detail()))?);
            }
            "kind" => filter.kind = Some(word(&value).map_err(fault)?),
            "outcome" => filter.outcome = Some(word(&value).map_err(fault)?),
            "search" if !value.trim().is_empty() => filter.search = Some(value.into_owned()),
            _ => {}
        }
    }
    Ok(filter)
}

/// Reads a word of this version.
fn word<T: Vocabulary>(text: &str) -> Result<T, String> {
    T::from_text(text).ok_or_else(|| format!("must be one of {}", T::texts().join(", ")))
}
