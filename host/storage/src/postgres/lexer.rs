//! Splits PostgreSQL's SQL into tokens, as its own scanner (`scan.l`) does, as far as the policy
//! needs: it finds words, quoted names, parameters and the ends of statements, but nothing inside of
//! string literals and comments.
//!
//! It relies on `standard_conforming_strings`, which every connection checks. A text that could be
//! read in two ways is refused.

/// One token and the position where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) start: usize,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// A keyword or a name without quotes.
    Word(&'a str),
    /// A name in quotes, without the quotes. Quotes inside of it are still doubled.
    Quoted(&'a str),
    /// `$n`.
    Parameter(&'a str),
    /// `;`.
    End,
    /// `(`.
    Open,
    /// `)`.
    Close,
    /// A string literal, a number or an operator.
    Other,
}

/// Splits a text into tokens.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    /// Starts at the beginning of a text.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Returns the next token. `None` at the end.
    ///
    /// # Errors
    /// Returns what is not closed, or what could be read in two ways.
    pub(super) fn next(&mut self) -> Result<Option<Token<'a>>, &'static str> {
        self.skip()?;
        let start = self.at;
        let rest = &self.text[start..];
        let Some(first) = rest.chars().next() else {
            return Ok(None);
        };
        let kind = match first {
            '\'' => self.quoted('\'', false)?,
            '"' => self.name()?,
            '$' => self.dollar()?,
            '(' => self.one(Kind::Open),
            ')' => self.one(Kind::Close),
            ';' => self.one(Kind::End),
            _ if begins_word(first) => self.word()?,
            _ if first.is_ascii_digit() => self.number(),
            _ => {
                self.at += first.len_utf8();
                Kind::Other
            }
        };
        Ok(Some(Token { kind, start }))
    }

    /// Skips white space and comments. Comments between `/*` and `*/` may be nested.
    fn skip(&mut self) -> Result<(), &'static str> {
        loop {
            let rest = &self.text[self.at..];
            let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c');
            let trimmed = rest.trim_start_matches(blank);
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("--") {
                let end = trimmed.find(['\n', '\r']).unwrap_or(trimmed.len());
                self.at += end;
            } else if trimmed.starts_with("/*") {
                self.at += comment(trimmed).ok_or("a comment is not closed")?;
            } else {
                return Ok(());
            }
        }
    }

    fn one(&mut self, kind: Kind<'a>) -> Kind<'a> {
        self.at += 1;
        kind
    }

    /// Reads a literal from its first quote on. With `escapes`, a quote after a backslash does not
    /// end it.
    fn quoted(&mut self, quote: char, escapes: bool) -> Result<Kind<'a>, &'static str> {
        let bytes = self.text.as_bytes();
        let mut at = self.at + 1;
        while let Some(byte) = bytes.get(at) {
            match *byte {
                b'\\' if escapes => at += 2,
                byte if byte == quote as u8 && bytes.get(at + 1) == Some(&byte) => at += 2,
                byte if byte == quote as u8 => {
                    self.at = at + 1;
                    return Ok(Kind::Other);
                }
                _ => at += 1,
            }
        }
        Err("a string or a quoted name is not closed")
    }

    fn name(&mut self) -> Result<Kind<'a>, &'static str> {
        let start = self.at + 1;
        self.quoted('"', false)?;
        Ok(Kind::Quoted(&self.text[start..self.at - 1]))
    }

    fn word(&mut self) -> Result<Kind<'a>, &'static str> {
        let rest = &self.text[self.at..];
        let end = rest
            .find(|c: char| !(begins_word(c) || c.is_ascii_digit() || c == '$'))
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        self.at += end;
        if word.eq_ignore_ascii_case("u") && after.starts_with("&\"") {
            return Err("write names without U&");
        }
        match after.starts_with('\'') && word.eq_ignore_ascii_case("e") {
            true => self.quoted('\'', true),
            false => Ok(Kind::Word(word)),
        }
    }

    /// Reads a number and the letters directly after it, as in `1e5` and `0x1F`.
    fn number(&mut self) -> Kind<'a> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_'));
        self.at += end.unwrap_or(rest.len());
        Kind::Other
    }

    /// Reads `$1`, or a string between two `$tag$`.
    fn dollar(&mut self) -> Result<Kind<'a>, &'static str> {
        let rest = &self.text[self.at + 1..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 {
            self.at += 1 + digits;
            if self.text[self.at..].starts_with(|c| begins_word(c) || c == '$') {
                return Err("a letter directly follows a parameter");
            }
            return Ok(Kind::Parameter(&rest[..digits]));
        }
        let tag = rest
            .find(|c: char| !(begins_word(c) || c.is_ascii_digit()))
            .unwrap_or(rest.len());
        if !rest[tag..].starts_with('$') {
            return Err("write parameters as $1, $2 and so on");
        }
        let mark = &self.text[self.at..self.at + tag + 2];
        let body = self.at + mark.len();
        let end = self.text[body..].find(mark);
        self.at = body + end.ok_or("a dollar-quoted string is not closed")? + mark.len();
        Ok(Kind::Other)
    }
}

