//! Reads a request's body within limits of size and time. Used by the API and by the admin API.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::buffered::{Account, Full, owned};
use super::byte_size::ByteSize;

/// The limits of one body.
#[derive(Clone, Copy)]
pub(super) struct Limits<'a> {
    /// Where its bytes are counted.
    pub(super) account: Option<&'a Arc<Account>>,
    pub(super) size: ByteSize,
    /// How long the whole body may take.
    pub(super) time: Duration,
}

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It has a content coding.
    Encoded,
    /// It is above the limit.
    TooLarge,
    /// It did not arrive in time.
    TooSlow,
    /// It ended early.
    Incomplete,
    /// The memory for bodies and answers is used up.
    Full(Full),
}

/// Reads the whole body.
///
/// If `Content-Length` is above the limit, this fails before it reads a byte, so a client that
/// waits for `100 Continue` never sends the body.
///
/// # Errors
/// Returns [`BodyError`]. The rest of the body is not read.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    limits: Limits<'_>,
) -> Result<Bytes, BodyError> {
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|coding| coding != "identity")
    {
        return Err(BodyError::Encoded);
    }
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|declared| declared > limits.size.0) {
        return Err(BodyError::TooLarge);
    }
    match timeout(limits.time, collect(body, declared, limits)).await {
        Ok(read) => read,
        Err(_) => Err(BodyError::TooSlow),
    }
}

async fn collect(
    mut body: Body,
    declared: Option<usize>,
    limits: Limits<'_>,
) -> Result<Bytes, BodyError> {
    let mut reserved = limits.account.map(|account| account.request());
    // Most bodies arrive in one piece, which is returned without a copy.
    let mut first = Bytes::new();
    let mut joined: Option<BytesMut> = None;
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| BodyError::Incomplete)?.into_data() else {
            continue;
        };
        let received = joined.as_ref().map_or(first.len(), BytesMut::len);
        if piece.len() > limits.size.0 - received {
            return Err(BodyError::TooLarge);
        }
        if let Some(reserved) = &mut reserved {
            reserved.grow(piece.len()).map_err(BodyError::Full)?;
        }
        match &mut joined {
            Some(joined) => joined.extend_from_slice(&piece),
            None if first.is_empty() => first = piece,
            None => {
                // Reserved up front: growing would copy, and hold twice the memory for a moment.
                let least = first.len() + piece.len();
                let room = declared.unwrap_or_default().max(least);
                let mut buffer = BytesMut::with_capacity(room);
                buffer.extend_from_slice(&first);
                buffer.extend_from_slice(&piece);
                joined = Some(buffer);
            }
        }
    }
    let read = joined.map_or(first, BytesMut::freeze);
    Ok(match reserved {
        Some(reserved) if !read.is_empty() => owned(read, reserved),
        _ => read,
    })
}

#[cfg(test)]
mod tests {
    use std::io;

    use futures_util::stream;

    use super::*;

    async fn read_pieces(pieces: &'static [&'static str]) -> Result<Bytes, BodyError> {
        let pieces = stream::iter(pieces.iter().map(|piece| Ok::<_, io::Error>(*piece)));
        let limits = Limits {
            account: None,
            size: ByteSize(8),
            time: Duration::from_secs(10),
        };
        read(&HeaderMap::new(), Body::from_stream(pieces), limits).await
    }

    #[tokio::test]
    async fn pieces_are_joined_up_to_the_limit() {
        for (pieces, expected) in [
            (&[][..], Ok("")),
            (&["12345678"], Ok("12345678")),
            (&["", "123", "", "45", "678"], Ok("12345678")),
            (&["123456789"], Err(BodyError::TooLarge)),
            (&["123", "45", "6789"], Err(BodyError::TooLarge)),
        ] {
            let read = read_pieces(pieces).await;
            assert_eq!(read, expected.map(Bytes::from), "{pieces:?}");
        }
    }
}
