//! What HTTP serves of one revision, worked out once when the first request meets it.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::{Arc, OnceLock};

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::{Config, openapi};
use contract::RouteIndex;
use request::{Revision, entity_tag_of};

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

/// A file that does not change while its revision is active. It is packed when a client first
/// takes it so, once and as small as gzip makes it.
pub(super) struct File {
    pub(super) media_type: HeaderValue,
    /// Without quotes.
    pub(super) etag: String,
    plain: OnceLock<Bytes>,
    /// None where packing does not pay.
    gzip: OnceLock<Option<Bytes>>,
}

/// Smaller files fit in one packet as they are.
const LEAST_TO_PACK_BYTES: usize = 1024;

impl File {
    /// A media type that is no header value becomes bytes of unknown kind.
    pub(super) fn new(content: Bytes, media_type: &str) -> File {
        File {
            etag: entity_tag_of(&content),
            media_type: HeaderValue::from_str(media_type)
                .unwrap_or(HeaderValue::from_static("application/octet-stream")),
            plain: content.into(),
            gzip: OnceLock::new(),
        }
    }

    /// The same of what gzip has packed already, when the host was built.
    pub(super) fn packed(content: Bytes, media_type: &str) -> File {
        let file = File::new(content.clone(), media_type);
        File {
            plain: OnceLock::new(),
            gzip: Some(content).into(),
            ..file
        }
    }

    /// The content as it is.
    pub(super) fn plain(&self) -> &Bytes {
        self.plain.get_or_init(|| {
            let packed = self.gzip.get().and_then(Option::as_deref);
            let mut plain = Vec::new();
            GzDecoder::new(packed.unwrap_or_default())
                .read_to_end(&mut plain)
                .expect("the file was packed by gzip when the host was built");
            plain.into()
        })
    }

    /// The content packed; none where that does not make it smaller.
    pub(super) fn gzip(&self) -> Option<&Bytes> {
        let packed = self.gzip.get_or_init(|| {
            let plain = self.plain();
            if plain.len() < LEAST_TO_PACK_BYTES || !packs(Some(&self.media_type)) {
                return None;
            }
            let mut packer = GzEncoder::new(Vec::new(), Compression::best());
            packer.write_all(plain).ok()?;
            let packed = packer.finish().ok()?;
            (packed.len() < plain.len()).then(|| packed.into())
        });
        packed.as_ref()
    }
}

/// Whether content of a media type becomes smaller when packed: most images and fonts are
/// packed already.
pub(super) fn packs(media_type: Option<&HeaderValue>) -> bool {
    let kind = media_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let packed = [
        // Not packed, but gathering it would keep messages back.
        "text/event-stream",
        "image/",
        "font/woff",
        "audio/",
        "video/",
        "application/zip",
        "application/gzip",
    ];
    kind.starts_with("image/svg") || !packed.iter().any(|prefix| kind.starts_with(prefix))
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
    pub(super) fn template(&self, route: RouteIndex) -> Arc<str> {
        self.templates.get(route.get()).cloned().unwrap_or_default()
    }

    /// Names the revision in an answer of it.
    pub(super) fn sign(&self, response: &mut Response) {
        response.headers_mut().insert(REVISION, self.header.clone());
    }

    /// The description of the revision's API, with the host's own paths.
    pub(super) fn openapi(&self, revision: &Revision, config: &Config) -> &File {
        self.openapi.get_or_init(|| {
            let document = openapi::with_host_paths(&revision.openapi, config);
            File::new(document.to_string().into(), "application/json")
        })
    }
}
