//! Errors of the admin API, with messages that say what to do next.

use std::fmt;

use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum Error {
    /// The host did not respond, or the response broke off.
    #[error("no answer from {base}: {reason}")]
    Unreachable {
        /// The host's address.
        base: Url,
        /// The root cause.
        reason: String,
        /// Whether the host may have received the request.
        sent: bool,
    },
    /// The host responded with an error.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// The response does not have the form of the admin API.
    #[error("cannot read the host's answer, which may be of another version: {0}")]
    InvalidResponse(String),
    /// A deployment could not be followed to its end.
    #[error(
        "lost the connection to deployment {id} (last known stage: {stage}). It may still be \
         running; check with `task-host status`"
    )]
    Lost {
        /// The deployment.
        id: i64,
        /// The stage of the last event that was received.
        stage: String,
    },
    /// The answer to an order was lost, and the host could not be asked what became of it.
    #[error(
        "{source}. The host may have received the order; check with `task-host history` when it \
         answers again"
    )]
    Unknown {
        /// Why there is no answer.
        source: Box<Error>,
    },
    /// The answer to an order was lost, and the host has no record of the order.
    #[error("{source}. The host has no record of the order, so nothing was changed; try again")]
    Nothing {
        /// Why there is no answer.
        source: Box<Error>,
    },
}

/// A problem of the admin API (RFC 9457).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    detail: Option<String>,
    errors: Vec<FieldError>,
    /// The deployment that conflicts with the request.
    deployment: Option<i64>,
    #[serde(skip)]
    status: StatusCode,
    #[serde(skip)]
    base: Option<Url>,
}

#[derive(Debug, Deserialize)]
struct FieldError {
    pointer: String,
    detail: String,
}

impl Error {
    pub(super) fn unreachable(base: &Url, error: reqwest::Error) -> Self {
        Error::Unreachable {
            base: base.clone(),
            reason: root_cause(&error),
            sent: !error.is_connect(),
        }
    }

    /// Reads the problem from a response that is not a success.
    pub(super) async fn from_response(base: &Url, response: Response) -> Self {
        let status = response.status();
        let body = response.bytes().await.unwrap_or_default();
        let problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
        Error::Problem(Box::new(Problem {
            status,
            base: Some(base.clone()),
            ..problem
        }))
    }

    /// Returns whether the same call may succeed if it is retried soon.
    pub(in crate::cli) fn is_transient(&self) -> bool {
        match self {
            Error::Unreachable { .. } => true,
            Error::Problem(problem) => matches!(
                problem.status,
                StatusCode::BAD_GATEWAY
                    | StatusCode::SERVICE_UNAVAILABLE
                    | StatusCode::GATEWAY_TIMEOUT
            ),
            Error::InvalidResponse(_)
            | Error::Lost { .. }
            | Error::Unknown { .. }
            | Error::Nothing { .. } => false,
        }
    }

    /// Returns whether the host may have carried out the request.
    pub(in crate::cli) fn leaves_outcome_unknown(&self) -> bool {
        match self {
            Error::Unreachable { sent, .. } => *sent,
            Error::InvalidResponse(_) => true,
            Error::Problem(_) => self.is_transient(),
            Error::Lost { .. } | Error::Unknown { .. } | Error::Nothing { .. } => false,
        }
    }

    /// Returns a stable code for scripts.
    pub(in crate::cli) fn code(&self) -> &str {
        match self {
            Error::Unreachable { .. } => "unreachable",
            Error::Problem(problem) => problem.code().unwrap_or("refused"),
            Error::InvalidResponse(_) => "unreadable-answer",
            Error::Lost { .. } => "lost",
            Error::Unknown { .. } => "unknown-outcome",
            Error::Nothing { .. } => "not-received",
        }
    }
}

impl Problem {
    /// Returns whether the admin API says that the resource does not exist. False for a 404 from
    /// anything else, such as the public port.
    pub(super) fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND && self.code() == Some("not-found")
    }

    fn code(&self) -> Option<&str> {
        self.kind.strip_prefix("urn:task-host:problem:")
    }

    /// Returns whether the host's detail names the commands to go on with.
    fn names_commands(&self) -> bool {
        let detail = self.detail.as_deref().unwrap_or_default();
        detail.contains("`task-host ")
    }

    /// Returns what a person can do about the problem.
    fn advice(&self) -> Option<String> {
        match (self.status, self.code()) {
            (StatusCode::UNAUTHORIZED, _) => Some(
                "give the host's admin token with --token-file, or in TASK_HOST_ADMIN_TOKEN".into(),
            ),
            (StatusCode::NOT_FOUND, code) if code != Some("not-found") => {
                let base = self.base.as_ref()?;
                Some(format!(
                    "{base} has no admin API. Give the address of the admin port with --to; its \
                     number is 9000 by default"
                ))
            }
            // Hosts say in the detail how to go on, except for early versions.
            (StatusCode::CONFLICT, _) if !self.names_commands() => {
                let id = self.deployment?;
                Some(format!(
                    "`task-host status` shows it, `task-host abort {id}` aborts it"
                ))
            }
            (_, Some("refused-before")) => Some("use --retry-refused to try it again".into()),
            _ => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.title.is_empty() {
            write!(f, "the host answered {}", self.status)?;
        } else {
            f.write_str(&self.title)?;
        }
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        if let Some(code) = self.code() {
            write!(f, " ({code})")?;
        }
        for FieldError { pointer, detail } in &self.errors {
            write!(f, "\n  {pointer}: {detail}")?;
        }
        if let Some(advice) = self.advice() {
            write!(f, "\n  {advice}")?;
        }
        Ok(())
    }
}

/// Returns the message of the root cause, because the errors above it only repeat the address.
fn root_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let mut root: &dyn std::error::Error = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
}
