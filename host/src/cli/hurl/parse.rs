//! Reads a file.

use super::cursor::Cursor;
use super::{
    Assert, Body, Capture, Content, Entry, Error, File, Filter, Literal, Pair, Predicate, Query,
    Request, Response,
};

/// Reads the text of a file.
///
/// # Errors
/// The text is not Hurl's format, or has a part of it that this program does not have.
pub(in crate::cli) fn parse(text: &str) -> Result<File, Error> {
    let mut at = Cursor::new(text);
    let mut entries = Vec::new();
    loop {
        at.skip_lines();
        if at.rest().is_empty() {
            return Ok(File { entries });
        }
        let request = request(&mut at)?;
        at.skip_lines();
        let response = match is_response(&at) {
            true => Some(response(&mut at)?),
            false => None,
        };
        entries.push(Entry { request, response });
    }
}

fn request(at: &mut Cursor<'_>) -> Result<Request, Error> {
    let line = at.line();
    let method = at.take_while(|c| c.is_ascii_uppercase());
    if method.is_empty() || !at.rest().starts_with([' ', '\t']) {
        let found = at.rest().lines().next().unwrap_or_default().trim();
        return at.error(format!(
            "a request such as `GET {{{{host}}}}/things` is expected here, but there is \
             `{method}{found}`"
        ));
    }
    at.skip_blanks();
    let url = at.until_line_end();
    if url.is_empty() || url.contains(char::is_whitespace) && !url.contains("{{") {
        return at.error(format!("`{url}` is not an address"));
    }
    at.end_line()?;
    let mut request = Request {
        line,
        method: method.to_owned(),
        url: url.to_owned(),
        headers: pairs(at)?,
        query: Vec::new(),
        form: Vec::new(),
        cookies: Vec::new(),
        user: None,
        body: None,
    };
    while let Some(section) = section(at)? {
        match section {
            "QueryStringParams" | "Query" => request.query = pairs(at)?,
            "FormParams" | "Form" => request.form = pairs(at)?,
            "Cookies" => request.cookies = pairs(at)?,
            "BasicAuth" => {
                let mut users = pairs(at)?;
                if users.len() != 1 {
                    return at.error("[BasicAuth] has one line, `user: password`");
                }
                request.user = users.pop();
            }
            "Captures" | "Asserts" => {
                return at.error(format!("[{section}] comes after the line `HTTP 200`"));
            }
            other => return at.error(format!("[{other}] of a request is not supported")),
        }
    }
    at.skip_lines();
    request.body = body(at)?;
    if request.body.is_some() && !request.form.is_empty() {
        return at.error("a request has either [Form] or a body");
    }
    Ok(request)
}

fn response(at: &mut Cursor<'_>) -> Result<Response, Error> {
    let line = at.line();
    let version = at.take_while(|c| !c.is_whitespace());
    if !matches!(
        version,
        "HTTP" | "HTTP/1.0" | "HTTP/1.1" | "HTTP/2" | "HTTP/*"
    ) {
        return at.error(format!("`{version}` is not a version; write `HTTP 200`"));
    }
    at.skip_blanks();
    let status = match at.take_while(|c| !c.is_whitespace() && c != '#') {
        "*" => None,
        digits => match digits
            .parse()
            .ok()
            .filter(|status| (100..600).contains(status))
        {
            Some(status) => Some(status),
            None => return at.error(format!("`{digits}` is not a status, such as 200, or *")),
        },
    };
    at.end_line()?;
    let mut response = Response {
        line,
        status,
        headers: pairs(at)?,
        captures: Vec::new(),
        asserts: Vec::new(),
        body: None,
    };
    while let Some(section) = section(at)? {
        match section {
            "Captures" => response.captures = lines(at, capture)?,
            "Asserts" => response.asserts = lines(at, assert)?,
            other => return at.error(format!("[{other}] of an answer is not supported")),
        }
    }
    at.skip_lines();
    response.body = body(at)?;
    Ok(response)
}

/// Reads the name of the next section, if one begins here.
fn section<'a>(at: &mut Cursor<'a>) -> Result<Option<&'a str>, Error> {
    at.skip_lines();
    let mut ahead = at.clone();
    // An array of JSON begins like a section.
    if !ahead.take("[") {
        return Ok(None);
    }
    let name = ahead.take_while(|c| c.is_ascii_alphabetic());
    let is_section = name.starts_with(|c: char| c.is_ascii_uppercase())
        && ahead.take("]")
        && ahead.is_line_end();
    if !is_section {
        return Ok(None);
    }
    *at = ahead;
    at.end_line()?;
    Ok(Some(name))
}

