//! JSON Schemas (2020-12) of types.
//!
//! Named types are components of the document and are described once. A type that occurs in any
//! request is described as input, for what clients may send: optional members are not required, and
//! strings exclude U+0000. A type that occurs only in responses is described as output: every
//! member is required, except for those whose absence means something. Constraints are part of the
//! description as input only, because nothing enforces them in responses.

mod naming;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use self::naming::{component_names, name_of, named_types};
use super::example;
use super::responses::problem_schema;
use crate::constraint::{Constraints, Part};
use crate::operation::QueryParam;
use crate::operation::{Operation, Source};
use crate::types::{Case, Enum, Epoch, Record, ResultType, Type, TypeName, Variant};

/// A regular expression (ECMA-262) for strings without U+0000, which the databases cannot store.
pub(crate) const NO_NUL: &str = r"^[^\u0000]*$";

/// The named types of all operations.
pub(crate) struct Schemas {
    /// Each type's name among the components.
    names: BTreeMap<TypeName, String>,
    /// The types that occur in requests.
    inputs: BTreeSet<TypeName>,
    components: Map<String, Value>,
}

/// Who writes a value.
#[derive(Clone, Copy, PartialEq)]
enum Direction {
    /// The client.
    Input,
    /// The service.
    Output,
}

impl Schemas {
    /// Collects the named types of these operations and describes each.
    pub(crate) fn of(operations: &[Operation]) -> Schemas {
        let mut types = BTreeMap::new();
        for operation in operations {
            for source in operation.sources() {
                match source {
                    Source::Body { ty, .. } | Source::Path { ty, .. } => {
                        named_types(ty, &mut types)
                    }
                    Source::Query(_) | Source::QueryRecord { .. } => {
                        for param in source.query_params() {
                            named_types(&param.scalar, &mut types);
                        }
                    }
                }
            }
        }
        let inputs = types.keys().cloned().collect();
        for operation in operations {
            if let Some(body) = operation.reply().body() {
                named_types(body, &mut types);
            }
        }
        let mut schemas = Schemas {
            names: component_names(types.keys()),
            inputs,
            components: Map::new(),
        };
        let mut components = BTreeMap::from([("Problem".to_owned(), problem_schema())]);
        for (name, ty) in &types {
            let direction = match schemas.inputs.contains(name) {
                true => Direction::Input,
                false => Direction::Output,
            };
            components.insert(
                schemas.names[name].clone(),
                schemas.definition(ty, direction),
            );
        }
        schemas.components = components.into_iter().collect();
        schemas
    }

    /// Returns `components/schemas`.
    pub(crate) fn components(&self) -> &Map<String, Value> {
        &self.components
    }

    /// Returns the schema of a value in a request body.
    pub(crate) fn input(&self, ty: &Type, constraints: Option<&Constraints>) -> Value {
        self.schema(ty, constraints, Direction::Input)
    }

    /// Returns the schema of a value in a response.
    pub(crate) fn output(&self, ty: &Type) -> Value {
        self.schema(ty, None, Direction::Output)
    }

    /// Returns the schema of a path parameter. A segment is never empty.
    pub(crate) fn segment(&self, ty: &Type, constraints: Option<&Constraints>) -> Value {
        let mut schema = self.schema(ty, constraints, Direction::Input);
        if *ty == Type::String {
            let stated = schema["minLength"].as_u64();
            schema["minLength"] = json!(stated.unwrap_or_default().max(1));
        }
        schema
    }

    /// Returns the Parameter Object of a query parameter.
    pub(crate) fn query(&self, param: &QueryParam, docs: Option<&str>) -> Value {
        let constraints = param.constraints.as_deref();
        let of_scalar = match param.list {
            true => constraints.and_then(|constraints| constraints.part(Part::Each)),
            false => constraints,
        };
        let scalar = self.schema(&param.scalar, of_scalar, Direction::Input);
        let mut object = json!({
            "name": param.name,
            "in": "query",
            "required": !param.optional && !param.list,
        });
        if let Some(docs) = docs {
            if let Some(example) = example::stated(docs) {
                object["example"] = example;
            }
            object["description"] = json!(example::without_example(docs));
        }
        if param.list {
            object["style"] = json!("form");
            object["explode"] = json!(false);
            let list = json!({ "type": "array", "items": scalar });
            object["schema"] = constrained(list, constraints, Direction::Input);
        } else {
            object["schema"] = scalar;
        }
        object
    }

