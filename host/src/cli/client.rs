//! The admin API of a running host, as the commands of its operators use it.
//!
//! One [`Client`] a command. Every call has a time-out; only [`Client::follow`] waits for as long
//! as a deployment takes. No proxy is used: the operators' port is near, and the token is for
//! the host alone.

mod args;
mod error;
mod follow;
mod messages;

#[cfg(test)]
pub(super) mod fake;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

pub(super) use self::args::Args;
use self::args::Token;
pub(super) use self::error::Error;
pub(super) use self::follow::{Patience, Progress};
use crate::failure::Failure;
use crate::tls;
use deployment::model::{ComponentSummary, Deployment, Order, Status};
use server::{Failure as Failed, Figures};

/// How long a connection may take.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// How long an answer may take. The host asks its database, and no longer than 30 s.
const ANSWER_TIME: Duration = Duration::from_secs(40);
/// How long an upload may take: slow links carry large components.
const UPLOAD_TIME: Duration = Duration::from_secs(600);
/// How much of a component is sent at a time; progress is told as often.
const PIECE_BYTES: usize = 64 * 1024;
/// Digits of a SHA-256.
const DIGEST_DIGITS: usize = 64;

/// A host.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<Token>,
    actor: Option<HeaderValue>,
}

/// A component that is to be uploaded.
pub(super) struct Upload {
    /// Its bytes.
    pub(super) content: Bytes,
    /// SHA-256 in hex.
    pub(super) digest: String,
    /// A detached signature, in base64.
    pub(super) signature: Option<String>,
}

impl Client {
    /// Makes a client. Nothing is sent yet.
    pub(super) fn new(args: &Args) -> Result<Self, Failure> {
        let http = tls::client(&args.base())
            .no_proxy()
            .connect_timeout(CONNECT_TIME)
            .build()
            .map_err(|error| Failure::Other(error.into()))?;
        Ok(Client {
            http,
            base: args.base(),
            token: args.token()?,
            actor: args.actor(),
        })
    }