/// Reads lines of a section until something else begins.
fn lines<T>(
    at: &mut Cursor<'_>,
    read: impl Fn(&mut Cursor<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut items = Vec::new();
    loop {
        at.skip_lines();
        let rest = at.rest();
        if rest.is_empty()
            || rest.starts_with(['[', '{', '`', '"'])
            || is_request(at)
            || is_body(at)
        {
            return Ok(items);
        }
        items.push(read(at)?);
        at.end_line()?;
    }
}

/// Returns whether a request begins here.
fn is_request(at: &Cursor<'_>) -> bool {
    let mut ahead = at.clone();
    let method = ahead.take_while(|c| c.is_ascii_uppercase());
    !method.is_empty() && ahead.rest().starts_with([' ', '\t'])
}

/// Returns whether what an answer must be begins here.
fn is_response(at: &Cursor<'_>) -> bool {
    let after = at.rest().strip_prefix("HTTP");
    after.is_some_and(|after| after.starts_with([' ', '\t', '/']))
}

/// Returns whether a body with a name begins here.
fn is_body(at: &Cursor<'_>) -> bool {
    let names = ["base64,", "hex,", "file,", "<"];
    names.iter().any(|name| at.rest().starts_with(name))
}

/// Reads lines of a name, a colon and a value until something else begins.
fn pairs(at: &mut Cursor<'_>) -> Result<Vec<Pair>, Error> {
    let mut pairs = Vec::new();
    loop {
        at.skip_lines();
        let rest = at.rest();
        let line = rest.split('\n').next().unwrap_or_default();
        let quoted = rest.starts_with('"');
        let ends = rest.is_empty()
            || rest.starts_with(['[', '`'])
            || (rest.starts_with('{') && !rest.starts_with("{{"))
            || is_request(at)
            || is_body(at)
            || is_response(at)
            || !line.contains(':')
            || quoted;
        if ends {
            return Ok(pairs);
        }
        let number = at.line();
        let (name, value) = at.until_line_end().split_once(':').unwrap_or_default();
        pairs.push(Pair {
            line: number,
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
        });
        at.end_line()?;
    }
}

fn body(at: &mut Cursor<'_>) -> Result<Option<Body>, Error> {
    let line = at.line();
    let rest = at.rest();
    let content = if rest.starts_with(['{', '[']) {
        Content::Json(at.json()?)
    } else if rest.starts_with("```") {
        match at.fenced()? {
            ("json", text) => Content::Json(text.to_owned()),
            ("", text) => Content::Text(text.to_owned(), None),
            ("xml", text) => Content::Text(text.to_owned(), Some("application/xml")),
            (hint, _) => return at.error(format!("a body of the kind ```{hint} is not supported")),
        }
    } else if rest.starts_with('`') {
        Content::Text(at.backticked()?.to_owned(), None)
    } else if rest.starts_with('"') {
        let begin = at.rest();
        at.quoted("the body")?;
        let length = begin.len() - at.rest().len();
        Content::Json(begin[..length].to_owned())
    } else if rest.starts_with('<') {
        return at.error("XML as a body is supported between ```xml and ```");
    } else if let Some(path) = at.enclosed("file,")? {
        Content::File(path.to_owned())
    } else if let Some(bytes) = at.bytes()? {
        Content::Bytes(bytes)
    } else {
        let word = rest.split(char::is_whitespace).next().unwrap_or_default();
        match word {
            "true" | "false" | "null" => {
                at.advance(word.len());
                Content::Json(word.to_owned())
            }
            number if number.parse::<f64>().is_ok() => {
                at.advance(number.len());
                Content::Json(number.to_owned())
            }
            _ => return Ok(None),
        }
    };
    at.end_line()?;
    Ok(Some(Body { line, content }))
}

fn capture(at: &mut Cursor<'_>) -> Result<Capture, Error> {
    let line = at.line();
    let name = at.word();
    at.skip_blanks();
    if name.is_empty() || !at.take(":") {
        return at.error("a capture is written as `name: jsonpath \"$.id\"`");
    }
    at.skip_blanks();
    let query = query(at)?;
    let filters = filters(at)?;
    // Hurl hides such a value in its own log.
    at.take("redact");
    Ok(Capture {
        line,
        name: name.to_owned(),
        query,
        filters,
    })
}

fn assert(at: &mut Cursor<'_>) -> Result<Assert, Error> {
    let line = at.line();
    let begin = at.rest();
    let query = query(at)?;
    let filters = filters(at)?;
    let negated = at.rest().starts_with("not ") && at.take("not");
    at.skip_blanks();
    let predicate = predicate(at)?;
    let length = begin.len() - at.rest().len();
    Ok(Assert {
        line,
        text: begin[..length].trim().to_owned(),
        query,
        filters,
        negated,
        predicate,
    })
}

fn query(at: &mut Cursor<'_>) -> Result<Query, Error> {
    let name = at.word();
    at.skip_blanks();
    let query = match name {
        "status" => Query::Status,
        "version" => Query::Version,
        "url" => Query::Url,
        "header" => Query::Header(at.quoted("the header's name")?),
        "cookie" => Query::Cookie(at.quoted("the cookie's name")?),
        "body" => Query::Body,
        "bytes" => Query::Bytes,
        "jsonpath" => Query::JsonPath(at.quoted("the path")?),
        "regex" => Query::Regex(at.literal()?),
        "variable" => Query::Variable(at.quoted("the variable's name")?),
        "duration" => Query::Duration,
        "sha256" => Query::Sha256,
        "" => return at.error("a condition such as `jsonpath \"$.id\" == 1` is expected here"),
        other => {
            return at.error(format!(
                "`{other}` is not supported; there are status, version, url, header, cookie, body, \
                 bytes, jsonpath, regex, variable, duration and sha256"
            ));
        }
    };
    at.skip_blanks();
    Ok(query)
}

fn filters(at: &mut Cursor<'_>) -> Result<Vec<Filter>, Error> {
    let mut filters = Vec::new();
    loop {
        at.skip_blanks();
        let mut ahead = at.clone();
        let name = ahead.word();
        ahead.skip_blanks();
        filters.push(match name {
            "count" => Filter::Count,
            "first" => Filter::First,
            "last" => Filter::Last,
            "nth" => match ahead.literal()? {
                Literal::Number(number) if number.is_i64() => {
                    Filter::Nth(number.as_i64().unwrap_or_default())
                }
                _ => return ahead.error("nth needs an integer"),
            },
            "jsonpath" => Filter::JsonPath(ahead.quoted("the path")?),
            "regex" => Filter::Regex(ahead.literal()?),
            "replace" => {
                let old = ahead.literal()?;
                ahead.skip_blanks();
                Filter::Replace(old, ahead.literal()?)
            }
            "split" => Filter::Split(ahead.literal()?),
            "toInt" => Filter::ToInt,
            "toFloat" => Filter::ToFloat,
            "toString" => Filter::ToString,
            "urlDecode" => Filter::UrlDecode,
            "urlEncode" => Filter::UrlEncode,
            _ => return Ok(filters),
        });
        *at = ahead;
    }
}

fn predicate(at: &mut Cursor<'_>) -> Result<Predicate, Error> {
    let symbol = at.take_while(|c| matches!(c, '=' | '!' | '<' | '>'));
    let name = match symbol {
        "" => at.word(),
        symbol => symbol,
    };
    at.skip_blanks();
    Ok(match name {
        "==" | "equals" => Predicate::Equal(at.literal()?),
        "!=" => Predicate::NotEqual(at.literal()?),
        ">" => Predicate::Greater(at.literal()?),
        ">=" => Predicate::GreaterOrEqual(at.literal()?),
        "<" => Predicate::Less(at.literal()?),
        "<=" => Predicate::LessOrEqual(at.literal()?),
        "startsWith" => Predicate::StartsWith(at.literal()?),
        "endsWith" => Predicate::EndsWith(at.literal()?),
        "contains" | "includes" => Predicate::Contains(at.literal()?),
        "matches" => Predicate::Matches(at.literal()?),
        "exists" => Predicate::Exists,
        "isEmpty" => Predicate::IsEmpty,
        "isBoolean" => Predicate::IsBoolean,
        "isFloat" => Predicate::IsFloat,
        "isInteger" => Predicate::IsInteger,
        "isIsoDate" => Predicate::IsIsoDate,
        "isList" | "isCollection" => Predicate::IsList,
        "isNumber" => Predicate::IsNumber,
        "isObject" => Predicate::IsObject,
        "isString" => Predicate::IsString,
        "isUuid" => Predicate::IsUuid,
        "" => return at.error("a condition such as `== 1` or `exists` is missing"),
        other => return at.error(format!("there is no filter or condition `{other}` here")),
    })
}
