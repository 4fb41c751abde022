//! `Idempotency-Key`: a request that is sent twice with the same key runs once and gets the same
//! answer twice.
//!
//! The answer is recorded in the request's own transaction, so it exists exactly if the request's
//! changes do. Errors are not recorded: the client may try again with the same key. A dry run is
//! answered with a recorded answer like any other request, and leaves no record.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{Answer, Error, Request};
use contract::{Access, Method, Route};
use storage::RecordedAnswer;

/// The header's name.
pub const HEADER: &str = "Idempotency-Key";
const MAX_KEY_BYTES: usize = 255;

/// A request's key, and a fingerprint of the request.
pub(super) struct Key {
    pub(super) name: String,
    fingerprint: [u8; 32],
}

impl Key {
    /// Reads the key of a POST that writes. On any other request the header is ignored: a read
    /// may be repeated without a key, and its transaction could not record the answer.
    ///
    /// Returns [`Error::BadHeader`] if the key is empty, too long or not visible ASCII.
    pub(super) fn of(route: &Route, request: &Request) -> Result<Option<Key>, Error> {
        let Some(name) = &request.idempotency_key else {
            return Ok(None);
        };
        if route.method != Method::Post || route.access != Access::Write {
            return Ok(None);
        }
        let is_valid = (1..=MAX_KEY_BYTES).contains(&name.len())
            && name.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        if !is_valid {
            return Err(Error::BadHeader {
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

    /// Returns the recorded answer, or [`Error::KeyReused`] if it was recorded for another request.
    pub(super) fn replay(&self, recorded: RecordedAnswer) -> Result<Answer, Error> {
        if recorded.fingerprint != self.fingerprint {
            return Err(Error::KeyReused);
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

    /// The record of an answer.
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
