//! Tools for agents (Model Context Protocol): one for each function that a route calls, described by the
//! same schemas as the OpenAPI document.
//!
//! A tool's arguments are the members of one object: the parameters of path and query by their names, and
//! the members of the body. A body that is not a record, or has a member with the name of another argument,
//! is one argument with the name of the function's parameter. A call becomes the parts of an HTTP request
//! to the tool's route, so that it is read, checked and answered like every other request.
//!
//! A result is always an object, as the protocol demands: see [`Tool::result`].

mod arguments;
mod schema;

use std::collections::HashSet;

use serde_json::{Map, Value, json};

pub use self::arguments::ToolRequest;
use self::arguments::{Argument, Body, Place};
use self::schema::Expander;
use crate::openapi::Schemas;
use crate::operation::{Operation, QueryParam, Source};
use crate::template::Template;
use crate::types::{Type, snake_case};
use contract::{Access, Route, RouteIndex};

/// The argument of a tool that writes: whether nothing is kept.
const DRY_RUN: &str = "dry_run";

/// The member of a page that is the next page's cursor.
const NEXT: &str = "next";

/// Maximum length of a tool's name. Some clients refuse longer ones.
const MAX_NAME: usize = 64;

/// A tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Interface and function, such as `tasks_create`: up to 64 lower-case letters, digits and `_`.
    /// Unique.
    pub name: String,
    /// The first sentence of the function's documentation, or the name.
    pub title: String,
    /// The function's documentation.
    pub description: String,
    /// The JSON Schema of the arguments: an object.
    pub input_schema: Map<String, Value>,
    /// The JSON Schema of the result: an object. `None`: a success has no result.
    pub output_schema: Option<Map<String, Value>>,
    /// The route that a call requests.
    pub route: RouteIndex,
    path: Template,
    arguments: Vec<Argument>,
    body: Body,
    /// Whether the host's own argument `dry_run` exists.
    has_dry_run: bool,
    shape: Shape,
}

/// How a body becomes a result.
#[derive(Debug, Clone, PartialEq)]
enum Shape {
    /// There is no body.
    Nothing,
    /// The body is an object, and is the result.
    Object,
    /// The body is this member of the result.
    Member(String),
    /// The body is this member of the result, and the cursor is another one.
    Page(String),
}

/// Makes the tools of a service. `operations` are the description's routes, bound, in order. If several
/// routes call one function, the first one is the tool's.
pub fn tools(operations: &[Operation]) -> Vec<Tool> {
    let schemas = Schemas::of(operations);
    let mut functions = HashSet::new();
    let mut names = HashSet::new();
    let mut tools = Vec::new();
    for (position, operation) in operations.iter().enumerate() {
        if functions.insert((operation.interface(), operation.function())) {
            let name = name(operation, &mut names);
            tools.push(
                Maker {
                    operation,
                    schemas: &schemas,
                }
                .make(name, RouteIndex::new(position)),
            );
        }
    }
    tools
}

/// Returns what the WIT says about the service as a whole: the documentation of its packages, and then of
/// each interface that has a tool. Empty if no interface has one.
pub fn instructions(operations: &[Operation]) -> String {
    let mut said = HashSet::new();
    let mut parts = Vec::new();
    for operation in operations {
        let interface = &operation.declaration().interface;
        if let Some(docs) = &interface.package_docs
            && said.insert(docs)
        {
            parts.insert(0, docs.clone());
        }
    }
    for operation in operations {
        let interface = &operation.declaration().interface;
        if let Some(docs) = &interface.docs
            && said.insert(docs)
        {
            let name = snake_case(interface.local_name());
            parts.push(format!("Tools whose names begin with `{name}_`: {docs}"));
        }
    }
    parts.join("\n\n")
}

/// Makes a unique name. If it is taken, a number is appended.
fn name(operation: &Operation, taken: &mut HashSet<String>) -> String {
    let interface = snake_case(operation.declaration().interface.local_name());
    let plain = format!("{interface}_{}", snake_case(operation.function()));
    let numbers = (2..).map(|number| format!("_{number}"));
    let name = std::iter::once(String::new()).chain(numbers).map(|end| {
        // WIT's names are ASCII.
        let start = plain.len().min(MAX_NAME - end.len());
        format!("{}{end}", &plain[..start])
    });
    let name = name.into_iter().find(|name| !taken.contains(name));
    let name = name.expect("the numbers do not end");
    taken.insert(name.clone());
    name
}

/// Makes one tool.
struct Maker<'a> {
    operation: &'a Operation,
    schemas: &'a Schemas,
}

