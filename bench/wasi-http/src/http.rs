//! A body in, an answer out, by `wasi:http`'s streams.

use std::io::Write as _;

use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::StreamError;

/// How much of a body is read at once.
const PIECE: u64 = 64 * 1024;

/// The request's body; empty where it broke off.
pub fn body(request: &IncomingRequest) -> Vec<u8> {
    let mut read = Vec::new();
    let Ok(body) = request.consume() else {
        return read;
    };
    let Ok(stream) = body.stream() else {
        return read;
    };
    loop {
        match stream.blocking_read(PIECE) {
            Ok(piece) => read.extend_from_slice(&piece),
            Err(StreamError::Closed) => return read,
            Err(StreamError::LastOperationFailed(_)) => return Vec::new(),
        }
    }
}

/// Answers, with the length that tells the client where the answer ends.
pub fn answer(out: ResponseOutparam, status: u16, media_type: &str, text: &str) {
    let fields = Fields::new();
    let length = text.len().to_string();
    let headers = [("content-type", media_type), ("content-length", &length)];
    for (name, value) in headers {
        // Both are names and values that HTTP allows.
        let _ = fields.append(name, value.as_bytes());
    }
    let response = OutgoingResponse::new(fields);
    // Each fails only where it was done before, and a client that left is nobody to tell.
    let _ = response.set_status_code(status);
    let Ok(body) = response.body() else {
        return;
    };
    ResponseOutparam::set(out, Ok(response));
    if let Ok(mut stream) = body.write() {
        let _ = stream.write_all(text.as_bytes());
        let _ = stream.flush();
    }
    let _ = OutgoingBody::finish(body, None);
}
