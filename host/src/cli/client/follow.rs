//! Following a deployment to its end, through dropped connections and restarts of the host.
//!
//! The stream of events is resumed after the last one that was seen. What counts in the end is
//! the deployment as the host remembers it, not the stream.

use std::ops::ControlFlow;
use std::time::Duration;

use reqwest::{Method, StatusCode};

use super::messages::Messages;
use super::{Client, Error};
use contract::deployment::Stage;
use deployment::model::{Deployment, Event};

/// How long a host that does not answer is waited for.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Patience {
    /// How often in a row the stream may end without a new event.
    pub(in crate::cli) attempts: u32,
    /// The pause after the first time; it doubles, up to [`LONGEST_PAUSE`].
    pub(in crate::cli) pause: Duration,
    /// How long a stream may be silent. Hosts send a comment every 15 s.
    pub(in crate::cli) silence: Duration,
}

const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl Default for Patience {
    /// About half a minute: what a host takes to be started elsewhere.
    fn default() -> Self {
        Patience {
            attempts: 20,
            pause: Duration::from_millis(100),
            silence: Duration::from_secs(45),
        }
    }
}

/// What is told while a deployment is followed.
#[derive(Debug)]
pub(in crate::cli) enum Progress<'a> {
    /// Something happened.
    Event(&'a Event),
    /// The stream broke off, and is asked for again.
    Interrupted,
}

impl Client {
    /// Follows a deployment until it has ended, or until `told` has heard enough, and returns it
    /// as it is then. `after` is the last event that is known already.
    pub(in crate::cli) async fn follow(
        &self,
        id: i64,
        mut after: Option<u64>,
        patience: &Patience,
        mut told: impl FnMut(Progress<'_>) -> ControlFlow<()>,
    ) -> Result<Deployment, Error> {
        let mut stage = "its beginning".to_owned();
        let mut failures = 0;
        let mut enough = false;
        loop {
            let before = after;
            let mut hear = |event: &Event| {
                after = Some(event.number);
                stage = event.stage.to_string();
                told(Progress::Event(event))
            };
            // The stream, and then the deployment: each may meet a host that restarts.
            let attempt = match enough {
                false => self.listen(id, before, patience, &mut hear).await,
                true => Ok(Heard::Enough),
            };
            let attempt = match attempt {
                Ok(Heard::Enough) => {
                    enough = true;
                    self.deployment(id).await.map(Some)
                }
                Ok(Heard::Part { alive }) => {
                    if alive {
                        failures = 0;
                    }
                    Ok(None)
                }
                Err(error) => Err(error),
            };
            match attempt {
                Ok(Some(deployment)) => return Ok(deployment),
                Ok(None) => {}
                Err(error) if error.is_passing() => {}
                Err(error) => return Err(error),
            }
            if failures == patience.attempts {
                let deployment = self.deployment(id).await;
                return match deployment {
                    Ok(deployment) if deployment.ended_at.is_some() => Ok(deployment),
                    _ => Err(Error::Lost { id, stage }),
                };
            }
            if failures == 0 {
                let _ = told(Progress::Interrupted);
            }
            let pause = patience.pause * 2u32.saturating_pow(failures);
            tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
            failures += 1;
        }
    }

    /// Reads one stream of events for as long as it lasts.
    async fn listen(
        &self,
        id: i64,
        after: Option<u64>,
        patience: &Patience,
        hear: &mut impl FnMut(&Event) -> ControlFlow<()>,
    ) -> Result<Heard, Error> {
        let path = format!("admin/deployments/{id}/events");
        let mut request = self
            .request(Method::GET, &path)
            // As long as it takes; silence is watched below.
            .timeout(Duration::MAX);
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let Ok(response) = tokio::time::timeout(patience.silence, self.send(request)).await else {
            return Ok(Heard::Part { alive: false });
        };
        let mut response = response?;
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(Heard::Enough);
        }
        let mut messages = Messages::default();
        // The first piece comes at once from any host; a second one, or news, shows that it lives.
        let (mut pieces, mut news) = (0u64, false);
        loop {
            let piece = tokio::time::timeout(patience.silence, response.chunk()).await;
            let Ok(Ok(Some(piece))) = piece else {
                let alive = news || pieces > 1;
                return Ok(Heard::Part { alive });
            };
            pieces += 1;
            let complete = messages.take(&piece);
            let complete = complete.map_err(|error| Error::Strange(error.to_string()))?;
            for message in complete {
                let event: Event = serde_json::from_str(&message.data)
                    .map_err(|error| Error::Strange(error.to_string()))?;
                if after.is_some_and(|after| event.number <= after) {
                    continue;
                }
                news = true;
                if hear(&event).is_break() || event.stage == Stage::End {
                    return Ok(Heard::Enough);
                }
            }
        }
    }
}

/// How a stream ended.
enum Heard {
    /// With the deployment, or when enough was heard.
    Enough,
    /// Before that. Whether it was alive until then: what does not live is not asked for ever.
    Part { alive: bool },
}