impl Maker<'_> {
    fn make(&self, name: String, index: RouteIndex) -> Tool {
        let route = self.operation.route();
        let function = self.operation.declaration();
        let mut input = Input::default();
        for source in self.operation.sources() {
            match source {
                Source::Path {
                    name,
                    ty,
                    constraints,
                } => {
                    let schema = self.schemas.segment(ty, constraints.as_deref());
                    input.add(&snake_case(name), schema, true, Place::Path(name.clone()));
                }
                Source::Query(param) => self.add_query(&mut input, param, None),
                Source::QueryRecord { record, fields } => {
                    for (field, param) in record.fields.iter().zip(fields) {
                        self.add_query(&mut input, param, field.docs.as_deref());
                    }
                }
                Source::Body { .. } => {}
            }
        }
        let body = self.add_body(&mut input);
        let has_dry_run = route.access == Access::Write && !input.properties.contains_key(DRY_RUN);
        if has_dry_run {
            let schema = json!({
                "type": "boolean",
                "description": "If true, this is a dry run: everything is checked and the result is the usual one, but nothing is kept. Default: false.",
            });
            input.properties.insert(DRY_RUN.to_owned(), schema);
        }
        let shape = self.shape(route);
        let mut description = function.docs.clone().unwrap_or_else(|| name.clone());
        if let Shape::Page(_) = &shape {
            description.push_str(
                "\n\nIf there is another page, `next` of the result is its cursor: pass it as `cursor`, with \
                 otherwise the same arguments.",
            );
        }
        Tool {
            title: function.summary().unwrap_or_else(|| name.clone()),
            description,
            input_schema: input.schema(self.schemas),
            output_schema: self.output_schema(&shape),
            route: index,
            path: Template::parse(&route.path).expect("the path of a bound route is valid"),
            arguments: input.arguments,
            body,
            has_dry_run,
            shape,
            name,
        }
    }

    fn add_query(&self, input: &mut Input, param: &QueryParam, docs: Option<&str>) {
        let parameter = self.schemas.query(param, docs);
        let mut schema = parameter["schema"].clone();
        if let Some(docs) = parameter.get("description") {
            schema["description"] = docs.clone();
        }
        let is_required = parameter["required"] == true;
        input.add(&param.name, schema, is_required, Place::Query);
    }

    /// Adds the body's members, or the body as one argument.
    fn add_body(&self, input: &mut Input) -> Body {
        let function = self.operation.declaration();
        let parameters = function
            .signature
            .iter()
            .flat_map(|signature| &signature.params);
        let body = self.operation.sources().iter().zip(parameters);
        let body = body.filter_map(|(source, parameter)| match source {
            Source::Body { ty, constraints } => Some((ty, constraints, parameter)),
            _ => None,
        });
        let Some((ty, constraints, parameter)) = body.into_iter().next() else {
            return Body::Absent;
        };
        let schema = self.schemas.input(ty, constraints.as_deref());
        if let Type::Record(record) = ty {
            let mut names = record.fields.iter().map(|field| field.json_name.as_str());
            if names.all(|name| name != DRY_RUN && !input.properties.contains_key(name)) {
                input.add_members(Expander::new(self.schemas.components()).whole(&schema));
                return Body::Members;
            }
        }
        // Nothing else has this name: two parameters of a function never do.
        let name = match input.properties.contains_key(&parameter.json_name) {
            true => "body".to_owned(),
            false => parameter.json_name.clone(),
        };
        let is_optional = ty.is_optional();
        input.properties.insert(name.clone(), schema);
        if !is_optional {
            input.required.push(name.clone());
        }
        Body::Argument { name, is_optional }
    }

    fn shape(&self, route: &Route) -> Shape {
        let Some(body) = self.operation.reply().body() else {
            return Shape::Nothing;
        };
        let is_object = matches!(
            body,
            Type::Record(_) | Type::Map(_) | Type::Variant(_) | Type::Result(_)
        );
        match (&route.next, &route.body) {
            (Some(_), Some(member)) if snake_case(member) != NEXT => {
                Shape::Page(snake_case(member))
            }
            _ if is_object => Shape::Object,
            _ => Shape::Member("result".to_owned()),
        }
    }

    fn output_schema(&self, shape: &Shape) -> Option<Map<String, Value>> {
        let body = self.schemas.output(self.operation.reply().body()?);
        let schema = match shape {
            Shape::Nothing => return None,
            Shape::Object => body,
            Shape::Member(member) => json!({
                "properties": { member: body },
                "required": [member],
            }),
            Shape::Page(member) => json!({
                "properties": {
                    member: body,
                    NEXT: {
                        "type": ["string", "null"],
                        "description": "The cursor of the next page. Null on the last page.",
                    },
                },
                "required": [member, NEXT],
            }),
        };
        let mut schema = Expander::new(self.schemas.components()).whole(&schema);
        // A variant is described by its cases, but the protocol wants to see that it is an object.
        schema.insert("type".to_owned(), json!("object"));
        Some(schema)
    }
}

/// The arguments of a tool, while they are collected.
#[derive(Default)]
struct Input {
    properties: Map<String, Value>,
    required: Vec<String>,
    arguments: Vec<Argument>,
}

impl Input {
    fn add(&mut self, name: &str, schema: Value, is_required: bool, place: Place) {
        self.properties.insert(name.to_owned(), schema);
        if is_required {
            self.required.push(name.to_owned());
        }
        self.arguments.push(Argument {
            name: name.to_owned(),
            place,
        });
    }

    /// Adds the members that the schema of a record describes.
    fn add_members(&mut self, mut record: Map<String, Value>) {
        if let Some(Value::Object(properties)) = record.remove("properties") {
            self.properties.extend(properties);
        }
        if let Some(Value::Array(required)) = record.remove("required") {
            let names = required.iter().filter_map(Value::as_str);
            self.required.extend(names.map(str::to_owned));
        }
    }

    fn schema(&self, schemas: &Schemas) -> Map<String, Value> {
        let mut schema = json!({
            "type": "object",
            "properties": self.properties,
            "additionalProperties": false,
        });
        if !self.required.is_empty() {
            schema["required"] = json!(self.required);
        }
        Expander::new(schemas.components()).whole(&schema)
    }
}
