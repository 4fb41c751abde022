//! A component's imports, exports and functions, read from its bytes.
//!
//! A component may export functions that no route names and that cannot be operations; its
//! language's tool chain may add some. Decoding therefore fails only if the bytes are not a
//! component. Why a function cannot be an operation is kept in its signature, and reported only if
//! a route names it.

mod constrain;
mod docs;
mod lower;

use std::collections::HashMap;
use std::sync::Arc;

use wasmparser::Parser;
use wit_component::DecodedWasm;
use wit_parser::{InterfaceId, Resolve, WorldId, WorldItem};

use self::constrain::Attaching;
pub use self::constrain::{ConstraintError, ConstraintErrors, ConstraintFault};
use self::lower::Lowering;
use super::constraint::Constraints;
use super::layout::Layout;
use super::size::MAX_NODES;
use super::types::Type;

/// A component's imports, exports and functions.
#[derive(Debug, Clone, PartialEq)]
pub struct Interface {
    imports: Vec<String>,
    /// The functions of each import, in the order of `imports`.
    imported_functions: Vec<Vec<String>>,
    exports: Vec<String>,
    functions: Vec<Arc<Function>>,
    /// The positions of the functions, by their names without the interface.
    by_name: HashMap<String, Vec<usize>>,
    /// The records and variants of the exported interfaces, and those that they refer to.
    types: Vec<Type>,
}

/// A function of an exported interface.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// The interface that exports it.
    pub interface: Arc<ExportedInterface>,
    /// Its name in the interface, as the component exports it.
    pub name: String,
    /// Its documentation.
    pub docs: Option<String>,
    /// Its types, or why it cannot be an operation.
    pub signature: Result<Signature, SignatureError>,
}

/// An interface that a component exports.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportedInterface {
    /// The export's exact name, with its version if it has one.
    pub name: String,
    /// Its documentation.
    pub docs: Option<String>,
    /// The documentation of its package.
    pub package_docs: Option<String>,
}

impl Function {
    /// Returns the first paragraph of its documentation on one line, without the full stop.
    pub(super) fn summary(&self) -> Option<String> {
        let docs = self.docs.as_deref()?;
        let (summary, _) = docs.split_once("\n\n").unwrap_or((docs, ""));
        Some(summary.replace('\n', " ").trim_end_matches('.').to_owned())
    }
}

impl ExportedInterface {
    /// Returns the name without the version: `tasks:api/tasks`.
    pub fn unversioned(&self) -> &str {
        let end = self.name.find('@').unwrap_or(self.name.len());
        &self.name[..end]
    }

    /// Returns the last part of the name: `tasks`.
    pub fn local_name(&self) -> &str {
        let name = self.unversioned();
        &name[name.rfind('/').map_or(0, |slash| slash + 1)..]
    }
}

/// The types of a function that returns `result<_, problem>`.
#[derive(Debug, Clone, PartialEq)]
pub struct Signature {
    /// Its parameters, in order.
    pub params: Vec<Param>,
    /// The payload of a success, or `None` for `result<_, problem>`.
    pub ok: Option<Type>,
    /// The platform's `problem` as this component defines it, or `None` if a later version of it
    /// has a member that cannot be written as JSON.
    pub problem: Option<Type>,
    /// How the result lies in memory. `None`: the type of the problem is not known, so the layout is
    /// not known either.
    pub(super) layout: Option<Arc<Layout>>,
}

/// A parameter of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Its WIT name.
    pub name: String,
    /// Its name in paths and queries, in snake_case.
    pub json_name: String,
    /// Its type.
    pub ty: Type,
    /// What a request's value must be like.
    pub(super) constraints: Option<Arc<Constraints>>,
}

/// Why no interface could be read from some bytes.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// They are not a valid component.
    #[error("not a valid WebAssembly component: {0}")]
    NotAComponent(String),
    /// They are a WIT package in binary form, without code.
    #[error("a WIT package without code, not a component")]
    WitPackage,
    /// The types of its exported functions are too large.
    #[error("the types of its exported functions have more than {MAX_NODES} parts")]
    TooLarge,
}

/// Why an exported function cannot be an operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It does not return `result<_, problem>` with the platform's `problem`.
    #[error("it does not return result<_, problem> with problem from task-host:platform/types")]
    NoProblem,
    /// It is an async function.
    #[error("it is async; operations must not be async")]
    Async,
    /// One of its types cannot be represented in JSON.
    #[error("{place} contains {what}, which cannot be represented in JSON")]
    Unsupported {
        /// The parameter, or the result.
        place: String,
        /// The type.
        what: String,
    },
}

