//! Makes an operation's plan from a route and a function's signature.

use std::collections::HashSet;
use std::sync::Arc;

use super::error::BindFault;
use super::query::QueryParam;
use super::reply::ReplyPlan;
use super::{Operation, Source};
use crate::interface::{Interface, Param, Signature};
use crate::template::Template;
use crate::types::{Type, snake_case};
use contract::{Access, Method, Route};

pub(super) fn bind(interface: &Interface, route: &Route) -> Result<Operation, BindFault> {
    let function = interface
        .function(&route.operation)
        .ok_or_else(|| BindFault::UnknownFunction(route.operation.clone()))?;
    let signature = match &function.signature {
        Ok(signature) => signature,
        Err(reason) => {
            return Err(BindFault::Signature {
                function: route.operation.clone(),
                reason: reason.clone(),
            });
        }
    };
    if !(200..=299).contains(&route.success) {
        return Err(BindFault::SuccessStatus(route.success));
    }
    if route.method == Method::Get && route.access == Access::Write {
        return Err(BindFault::SafeMethodWrites(route.method));
    }
    let path = Template::parse(&route.path).map_err(BindFault::Path)?;
    let sources = sources(route.method, &path, signature)?;
    if route.next.is_some() && !takes_cursor(&sources) {
        return Err(BindFault::NoCursor);
    }
    Ok(Operation {
        route: route.clone(),
        function: Arc::clone(function),
        sources,
        reply: ReplyPlan::bind(route, signature)?,
    })
}

fn sources(
    method: Method,
    path: &Template,
    signature: &Signature,
) -> Result<Vec<Source>, BindFault> {
    for name in path.parameters() {
        let known = |param: &Param| param.json_name == snake_case(name);
        if !signature.params.iter().any(known) {
            return Err(BindFault::UnknownPathParameter(name.to_owned()));
        }
    }
    let in_path = |param: &Param| path.parameters().find(|n| snake_case(n) == param.json_name);
    let rest: Vec<&Param> = signature
        .params
        .iter()
        .filter(|param| in_path(param).is_none())
        .collect();
    let body = match method {
        Method::Get | Method::Delete => None,
        Method::Post | Method::Put | Method::Patch => body(&rest)?,
    };

    let mut sources = Vec::with_capacity(signature.params.len());
    for param in &signature.params {
        sources.push(match in_path(param) {
            Some(name) if param.ty.is_scalar() => Source::Path {
                name: name.to_owned(),
                ty: param.ty.clone(),
                constraints: param.constraints.clone(),
            },
            Some(name) => return Err(BindFault::PathParameterType(name.to_owned())),
            None if body.is_some_and(|body| body.name == param.name) => Source::Body {
                ty: param.ty.clone(),
                constraints: param.constraints.clone(),
            },
            None => query(param)?,
        });
    }
    let mut names = HashSet::new();
    for query in sources.iter().flat_map(Source::query_params) {
        if !names.insert(&query.name) {
            return Err(BindFault::RepeatedQueryParameter(query.name.clone()));
        }
    }
    Ok(sources)
}

/// Returns the parameter that is the body, out of those that are not in the path.
fn body<'a>(rest: &[&'a Param]) -> Result<Option<&'a Param>, BindFault> {
    let no_query = |param: &&Param| QueryParam::bind(&param.json_name, &param.ty, None).is_none();
    let mut only_body = rest.iter().copied().filter(no_query);
    match (rest, only_body.next(), only_body.next()) {
        ([], _, _) => Ok(None),
        ([only], _, _) => Ok(Some(only)),
        (_, Some(body), None) => Ok(Some(body)),
        _ => {
            let names: Vec<&str> = rest.iter().map(|param| param.name.as_str()).collect();
            Err(BindFault::AmbiguousBody(names.join(", ")))
        }
    }
}

fn query(param: &Param) -> Result<Source, BindFault> {
    if let Type::Record(record) = &param.ty {
        let bind = |field: &crate::types::Field| {
            QueryParam::bind(&field.json_name, &field.ty, field.constraints.as_ref())
                .ok_or_else(|| BindFault::QueryType(format!("{}.{}", param.name, field.name)))
        };
        return Ok(Source::QueryRecord {
            fields: record.fields.iter().map(bind).collect::<Result<_, _>>()?,
            record: Arc::clone(record),
        });
    }
    QueryParam::bind(&param.json_name, &param.ty, param.constraints.as_ref())
        .map(Source::Query)
        .ok_or_else(|| BindFault::QueryType(param.name.clone()))
}

fn takes_cursor(sources: &[Source]) -> bool {
    sources
        .iter()
        .flat_map(Source::query_params)
        .any(|query| query.name == "cursor" && query.is_optional_string())
}

impl Source {
    /// Returns the query parameters that this source reads.
    pub(crate) fn query_params(&self) -> &[QueryParam] {
        match self {
            Source::Path { .. } | Source::Body { .. } => &[],
            Source::Query(query) => std::slice::from_ref(query),
            Source::QueryRecord { fields, .. } => fields,
        }
    }
}
