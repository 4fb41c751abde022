//! Files that do not change while their revision is active, and the answers to GET and HEAD for
//! them: plain or compressed.

use std::io::Write;
use std::sync::OnceLock;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::buffered::SharedBuffer;
use super::etag::{self, REVALIDATE};
use request::entity_tag_of;

/// A file. It is compressed once, as small as gzip can make it, when a client first accepts that.
pub(super) struct File {
    media_type: HeaderValue,
    /// Without quotes.
    etag: String,
    plain: Bytes,
    /// `None` if compressing does not make the file smaller.
    gzip: OnceLock<Option<Bytes>>,
}

/// Files below this size fit in one packet and are not compressed.
const LEAST_TO_COMPRESS_BYTES: usize = 1024;

impl File {
    /// Creates a file. A media type that is not a valid header value becomes
    /// `application/octet-stream`.
    pub(super) fn new(content: Bytes, media_type: &str) -> File {
        File {
            etag: entity_tag_of(&content),
            media_type: HeaderValue::from_str(media_type)
                .unwrap_or(HeaderValue::from_static("application/octet-stream")),
            plain: content,
            gzip: OnceLock::new(),
        }
    }

    /// Answers GET and HEAD. The answer is compressed if the client accepts that.
    pub(super) fn respond(&self, request_headers: &HeaderMap) -> Response {
        let compressed = self.gzip().filter(|_| accepts_gzip(request_headers));
        let content = compressed.unwrap_or(&self.plain);
        let mut response = Response::new(Body::from(content.clone()));
        response.extensions_mut().insert(SharedBuffer);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, self.media_type.clone());
        headers.insert(CACHE_CONTROL, REVALIDATE);
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if compressed.is_some() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Some(tag) = etag::header(&self.etag) {
            headers.insert(ETAG, tag);
        }
        response
    }

    fn gzip(&self) -> Option<&Bytes> {
        let compressed = self.gzip.get_or_init(|| {
            let plain = &self.plain;
            if plain.len() < LEAST_TO_COMPRESS_BYTES || !is_compressible(Some(&self.media_type)) {
                return None;
            }
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(plain).ok()?;
            let compressed = encoder.finish().ok()?;
            (compressed.len() < plain.len()).then(|| compressed.into())
        });
        compressed.as_ref()
    }
}

/// Whether content of a media type becomes smaller when it is compressed. Most images and fonts
/// are compressed already.
pub(super) fn is_compressible(media_type: Option<&HeaderValue>) -> bool {
    let kind = media_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let incompressible = [
        // It would become smaller, but compression would delay its messages.
        "text/event-stream",
        "image/",
        "font/woff",
        "audio/",
        "video/",
        "application/zip",
        "application/gzip",
    ];
    kind.starts_with("image/svg") || !incompressible.iter().any(|prefix| kind.starts_with(prefix))
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).iter();
    lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let named = matches!(parts.next(), Some("gzip" | "*"));
            named && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
}
