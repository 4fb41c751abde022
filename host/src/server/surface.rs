//! What HTTP serves of one revision, worked out once when the first request meets it.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use bytes::Bytes;

use super::openapi;
use crate::request::{Revision, entity_tag_of};

const REVISION: HeaderName = HeaderName::from_static("task-host-revision");

/// One revision, as HTTP shows it.
pub(super) struct Surface {
    /// The first 12 hex digits of its digest: the label of metrics.
    pub(super) label: Arc<str>,
    /// The same, as the `Task-Host-Revision` header.
    header: HeaderValue,
    /// Each route's template, by its index: the label of metrics.
    templates: Vec<Arc<str>>,
    /// The web UI's files by path.
    pub(super) assets: HashMap<String, File>,
    /// Made when it is first asked for: requests to operations do not wait for it.
    openapi: OnceLock<File>,
}

/// A file that does not change while its revision is active.
pub(super) struct File {
    pub(super) content: Bytes,
    pub(super) media_type: HeaderValue,
    /// Without quotes.
    pub(super) etag: String,
}

impl File {
    /// A media type that is no header value becomes bytes of unknown kind.
    pub(super) fn new(content: Bytes, media_type: &str) -> File {
        File {
            etag: entity_tag_of(&content),
            media_type: HeaderValue::from_str(media_type)
                .unwrap_or(HeaderValue::from_static("application/octet-stream")),
            content,
        }
    }
}

impl Surface {
    /// A revision's. It lives in the revision, and is freed with it.
    pub(super) fn of(revision: &Revision) -> &Surface {
        let shown = revision
            .shown
            .get_or_init(|| Box::new(Surface::new(revision)));
        shown
            .downcast_ref()
            .expect("nobody else keeps anything there")
    }

    fn new(revision: &Revision) -> Surface {
        let digest = revision.digest.get(..12).unwrap_or(&revision.digest);
        let assets = revision.assets.iter().map(|asset| {
            let content = Bytes::copy_from_slice(&asset.content);
            (asset.path.clone(), File::new(content, &asset.media_type))
        });
        let templates = revision.description.routes.iter();
        Surface {
            label: digest.into(),
            header: HeaderValue::from_str(digest).expect("a digest is hex digits"),
            templates: templates.map(|route| route.path.as_str().into()).collect(),
            assets: assets.collect(),
            openapi: OnceLock::new(),
        }
    }

    /// The template that the route of that index stands on.
    pub(super) fn template(&self, route: usize) -> Arc<str> {
        self.templates.get(route).cloned().unwrap_or_default()
    }

    /// Names the revision in an answer of it.
    pub(super) fn sign(&self, response: &mut Response) {
        response.headers_mut().insert(REVISION, self.header.clone());
    }

    /// The description of the revision's API, with the host's own paths.
    pub(super) fn openapi(&self, revision: &Revision, with_metrics: bool) -> &File {
        self.openapi.get_or_init(|| {
            let document = openapi::with_host_paths(&revision.openapi, with_metrics);
            File::new(document.to_string().into(), "application/json")
        })
    }
}