    /// The host's address.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// What the host has of a component; none: nothing.
    pub(super) async fn component(&self, digest: &str) -> Result<Option<ComponentSummary>, Error> {
        let path = format!("admin/components/{digest}");
        match self.read(self.request(Method::GET, &path)).await {
            Ok(component) => Ok(Some(component)),
            Err(Error::Refused(problem)) if problem.names_nothing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The components that the host has, the latest upload first.
    pub(super) async fn components(&self) -> Result<Vec<ComponentSummary>, Error> {
        self.read(self.request(Method::GET, "admin/components"))
            .await
    }

    /// Hands a component over. `sent` is told, after each piece, how many bytes have gone.
    pub(super) async fn upload(
        &self,
        upload: Upload,
        sent: impl FnMut(usize) + Send + 'static,
    ) -> Result<ComponentSummary, Error> {
        let mut request = self
            .request(Method::POST, "admin/components")
            .timeout(UPLOAD_TIME)
            .header(CONTENT_TYPE, "application/wasm")
            // So that the host can refuse what is too large before it has all of it.
            .header(CONTENT_LENGTH, upload.content.len())
            .header("task-host-digest", format!("sha256:{}", upload.digest));
        if let Some(signature) = upload.signature {
            request = request.header("task-host-signature", signature);
        }
        self.read(request.body(pieces(upload.content, sent))).await
    }

    /// Orders a deployment and returns its id.
    pub(super) async fn deploy(&self, order: &Order) -> Result<i64, Error> {
        let request = self
            .request(Method::POST, "admin/deployments")
            .json(&json!(order));
        Ok(self.read::<Begun>(request).await?.id)
    }

    /// Orders the way back, to a digest or to what was active before, and returns the
    /// deployment's id.
    pub(super) async fn rollback(&self, digest: Option<&str>) -> Result<i64, Error> {
        let request = self
            .request(Method::POST, "admin/rollback")
            .json(&json!({ "digest": digest }));
        Ok(self.read::<Begun>(request).await?.id)
    }

    /// Lets the revision that is tried take over; as a canary it only gets another share, where a
    /// percentage is given.
    pub(super) async fn promote(&self, id: i64, canary_percent: Option<f64>) -> Result<(), Error> {
        let path = format!("admin/deployments/{id}/promote");
        let mut request = self.request(Method::POST, &path);
        if let Some(percent) = canary_percent {
            request = request.json(&json!({ "canary_percent": percent }));
        }
        self.send(request).await?;
        Ok(())
    }

    /// Ends a deployment that runs.
    pub(super) async fn abort(&self, id: i64) -> Result<(), Error> {
        let path = format!("admin/deployments/{id}/abort");
        self.send(self.request(Method::POST, &path)).await?;
        Ok(())
    }

    /// One deployment.
    pub(super) async fn deployment(&self, id: i64) -> Result<Deployment, Error> {
        let path = format!("admin/deployments/{id}");
        self.read(self.request(Method::GET, &path)).await
    }

    /// The latest deployments, the latest first.
    pub(super) async fn deployments(&self, limit: u32) -> Result<Vec<Deployment>, Error> {
        let path = format!("admin/deployments?limit={limit}");
        self.read(self.request(Method::GET, &path)).await
    }

    /// What is true now.
    pub(super) async fn status(&self) -> Result<Status, Error> {
        self.read(self.request(Method::GET, "admin/status")).await
    }

    /// What requests came to in the last minutes, in this host.
    pub(super) async fn figures(&self) -> Result<Figures, Error> {
        self.read(self.request(Method::GET, "admin/figures")).await
    }

    /// The last requests that failed there, the latest first.
    pub(super) async fn failures(&self) -> Result<Vec<Failed>, Error> {
        self.read(self.request(Method::GET, "admin/failures")).await
    }

    /// The whole digest of a component that the host has, from its first digits as tables show
    /// them.
    pub(super) async fn whole_digest(&self, digits: &str) -> anyhow::Result<String> {
        let digits = digits.strip_prefix("sha256:").unwrap_or(digits);
        let digits = digits.to_ascii_lowercase();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            anyhow::bail!("{digits:?} is no digest: give hex digits, the first ones are enough");
        }
        if digits.len() >= DIGEST_DIGITS {
            return Ok(digits);
        }
        let components = self.components().await?;
        let mut found = components
            .into_iter()
            .map(|component| component.digest)
            .filter(|digest| digest.starts_with(&digits));
        match (found.next(), found.next()) {
            (Some(digest), None) => Ok(digest),
            (None, _) => anyhow::bail!("the host has no component whose digest begins {digits}"),
            (Some(one), Some(other)) => {
                anyhow::bail!("{digits} fits several components, such as {one} and {other}")
            }
        }
    }

    /// A request with what each one carries. The path is relative to the base.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method, url).timeout(ANSWER_TIME);
        if let Some(Token(value)) = &self.token {
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(actor) = &self.actor {
            request = request.header("task-host-actor", actor);
        }
        request
    }

    /// The answer, if it is a success.
    async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        let response = request.send().await;
        let response = response.map_err(|error| Error::unreachable(&self.base, error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(Error::refused(&self.base, response).await)
    }

    /// The JSON of the answer, if it is a success.
    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        let response = self.send(request).await?;
        if response.status() == StatusCode::NO_CONTENT {
            return Err(Error::Strange("an empty answer".to_owned()));
        }
        let body = response.bytes().await;
        let body = body.map_err(|error| Error::unreachable(&self.base, error))?;
        serde_json::from_slice(&body).map_err(|error| Error::Strange(error.to_string()))
    }
}

/// What an order is answered with.
#[derive(Deserialize)]
struct Begun {
    id: i64,
}

/// A body that tells how much of it was handed to the connection.
fn pieces(content: Bytes, mut sent: impl FnMut(usize) + Send + 'static) -> reqwest::Body {
    let mut from = 0;
    let pieces = std::iter::from_fn(move || {
        let until = content.len().min(from + PIECE_BYTES);
        let piece = content.slice(from..until);
        from = until;
        if piece.is_empty() {
            return None;
        }
        sent(until);
        Some(Ok::<_, std::convert::Infallible>(piece))
    });
    reqwest::Body::wrap_stream(stream::iter(pieces))
}
