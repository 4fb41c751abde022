//! The calls of the admin API.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::stream;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::args::{Args, Token};
use super::error::Error;
use crate::cli::call::encode;
use crate::failure::Failure;
use crate::tls;
use deployment::model::{ComponentSummary, Deployment, Order, Status};
use server::{Failure as FailedRequest, FailureGroups, Figures};

/// Time limit for opening a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time limit for a response. The host itself waits for its database for up to 30 s.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(40);
/// Time limit for an upload, which may be a large component on a slow link.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(600);
/// Bytes of a component that are sent at once. Progress is reported after each chunk.
const CHUNK_BYTES: usize = 64 * 1024;
/// Hex digits of a SHA-256 digest.
const DIGEST_DIGITS: usize = 64;

/// A client of one host's admin API.
pub(in crate::cli) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<Token>,
    actor: Option<HeaderValue>,
}

/// A component to upload.
pub(in crate::cli) struct Upload {
    /// The component's bytes.
    pub(in crate::cli) content: Bytes,
    /// SHA-256 in hex.
    pub(in crate::cli) digest: String,
    /// A detached signature, in base64.
    pub(in crate::cli) signature: Option<String>,
}

impl Client {
    /// Creates a client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Failure::Setting`] if the file with the token cannot be used.
    pub(in crate::cli) fn new(args: &Args) -> Result<Self, Failure> {
        let http = tls::client_builder(&args.base())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|error| Failure::Other(error.into()))?;
        Ok(Client {
            http,
            base: args.base(),
            token: args.token()?,
            actor: args.actor(),
        })
    }

    /// Returns the host's address, which ends with a slash.
    pub(in crate::cli) fn base(&self) -> &Url {
        &self.base
    }

    /// Returns the host's record of a component; `None` if the host does not have it.
    pub(in crate::cli) async fn component(
        &self,
        digest: &str,
    ) -> Result<Option<ComponentSummary>, Error> {
        let path = format!("admin/components/{digest}");
        match self.read(self.request(Method::GET, &path)).await {
            Ok(component) => Ok(Some(component)),
            Err(Error::Problem(problem)) if problem.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the components that the host has, the latest upload first.
    pub(in crate::cli) async fn components(&self) -> Result<Vec<ComponentSummary>, Error> {
        self.read(self.request(Method::GET, "admin/components"))
            .await
    }

    /// Returns the recording of a request, as JSON.
    pub(in crate::cli) async fn recording(&self, request_id: &str) -> Result<Bytes, Error> {
        let path = format!("admin/recordings/{}", encode(request_id));
        self.bytes(self.request(Method::GET, &path)).await
    }

    /// Returns the bytes of a component.
    pub(in crate::cli) async fn component_content(&self, digest: &str) -> Result<Vec<u8>, Error> {
        let path = format!("admin/components/{digest}/content");
        let request = self.request(Method::GET, &path).timeout(UPLOAD_TIMEOUT);
        Ok(self.bytes(request).await?.into())
    }

    /// Uploads a component. After each chunk, `on_sent` is called with the number of bytes sent so
    /// far.
    pub(in crate::cli) async fn upload(
        &self,
        upload: Upload,
        on_sent: impl FnMut(usize) + Send + 'static,
    ) -> Result<ComponentSummary, Error> {
        let mut request = self
            .request(Method::POST, "admin/components")
            .timeout(UPLOAD_TIMEOUT)
            .header(CONTENT_TYPE, "application/wasm")
            // The length lets the host reject a component that is too large before it is sent.
            .header(CONTENT_LENGTH, upload.content.len())
            .header("task-host-digest", format!("sha256:{}", upload.digest));
        if let Some(signature) = upload.signature {
            request = request.header("task-host-signature", signature);
        }
        self.read(request.body(chunked(upload.content, on_sent)))
            .await
    }

    /// Starts a deployment and returns its id.
    pub(in crate::cli) async fn deploy(&self, order: &Order) -> Result<i64, Error> {
        let request = self
            .request(Method::POST, "admin/deployments")
            .json(&json!(order));
        Ok(self.read::<Started>(request).await?.id)
    }

    /// Starts a rollback to a component, or to the one that was active before if `digest` is
    /// `None`, and returns the deployment's id.
    pub(in crate::cli) async fn rollback(&self, digest: Option<&str>) -> Result<i64, Error> {
        let request = self
            .request(Method::POST, "admin/rollback")
            .json(&json!({ "digest": digest }));
        Ok(self.read::<Started>(request).await?.id)
    }

    /// Promotes the revision on trial. If a percentage is given, the revision stays on trial as a
    /// canary, with that share of the clients.
    pub(in crate::cli) async fn promote(
        &self,
        id: i64,
        canary_percent: Option<f64>,
    ) -> Result<(), Error> {
        let path = format!("admin/deployments/{id}/promote");
        let mut request = self.request(Method::POST, &path);
        if let Some(percent) = canary_percent {
            request = request.json(&json!({ "canary_percent": percent }));
        }
        self.send(request).await?;
        Ok(())
    }

    /// Aborts a running deployment.
    pub(in crate::cli) async fn abort(&self, id: i64) -> Result<(), Error> {
        let path = format!("admin/deployments/{id}/abort");
        self.send(self.request(Method::POST, &path)).await?;
        Ok(())
    }

    /// Returns a deployment.
    pub(in crate::cli) async fn deployment(&self, id: i64) -> Result<Deployment, Error> {
        let path = format!("admin/deployments/{id}");
        self.read(self.request(Method::GET, &path)).await
    }

    /// Returns a deployment, or the running one if `id` is `None`.
    ///
    /// # Errors
    /// Those of the API, or no deployment is running.
    pub(in crate::cli) async fn deployment_or_running(
        &self,
        id: Option<i64>,
    ) -> anyhow::Result<Deployment> {
        match id {
            Some(id) => Ok(self.deployment(id).await?),
            None => self
                .status()
                .await?
                .deployment
                .context("no deployment is running"),
        }
    }

    /// Returns the latest deployments, newest first.
    pub(in crate::cli) async fn deployments(&self, limit: u32) -> Result<Vec<Deployment>, Error> {
        let path = format!("admin/deployments?limit={limit}");
        self.read(self.request(Method::GET, &path)).await
    }

    /// Returns the deployments that a query asks for, newest first.
    pub(in crate::cli) async fn history(
        &self,
        query: &[(&str, String)],
    ) -> Result<Vec<Deployment>, Error> {
        let query = query.iter();
        let query: Vec<String> = query
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        let path = format!("admin/deployments?{}", query.join("&"));
        self.read(self.request(Method::GET, &path)).await
    }

    /// Returns the current state of the host.
    pub(in crate::cli) async fn status(&self) -> Result<Status, Error> {
        self.read(self.request(Method::GET, "admin/status")).await
    }

    /// Returns the host's request statistics of the last minutes.
    pub(in crate::cli) async fn figures(&self) -> Result<Figures, Error> {
        self.read(self.request(Method::GET, "admin/figures")).await
    }

    /// Returns the host's latest failed requests, newest first.
    pub(in crate::cli) async fn failures(&self) -> Result<Vec<FailedRequest>, Error> {
        self.read(self.request(Method::GET, "admin/failures")).await
    }

    /// Returns the host's failed requests in groups, the group that occurred last first.
    pub(in crate::cli) async fn failure_groups(&self) -> Result<FailureGroups, Error> {
        self.read(self.request(Method::GET, "admin/failures/groups"))
            .await
    }

    /// Completes the first digits of a digest to the full digest of a component that the host has. A
    /// digest that is already complete is returned without asking the host.
    ///
    /// # Errors
    /// `prefix` is not hex, or matches no component, or matches several.
    pub(in crate::cli) async fn resolve_digest(&self, prefix: &str) -> anyhow::Result<String> {
        let prefix = prefix.strip_prefix("sha256:").unwrap_or(prefix);
        let prefix = prefix.to_ascii_lowercase();
        if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            anyhow::bail!("{prefix:?} is not a digest: give its first hex digits, or all of them");
        }
        if prefix.len() >= DIGEST_DIGITS {
            return Ok(prefix);
        }
        let components = self.components().await?;
        let mut found = components
            .into_iter()
            .map(|component| component.digest)
            .filter(|digest| digest.starts_with(&prefix));
        match (found.next(), found.next()) {
            (Some(digest), None) => Ok(digest),
            (None, _) => {
                anyhow::bail!("the host has no component whose digest begins with {prefix}")
            }
            (Some(one), Some(other)) => {
                anyhow::bail!("{prefix} matches several components, such as {one} and {other}")
            }
        }
    }

    /// Creates a request with the headers that every request has. The path is relative to the base.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method, url).timeout(RESPONSE_TIMEOUT);
        if let Some(Token(value)) = &self.token {
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(actor) = &self.actor {
            request = request.header("task-host-actor", actor);
        }
        request
    }

    /// Sends a request. Returns the response if it is a success.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        let response = request.send().await;
        let response = response.map_err(|error| Error::unreachable(&self.base, error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(Error::from_response(&self.base, response).await)
    }

    /// Sends a request. Returns the body of the response if it is a success.
    async fn bytes(&self, request: RequestBuilder) -> Result<Bytes, Error> {
        let body = self.send(request).await?.bytes().await;
        body.map_err(|error| Error::unreachable(&self.base, error))
    }

    /// Sends a request. Returns the JSON of the response if it is a success.
    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        let response = self.send(request).await?;
        if response.status() == StatusCode::NO_CONTENT {
            return Err(Error::InvalidResponse("it is empty".to_owned()));
        }
        let body = response.bytes().await;
        let body = body.map_err(|error| Error::unreachable(&self.base, error))?;
        serde_json::from_slice(&body).map_err(|error| Error::InvalidResponse(error.to_string()))
    }
}

/// The response to an order.
#[derive(Deserialize)]
struct Started {
    id: i64,
}

/// Returns a body that reports how many bytes were passed to the connection.
fn chunked(content: Bytes, mut on_sent: impl FnMut(usize) + Send + 'static) -> reqwest::Body {
    let mut start = 0;
    let chunks = std::iter::from_fn(move || {
        let end = content.len().min(start + CHUNK_BYTES);
        let chunk = content.slice(start..end);
        start = end;
        if chunk.is_empty() {
            return None;
        }
        on_sent(end);
        Some(Ok::<_, std::convert::Infallible>(chunk))
    });
    reqwest::Body::wrap_stream(stream::iter(chunks))
}
