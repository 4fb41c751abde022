//! HTTP examples in the format of Hurl (<https://hurl.dev>): requests, what their answers must be, and values
//! that later requests use.
//!
//! Hurl's own crates need the C library libxml2, so this is a reader for the part of the format that an API
//! with JSON needs. A file that this module accepts means the same to `hurl`. Whatever else the format has
//! is refused with its line and its name, and never ignored.

mod cursor;
mod examine;
mod parse;
mod play;
mod template;
mod value;

#[cfg(test)]
mod tests;

pub(super) use self::parse::parse;
pub(super) use self::play::{Outcome, Player};

/// An error in a file: what is wrong, and in which line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub(super) struct Error {
    pub(super) line: usize,
    pub(super) reason: String,
}

/// A file: its entries in order.
#[derive(Debug)]
pub(super) struct File {
    pub(super) entries: Vec<Entry>,
}

/// A request, and what its answer must be.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) request: Request,
    response: Option<Response>,
}

/// A request. Every text may have `{{variables}}`.
#[derive(Debug)]
pub(super) struct Request {
    /// The line of its method.
    pub(super) line: usize,
    pub(super) method: String,
    pub(super) url: String,
    headers: Vec<Pair>,
    query: Vec<Pair>,
    form: Vec<Pair>,
    cookies: Vec<Pair>,
    user: Option<Pair>,
    body: Option<Body>,
}

/// What an answer must be.
#[derive(Debug)]
struct Response {
    line: usize,
    /// `None`: any status.
    status: Option<u16>,
    headers: Vec<Pair>,
    captures: Vec<Capture>,
    asserts: Vec<Assert>,
    body: Option<Body>,
}

/// A name with a value.
#[derive(Debug)]
struct Pair {
    line: usize,
    name: String,
    value: String,
}

/// A body, in the request or of the answer.
#[derive(Debug)]
struct Body {
    line: usize,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// JSON with `{{variables}}`.
    Json(String),
    /// Text with `{{variables}}`, and the media type that the request gets if it names none.
    Text(String, Option<&'static str>),
    /// Bytes.
    Bytes(Vec<u8>),
    /// The content of a file beside the Hurl file.
    File(String),
}

/// A value that later requests use.
#[derive(Debug)]
struct Capture {
    line: usize,
    name: String,
    query: Query,
    filters: Vec<Filter>,
}

/// A condition on the answer.
#[derive(Debug)]
struct Assert {
    line: usize,
    /// The condition as it is written in the file.
    text: String,
    query: Query,
    filters: Vec<Filter>,
    negated: bool,
    predicate: Predicate,
}

/// A part of the answer.
#[derive(Debug)]
enum Query {
    Status,
    Version,
    Url,
    Header(String),
    Cookie(String),
    Body,
    Bytes,
    JsonPath(String),
    Regex(Literal),
    Variable(String),
    Duration,
    Sha256,
}

/// A function of a value.
#[derive(Debug)]
enum Filter {
    Count,
    First,
    Last,
    Nth(i64),
    JsonPath(String),
    Regex(Literal),
    Replace(Literal, Literal),
    Split(Literal),
    ToInt,
    ToFloat,
    ToString,
    UrlDecode,
    UrlEncode,
}

/// A condition on a value.
#[derive(Debug)]
enum Predicate {
    Equal(Literal),
    NotEqual(Literal),
    Greater(Literal),
    GreaterOrEqual(Literal),
    Less(Literal),
    LessOrEqual(Literal),
    StartsWith(Literal),
    EndsWith(Literal),
    Contains(Literal),
    Matches(Literal),
    Exists,
    IsEmpty,
    IsBoolean,
    IsFloat,
    IsInteger,
    IsIsoDate,
    IsList,
    IsNumber,
    IsObject,
    IsString,
    IsUuid,
}

/// A value in a file.
#[derive(Debug, Clone)]
enum Literal {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    /// Text with `{{variables}}`.
    Text(String),
    /// A variable alone, whose value keeps its type.
    Variable(String),
    /// A regular expression.
    Regex(String),
    /// Bytes.
    Bytes(Vec<u8>),
}
