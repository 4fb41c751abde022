//! Converts a function's result to an outcome.

use std::sync::Arc;

use wasmtime::component::Val;

use super::error::BindFault;
use crate::buffer::{AnswerLimits, Buffer};
use crate::interface::Signature;
use crate::layout::{Layout, Memory, ResultError};
use crate::template::Template;
use crate::types::{Record, Type, snake_case};
use crate::write;
use contract::{FieldError, Problem, Route};

/// What an operation returned.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A success.
    Reply(Reply),
    /// The logic refused the request.
    Problem(Problem),
}

/// The parts of a successful response that come from the result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// JSON, or `None` if the function returns nothing.
    pub body: Option<Vec<u8>>,
    /// The strong entity tag, without quotes.
    pub etag: Option<String>,
    /// The `Location`: a path, percent-encoded.
    pub location: Option<String>,
    /// The next page's cursor, not encoded.
    pub next: Option<String>,
}

/// How a result becomes a [`Reply`]. Members are given by their positions in the result's record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReplyPlan {
    /// The type of the body. `None`: the reply has no body.
    body: Option<Type>,
    /// The member that is the body. `None`: the whole result.
    body_member: Option<usize>,
    etag: Option<usize>,
    next: Option<usize>,
    location: Option<Location>,
    /// The layout of the function's result, shared with its other routes.
    layout: Option<Arc<Layout>>,
}

/// A `Location`, and the members that replace its parameters, in the order of the parameters.
#[derive(Debug, Clone, PartialEq)]
struct Location {
    template: Template,
    members: Vec<(usize, Type)>,
}

impl ReplyPlan {
    /// Makes a plan. Checks the members that the route names against the result's type.
    pub(super) fn bind(route: &Route, signature: &Signature) -> Result<ReplyPlan, BindFault> {
        let ok = signature.ok.as_ref();
        let result = Members(ok.and_then(Type::as_record));
        let body_member = result.find("body", route.body.as_deref(), "a value", |ty| {
            !matches!(ty, Type::Clearable(_))
        })?;
        let body = match (body_member, result.0) {
            (Some(index), Some(record)) => Some(record.fields[index].ty.clone()),
            _ => ok.cloned(),
        };
        if body.is_some() && matches!(route.success, 204 | 205) {
            return Err(BindFault::BodyWithoutContent(route.success));
        }
        let optional_string =
            |ty: &Type| matches!(ty, Type::Option(inner) if **inner == Type::String);
        Ok(ReplyPlan {
            body,
            body_member,
            etag: result.find("etag", route.etag.as_deref(), "a string", |ty| {
                *ty == Type::String
            })?,
            next: result.find(
                "next",
                route.next.as_deref(),
                "an option<string>",
                optional_string,
            )?,
            location: match &route.location {
                Some(template) => Some(result.location(template)?),
                None => None,
            },
            layout: signature.layout.clone(),
        })
    }

    /// Returns the type of the body, if there is a body.
    pub(crate) fn body(&self) -> Option<&Type> {
        self.body.as_ref()
    }

    /// Converts a lifted result.
    pub(super) fn outcome(
        &self,
        result: &Val,
        limits: AnswerLimits,
    ) -> Result<Outcome, ResultError> {
        match result {
            Val::Result(Ok(value)) => self.reply(value.as_deref(), limits).map(Outcome::Reply),
            Val::Result(Err(Some(value))) => problem(value, limits).map(Outcome::Problem),
            _ => Err(NO_PROBLEM.to_owned().into()),
        }
    }

