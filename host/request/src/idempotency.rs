//! `Idempotency-Key`: the same key and request give the same answer, once.
//!
//! The answer is recorded in the request's own transaction, so it exists exactly when what it
//! speaks of does. A refusal is not recorded: the client may try again with the same key.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{Answer, Refusal, Request};
use contract::{Access, Method, Route};
use storage::RecordedAnswer;

/// The header's name.
pub const HEADER: &str = "Idempotency-Key";
const MAX_KEY_BYTES: usize = 255;

/// A request's key, and what the request was.
pub(super) struct Key {
    pub(super) name: String,
    fingerprint: [u8; 32],
}

impl Key {
    /// Reads the key of a request that may have one: a POST that writes. One that only reads
    /// may be repeated as it is, and could not record its answer.
    pub(super) fn of(route: &Route, request: &Request) -> Result<Option<Key>, Refusal> {
        let Some(name) = &request.idempotency_key else {
            return Ok(None);
        };
        if route.method != Method::Post || route.access != Access::Write {
            return Ok(None);
        }
        let sound = (1..=MAX_KEY_BYTES).contains(&name.len())
            && name.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        if !sound {
            return Err(Refusal::BadHeader {
                header: HEADER,
                reason: format!("use 1 to {MAX_KEY_BYTES} visible ASCII characters"),
            });
        }
        let mut hash = Sha256::new();
        for part in [
            route.method.as_str().as_bytes(),
            request.path.as_bytes(),
            request.query.as_deref().unwrap_or("").as_bytes(),
            &request.body,
        ] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Ok(Some(Key {
            name: name.clone(),
            fingerprint: hash.finalize().into(),
        }))
    }

    /// The recorded answer, if it was recorded for this request.
    pub(super) fn replay(&self, recorded: RecordedAnswer) -> Result<Answer, Refusal> {
        if recorded.fingerprint != self.fingerprint {
            return Err(Refusal::KeyReused);
        }
        let header = |name: &str| {
            let found = recorded.headers.iter().find(|(header, _)| header == name);
            found.map(|(_, value)| value.clone())
        };
        Ok(Answer {
            status: recorded.status,
            etag: header("etag"),
            location: header("location"),
            next: header("next"),
            body: (recorded.status != 204).then(|| Bytes::from(recorded.body.clone())),
            replayed: true,
        })
    }

    pub(super) fn recorded(&self, answer: &Answer) -> RecordedAnswer {
        let headers = [
            ("etag", &answer.etag),
            ("location", &answer.location),
            ("next", &answer.next),
        ];
        RecordedAnswer {
            fingerprint: self.fingerprint,
            status: answer.status,
            headers: headers
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
                .collect(),
            body: answer.body.as_deref().unwrap_or_default().to_vec(),
        }
    }
}
