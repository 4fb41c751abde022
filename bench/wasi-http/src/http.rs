//! Reads the request body and sends the response, with the streams of `wasi:http`.

use std::io::Write as _;

use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::StreamError;

/// Maximum number of bytes per read of the body.
const CHUNK_BYTES: u64 = 64 * 1024;

/// Reads the request's body. Returns an empty body if the client disconnects before the end.
pub fn body(request: &IncomingRequest) -> Vec<u8> {
    let mut read = Vec::new();
    let Ok(body) = request.consume() else {
        return read;
    };
    let Ok(stream) = body.stream() else {
        return read;
    };
    loop {
        match stream.blocking_read(CHUNK_BYTES) {
            Ok(chunk) => read.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return read,
            Err(StreamError::LastOperationFailed(_)) => return Vec::new(),
        }
    }
}

/// Sends a response with a `content-length` header.
pub fn respond(out: ResponseOutparam, status: u16, media_type: &str, text: &str) {
    let fields = Fields::new();
    let length = text.len().to_string();
    let headers = [("content-type", media_type), ("content-length", &length)];
    for (name, value) in headers {
        // Both headers are valid in HTTP.
        let _ = fields.append(name, value.as_bytes());
    }
    let response = OutgoingResponse::new(fields);
    // Setting the status and taking the body fail only the second time. Writing fails if the client
    // has disconnected; then there is nobody to report it to.
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