    fn reply(&self, value: Option<&Val>, limits: AnswerLimits) -> Result<Reply, ResultError> {
        let members: &[(String, Val)] = match value {
            Some(Val::Record(members)) => members,
            _ => &[],
        };
        let member = |index: usize| members.get(index).map(|(_, value)| value);
        let whole_or_member = match self.body_member {
            Some(index) => member(index),
            None => value,
        };
        Ok(Reply {
            body: match (&self.body, whole_or_member) {
                (Some(ty), Some(value)) => {
                    let mut body = Buffer::new(limits);
                    write::value(&mut body, ty, value)?;
                    Some(body.finish()?)
                }
                _ => None,
            },
            etag: header("entity tag", self.etag.and_then(member).and_then(text))?,
            next: header("cursor", self.next.and_then(member).and_then(text))?,
            location: match &self.location {
                Some(location) => location.fill(limits, |index| {
                    let member = member(index).cloned();
                    member.ok_or_else(|| NO_MEMBER.to_owned().into())
                })?,
                None => None,
            },
        })
    }

    /// Converts a result that lies in memory at an address.
    pub(super) fn outcome_in(
        &self,
        memory: &mut Memory<'_>,
        address: usize,
        limits: AnswerLimits,
    ) -> Result<Outcome, ResultError> {
        let layout = self.layout.as_ref();
        let layout = layout.ok_or_else(|| "the layout of the result is not known".to_owned())?;
        let bytes = memory.value(address, layout)?;
        match layout.result_payload(bytes)? {
            Ok(value) => self.reply_in(memory, value, limits).map(Outcome::Reply),
            Err(Some((layout, bytes))) => {
                problem(&layout.lift(memory, bytes)?, limits).map(Outcome::Problem)
            }
            Err(None) => Err(NO_PROBLEM.to_owned().into()),
        }
    }

    fn reply_in(
        &self,
        memory: &mut Memory<'_>,
        value: Option<(&Layout, &[u8])>,
        limits: AnswerLimits,
    ) -> Result<Reply, ResultError> {
        let member = |index| value.and_then(|(layout, bytes)| layout.member(bytes, index));
        let whole_or_member = match self.body_member {
            Some(index) => member(index),
            None => value,
        };
        let body = match (&self.body, whole_or_member) {
            (Some(_), Some((layout, bytes))) => {
                let mut body = Buffer::new(limits);
                layout.write(&mut body, memory, bytes)?;
                Some(body.finish()?)
            }
            _ => None,
        };
        let mut lift = |index| match member(index) {
            Some((layout, bytes)) => layout.lift(memory, bytes),
            None => Err(NO_MEMBER.to_owned().into()),
        };
        let mut string = |index: Option<usize>| match index {
            Some(index) => lift(index).map(|value| text(&value)),
            None => Ok(None),
        };
        Ok(Reply {
            body,
            etag: header("entity tag", string(self.etag)?)?,
            next: header("cursor", string(self.next)?)?,
            location: match &self.location {
                Some(location) => location.fill(limits, lift)?,
                None => None,
            },
        })
    }
}

const NO_PROBLEM: &str = "not a result with a problem";
const NO_MEMBER: &str = "a record without its members";

impl Location {
    /// Returns the path. A location always has one.
    fn fill(
        &self,
        limits: AnswerLimits,
        mut member: impl FnMut(usize) -> Result<Val, ResultError>,
    ) -> Result<Option<String>, ResultError> {
        let mut values = Vec::with_capacity(self.members.len());
        for (index, ty) in &self.members {
            let value = write::scalar(ty, &member(*index)?, limits)?;
            values.extend(header("location", Some(value))?);
        }
        header("location", Some(self.template.fill(&values)))
    }
}

/// The members of a result. `None`: the result is not a record and has no members.
struct Members<'a>(Option<&'a Arc<Record>>);

