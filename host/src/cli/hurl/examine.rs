//! Looks up parts of an answer and checks conditions on them.

use std::cmp::Ordering;
use std::time::Duration;

use reqwest::header::{HeaderMap, SET_COOKIE};
use serde_json::Value as Json;
use serde_json_path::JsonPath;

use super::template::{self, Variables};
use super::value::{Value, regex, shortened};
use super::{Assert, Error, Filter, Literal, Predicate, Query};
use contract::digest;

/// An answer, as far as conditions can see it.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) version: &'static str,
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) took: Duration,
}

/// A condition that does not hold.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) struct Failed {
    pub(in crate::cli) line: usize,
    pub(in crate::cli) condition: String,
    pub(in crate::cli) expected: String,
    pub(in crate::cli) actual: String,
}

/// What conditions are checked with.
pub(super) struct Examiner<'a> {
    pub(super) answer: &'a Answer,
    pub(super) variables: &'a Variables,
}

impl Examiner<'_> {
    /// Returns a part of the answer after its filters; `None` if the answer does not have it.
    pub(super) fn look_up(
        &self,
        query: &Query,
        filters: &[Filter],
        line: usize,
    ) -> Result<Option<Value>, Error> {
        let mut value = self.query(query, line)?;
        for filter in filters {
            let Some(found) = value else {
                return Ok(None);
            };
            value = self.filter(filter, found, line)?;
        }
        Ok(value)
    }

    /// Checks a condition.
    pub(super) fn check(&self, assert: &Assert) -> Result<Option<Failed>, Error> {
        let line = assert.line;
        let value = self.look_up(&assert.query, &assert.filters, line)?;
        let (holds, expected) = self.holds(&assert.predicate, value.as_ref(), line)?;
        if holds != assert.negated {
            return Ok(None);
        }
        let not = if assert.negated { "not " } else { "" };
        Ok(Some(Failed {
            line,
            condition: assert.text.clone(),
            expected: format!("{not}{expected}"),
            actual: value.map_or("nothing".to_owned(), |value| value.to_string()),
        }))
    }

    fn query(&self, query: &Query, line: usize) -> Result<Option<Value>, Error> {
        let answer = self.answer;
        Ok(match query {
            Query::Status => Some(Value::Json(answer.status.into())),
            Query::Version => Some(Value::text(answer.version)),
            Query::Url => Some(Value::text(&*answer.url)),
            Query::Header(name) => {
                let name = template::expand(name, self.variables, line)?;
                values(&answer.headers, &name)
            }
            Query::Cookie(name) => {
                let name = template::expand(name, self.variables, line)?;
                cookie(&answer.headers, &name).map(Value::text)
            }
            Query::Body => Some(Value::text(self.text(line)?)),
            Query::Bytes => Some(Value::Bytes(answer.body.clone())),
            Query::JsonPath(path) => {
                let Ok(body) = serde_json::from_slice(&answer.body) else {
                    return Err(Error {
                        line,
                        reason: format!(
                            "the answer is not JSON: {}",
                            shortened(&String::from_utf8_lossy(&answer.body))
                        ),
                    });
                };
                self.json_path(path, &body, line)?
            }
            Query::Regex(pattern) => self.captured(pattern, self.text(line)?, line)?,
            Query::Variable(name) => self.variables.get(name).cloned().map(Value::Json),
            Query::Duration => {
                let ms = u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX);
                Some(Value::Json(ms.into()))
            }
            Query::Sha256 => hex::decode(digest::sha256(&answer.body))
                .ok()
                .map(Value::Bytes),
        })
    }

    fn text(&self, line: usize) -> Result<&str, Error> {
        std::str::from_utf8(&self.answer.body).map_err(|_| Error {
            line,
            reason: "the answer is not text; use `bytes`".to_owned(),
        })
    }

    fn json_path(&self, path: &str, json: &Json, line: usize) -> Result<Option<Value>, Error> {
        let path = template::expand(path, self.variables, line)?;
        let parsed = JsonPath::parse(&path).map_err(|error| Error {
            line,
            reason: format!("`{path}` is not a JSONPath: {error}"),
        })?;
        let found = parsed.query(json).all();
        if finds_many(&path) {
            let found = found.into_iter().cloned().collect();
            return Ok(Some(Value::Json(Json::Array(found))));
        }
        Ok(found.first().map(|found| Value::Json((*found).clone())))
    }

    /// Returns the first group of a regular expression in a text.
    fn captured(&self, pattern: &Literal, text: &str, line: usize) -> Result<Option<Value>, Error> {
        let captures = self.pattern(pattern, line)?.captures(text);
        let group = captures.and_then(|captures| captures.get(1).or_else(|| captures.get(0)));
        Ok(group.map(|group| Value::text(group.as_str())))
    }

    fn pattern(&self, pattern: &Literal, line: usize) -> Result<regex::Regex, Error> {
        match self.value(pattern, line)? {
            Value::Regex(regex) => Ok(regex),
            Value::Json(Json::String(text)) => regex(&text, line),
            _ => Err(Error {
                line,
                reason: "a regular expression is a text or is written between slashes".to_owned(),
            }),
        }
    }

    fn value(&self, literal: &Literal, line: usize) -> Result<Value, Error> {
        Value::of(literal, self.variables, line)
    }

    fn string(&self, literal: &Literal, line: usize) -> Result<String, Error> {
        match self.value(literal, line)? {
            Value::Json(Json::String(text)) => Ok(text),
            other => Err(Error {
                line,
                reason: format!("a text is needed here, and not {other}"),
            }),
        }
    }

    fn filter(&self, filter: &Filter, value: Value, line: usize) -> Result<Option<Value>, Error> {
        let unfit = |needed: &str| {
            Err(Error {
                line,
                reason: format!("the filter needs {needed}, and gets {value}"),
            })
        };
        let text = || value.as_text();
        let items = match &value {
            Value::Json(Json::Array(items)) => Some(items),
            _ => None,
        };
        let item = |at: Option<usize>| {
            let items = items?;
            at.and_then(|at| items.get(at)).cloned().map(Value::Json)
        };
        let count = items.map_or(0, Vec::len);
        match filter {
            Filter::Count => match &value {
                Value::Json(Json::Array(items)) => Ok(Some(Value::Json(items.len().into()))),
                Value::Json(Json::Object(members)) => Ok(Some(Value::Json(members.len().into()))),
                Value::Bytes(bytes) => Ok(Some(Value::Json(bytes.len().into()))),
                _ => unfit("a list"),
            },
            Filter::First | Filter::Last | Filter::Nth(_) if items.is_none() => unfit("a list"),
            Filter::First => Ok(item(Some(0))),
            Filter::Last => Ok(item(count.checked_sub(1))),
            Filter::Nth(n) if *n < 0 => {
                let back = usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX);
                Ok(item(count.checked_sub(back)))
            }
            Filter::Nth(n) => Ok(item(usize::try_from(*n).ok())),
            Filter::JsonPath(path) => match &value {
                Value::Json(Json::String(text)) => match serde_json::from_str(text) {
                    Ok(json) => self.json_path(path, &json, line),
                    Err(_) => unfit("JSON"),
                },
                Value::Json(json) => self.json_path(path, json, line),
                _ => unfit("JSON"),
            },
            Filter::Regex(pattern) => match text() {
                Some(text) => self.captured(pattern, text, line),
                None => unfit("a text"),
            },
            Filter::Replace(old, new) => match text() {
                Some(text) => {
                    let (old, new) = (self.string(old, line)?, self.string(new, line)?);
                    Ok(Some(Value::text(text.replace(&old, &new))))
                }
                None => unfit("a text"),
            },
            Filter::Split(separator) => match text() {
                Some(text) => {
                    let separator = self.string(separator, line)?;
                    let parts = text.split(&separator).map(Json::from).collect();
                    Ok(Some(Value::Json(Json::Array(parts))))
                }
                None => unfit("a text"),
            },
            Filter::ToInt => match &value {
                Value::Json(Json::Number(number)) if number.is_f64() => {
                    let whole = number.as_f64().unwrap_or_default().trunc();
                    Ok(Some(Value::Json((whole as i64).into())))
                }
                Value::Json(Json::Number(_)) => Ok(Some(value)),
                _ => match text().and_then(|text| text.trim().parse::<i64>().ok()) {
                    Some(number) => Ok(Some(Value::Json(number.into()))),
                    None => unfit("an integer"),
                },
            },
            Filter::ToFloat => {
                let number = match &value {
                    Value::Json(Json::Number(number)) => number.as_f64(),
                    _ => text().and_then(|text| text.trim().parse().ok()),
                };
                match number {
                    Some(number) => Ok(Some(Value::Json(number.into()))),
                    None => unfit("a number"),
                }
            }
            Filter::ToString => match &value {
                Value::Json(Json::String(_)) => Ok(Some(value)),
                Value::Json(json) => Ok(Some(Value::text(json.to_string()))),
                _ => unfit("a text or a number"),
            },
            Filter::UrlEncode => match text() {
                Some(text) => Ok(Some(Value::text(crate::cli::call::encode(text)))),
                None => unfit("a text"),
            },
            Filter::UrlDecode => match text() {
                Some(text) => {
                    let pair = format!("v={}", text.replace('+', "%2B").replace('&', "%26"));
                    let mut url: reqwest::Url = "http://localhost/".parse().expect("an address");
                    url.set_query(Some(&pair));
                    let decoded = url
                        .query_pairs()
                        .next()
                        .map(|(_, value)| value.into_owned());
                    Ok(decoded.map(Value::text))
                }
                None => unfit("a text"),
            },
        }
    }

    /// Returns whether a condition holds, and what it expects.
    fn holds(
        &self,
        predicate: &Predicate,
        value: Option<&Value>,
        line: usize,
    ) -> Result<(bool, String), Error> {
        let is_json = |test: fn(&Json) -> bool| match value {
            Some(Value::Json(json)) => test(json),
            _ => false,
        };
        let compared = |expected: &Literal, word: &str, test: &dyn Fn(&Value, &Value) -> bool| {
            let expected = self.value(expected, line)?;
            let holds = value.is_some_and(|value| test(value, &expected));
            Ok((holds, format!("{word}{expected}")))
        };
        let ordered = |expected: &Literal, word: &str, test: fn(Ordering) -> bool| {
            compared(expected, word, &|value, expected| {
                value.order(expected).is_some_and(test)
            })
        };
        let in_text = |expected: &Literal, word: &str, test: fn(&str, &str) -> bool| {
            compared(
                expected,
                word,
                &|value, expected| match (value.as_text(), expected.as_text()) {
                    (Some(value), Some(expected)) => test(value, expected),
                    _ => false,
                },
            )
        };
        let is = |holds: bool, what: &str| Ok((holds, what.to_owned()));
        match predicate {
            Predicate::Equal(expected) => compared(expected, "", &Value::is_equal),
            Predicate::NotEqual(expected) => compared(expected, "not ", &|value, expected| {
                !value.is_equal(expected)
            }),
            Predicate::Greater(expected) => ordered(expected, "more than ", Ordering::is_gt),
            Predicate::GreaterOrEqual(expected) => ordered(expected, "at least ", Ordering::is_ge),
            Predicate::Less(expected) => ordered(expected, "less than ", Ordering::is_lt),
            Predicate::LessOrEqual(expected) => ordered(expected, "at most ", Ordering::is_le),
            Predicate::StartsWith(expected) => {
                in_text(expected, "a text that starts with ", |text, start| {
                    text.starts_with(start)
                })
            }
            Predicate::EndsWith(expected) => {
                in_text(expected, "a text that ends with ", |text, end| {
                    text.ends_with(end)
                })
            }
            Predicate::Contains(expected) => {
                compared(expected, "something that contains ", &contains)
            }
            Predicate::Matches(pattern) => {
                let pattern = self.pattern(pattern, line)?;
                let text = value.and_then(Value::as_text);
                let holds = text.is_some_and(|text| pattern.is_match(text));
                Ok((holds, format!("a text that matches /{pattern}/")))
            }
            Predicate::Exists => is(value.is_some(), "something"),
            Predicate::IsEmpty => is(value.is_some_and(Value::is_empty), "nothing in it"),
            Predicate::IsBoolean => is(is_json(Json::is_boolean), "true or false"),
            Predicate::IsFloat => is(is_json(Json::is_f64), "a number with a fraction"),
            Predicate::IsInteger => {
                is(is_json(|json| json.is_i64() || json.is_u64()), "an integer")
            }
            Predicate::IsIsoDate => is(is_json(is_date), "a time such as 2026-01-31T12:00:00Z"),
            Predicate::IsList => is(is_json(Json::is_array), "a list"),
            Predicate::IsNumber => is(is_json(Json::is_number), "a number"),
            Predicate::IsObject => is(is_json(Json::is_object), "an object"),
            Predicate::IsString => is(is_json(Json::is_string), "a text"),
            Predicate::IsUuid => is(is_json(is_uuid), "a UUID"),
        }
    }
}

