//! Samples as documents, which outlive the process. A document has what the client sent, with the texts
//! masked that are masked in recordings.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Sample, Samples, scramble};
use crate::recording::mask::{self, Arguments};
use crate::recording::method;
use crate::recording::value::Text;
use crate::recordings::micros;
use crate::{Conditions, Request};
use storage::recordings::StoredSample;

/// A sample, as JSON has it.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    request_id: String,
    method: String,
    route: String,
    path: String,
    parameters: Vec<(String, String)>,
    query: Option<String>,
    media_type: Option<String>,
    body: Option<Text>,
    strict: bool,
}

impl Samples {
    /// Adds samples that were stored, and returns how many. Those that this version cannot read are left
    /// out: another version has stored them.
    pub(crate) fn restore(&self, stored: &[StoredSample]) -> usize {
        // `pick` goes through the samples of a route backwards.
        let samples = stored.iter().rev().filter_map(read);
        let samples = samples.filter(|sample| self.takes(sample.bytes));
        let mut count = 0;
        for sample in samples {
            self.add(scramble(count) as usize, sample);
            count += 1;
        }
        count as usize
    }
}

/// Makes documents of the samples that were taken at `since` or later, in microseconds since the Unix
/// epoch. All together they take at most `limit_bytes`; what does not fit is left out.
pub(crate) fn documents(
    samples: &[Arc<Sample>],
    mask: &[String],
    since: i64,
    limit_bytes: usize,
) -> Vec<StoredSample> {
    let recent = samples.iter();
    let recent = recent.filter(|sample| micros(sample.taken_at) >= since);
    let mut bytes = 0;
    recent
        .filter_map(|sample| document(sample, mask))
        .take_while(|stored| {
            bytes += stored.document.len();
            bytes <= limit_bytes
        })
        .collect()
}

fn document(sample: &Sample, mask: &[String]) -> Option<StoredSample> {
    let request = &sample.request;
    let mut document = Document {
        request_id: request.id.clone(),
        method: sample.method.as_str().to_owned(),
        route: sample.path.clone(),
        path: request.path.clone(),
        parameters: request.parameters.clone(),
        query: request.query.clone(),
        media_type: request.media_type.clone(),
        body: (!request.body.is_empty()).then(|| Text::of(&request.body)),
        strict: request.strict,
    };
    if !mask.is_empty() {
        let arguments = Arguments {
            route: &document.route,
            path: &mut document.path,
            parameters: &mut document.parameters,
            query: &mut document.query,
            body: &mut document.body,
        };
        mask::apply_to_arguments(arguments, mask);
    }
    Some(StoredSample {
        taken_at: micros(sample.taken_at),
        document: serde_json::to_string(&document).ok()?,
    })
}

fn read(stored: &StoredSample) -> Option<Sample> {
    let document: Document = serde_json::from_str(&stored.document).ok()?;
    let body = document.body.as_ref().map(Text::bytes);
    let request = Request {
        id: document.request_id,
        trace_id: String::new(),
        path: document.path,
        parameters: document.parameters,
        query: document.query,
        media_type: document.media_type,
        body: Bytes::from(body.unwrap_or_default()),
        conditions: Conditions::default(),
        idempotency_key: None,
        dry_run: false,
        strict: document.strict,
    };
    Some(Sample {
        method: method(&document.method)?,
        path: document.route,
        bytes: size_of::<Sample>() + request.memory_bytes(),
        request,
        taken_at: UNIX_EPOCH + Duration::from_micros(stored.taken_at.unsigned_abs()),
    })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::samples::BYTES;
    use crate::samples::tests::{request, route};
    use contract::{Method, RouteIndex};

    fn sampled(requests: impl IntoIterator<Item = Request>) -> Samples {
        let samples = Samples::new(BYTES);
        let mut route = route("/people/{name}");
        route.method = Method::Patch;
        for request in requests {
            samples.offer(RouteIndex::new(0), &route, &request);
        }
        samples
    }

    fn patch(id: usize, body: &[u8]) -> Request {
        Request {
            path: "/people/Ada".into(),
            parameters: vec![("name".into(), "Ada".into())],
            query: Some("note=Ada+L&page=2".into()),
            media_type: Some("application/json".into()),
            body: Bytes::copy_from_slice(body),
            ..request(id, 0)
        }
    }

    fn stored(samples: &Samples, mask: &[&str]) -> Vec<StoredSample> {
        let mask: Vec<String> = mask.iter().map(|&path| path.into()).collect();
        documents(&samples.pick(usize::MAX), &mask, 0, BYTES)
    }

    #[test]
    fn samples_are_the_same_after_a_restart_in_the_same_order() {
        let bodies: [&[u8]; 3] = [b"", b"{\"name\": \"x\"}", b"\xff\0"];
        let before = sampled((0..).zip(bodies).map(|(id, body)| patch(id, body)));
        let after = Samples::new(BYTES);
        assert_eq!(after.restore(&stored(&before, &[])), 3);
        let [before, after] = [before, after].map(|samples| samples.pick(10));
        assert_eq!(after.len(), 3);
        for (before, after) in before.iter().zip(&after) {
            let requests = [before, after].map(|sample| format!("{:?}", sample.request));
            assert_eq!(requests[0], requests[1]);
            assert_eq!((before.method, &before.path), (after.method, &after.path));
            assert_eq!(micros(before.taken_at), micros(after.taken_at));
            assert_eq!(before.bytes, after.bytes);
        }
    }

    #[test]
    fn stored_samples_are_masked_as_recordings_are() {
        let body = b"{\"name\":\"Ada\",\"age\":36,\"motto\":\"Ada!\"}";
        let samples = sampled([patch(1, body)]);
        let masked = stored(&samples, &["name"]);
        let document: Document = serde_json::from_str(&masked[0].document).expect("a document");
        assert_eq!(document.path, "/people/xxx");
        assert_eq!(document.query.as_deref(), Some("note=xxx%20L&page=2"));
        let expected = b"{\"name\":\"xxx\",\"age\":36,\"motto\":\"xxx!\"}";
        assert_eq!(document.body, Some(Text::of(expected)));
        let all = &stored(&samples, &["*"])[0].document;
        assert!(!all.contains("Ada"), "{all}");
        assert!(all.contains("36"), "{all}");
    }

    #[test]
    fn what_is_stored_is_bounded_in_bytes_and_in_age() {
        // Each byte takes six in JSON.
        let body = [1; 60_000];
        let samples = sampled((0..60).map(|id| patch(id, &body)));
        assert_eq!(samples.pick(100).len(), 60);
        let kept = stored(&samples, &[]);
        let bytes: usize = kept.iter().map(|sample| sample.document.len()).sum();
        assert!(bytes <= BYTES && bytes > BYTES / 2, "{bytes}");
        let later = micros(SystemTime::now()) + 1_000_000;
        assert_eq!(documents(&samples.pick(100), &[], later, BYTES), []);
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let samples = Samples::new(BYTES);
        let mut kept = stored(&sampled([patch(1, b"1")]), &[]);
        kept.push(StoredSample {
            taken_at: 1,
            document: "{\"of\": \"a later version\"}".into(),
        });
        assert_eq!(samples.restore(&kept), 1);
        assert_eq!(samples.pick(10).len(), 1);
    }
}