impl Members<'_> {
    fn find(
        &self,
        role: &'static str,
        member: Option<&str>,
        expected: &'static str,
        is_expected: impl Fn(&Type) -> bool,
    ) -> Result<Option<usize>, BindFault> {
        let Some(member) = member else {
            return Ok(None);
        };
        let known = self.0.and_then(|record| {
            let index = record.fields.position(&snake_case(member))?;
            Some((index, &record.fields[index].ty))
        });
        match known {
            Some((index, ty)) if is_expected(ty) => Ok(Some(index)),
            Some(_) => Err(BindFault::MemberType {
                role,
                member: member.to_owned(),
                expected,
            }),
            None => Err(BindFault::UnknownMember {
                role,
                member: member.to_owned(),
            }),
        }
    }

    fn location(&self, template: &str) -> Result<Location, BindFault> {
        let template = Template::parse(template).map_err(BindFault::Location)?;
        let mut members = Vec::new();
        for name in template.parameters() {
            let member = self.find("location", Some(name), "a scalar", Type::is_scalar)?;
            if let (Some(index), Some(record)) = (member, self.0) {
                members.push((index, record.fields[index].ty.clone()));
            }
        }
        Ok(Location { template, members })
    }
}

/// Maximum size of a text that becomes part of a header, in bytes. Clients and proxies refuse larger
/// headers.
const MAX_HEADER: usize = 8 << 10;

/// Checks the size of a text that becomes part of a header.
fn header(what: &str, text: Option<String>) -> Result<Option<String>, ResultError> {
    match &text {
        Some(text) if text.len() > MAX_HEADER => Err(ResultError::Value(format!(
            "a {what} of {} bytes; a header can hold {MAX_HEADER}",
            text.len()
        ))),
        _ => Ok(text),
    }
}

/// Checks that the JSON of a problem is within the limits. The server writes it later.
fn check_size(problem: &Problem, limits: AnswerLimits) -> Result<(), ResultError> {
    let mut out = Buffer::new(limits);
    let errors = problem.errors.iter();
    let errors = errors.map(|error| (error.pointer.as_str(), error.detail.as_str()));
    let extensions = problem.extensions.iter();
    let extensions = extensions.map(|(name, value)| (name.as_str(), value.as_str()));
    let texts = [(problem.code.as_str(), problem.title.as_str())];
    let detail = problem
        .detail
        .iter()
        .map(|detail| ("detail", detail.as_str()));
    for (name, text) in errors.chain(extensions).chain(texts).chain(detail) {
        // As long as the text around an error or a member.
        out.extend_from_slice(br#"{"pointer":,"detail":},"#);
        write::string(&mut out, name);
        write::string(&mut out, text);
        out.check()?;
    }
    Ok(())
}

/// Reads a problem by its members' names, because later versions may add members.
fn problem(value: &Val, limits: AnswerLimits) -> Result<Problem, ResultError> {
    let members: &[(String, Val)] = match value {
        Val::Record(members) => members,
        _ => &[],
    };
    let status = match find(members, "status") {
        Some(Val::U16(status @ 400..=599)) => *status,
        _ => 500,
    };
    let string = |name| find(members, name).and_then(text);
    let list = |name| match find(members, name) {
        Some(Val::List(items)) => items.as_slice(),
        _ => &[],
    };
    let field_error = |item: &Val| match item {
        Val::Record(members) => Some(FieldError {
            pointer: find(members, "pointer").and_then(text)?,
            detail: find(members, "detail").and_then(text)?,
        }),
        _ => None,
    };
    let extension = |item: &Val| match item {
        Val::Tuple(pair) => match &pair[..] {
            [Val::String(name), Val::String(value)] => Some((name.clone(), value.clone())),
            _ => None,
        },
        _ => None,
    };
    let problem = Problem {
        status,
        code: string("code").unwrap_or_default(),
        title: string("title").unwrap_or_default(),
        detail: string("detail"),
        errors: list("errors").iter().filter_map(field_error).collect(),
        extensions: list("extensions").iter().filter_map(extension).collect(),
    };
    check_size(&problem, limits)?;
    Ok(problem)
}

fn find<'a>(members: &'a [(String, Val)], name: &str) -> Option<&'a Val> {
    let (_, value) = members.iter().find(|(known, _)| known == name)?;
    Some(value)
}

/// Returns a string, or the string in an option.
fn text(value: &Val) -> Option<String> {
    match value {
        Val::String(text) => Some(text.clone()),
        Val::Option(Some(inner)) => text(inner),
        _ => None,
    }
}
