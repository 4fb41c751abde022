//! Sends the requests of a file to one host and checks the answers.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url, Version};
use serde_json::Value as Json;

use super::examine::{Answer, Examiner, Failed};
use super::template::{Variables, expand};
use super::value::{Value, are_equal, shortened};
use super::{Body, Content, Entry, Error, Request, Response};
use crate::tls;

/// Time limit for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Plays entries in order. Captured values are kept for the entries after them.
pub(in crate::cli) struct Player {
    http: reqwest::Client,
    host: Url,
    /// Where bodies from files are.
    folder: PathBuf,
    variables: Variables,
}

/// What became of an entry.
pub(in crate::cli) struct Outcome {
    /// The request's address without the host, as far as it could be made.
    pub(in crate::cli) target: String,
    /// The answer's status and how long it took; `None` if there was no answer.
    pub(in crate::cli) answered: Option<(u16, Duration)>,
    /// The conditions that do not hold.
    pub(in crate::cli) failed: Vec<Failed>,
    /// Why the entry could not be played or examined to its end.
    pub(in crate::cli) error: Option<Error>,
    /// The answer's body, shortened, if something failed.
    pub(in crate::cli) body: Option<String>,
}

impl Outcome {
    pub(in crate::cli) fn is_success(&self) -> bool {
        self.failed.is_empty() && self.error.is_none()
    }
}

