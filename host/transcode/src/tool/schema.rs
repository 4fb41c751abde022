//! Makes a schema of the OpenAPI document one that stands alone, and short: a model reads it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::openapi::NO_NUL;

/// Maximum number of parts of a schema in which references are replaced by what they refer to. Clients and
/// models understand a schema without references best; but types that use each other can be huge without
/// them.
const MAX_PARTS: usize = 2000;

/// The largest integer that every JSON parser reads exactly. Bounds beyond it are left out.
const MAX_EXACT: f64 = 9_007_199_254_740_991.0;

/// Replaces references to the document's components.
pub(super) struct Expander<'a> {
    components: &'a Map<String, Value>,
    /// The parts that may still be written.
    left: usize,
    /// The components that are referred to.
    referred: BTreeSet<String>,
}

impl<'a> Expander<'a> {
    pub(super) fn new(components: &'a Map<String, Value>) -> Self {
        Expander {
            components,
            left: MAX_PARTS,
            referred: BTreeSet::new(),
        }
    }

    /// Returns the schema of an object without references to the document. References that remain are to
    /// its own `$defs`.
    pub(super) fn whole(mut self, schema: &Value) -> Map<String, Value> {
        let Value::Object(mut whole) = self.expand(schema) else {
            return Map::new();
        };
        let mut definitions = Map::new();
        self.left = 0;
        while let Some(name) = self.referred.pop_first() {
            if !definitions.contains_key(&name) {
                let definition = self.components.get(&name).map(|known| self.expand(known));
                definitions.insert(name, definition.unwrap_or_default());
            }
        }
        if !definitions.is_empty() {
            whole.insert("$defs".to_owned(), Value::Object(definitions));
        }
        whole
    }

    fn expand(&mut self, schema: &Value) -> Value {
        let Value::Object(keywords) = schema else {
            return schema.clone();
        };
        let mut expanded = Map::new();
        for (keyword, value) in keywords {
            match keyword.as_str() {
                "$ref" => expanded.extend(self.refer(value)),
                _ if is_noise(keyword, value) => {}
                _ => {
                    let value = self.keyword(keyword, value);
                    expanded.insert(keyword.clone(), value);
                }
            }
        }
        Value::Object(expanded)
    }

    /// Returns what a reference refers to, or a reference to a definition of the schema itself.
    fn refer(&mut self, reference: &Value) -> Map<String, Value> {
        let name = reference.as_str().and_then(|path| path.rsplit('/').next());
        let name = name.unwrap_or_default();
        match self.components.get(name) {
            Some(component) if self.left > 0 => match self.expand(component) {
                Value::Object(expanded) => expanded,
                _ => Map::new(),
            },
            _ => {
                self.referred.insert(name.to_owned());
                let reference = Value::from(format!("#/$defs/{name}"));
                Map::from_iter([("$ref".to_owned(), reference)])
            }
        }
    }

    fn keyword(&mut self, keyword: &str, value: &Value) -> Value {
        self.left = self.left.saturating_sub(1);
        match (keyword, value) {
            ("properties", Value::Object(members)) => {
                let members = members.iter();
                let members = members.map(|(name, schema)| {
                    self.left = self.left.saturating_sub(1);
                    (name.clone(), self.expand(schema))
                });
                Value::Object(members.collect())
            }
            ("items" | "additionalProperties" | "propertyNames" | "not", schema) => {
                self.expand(schema)
            }
            ("anyOf" | "oneOf" | "prefixItems", Value::Array(schemas)) => {
                Value::Array(schemas.iter().map(|schema| self.expand(schema)).collect())
            }
            _ => value.clone(),
        }
    }
}

/// Whether a keyword says only what the host checks anyway and no model gets wrong.
fn is_noise(keyword: &str, value: &Value) -> bool {
    match keyword {
        "pattern" => value == NO_NUL,
        "propertyNames" => value["pattern"] == NO_NUL,
        "minimum" | "maximum" => value.as_f64().is_some_and(|bound| bound.abs() > MAX_EXACT),
        "format" => matches!(value.as_str(), Some("int32" | "int64" | "float" | "double")),
        _ => false,
    }
}
