//! Parses JSON text (RFC 8259) into a tree that borrows from the text.
//!
//! serde_json does not offer three things that are needed here:
//! - Numbers keep their text, so that 64-bit integers and doubles are read exactly.
//! - A repeated member is an error anywhere, even in members that are ignored.
//! - The whole text is known to be JSON before the first value is checked.
//!
//! The depth of nesting is limited, and so is recursion.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

/// Maximum depth of nested arrays and objects.
pub(super) const MAX_DEPTH: u32 = 64;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Json<'a> {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as written in the text.
    Number(&'a str),
    /// A string, decoded.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object's members, in order. No two have the same name.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Why a text is not JSON, and where. Displays as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyntaxError {
    what: String,
    line: usize,
    column: usize,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, line, column } = self;
        write!(f, "{what} at line {line}, column {column}")
    }
}

/// Parses a complete text.
///
/// # Errors
/// Returns a [`SyntaxError`] for the first error in the text.
pub(super) fn parse(text: &[u8]) -> Result<Json<'_>, SyntaxError> {
    let (valid, is_utf8) = match std::str::from_utf8(text) {
        Ok(text) => (text, true),
        Err(error) => {
            let valid = text.get(..error.valid_up_to()).unwrap_or_default();
            (std::str::from_utf8(valid).unwrap_or_default(), false)
        }
    };
    let mut parser = Parser {
        text: valid,
        at: 0,
        depth: 0,
    };
    if !is_utf8 {
        parser.at = valid.len();
        return Err(parser.error("the body is not valid UTF-8"));
    }
    let value = parser.value()?;
    parser.skip_space();
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.error("unexpected text after the end of the JSON")),
    }
}

/// Returns whether a text is a JSON number.
pub(super) fn is_number(text: &str) -> bool {
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
    };
    parser.number().is_ok() && parser.at == text.len()
}

struct Parser<'a> {
    text: &'a str,
    /// The position of the next byte. Between two calls it is always on a character boundary.
    at: usize,
    depth: u32,
}

impl<'a> Parser<'a> {
    fn value(&mut self) -> Result<Json<'a>, SyntaxError> {
        self.skip_space();
        match self.peek() {
            Some(b'"') => Ok(Json::String(self.string()?)),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'-' | b'0'..=b'9') => Ok(Json::Number(self.number()?)),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(_) => Err(self.error("expected a value")),
            None => Err(self.error("expected a value, but the JSON ends")),
        }
    }

    fn nested(
        &mut self,
        inner: fn(&mut Self) -> Result<Json<'a>, SyntaxError>,
    ) -> Result<Json<'a>, SyntaxError> {
        if self.depth == MAX_DEPTH {
            return Err(self.error(&format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        self.at += 1;
        let value = inner(self);
        self.depth -= 1;
        value
    }

    fn array(&mut self) -> Result<Json<'a>, SyntaxError> {
        let mut items = Vec::new();
        self.skip_space();
        if self.eat(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value()?);
            self.skip_space();
            if self.eat(b']') {
                return Ok(Json::Array(items));
            }
            if !self.eat(b',') {
                return Err(self.error("expected a comma or the end of the array"));
            }
        }
    }

    fn object(&mut self) -> Result<Json<'a>, SyntaxError> {
        let mut members = Members::default();
        self.skip_space();
        if self.eat(b'}') {
            return Ok(Json::Object(members.list));
        }
        loop {
            self.skip_space();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.error("expected a member's name in quotes"));
            }
            let name = self.string()?;
            if members.contains(&name) {
                self.at = start;
                let shown: String = name.chars().take(100).collect();
                return Err(self.error(&format!("the member {shown:?} is repeated")));
            }
            self.skip_space();
            if !self.eat(b':') {
                return Err(self.error("expected a colon after a member's name"));
            }
            let value = self.value()?;
            members.push(name, value);
            self.skip_space();
            if self.eat(b'}') {
                return Ok(Json::Object(members.list));
            }
            if !self.eat(b',') {
                return Err(self.error("expected a comma or the end of the object"));
            }
        }
    }

    fn number(&mut self) -> Result<&'a str, SyntaxError> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            if !self.eat(b'+') {
                self.eat(b'-');
            }
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    fn digits(&mut self) -> Result<(), SyntaxError> {
        let rest = &self.text.as_bytes()[self.at..];
        match rest.iter().take_while(|byte| byte.is_ascii_digit()).count() {
            0 => Err(self.error("expected a digit")),
            digits => {
                self.at += digits;
                Ok(())
            }
        }
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, SyntaxError> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.error("expected a value"))
    }

    /// Parses a string. The result is borrowed if the string has no escapes.
    fn string(&mut self) -> Result<Cow<'a, str>, SyntaxError> {
        self.at += 1;
        let mut decoded = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest
                .bytes()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            let Some(plain) = plain else {
                self.at = self.text.len();
                return Err(self.error("the JSON ends in the middle of a string"));
            };
            let run = &rest[..plain];
            self.at += plain;
            match rest.as_bytes()[plain] {
                b'"' => {
                    self.at += 1;
                    if decoded.is_empty() {
                        return Ok(Cow::Borrowed(run));
                    }
                    decoded.push_str(run);
                    return Ok(Cow::Owned(decoded));
                }
                b'\\' => {
                    decoded.push_str(run);
                    decoded.push(self.escape()?);
                }
                _ => return Err(self.error("a control character in a string must be escaped")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        let escaped = self.text.as_bytes().get(self.at + 1);
        let simple = match escaped {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.error("unknown escape in a string")),
        };
        self.at += 2;
        Ok(simple)
    }

    /// Parses `\uXXXX`, or the two escapes of a surrogate pair.
    fn unicode_escape(&mut self) -> Result<char, SyntaxError> {
        let Some(first) = self.code_unit(self.at) else {
            return Err(self.error("expected four hexadecimal digits after \\u"));
        };
        let second = match first {
            0xd800..=0xdbff => self.code_unit(self.at + 6),
            _ => None,
        };
        let units = [first, second.unwrap_or_default()];
        let length = if second.is_some() { 2 } else { 1 };
        match char::decode_utf16(units[..length].iter().copied()).next() {
            Some(Ok(decoded)) => {
                self.at += 6 * length;
                Ok(decoded)
            }
            _ => Err(self.error("unpaired surrogate in a string")),
        }
    }

    fn code_unit(&self, at: usize) -> Option<u16> {
        let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        u16::from_str_radix(digits, 16).ok()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn error(&self, what: &str) -> SyntaxError {
        let before = &self.text[..self.at];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        SyntaxError {
            what: what.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// An object's members. If there are too many to compare each name, their names are kept in a set
/// too.
#[derive(Default)]
struct Members<'a> {
    list: Vec<(Cow<'a, str>, Json<'a>)>,
    names: HashSet<Cow<'a, str>>,
}

impl<'a> Members<'a> {
    /// Maximum number of members whose names are compared one by one.
    const COMPARED: usize = 32;

    fn contains(&mut self, name: &str) -> bool {
        if self.list.len() <= Self::COMPARED {
            return self.list.iter().any(|(known, _)| known == name);
        }
        if self.names.is_empty() {
            self.names
                .extend(self.list.iter().map(|(name, _)| name.clone()));
        }
        self.names.contains(name)
    }

    fn push(&mut self, name: Cow<'a, str>, value: Json<'a>) {
        if !self.names.is_empty() {
            self.names.insert(name.clone());
        }
        self.list.push((name, value));
    }
}
