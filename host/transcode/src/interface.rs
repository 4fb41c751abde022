//! What a component imports and exports, read from its bytes.
//!
//! A component may export more than its routes name, also functions that have no HTTP form
//! (its language's tool chain may add some). So decoding fails only where the bytes are no
//! component; a function that cannot be an operation says why when a route asks for it.

mod docs;
mod lower;

use std::sync::Arc;

use wasmparser::Parser;
use wit_component::DecodedWasm;
use wit_parser::{InterfaceId, Resolve, WorldId, WorldItem};

use self::lower::Lowering;
use super::types::Type;

/// A component's imports, exports and functions.
#[derive(Debug, Clone, PartialEq)]
pub struct Interface {
    imports: Vec<String>,
    exports: Vec<String>,
    functions: Vec<Arc<Function>>,
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
    /// The export's exact name, with its version where it has one.
    pub name: String,
    /// Its documentation.
    pub docs: Option<String>,
}

impl ExportedInterface {
    /// The name without the version: `tasks:api/tasks`.
    pub fn unversioned(&self) -> &str {
        let end = self.name.find('@').unwrap_or(self.name.len());
        &self.name[..end]
    }

    /// The last part of the name: `tasks`.
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
    /// What a success carries; none for `result<_, problem>`.
    pub ok: Option<Type>,
    /// The platform's `problem`, as this component knows it; none where a later version has a
    /// member without a JSON form.
    pub problem: Option<Type>,
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
}

/// Why bytes have no interface.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// They are not a valid component.
    #[error("not a valid WebAssembly component: {0}")]
    NotAComponent(String),
    /// They are WIT in binary form, without code.
    #[error("a WIT package without code, not a component")]
    WitPackage,
}

/// Why an exported function cannot be an operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It does not return `result<_, problem>` with the platform's `problem`.
    #[error("it does not return result<_, problem> with problem from task-host:platform/types")]
    NoProblem,
    /// It is an async function.
    #[error("it is async, which operations are not")]
    Async,
    /// One of its types has no JSON form.
    #[error("{place} contains {what}, which has no JSON form")]
    Unsupported {
        /// Which parameter, or the result.
        place: String,
        /// The type.
        what: String,
    },
}

impl Interface {
    /// Reads a component's interface.
    ///
    /// # Errors
    /// [`DecodeError`] where the bytes are not a component (a core module, precompiled code,
    /// damaged bytes).
    pub fn decode(component: &[u8]) -> Result<Interface, DecodeError> {
        // `decode` takes a core module for a component that has nothing.
        if !Parser::is_component(component) {
            return Err(DecodeError::NotAComponent("wrong header".to_owned()));
        }
        let decoded = wit_component::decode(component)
            .map_err(|error| DecodeError::NotAComponent(format!("{error:#}")))?;
        let DecodedWasm::Component(mut resolve, world) = decoded else {
            return Err(DecodeError::WitPackage);
        };
        docs::inject(component, &mut resolve);
        Ok(Interface::of_world(&resolve, world))
    }

    fn of_world(resolve: &Resolve, world: WorldId) -> Interface {
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
        Interface {
            imports: names(&world.imports),
            exports: names(&world.exports),
            functions,
        }
    }

    /// The names of what the component imports, with versions.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// The names of what the component exports, with versions.
    pub fn exports(&self) -> &[String] {
        &self.exports
    }

    /// The functions of all exported interfaces, in WIT order.
    pub fn functions(&self) -> &[Arc<Function>] {
        &self.functions
    }

    /// The function of that full name: `tasks:api/tasks#get`, or with the interface's version
    /// `tasks:api/tasks@1.0.0#get`. Where several versions are exported, the name without a
    /// version is the first one's.
    pub fn function(&self, operation: &str) -> Option<&Arc<Function>> {
        let (interface, name) = operation.split_once('#')?;
        let mut named = self.functions.iter().filter(|f| f.name == name);
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