    /// Returns the schema of a type: a reference if the type is named.
    fn schema(&self, ty: &Type, constraints: Option<&Constraints>, direction: Direction) -> Value {
        let part = |part| constraints.and_then(|constraints| constraints.part(part));
        let schema = match ty {
            Type::Bool => json!({ "type": "boolean" }),
            Type::F32 => json!({ "type": "number", "format": "float" }),
            Type::F64 => json!({ "type": "number", "format": "double" }),
            Type::Char => string(direction, json!({ "minLength": 1, "maxLength": 1 })),
            Type::String => string(direction, json!({})),
            Type::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Type::Datetime(epoch) => datetime(*epoch, direction),
            Type::Option(inner) | Type::Clearable(inner) => {
                return nullable(self.schema(inner, constraints, direction));
            }
            Type::List(item) => {
                json!({ "type": "array", "items": self.schema(item, part(Part::Each), direction) })
            }
            Type::Map(item) => {
                let mut schema = json!({
                    "type": "object",
                    "additionalProperties": self.schema(item, part(Part::Each), direction),
                });
                if direction == Direction::Input {
                    schema["propertyNames"] = json!({ "pattern": NO_NUL });
                }
                schema
            }
            Type::Tuple(types) => {
                let items = types.iter().enumerate();
                let items =
                    items.map(|(index, ty)| self.schema(ty, part(Part::Item(index)), direction));
                let items: Vec<Value> = items.collect();
                json!({
                    "type": "array",
                    "prefixItems": items,
                    "items": nothing(),
                    "minItems": types.len(),
                    "maxItems": types.len(),
                })
            }
            Type::Result(ty) => self.result(ty, direction),
            Type::Record(_) | Type::Enum(_) | Type::Variant(_) | Type::Flags(_) => {
                match name_of(ty).and_then(|name| self.names.get(name)) {
                    Some(name) => json!({ "$ref": format!("#/components/schemas/{name}") }),
                    None => self.definition(ty, direction),
                }
            }
            _ => integer(ty),
        };
        constrained(schema, constraints, direction)
    }

    /// Returns the schema of a named type itself.
    fn definition(&self, ty: &Type, direction: Direction) -> Value {
        let (docs, schema) = match ty {
            Type::Record(ty) => (ty.docs.clone(), self.record(ty, direction)),
            Type::Enum(ty) => {
                let docs = with_case_docs(&ty.docs, &ty.cases);
                (docs, json!({ "type": "string", "enum": names(ty) }))
            }
            Type::Flags(ty) => {
                let items = json!({ "type": "string", "enum": names(ty) });
                let docs = with_case_docs(&ty.docs, &ty.cases);
                (
                    docs,
                    json!({ "type": "array", "uniqueItems": true, "items": items }),
                )
            }
            Type::Variant(ty) => (ty.docs.clone(), self.variant(ty, direction)),
            ty => (None, self.schema(ty, None, direction)),
        };
        described(schema, docs.as_deref())
    }

    fn record(&self, ty: &Record, direction: Direction) -> Value {
        let is_required = |ty: &Type| match direction {
            Direction::Input => !ty.is_optional(),
            Direction::Output => !matches!(ty, Type::Clearable(_)),
        };
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in &ty.fields {
            let schema = self.schema(&field.ty, field.constraints.as_deref(), direction);
            let schema = described(schema, field.docs.as_deref());
            properties.insert(field.json_name.clone(), schema);
            if is_required(&field.ty) {
                required.push(field.json_name.as_str());
            }
        }
        let mut schema = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema
    }

    fn variant(&self, ty: &Variant, direction: Direction) -> Value {
        let case = |case: &Case| {
            let mut schema = json!({
                "type": "object",
                "title": case.json_name,
                "properties": { "case": { "const": case.json_name } },
                "required": ["case"],
            });
            match &case.payload {
                Some(payload) => {
                    let constraints = case.constraints.as_deref();
                    schema["properties"]["value"] = self.schema(payload, constraints, direction);
                    if direction == Direction::Output || !payload.is_optional() {
                        schema["required"] = json!(["case", "value"]);
                    }
                }
                None => schema["properties"]["value"] = json!({ "type": "null" }),
            }
            described(schema, case.docs.as_deref())
        };
        json!({ "oneOf": ty.cases.iter().map(case).collect::<Vec<_>>() })
    }

