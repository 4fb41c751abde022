//! Why a host did not do what it was asked, in sentences that say what to do next.

use std::fmt;

use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum Error {
    /// No answer came, or it broke off.
    #[error("no answer from {base}: {reason}")]
    Unreachable {
        /// The host.
        base: Url,
        /// The cause at the root.
        reason: String,
    },
    /// The host says no.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The answer is not what the admin API answers.
    #[error("the host's answer cannot be read, it may be of another version: {0}")]
    Strange(String),
    /// A deployment could not be followed to its end.
    #[error(
        "deployment {id} cannot be followed any more; it was at {stage} and may go on \
         (`task-host status` tells)"
    )]
    Lost {
        /// The deployment.
        id: i64,
        /// The last stage that was heard of.
        stage: String,
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
    errors: Vec<Fault>,
    /// The deployment that is in the way.
    deployment: Option<i64>,
    #[serde(skip)]
    status: StatusCode,
    #[serde(skip)]
    base: Option<Url>,
}

#[derive(Debug, Deserialize)]
struct Fault {
    pointer: String,
    detail: String,
}

impl Error {
    pub(super) fn unreachable(base: &Url, error: reqwest::Error) -> Self {
        Error::Unreachable {
            base: base.clone(),
            reason: root_of(&error),
        }
    }

    /// Reads the problem of an answer that is no success.
    pub(super) async fn refused(base: &Url, response: Response) -> Self {
        let status = response.status();
        let body = response.bytes().await.unwrap_or_default();
        let problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
        Error::Refused(Box::new(Problem {
            status,
            base: Some(base.clone()),
            ..problem
        }))
    }

    /// Whether the same call may well succeed in a moment.
    pub(in crate::cli) fn is_passing(&self) -> bool {
        match self {
            Error::Unreachable { .. } => true,
            Error::Refused(problem) => matches!(
                problem.status,
                StatusCode::BAD_GATEWAY
                    | StatusCode::SERVICE_UNAVAILABLE
                    | StatusCode::GATEWAY_TIMEOUT
            ),
            Error::Strange(_) | Error::Lost { .. } => false,
        }
    }

    /// A stable slug for machines.
    pub(in crate::cli) fn code(&self) -> &str {
        match self {
            Error::Unreachable { .. } => "unreachable",
            Error::Refused(problem) => problem.code().unwrap_or("refused"),
            Error::Strange(_) => "unreadable-answer",
            Error::Lost { .. } => "lost",
        }
    }
}

impl Problem {
    /// Whether the admin API has no such thing, as opposed to there being no admin API.
    pub(super) fn names_nothing(&self) -> bool {
        self.status == StatusCode::NOT_FOUND && self.code() == Some("not-found")
    }

    fn code(&self) -> Option<&str> {
        self.kind.strip_prefix("urn:task-host:problem:")
    }

    /// What a person can do about it.
    fn advice(&self) -> Option<String> {
        match (self.status, self.code()) {
            (StatusCode::UNAUTHORIZED, _) => Some(
                "give the host's admin token by --token-file, or in TASK_HOST_ADMIN_TOKEN".into(),
            ),
            (StatusCode::NOT_FOUND, code) if code != Some("not-found") => {
                let base = self.base.as_ref()?;
                Some(format!(
                    "{base} has no admin API; --to names the operators' port, 9000 unless set"
                ))
            }
            (StatusCode::CONFLICT, _) => {
                let id = self.deployment?;
                Some(format!(
                    "`task-host status` shows it, `task-host abort {id}` ends it"
                ))
            }
            (_, Some("refused-before")) => Some("--retry-refused tries it again".into()),
            _ => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.title.is_empty() {
            write!(f, "the host answers {}", self.status)?;
        } else {
            f.write_str(&self.title)?;
        }
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        if let Some(code) = self.code() {
            write!(f, " ({code})")?;
        }
        for Fault { pointer, detail } in &self.errors {
            write!(f, "\n  {pointer}: {detail}")?;
        }
        if let Some(advice) = self.advice() {
            write!(f, "\n  {advice}")?;
        }
        Ok(())
    }
}

/// The cause at the root, which says most: what lies above it repeats the address.
fn root_of(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let mut root: &dyn std::error::Error = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
}