impl Player {
    /// Creates a player for a host such as `http://127.0.0.1:8000`, which files name `{{host}}`.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub(in crate::cli) fn new(
        host: &str,
        folder: &Path,
        variables: &[(String, String)],
    ) -> anyhow::Result<Self> {
        let url: Url = host.parse().context("the host's address")?;
        let http = tls::client_builder(&url)
            .no_proxy()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let given = variables.iter().map(|(name, value)| {
            // Numbers, true, false and null keep their type in conditions.
            let value = match serde_json::from_str(value) {
                Ok(value @ (Json::Number(_) | Json::Bool(_) | Json::Null)) => value,
                _ => Json::String(value.clone()),
            };
            (name.clone(), value)
        });
        let mut all: Variables = given.collect();
        all.insert("host".to_owned(), Json::String(host.to_owned()));
        Ok(Player {
            http,
            host: url,
            folder: folder.to_owned(),
            variables: all,
        })
    }

    /// Plays one entry.
    pub(in crate::cli) async fn play(&mut self, entry: &Entry) -> Outcome {
        let mut outcome = Outcome {
            target: entry.request.url.clone(),
            answered: None,
            failed: Vec::new(),
            error: None,
            body: None,
        };
        let sent = self.send(&entry.request, &mut outcome.target).await;
        let answer = match sent {
            Ok(answer) => answer,
            Err(error) => {
                outcome.error = Some(error);
                return outcome;
            }
        };
        outcome.answered = Some((answer.status, answer.took));
        if let Some(response) = &entry.response {
            let examined = self.examine(response, &answer, &mut outcome.failed);
            outcome.error = examined.err();
        }
        if !outcome.is_success() {
            outcome.body = Some(shortened(String::from_utf8_lossy(&answer.body).trim()));
        }
        outcome
    }

    fn text(&self, text: &str, line: usize) -> Result<String, Error> {
        expand(text, &self.variables, line)
    }

    async fn send(&self, request: &Request, target: &mut String) -> Result<Answer, Error> {
        let line = request.line;
        let failed = |reason: String| Error { line, reason };
        let text = self.text(&request.url, line)?;
        let mut url: Url = text.parse().map_err(|error| {
            failed(format!(
                "`{text}` is not an address: {error}; begin it with {{{{host}}}}"
            ))
        })?;
        if url.origin() != self.host.origin() {
            return Err(failed(format!(
                "requests go to {{{{host}}}} only, and not to {text}"
            )));
        }
        if !request.query.is_empty() {
            let mut pairs = url.query_pairs_mut();
            for pair in &request.query {
                let name = self.text(&pair.name, pair.line)?;
                pairs.append_pair(&name, &self.text(&pair.value, pair.line)?);
            }
        }
        *target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|error| failed(format!("{}: {error}", request.method)))?;
        let mut headers = HeaderMap::new();
        for pair in &request.headers {
            let invalid = |reason: String| Error {
                line: pair.line,
                reason,
            };
            let name = self.text(&pair.name, pair.line)?;
            let value = self.text(&pair.value, pair.line)?;
            let name: HeaderName = name
                .parse()
                .map_err(|_| invalid(format!("`{name}` is not the name of a header")))?;
            let value = HeaderValue::from_bytes(value.as_bytes())
                .map_err(|_| invalid(format!("`{value}` is not the value of a header")))?;
            headers.append(name, value);
        }
        if !request.cookies.is_empty() {
            let mut cookies = Vec::new();
            for pair in &request.cookies {
                let value = self.text(&pair.value, pair.line)?;
                cookies.push(format!("{}={value}", self.text(&pair.name, pair.line)?));
            }
            let cookies = cookies.join("; ");
            let value = HeaderValue::from_bytes(cookies.as_bytes())
                .map_err(|_| failed(format!("`{cookies}` is not the value of a header")))?;
            headers.insert(COOKIE, value);
        }
        let names_type = headers.contains_key(CONTENT_TYPE);
        let mut builder = self.http.request(method, url.clone()).headers(headers);
        if let Some(user) = &request.user {
            let name = self.text(&user.name, user.line)?;
            builder = builder.basic_auth(name, Some(self.text(&user.value, user.line)?));
        }
        let mut media_type = None;
        if !request.form.is_empty() {
            let mut form: Url = "http://localhost/".parse().expect("an address");
            for pair in &request.form {
                let name = self.text(&pair.name, pair.line)?;
                let value = self.text(&pair.value, pair.line)?;
                form.query_pairs_mut().append_pair(&name, &value);
            }
            media_type = Some("application/x-www-form-urlencoded");
            builder = builder.body(form.query().unwrap_or_default().to_owned());
        }
        if let Some(body) = &request.body {
            let (content, natural) = self.content(body)?;
            media_type = natural;
            builder = builder.body(content);
        }
        if let Some(media_type) = media_type.filter(|_| !names_type) {
            builder = builder.header(CONTENT_TYPE, media_type);
        }
        let began = Instant::now();
        let answer = async {
            let response = builder.send().await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let version = match response.version() {
                Version::HTTP_10 => "HTTP/1.0",
                Version::HTTP_2 => "HTTP/2",
                _ => "HTTP/1.1",
            };
            let body = response.bytes().await?.to_vec();
            Ok::<_, reqwest::Error>((status, version, headers, body))
        };
        let (status, version, headers, body) = answer
            .await
            .map_err(|error| failed(format!("no answer: {:#}", anyhow::Error::from(error))))?;
        Ok(Answer {
            status,
            version,
            url: url.into(),
            headers,
            body,
            took: began.elapsed(),
        })
    }

    /// Returns the bytes of a body, and the media type that they have if the request names none.
    fn content(&self, body: &Body) -> Result<(Vec<u8>, Option<&'static str>), Error> {
        let line = body.line;
        Ok(match &body.content {
            Content::Json(text) => {
                let text = self.text(text, line)?;
                if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text) {
                    let reason =
                        format!("this is not JSON: {error}. Send other text between ``` and ```");
                    return Err(Error { line, reason });
                }
                (text.into_bytes(), Some("application/json"))
            }
            Content::Text(text, media_type) => (self.text(text, line)?.into_bytes(), *media_type),
            Content::Bytes(bytes) => (bytes.clone(), None),
            Content::File(name) => {
                let name = self.text(name, line)?;
                let path = self.folder.join(&name);
                let content = std::fs::read(&path).map_err(|error| Error {
                    line,
                    reason: format!("cannot read {}: {error}", path.display()),
                })?;
                (content, None)
            }
        })
    }

    /// Checks an answer. Captures values of it before its conditions, which can name them.
    fn examine(
        &mut self,
        response: &Response,
        answer: &Answer,
        failed: &mut Vec<Failed>,
    ) -> Result<(), Error> {
        if let Some(status) = response.status.filter(|status| *status != answer.status) {
            failed.push(Failed {
                line: response.line,
                condition: "status".to_owned(),
                expected: status.to_string(),
                actual: answer.status.to_string(),
            });
        }
        for pair in &response.headers {
            let expected = self.text(&pair.value, pair.line)?;
            let name = self.text(&pair.name, pair.line)?;
            let values = answer.headers.get_all(&name).iter();
            let values: Vec<_> = values
                .map(|value| String::from_utf8_lossy(value.as_bytes()))
                .collect();
            if !values.iter().any(|value| *value == expected) {
                failed.push(Failed {
                    line: pair.line,
                    condition: format!("header {name}"),
                    expected,
                    actual: match values.is_empty() {
                        true => "nothing".to_owned(),
                        false => values.join(", "),
                    },
                });
            }
        }
        if !failed.is_empty() {
            // The answer is not the one that the conditions are about.
            return Ok(());
        }
        for capture in &response.captures {
            let found =
                self.examiner(answer)
                    .look_up(&capture.query, &capture.filters, capture.line)?;
            let value = match found {
                Some(Value::Json(value)) => value,
                Some(other) => Json::String(other.to_string()),
                None => {
                    return Err(Error {
                        line: capture.line,
                        reason: format!("{}: the answer has nothing there", capture.name),
                    });
                }
            };
            self.variables.insert(capture.name.clone(), value);
        }
        for assert in &response.asserts {
            failed.extend(self.examiner(answer).check(assert)?);
        }
        if let Some(body) = &response.body {
            failed.extend(self.compare(body, answer)?);
        }
        Ok(())
    }

    fn examiner<'a>(&'a self, answer: &'a Answer) -> Examiner<'a> {
        Examiner {
            answer,
            variables: &self.variables,
        }
    }

    /// Compares the body of an answer: JSON by its values, everything else byte by byte.
    fn compare(&self, body: &Body, answer: &Answer) -> Result<Option<Failed>, Error> {
        let (expected, _) = self.content(body)?;
        let is_equal = match &body.content {
            Content::Json(_) => {
                let expected = serde_json::from_slice::<Json>(&expected);
                let actual = serde_json::from_slice::<Json>(&answer.body);
                matches!((expected, actual), (Ok(expected), Ok(actual)) if are_equal(&expected, &actual))
            }
            _ => expected == answer.body,
        };
        let shown = |bytes: &[u8]| shortened(String::from_utf8_lossy(bytes).trim());
        Ok((!is_equal).then(|| Failed {
            line: body.line,
            condition: "body".to_owned(),
            expected: shown(&expected),
            actual: shown(&answer.body),
        }))
    }
}