/// Returns whether a JSONPath can find several values, so that its result is a list.
fn finds_many(path: &str) -> bool {
    let mut quote = None;
    let mut before = '$';
    for character in path.chars() {
        match quote {
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None => match character {
                '\'' | '"' => quote = Some(character),
                '*' | '?' | ':' | ',' => return true,
                '.' if before == '.' => return true,
                _ => {}
            },
        }
        before = character;
    }
    false
}

/// Returns the value of a header: a list if the answer has it several times.
fn values(headers: &HeaderMap, name: &str) -> Option<Value> {
    let text = |value: &reqwest::header::HeaderValue| {
        Json::String(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let mut values: Vec<_> = headers.get_all(name).iter().map(text).collect();
    match values.len() {
        0 => None,
        1 => values.pop().map(Value::Json),
        _ => Some(Value::Json(Json::Array(values))),
    }
}

/// Returns the value of a cookie that the answer sets.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get_all(SET_COOKIE).iter().find_map(|set| {
        let (found, value) = set.to_str().ok()?.split(';').next()?.split_once('=')?;
        (found.trim() == name).then(|| value.trim().to_owned())
    })
}

/// Returns whether a text contains a text, a list a value, or bytes contain bytes.
fn contains(value: &Value, expected: &Value) -> bool {
    match (value, expected) {
        (Value::Json(Json::Array(items)), expected) => items
            .iter()
            .any(|item| Value::Json(item.clone()).is_equal(expected)),
        (Value::Bytes(bytes), Value::Bytes(part)) => {
            part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
        }
        (value, expected) => match (value.as_text(), expected.as_text()) {
            (Some(text), Some(part)) => text.contains(part),
            _ => false,
        },
    }
}

fn is_date(json: &Json) -> bool {
    json.as_str()
        .is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok())
}

fn is_uuid(json: &Json) -> bool {
    json.as_str().is_some_and(|text| {
        let groups: Vec<_> = text.split('-').collect();
        groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
            && groups
                .iter()
                .all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
    })
}
