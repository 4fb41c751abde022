//! The problems of the admin API.

use std::time::Duration;

use super::{Problem, UNAVAILABLE_RETRY};
use crate::byte_size::ByteSize;
use deployment::AdminError;

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Problem {
        match error {
            AdminError::Busy { id, advice } => {
                let problem = Problem::new(409, "deployment-running", "Another deployment runs")
                    .detail(advice);
                Problem {
                    extensions: vec![("deployment".to_owned(), id.into())],
                    ..problem
                }
            }
            AdminError::NotFound(detail) => {
                Problem::new(404, "not-found", "There is no such thing").detail(detail)
            }
            AdminError::Rejected { code, reason } => {
                Problem::new(422, code.as_str(), "The host refuses").detail(reason)
            }
            AdminError::Unavailable(_) => {
                Problem::new(503, "unavailable", "The service is unavailable")
                    .retry_after(UNAVAILABLE_RETRY)
            }
        }
    }
}

impl Problem {
    /// What is wrong, for the history of deployments.
    pub(crate) fn sentence(&self) -> String {
        let mut sentence = self.title.clone();
        for part in self.detail.iter().cloned().chain(
            self.errors
                .iter()
                .map(|error| format!("{} {}", error.pointer, error.detail)),
        ) {
            sentence.push_str(": ");
            sentence.push_str(&part);
        }
        sentence
    }

    /// The request carries no token.
    pub(crate) fn no_token() -> Problem {
        Problem::unauthorized("Bearer realm=\"task-host\"")
            .detail("Send `Authorization: Bearer` with the host's admin token.".to_owned())
    }

    /// The request carries another token.
    pub(crate) fn wrong_token() -> Problem {
        Problem::unauthorized("Bearer realm=\"task-host\", error=\"invalid_token\"")
            .detail("The token is not this host's admin token.".to_owned())
    }

    /// Too many requests carried another token.
    pub(crate) fn too_many_attempts() -> Problem {
        let title = "Too many requests had a wrong token";
        Problem::new(429, "too-many-attempts", title)
            .detail("The right token is accepted at any time.".to_owned())
            .retry_after(Duration::from_secs(1))
    }

    fn unauthorized(challenge: &'static str) -> Problem {
        Problem {
            challenge: Some(challenge),
            ..Problem::new(401, "unauthorized", "The admin API needs its token")
        }
    }

    /// The port was reached by a name that is not this machine's own.
    pub(crate) fn foreign_host() -> Problem {
        let detail = "Without an admin token this port answers at an address or at localhost \
                      only, because a page could give its own name this machine's address.";
        Problem::new(403, "foreign-host", "The port was reached by a name")
            .detail(detail.to_owned())
    }

    /// A page from elsewhere made a browser send the request.
    pub(crate) fn foreign_origin() -> Problem {
        let detail = "Without an admin token pages of other origins may not use this port.";
        Problem::new(403, "foreign-origin", "The request comes from a page")
            .detail(detail.to_owned())
    }

    /// The path exists for other methods, which the router names.
    pub(crate) fn wrong_method() -> Problem {
        let title = "This path does not support this method";
        Problem::new(405, "method-not-allowed", title)
    }

    /// The component is larger than the host takes.
    pub(crate) fn component_too_large(limit: ByteSize) -> Problem {
        let title = "The component is too large";
        Problem::new(413, "component-too-large", title)
            .detail(format!("At most {limit} are taken (--component-limit)."))
    }

    /// The component did not arrive in time.
    pub(crate) fn component_timeout() -> Problem {
        let title = "The component did not arrive in time";
        Problem::new(408, "component-timeout", title)
    }

    /// As many components arrive as the host takes at a time.
    pub(crate) fn uploads_busy() -> Problem {
        Problem::new(503, "uploads-busy", "Other components are being uploaded")
            .retry_after(UNAVAILABLE_RETRY)
    }
}