/// Whether a word may begin with a character. Every character that is not ASCII may begin one.
fn begins_word(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

/// Returns the length of the comment at the start of a text. `None` if it is not closed.
fn comment(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (2, 1);
    while depth > 0 {
        match (bytes.get(at)?, bytes.get(at + 1)) {
            (b'/', Some(b'*')) => (at, depth) = (at + 2, depth + 1),
            (b'*', Some(b'/')) => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind<'_>> {
        let mut lexer = Lexer::new(text);
        let mut kinds = Vec::new();
        while let Some(token) = lexer.next().unwrap() {
            kinds.push(token.kind);
        }
        kinds
    }

    fn refused(text: &str) -> &'static str {
        let mut lexer = Lexer::new(text);
        loop {
            match lexer.next() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{text} was not refused"),
                Err(reason) => return reason,
            }
        }
    }

    #[test]
    fn words_names_and_parameters_are_distinguished() {
        assert_eq!(
            kinds("select a$b, \"C\"\"d\" from grün where x=$12;"),
            [
                Kind::Word("select"),
                Kind::Word("a$b"),
                Kind::Other,
                Kind::Quoted("C\"\"d"),
                Kind::Word("from"),
                Kind::Word("grün"),
                Kind::Word("where"),
                Kind::Word("x"),
                Kind::Other,
                Kind::Parameter("12"),
                Kind::End,
            ]
        );
    }

    #[test]
    fn nothing_inside_of_strings_and_comments_is_a_token() {
        for text in [
            "'; drop'",
            "'it''s; x'",
            "E'\\'; x'",
            "e'\\\\'",
            "$$; x $$",
            "$a$ $$ ; $b$ $a$",
            "-- ; x\n 1",
            "/* ; /* x */ ; */ 1",
            "'\\'",
        ] {
            assert_eq!(kinds(text), [Kind::Other], "{text}");
        }
        assert_eq!(kinds("b'1'"), [Kind::Word("b"), Kind::Other]);
        assert_eq!(kinds("-- x\r;"), [Kind::End]);
        assert_eq!(kinds("a--b\n"), [Kind::Word("a")]);
        assert_eq!(kinds("a-/**/-b")[3], Kind::Word("b"));
    }

    #[test]
    fn an_unclosed_or_ambiguous_text_is_refused() {
        for text in ["'a", "\"a", "/* /* */", "$a$ $b$", "E'\\'", "$$"] {
            assert!(refused(text).ends_with("closed"), "{text}");
        }
        assert_eq!(refused("select $a"), "write parameters as $1, $2 and so on");
        assert_eq!(refused("U&\"\\0061\""), "write names without U&");
        assert_eq!(refused("$1a"), "a letter directly follows a parameter");
    }
}