    fn result(&self, ty: &ResultType, direction: Direction) -> Value {
        let side = |name: &str, other: &str, payload: &Option<Type>| {
            let schema = match payload {
                Some(payload) => self.schema(payload, None, direction),
                None => json!({ "type": "null" }),
            };
            json!({
                "type": "object",
                "properties": { name: schema, other: nothing() },
                "required": [name],
            })
        };
        json!({ "oneOf": [side("ok", "error", &ty.ok), side("error", "ok", &ty.error)] })
    }
}

/// The schema that no value has. It means `false`, which generators and linters do not know.
fn nothing() -> Value {
    json!({ "not": {} })
}

/// Adds the constraint of the value itself. Only what clients send is constrained.
fn constrained(
    mut schema: Value,
    constraints: Option<&Constraints>,
    direction: Direction,
) -> Value {
    if direction == Direction::Input
        && let Some(constraint) = constraints.and_then(Constraints::own)
        && let Value::Object(keywords) = &mut schema
    {
        constraint.describe(keywords);
    }
    schema
}

fn integer(ty: &Type) -> Value {
    let mut schema = json!({ "type": "integer" });
    match ty {
        Type::U64 | Type::S64 => schema["format"] = json!("int64"),
        Type::U8 | Type::U16 | Type::S8 | Type::S16 | Type::S32 => {
            schema["format"] = json!("int32");
        }
        // A u32 does not fit in an int32 and does not need an int64. The bounds describe it.
        _ => {}
    }
    if let Some(range) = ty.integer_range() {
        schema["minimum"] = bound(*range.start());
        schema["maximum"] = bound(*range.end());
    }
    schema
}

fn bound(value: i128) -> Value {
    match i64::try_from(value) {
        Ok(value) => json!(value),
        Err(_) => json!(u64::try_from(value).unwrap_or(u64::MAX)),
    }
}

fn string(direction: Direction, bounds: Value) -> Value {
    let mut schema = json!({ "type": "string" });
    if direction == Direction::Input {
        schema["pattern"] = json!(NO_NUL);
    }
    for (name, value) in bounds.as_object().into_iter().flatten() {
        schema[name] = value.clone();
    }
    schema
}

fn datetime(epoch: Epoch, direction: Direction) -> Value {
    let mut schema = json!({ "type": "string", "format": "date-time" });
    if direction == Direction::Input {
        schema["pattern"] = json!(match epoch {
            Epoch::Unsigned => "^(19[7-9][0-9]|[2-9][0-9]{3})-",
            Epoch::Signed => "^(?!0000)[0-9]{4}-",
        });
    }
    schema
}

fn nullable(mut schema: Value) -> Value {
    match schema.get("type") {
        Some(Value::String(ty)) => {
            schema["type"] = json!([ty, "null"]);
            schema
        }
        _ => json!({ "anyOf": [schema, { "type": "null" }] }),
    }
}

fn described(mut schema: Value, docs: Option<&str>) -> Value {
    if let Some(docs) = docs {
        if let Some(example) = example::stated(docs) {
            schema["examples"] = json!([example]);
        }
        let docs = example::without_example(docs);
        if !docs.is_empty() {
            schema["description"] = json!(docs);
        }
    }
    schema
}

fn names(ty: &Enum) -> Vec<&str> {
    ty.cases
        .iter()
        .map(|case| case.json_name.as_str())
        .collect()
}

/// Appends the documentation of an enum's cases to the enum's own, as a list. JSON Schema has no
/// place for it.
fn with_case_docs(docs: &Option<String>, cases: &[Case]) -> Option<String> {
    let line = |case: &Case| {
        let docs = case.docs.as_deref()?;
        Some(format!("- `{}`: {docs}", case.json_name))
    };
    let lines: Vec<String> = cases.iter().filter_map(line).collect();
    if lines.is_empty() {
        return docs.clone();
    }
    let mut parts: Vec<String> = docs.iter().cloned().collect();
    parts.push(lines.join("\n"));
    Some(parts.join("\n\n"))
}
