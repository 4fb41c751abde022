//! Follows a deployment to its end, through dropped connections and restarts of the host.
//!
//! A stream of events that broke off is resumed after the last event that was received. The result
//! is always the deployment as the host has recorded it, never the stream.

use std::ops::ControlFlow;
use std::time::Duration;

use reqwest::{Method, StatusCode};

use super::api::Client;
use super::error::Error;
use super::sse::Decoder;
use contract::deployment::Stage;
use deployment::model::{Deployment, Event};

/// How long to wait for a host that does not answer.
#[derive(Debug, Clone)]
pub(in crate::cli) struct RetryPolicy {
    /// Maximum number of streams in a row that end without a new event.
    pub(in crate::cli) attempts: u32,
    /// The first pause. Each further pause is twice as long, up to [`MAX_PAUSE`].
    pub(in crate::cli) first_pause: Duration,
    /// How long a stream may be silent. Hosts send a comment every 15 s.
    pub(in crate::cli) silence: Duration,
}

const MAX_PAUSE: Duration = Duration::from_secs(2);

impl RetryPolicy {
    /// Returns the pause after a number of failures in a row.
    pub(in crate::cli) fn pause(&self, failures: u32) -> Duration {
        let pause = self.first_pause * 2u32.saturating_pow(failures);
        pause.min(MAX_PAUSE)
    }
}

impl Default for RetryPolicy {
    /// Retries for about half a minute, the time in which a host is usually restarted elsewhere.
    fn default() -> Self {
        RetryPolicy {
            attempts: 20,
            first_pause: Duration::from_millis(100),
            silence: Duration::from_secs(45),
        }
    }
}

/// An update about a deployment that is followed.
#[derive(Debug)]
pub(in crate::cli) enum Update<'a> {
    /// A new event.
    Event(&'a Event),
    /// The stream broke off and will be resumed.
    Interrupted,
}

impl Client {
    /// Follows a deployment until it has ended or `on_update` breaks, and returns it in its current
    /// state. `after` is the number of the last event that is already known.
    ///
    /// # Errors
    /// [`Error::Lost`] if the host did not answer for too long; other errors if a retry would not
    /// help.
    pub(in crate::cli) async fn follow(
        &self,
        id: i64,
        mut after: Option<u64>,
        retry: &RetryPolicy,
        mut on_update: impl FnMut(Update<'_>) -> ControlFlow<()>,
    ) -> Result<Deployment, Error> {
        let mut stage = "unknown".to_owned();
        let mut failures = 0;
        let mut stream_finished = false;
        loop {
            let last_seen = after;
            let mut on_event = |event: &Event| {
                after = Some(event.number);
                stage = event.stage.to_string();
                on_update(Update::Event(event))
            };
            // Both requests, for the stream and then for the deployment, may meet a host that
            // restarts.
            let attempt = match stream_finished {
                false => self.read_stream(id, last_seen, retry, &mut on_event).await,
                true => Ok(StreamEnd::Finished),
            };
            let attempt = match attempt {
                Ok(StreamEnd::Finished) => {
                    stream_finished = true;
                    self.deployment(id).await.map(Some)
                }
                Ok(StreamEnd::Interrupted { alive }) => {
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
                Err(error) if error.is_transient() => {}
                Err(error) => return Err(error),
            }
            if failures == retry.attempts {
                let deployment = self.deployment(id).await;
                return match deployment {
                    Ok(deployment) if deployment.ended_at.is_some() => Ok(deployment),
                    _ => Err(Error::Lost { id, stage }),
                };
            }
            if failures == 0 {
                let _ = on_update(Update::Interrupted);
            }
            tokio::time::sleep(retry.pause(failures)).await;
            failures += 1;
        }
    }

    /// Reads one stream of events to its end.
    async fn read_stream(
        &self,
        id: i64,
        after: Option<u64>,
        retry: &RetryPolicy,
        on_event: &mut impl FnMut(&Event) -> ControlFlow<()>,
    ) -> Result<StreamEnd, Error> {
        let path = format!("admin/deployments/{id}/events");
        let mut request = self
            .request(Method::GET, &path)
            // The stream has no time limit. Silence is limited below.
            .timeout(Duration::MAX);
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let Ok(response) = tokio::time::timeout(retry.silence, self.send(request)).await else {
            return Ok(StreamEnd::Interrupted { alive: false });
        };
        let mut response = response?;
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(StreamEnd::Finished);
        }
        let mut decoder = Decoder::default();
        // Every host sends a first chunk at once. Only a second chunk or a new event shows that the
        // host is alive.
        let (mut chunks, mut new_event) = (0u64, false);
        loop {
            let chunk = tokio::time::timeout(retry.silence, response.chunk()).await;
            let Ok(Ok(Some(chunk))) = chunk else {
                let alive = new_event || chunks > 1;
                return Ok(StreamEnd::Interrupted { alive });
            };
            chunks += 1;
            let messages = decoder.feed(&chunk);
            let messages = messages.map_err(|error| Error::InvalidResponse(error.to_string()))?;
            for message in messages {
                let event: Event = serde_json::from_str(&message.data)
                    .map_err(|error| Error::InvalidResponse(error.to_string()))?;
                if after.is_some_and(|after| event.number <= after) {
                    continue;
                }
                new_event = true;
                if on_event(&event).is_break() || event.stage == Stage::End {
                    return Ok(StreamEnd::Finished);
                }
            }
        }
    }
}

/// How a stream ended.
enum StreamEnd {
    /// The deployment has ended, or the caller does not want more events.
    Finished,
    /// The stream broke off. `alive` says whether the host was alive until then: a host that is not
    /// alive is retried only a limited number of times.
    Interrupted { alive: bool },
}
