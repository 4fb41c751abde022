//! A position in the text of a file, and the small pieces of its grammar: words, strings, JSON.

use super::{Error, Literal};

/// A position in a text.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        // Editors of some systems begin a file with this mark.
        let rest = text.strip_prefix('\u{feff}').unwrap_or(text);
        Cursor { rest, line: 1 }
    }

    /// Returns the number of the line, from 1.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// Returns the text from here on.
    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(super) fn error<T>(&self, reason: impl Into<String>) -> Result<T, Error> {
        Err(Error {
            line: self.line,
            reason: reason.into(),
        })
    }

    /// Moves past this many bytes and returns them.
    pub(super) fn advance(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    /// Moves past a text, if it is here.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.rest.starts_with(text);
        if found {
            self.advance(text.len());
        }
        found
    }

    /// Moves past characters and returns them.
    pub(super) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        self.advance(end)
    }

    /// Moves past blanks of this line.
    pub(super) fn skip_blanks(&mut self) {
        self.take_while(|c| c == ' ' || c == '\t');
    }

    /// Moves past blanks, comments and line ends.
    pub(super) fn skip_lines(&mut self) {
        loop {
            self.take_while(char::is_whitespace);
            if !self.rest.starts_with('#') {
                return;
            }
            self.take_while(|c| c != '\n');
        }
    }

    /// Returns whether only blanks and a comment follow on this line.
    pub(super) fn is_line_end(&self) -> bool {
        let rest = self.rest.trim_start_matches([' ', '\t', '\r']);
        rest.is_empty() || rest.starts_with(['\n', '#'])
    }

    /// Moves to the next line. Only blanks and a comment may follow on this one.
    pub(super) fn end_line(&mut self) -> Result<(), Error> {
        if !self.is_line_end() {
            let found = self.rest.lines().next().unwrap_or_default().trim();
            return self.error(format!(
                "nothing more is expected here, but there is `{found}`"
            ));
        }
        self.take_while(|c| c != '\n');
        self.take("\n");
        Ok(())
    }

    /// Returns the text up to the end of the line or a comment, without blanks around it.
    pub(super) fn until_line_end(&mut self) -> &'a str {
        let line = self.rest.split('\n').next().unwrap_or_default();
        let comment = line
            .match_indices('#')
            .find(|(at, _)| line[..*at].ends_with([' ', '\t']));
        let end = comment.map_or(line.len(), |(at, _)| at);
        self.advance(end).trim()
    }

    /// Reads a word of letters, digits, `-` and `_`.
    pub(super) fn word(&mut self) -> &'a str {
        self.take_while(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    }

    /// Reads a string in double quotes and resolves its escapes.
    pub(super) fn quoted(&mut self, what: &str) -> Result<String, Error> {
        if !self.take("\"") {
            return self.error(format!("{what} must be a string in double quotes"));
        }
        let mut text = String::new();
        loop {
            let Some(next) = self.rest.chars().next().filter(|c| *c != '\n') else {
                return self.error("the string does not end on its line");
            };
            self.advance(next.len_utf8());
            match next {
                '"' => return Ok(text),
                '\\' => text.push(self.escape()?),
                other => text.push(other),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Error> {
        let Some(kind) = self.rest.chars().next() else {
            return self.error("the string does not end");
        };
        self.advance(kind.len_utf8());
        Ok(match kind {
            '"' | '\\' | '/' | '#' | '`' => kind,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let braces = self.take("{");
                let digits = self.take_while(|c| c.is_ascii_hexdigit());
                let complete = !braces || self.take("}");
                let character = u32::from_str_radix(digits, 16)
                    .ok()
                    .and_then(char::from_u32);
                match character.filter(|_| complete && braces) {
                    Some(character) => character,
                    None => return self.error("a character is written as \\u{1F600}"),
                }
            }
            other => return self.error(format!("there is no escape \\{other}")),
        })
    }

    /// Reads a regular expression between slashes.
    pub(super) fn regex(&mut self) -> Result<String, Error> {
        self.advance(1);
        let mut text = String::new();
        loop {
            let Some(next) = self.rest.chars().next().filter(|c| *c != '\n') else {
                return self.error("the regular expression does not end with / on its line");
            };
            self.advance(next.len_utf8());
            match next {
                '/' => return Ok(text),
                '\\' if self.take("/") => text.push('/'),
                '\\' => {
                    text.push('\\');
                    if let Some(escaped) = self.rest.chars().next() {
                        text.push(escaped);
                        self.advance(escaped.len_utf8());
                    }
                }
                other => text.push(other),
            }
        }
    }

    /// Reads an object or an array of JSON with `{{variables}}`, up to the bracket that closes it.
    pub(super) fn json(&mut self) -> Result<String, Error> {
        let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
        for (at, byte) in self.rest.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                _ if in_string => {}
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Ok(self.advance(at + 1).to_owned());
                    }
                }
                _ => {}
            }
        }
        self.error("the JSON does not end: a bracket or a quote is missing")
    }

    /// Reads a text between three backticks. Returns the word after the first three, and the text. The
    /// line end after the word is not part of the text.
    pub(super) fn fenced(&mut self) -> Result<(&'a str, &'a str), Error> {
        self.advance(3);
        let Some(end) = self.rest.find("```") else {
            return self.error("the text does not end with ```");
        };
        let hint = self.rest[..end].lines().next().unwrap_or_default().trim();
        let is_hint = self.rest[..end].contains('\n')
            && hint.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let hint = match is_hint {
            true => {
                let first = self.rest.find('\n').map_or(0, |at| at + 1);
                self.advance(first);
                hint
            }
            false => "",
        };
        let end = self.rest.find("```").unwrap_or(self.rest.len());
        let text = self.advance(end);
        self.advance(3.min(self.rest.len()));
        Ok((hint, text))
    }

    /// Reads a text between two backticks.
    pub(super) fn backticked(&mut self) -> Result<&'a str, Error> {
        self.advance(1);
        let end = self.rest.find(['`', '\n']);
        match end.filter(|end| self.rest[*end..].starts_with('`')) {
            Some(end) => {
                let text = self.advance(end);
                self.advance(1);
                Ok(text)
            }
            None => self.error("the text does not end with ` on its line"),
        }
    }

    /// Reads what is between `name,` and `;`.
    pub(super) fn enclosed(&mut self, name: &str) -> Result<Option<&'a str>, Error> {
        if !self.take(name) {
            return Ok(None);
        }
        match self.rest.find(';') {
            Some(end) => {
                let text = self.advance(end).trim();
                self.advance(1);
                Ok(Some(text))
            }
            None => self.error(format!("`{name}` needs a `;` at its end")),
        }
    }

    /// Reads bytes in base64 or hex, if they are here.
    pub(super) fn bytes(&mut self) -> Result<Option<Vec<u8>>, Error> {
        use base64::Engine as _;
        if let Some(text) = self.enclosed("base64,")? {
            let text: String = text.split_whitespace().collect();
            let decoded = base64::prelude::BASE64_STANDARD.decode(text);
            return match decoded {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) => self.error(format!("this is not base64: {error}")),
            };
        }
        match self.enclosed("hex,")?.map(hex::decode) {
            Some(Ok(bytes)) => Ok(Some(bytes)),
            Some(Err(error)) => self.error(format!("this is not hex: {error}")),
            None => Ok(None),
        }
    }

    /// Reads a value of a condition.
    pub(super) fn literal(&mut self) -> Result<Literal, Error> {
        if self.rest.starts_with("```") {
            return Ok(Literal::Text(self.fenced()?.1.to_owned()));
        }
        if self.rest.starts_with('`') {
            return Ok(Literal::Text(self.backticked()?.to_owned()));
        }
        if self.rest.starts_with('"') {
            return Ok(Literal::Text(self.quoted("the value")?));
        }
        if self.rest.starts_with('/') {
            return Ok(Literal::Regex(self.regex()?));
        }
        if self.rest.starts_with("{{") {
            let Some(end) = self.rest.find("}}") else {
                return self.error("`{{` needs `}}` at its end");
            };
            let text = self.advance(end + 2);
            return Ok(Literal::Variable(text[2..text.len() - 2].trim().to_owned()));
        }
        if let Some(bytes) = self.bytes()? {
            return Ok(Literal::Bytes(bytes));
        }
        let word = self.take_while(|c| !c.is_whitespace() && c != '#');
        match word {
            "null" => Ok(Literal::Null),
            "true" => Ok(Literal::Bool(true)),
            "false" => Ok(Literal::Bool(false)),
            "" => self.error("a value is missing"),
            number => match serde_json::from_str(number) {
                Ok(number) => Ok(Literal::Number(number)),
                Err(_) => self.error(format!(
                    "`{number}` is not a value; write a text in double quotes"
                )),
            },
        }
    }
}