impl Interface {
    /// Reads a component's interface.
    ///
    /// # Errors
    /// Returns a [`DecodeError`] if the bytes are not a component, such as a core module,
    /// precompiled code or damaged bytes, or if its types are too large.
    pub fn decode(component: &[u8]) -> Result<Interface, DecodeError> {
        // `decode` would accept a core module as a component without imports and exports.
        if !Parser::is_component(component) {
            return Err(DecodeError::NotAComponent("wrong header".to_owned()));
        }
        let decoded = wit_component::decode(component)
            .map_err(|error| DecodeError::NotAComponent(format!("{error:#}")))?;
        let DecodedWasm::Component(mut resolve, world) = decoded else {
            return Err(DecodeError::WitPackage);
        };
        docs::inject(component, &mut resolve);
        Interface::of_world(&resolve, world)
    }

    fn of_world(resolve: &Resolve, world: WorldId) -> Result<Interface, DecodeError> {
        let mut lowering = Lowering::new(resolve);
        let world = &resolve.worlds[world];
        let is_instance_or_function = |item: &WorldItem| !matches!(item, WorldItem::Type { .. });
        let names = |items: &wit_parser::IndexMap<wit_parser::WorldKey, WorldItem>| {
            items
                .iter()
                .filter(|(_, item)| is_instance_or_function(item))
                .map(|(key, _)| resolve.name_world_key(key))
                .collect()
        };
        let mut functions = Vec::new();
        for (key, item) in &world.exports {
            if let WorldItem::Interface { id, .. } = item {
                let name = resolve.name_world_key(key);
                functions.extend(functions_of(resolve, &mut lowering, *id, name));
            }
        }
        if lowering.is_too_large() {
            return Err(DecodeError::TooLarge);
        }
        for (_, item) in &world.exports {
            if let WorldItem::Interface { id, .. } = item {
                lowering.also(resolve.interfaces[*id].types.values());
            }
        }
        let mut by_name = HashMap::<_, Vec<_>>::new();
        for (position, function) in functions.iter().enumerate() {
            by_name
                .entry(function.name.clone())
                .or_default()
                .push(position);
        }
        Ok(Interface {
            imports: names(&world.imports),
            imported_functions: world
                .imports
                .values()
                .filter(|item| is_instance_or_function(item))
                .map(|item| match item {
                    WorldItem::Interface { id, .. } => {
                        resolve.interfaces[*id].functions.keys().cloned().collect()
                    }
                    _ => Vec::new(),
                })
                .collect(),
            exports: names(&world.exports),
            functions,
            by_name,
            types: lowering.into_types(),
        })
    }

    /// Returns the interface with constraints attached to its types and parameters. A constraint on
    /// a type that no request has is accepted and has no effect.
    ///
    /// # Errors
    /// Returns an error for each constraint that cannot be enforced.
    pub fn constrained(
        &self,
        constraints: &[contract::Constraint],
    ) -> Result<Interface, ConstraintErrors> {
        let mut attaching = Attaching::new(constraints);
        let functions = self.functions.iter();
        let functions = functions.map(|function| attaching.function(function).into());
        let functions = functions.collect();
        let types = self.types.iter().map(|ty| attaching.ty(ty)).collect();
        attaching.finish()?;
        Ok(Interface {
            functions,
            types,
            ..self.clone()
        })
    }

    /// Returns the names of the component's imports, with versions.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// Returns the names of the component's imports, with versions, and the functions of each. An
    /// import that is itself a function has none.
    pub fn imported_functions(&self) -> impl Iterator<Item = (&str, &[String])> {
        let names = self.imports.iter().map(String::as_str);
        names.zip(self.imported_functions.iter().map(Vec::as_slice))
    }

    /// Returns the names of the component's exports, with versions.
    pub fn exports(&self) -> &[String] {
        &self.exports
    }

    /// Returns the functions of all exported interfaces, in WIT order.
    pub fn functions(&self) -> &[Arc<Function>] {
        &self.functions
    }

    /// Returns the function with that full name: `tasks:api/tasks#get`, or with the interface's
    /// version `tasks:api/tasks@1.0.0#get`. If several versions are exported and the name has no
    /// version, returns the function of the first one.
    pub fn function(&self, operation: &str) -> Option<&Arc<Function>> {
        let (interface, name) = operation.split_once('#')?;
        let positions = self.by_name.get(name)?.iter();
        let mut named = positions.map(|position| &self.functions[*position]);
        named
            .clone()
            .find(|f| f.interface.name == interface)
            .or_else(|| named.find(|f| f.interface.unversioned() == interface))
    }
}

fn functions_of(
    resolve: &Resolve,
    lowering: &mut Lowering<'_>,
    id: InterfaceId,
    name: String,
) -> Vec<Arc<Function>> {
    let interface = &resolve.interfaces[id];
    let exported = Arc::new(ExportedInterface {
        name,
        docs: interface.docs.contents.clone(),
        package_docs: interface
            .package
            .and_then(|package| resolve.packages[package].docs.contents.clone()),
    });
    interface
        .functions
        .values()
        .map(|function| {
            Arc::new(Function {
                interface: Arc::clone(&exported),
                name: function.name.clone(),
                docs: function.docs.contents.clone(),
                signature: lowering.signature(function),
            })
        })
        .collect()
}
