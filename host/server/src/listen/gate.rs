//! What hyper does not refuse in HTTP/1, or refuses without a body: this looks at each request's head
//! before hyper does.
//!
//! hyper accepts lines that end with a bare LF, `Content-Length` beside `Transfer-Encoding`, repeated
//! `Content-Length` and any list of transfer codings that ends with `chunked`. Two programs that read
//! such a request differently disagree on where it ends, and the rest of it becomes a request of
//! somebody else. The gate lets bytes through in order, so it must know where each body ends. It does
//! not change what it lets through, and hyper reads it again.
//!
//! A refused head is replaced by [`refused`], which the service answers with the problem. Nothing
//! after it is let through.

use bytes::{Bytes, BytesMut};
use httparse::{EMPTY_HEADER, Error, Header, Request, Status, parse_chunk_size};
use memchr::memchr_iter;

use crate::wire::{Refusal, UNKNOWN_HOST};

/// The first bytes of HTTP/2 (RFC 9113, 3.4). The gate does not look at what follows.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The most headers of a request, as in hyper.
const MAX_HEADERS: usize = 100;

/// The longest target that `http::Uri` can hold.
const MAX_TARGET_BYTES: usize = u16::MAX as usize - 1;

/// The gate of one connection.
pub(super) struct Gate {
    state: State,
    /// Whether this is an HTTP/1 connection. HTTP/2 begins with its preface.
    is_http_1: bool,
    /// A head that is not complete.
    partial: BytesMut,
    /// A line of a chunked body that is not complete.
    line: Vec<u8>,
    /// How much of `partial` has no bare LF.
    checked: usize,
    max_head_bytes: usize,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Head,
    /// A body with that many bytes left.
    Body(u64),
    /// The line with a chunk's size and extensions (RFC 9112, 7.1).
    ChunkSize,
    /// A chunk's data, with that many bytes left, with the line break after it.
    ChunkData(u64),
    /// A line of the trailers, after that many bytes of trailers.
    Trailer(usize),
    /// HTTP/2.
    Frames,
    /// A head was refused, or hyper will refuse the body. Nothing more is let through.
    Closed,
}

/// What happened to bytes that arrived.
#[derive(Debug, PartialEq)]
pub(super) struct Passed {
    /// That many of the bytes may go on to hyper. The gate keeps the others.
    pub(super) direct: usize,
    /// After them, these go on: a head that arrived in several parts, or the one of [`refused`].
    pub(super) then: Bytes,
    pub(super) refusal: Option<Refusal>,
}

impl Gate {
    pub(super) fn new(max_head_bytes: usize) -> Gate {
        Gate {
            state: State::Head,
            is_http_1: false,
            partial: BytesMut::new(),
            line: Vec::new(),
            checked: 0,
            max_head_bytes,
        }
    }

    /// Whether a head has begun and is not complete.
    pub(super) fn is_within_head(&self) -> bool {
        self.state == State::Head && !self.partial.is_empty()
    }

    /// Whether the connection speaks HTTP/2.
    pub(super) fn is_http_2(&self) -> bool {
        self.state == State::Frames
    }

    /// Whether nothing more is let through.
    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Looks at bytes that arrived.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Passed {
        if !self.partial.is_empty() {
            self.partial.extend_from_slice(bytes);
            let mut all = std::mem::take(&mut self.partial);
            let (through, refusal) = self.advance(&all);
            let mut then = all.split_to(through);
            if self.state == State::Head {
                self.partial = all;
            }
            if let Some((_, is_head)) = refusal {
                then.extend_from_slice(refused(is_head));
            }
            return Passed {
                direct: 0,
                then: then.freeze(),
                refusal: refusal.map(|(refusal, _)| refusal),
            };
        }
        let (direct, refusal) = self.advance(bytes);
        if self.state == State::Head {
            self.partial = BytesMut::from(&bytes[direct..]);
        }
        let then = refusal.map_or(&b""[..], |(_, is_head)| refused(is_head));
        Passed {
            direct,
            then: Bytes::from_static(then),
            refusal: refusal.map(|(refusal, _)| refusal),
        }
    }

    /// Returns how many bytes may go on, and why the head after them is refused, and whether it is
    /// of a HEAD request.
    fn advance(&mut self, bytes: &[u8]) -> (usize, Option<(Refusal, bool)>) {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            match self.state {
                State::Frames => return (bytes.len(), None),
                State::Closed => break,
                State::Body(left) | State::ChunkData(left) => {
                    let size = left.min(rest.len() as u64);
                    at += size as usize;
                    self.state = match (self.state, left - size) {
                        (State::Body(_), 0) => State::Head,
                        (State::Body(_), left) => State::Body(left),
                        (_, 0) => State::ChunkSize,
                        (_, left) => State::ChunkData(left),
                    };
                }
                State::ChunkSize | State::Trailer(_) => {
                    let end = rest.iter().position(|byte| *byte == b'\n');
                    let part = &rest[..end.map_or(rest.len(), |end| end + 1)];
                    at += part.len();
                    self.line.extend_from_slice(part);
                    if self.line.len() > self.max_head_bytes {
                        self.state = State::Closed;
                    } else if end.is_some() {
                        self.state = after_line(self.state, &self.line, self.max_head_bytes);
                        self.line.clear();
                    }
                }
                State::Head => match self.head(rest) {
                    Ok(Some(size)) => {
                        at += size;
                        self.checked = 0;
                    }
                    Ok(None) => break,
                    Err(refusal) => {
                        self.state = State::Closed;
                        return (at, Some((refusal, rest.starts_with(b"HEAD "))));
                    }
                },
            }
        }
        (at, None)
    }

    /// Returns the size of the head at the beginning of the bytes, and sets what follows it. `None`:
    /// the head is not complete.
    fn head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Refusal> {
        // RFC 9112, 2.2: an empty line before a request is ignored.
        if bytes.starts_with(b"\r\n") {
            self.is_http_1 = true;
            return Ok(Some(2));
        }
        if bytes == b"\r" {
            return Ok(None);
        }
        if !self.is_http_1 {
            if bytes.starts_with(PREFACE) {
                self.state = State::Frames;
                return Ok(Some(PREFACE.len()));
            }
            if PREFACE.starts_with(bytes) {
                return Ok(None);
            }
            self.is_http_1 = true;
        }
        let mut end = None;
        for at in memchr_iter(b'\n', &bytes[self.checked..]) {
            let line = &bytes[..=self.checked + at];
            if !line.ends_with(b"\r\n") {
                return Err(Refusal::BareLineFeed);
            }
            if line.ends_with(b"\r\n\r\n") {
                end = Some(line.len());
                break;
            }
        }
        let head = &bytes[..end.unwrap_or(bytes.len())];
        if head.len() > self.max_head_bytes || (end.is_none() && head.len() == self.max_head_bytes)
        {
            let line = head.windows(2).position(|window| window == b"\r\n");
            return Err(match line {
                Some(line) if line + 2 <= self.max_head_bytes => Refusal::HeadTooLarge,
                _ => Refusal::TargetTooLong,
            });
        }
        // Bytes that cannot become a head are refused at once, and not when the time is over.
        if end.is_some() || self.checked == 0 {
            let framing = judge(head)?;
            if end.is_some() {
                self.state = framing;
            }
        }
        self.checked = head.len();
        Ok(end)
    }
}

/// What follows a line of a chunked body. hyper refuses what is not valid.
fn after_line(state: State, line: &[u8], max_trailer_bytes: usize) -> State {
    match state {
        _ if !line.ends_with(b"\r\n") => State::Closed,
        State::Trailer(_) if line == b"\r\n" => State::Head,
        State::Trailer(before) if before + line.len() <= max_trailer_bytes => {
            State::Trailer(before + line.len())
        }
        State::ChunkSize if line[0].is_ascii_hexdigit() => match parse_chunk_size(line) {
            Ok(Status::Complete((_, 0))) => State::Trailer(0),
            Ok(Status::Complete((_, size))) => State::ChunkData(size.saturating_add(2)),
            _ => State::Closed,
        },
        _ => State::Closed,
    }
}

/// The head that hyper gets in place of one that is refused. No other request has this host.
fn refused(is_head: bool) -> &'static [u8] {
    const _: () = assert!(UNKNOWN_HOST.len() == 1);
    match is_head {
        true => b"HEAD / HTTP/1.1\r\nhost: ?\r\nconnection: close\r\n\r\n",
        false => b"REFUSED / HTTP/1.1\r\nhost: ?\r\nconnection: close\r\n\r\n",
    }
}

/// Checks a head, complete or not, and returns how its body is framed (RFC 9112, 6.3).
fn judge(head: &[u8]) -> Result<State, Refusal> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut request = Request::new(&mut headers);
    match request.parse(head) {
        Ok(Status::Complete(_)) => {}
        Ok(Status::Partial) => return Ok(State::Head),
        Err(Error::TooManyHeaders) => return Err(Refusal::HeadTooLarge),
        Err(Error::Version) => return Err(version(head)),
        Err(Error::HeaderName) => return Err(Refusal::HeaderName),
        Err(Error::HeaderValue) => return Err(Refusal::HeaderValue),
        Err(_) => return Err(Refusal::RequestLine),
    }
    let target = request.path.unwrap_or_default();
    if target.len() > MAX_TARGET_BYTES {
        return Err(Refusal::TargetTooLong);
    }
    if target.contains('#') {
        return Err(Refusal::Target);
    }
    let (mut length, mut codings) = (None, None);
    for Header { name, value } in request.headers.iter() {
        if name.eq_ignore_ascii_case("content-length") {
            if length.is_some() {
                return Err(Refusal::ContentLength);
            }
            length = Some(content_length(value)?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            if codings.is_some() || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(coding(value));
            }
            codings = Some(());
        }
    }
    match (codings, length) {
        (Some(()), Some(_)) => Err(Refusal::TwoLengths),
        (Some(()), None) if request.version == Some(0) => Err(Refusal::TransferEncoding),
        (Some(()), None) => Ok(State::ChunkSize),
        (None, None | Some(0)) => Ok(State::Head),
        (None, Some(length)) => Ok(State::Body(length)),
    }
}

fn content_length(value: &[u8]) -> Result<u64, Refusal> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::ContentLength);
    }
    let text = std::str::from_utf8(value).unwrap_or_default();
    // hyper uses the largest numbers for other purposes.
    match text.parse::<u64>() {
        Ok(length) if length <= i64::MAX as u64 => Ok(length),
        _ => Err(Refusal::BodyTooLarge),
    }
}

/// Why a `Transfer-Encoding` that is not `chunked` alone is refused.
fn coding(value: &[u8]) -> Refusal {
    let mut codings = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let known = |coding: &[u8]| coding.is_empty() || coding.eq_ignore_ascii_case(b"chunked");
    match codings.all(known) {
        true => Refusal::TransferEncoding,
        false => Refusal::TransferCoding,
    }
}

/// Whether the request line ends with a version of HTTP that the host does not speak.
fn version(head: &[u8]) -> Refusal {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut parts = line.split(|byte| *byte == b' ');
    match (parts.nth(2).unwrap_or_default(), parts.next()) {
        ([b'H', b'T', b'T', b'P', b'/', major, b'.', minor], None)
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Refusal::Version
        }
        _ => Refusal::RequestLine,
    }
}

#[cfg(test)]
mod tests;
