//! Converts WIT types as wit-parser resolves them to our own tree.
//!
//! Each definition is converted once and shared. Types that cannot be represented in JSON are
//! rejected here, by name, so that code that reads and writes values never sees them.

use std::collections::HashMap;
use std::sync::Arc;

use wit_parser::{Docs, FunctionKind, Resolve, TypeDef, TypeDefKind, TypeId, TypeOwner};

use super::{Param, Signature, SignatureError};
use crate::layout::Layouts;
use crate::size::MAX_NODES;
use crate::types::{
    Case, Enum, Epoch, Field, Named, Record, ResultType, Type, TypeName, Variant, snake_case,
};

/// Converts the types of one resolved component.
pub(super) struct Lowering<'a> {
    resolve: &'a Resolve,
    /// The definitions so far, also those that cannot be represented.
    lowered: HashMap<TypeId, Result<Type, Unsupported>>,
    layouts: Layouts,
    /// Fields, cases and other parts of all definitions so far.
    nodes: usize,
    /// How many definitions are being converted, each a part of the one before.
    depth: u32,
}

/// Maximum depth of nested definitions. wasmtime has the same.
const MAX_DEPTH: u32 = 100;

/// Describes a type that cannot be represented in JSON.
#[derive(Clone)]
struct Unsupported(String);

impl<'a> Lowering<'a> {
    pub(super) fn new(resolve: &'a Resolve) -> Self {
        Lowering {
            resolve,
            lowered: HashMap::new(),
            layouts: Layouts::default(),
            nodes: 0,
            depth: 0,
        }
    }

    /// Returns whether the types were too large. What was converted since then is incomplete.
    pub(super) fn is_too_large(&self) -> bool {
        self.nodes > MAX_NODES
    }

    /// Converts types that may not belong to any function, as far as the limits allow.
    pub(super) fn also<'t>(&mut self, types: impl Iterator<Item = &'t TypeId>) {
        for id in types {
            // Types that cannot be represented matter only to functions.
            let _ = self.lower(wit_parser::Type::Id(*id));
        }
    }

    /// Returns the records and variants that were converted.
    pub(super) fn into_types(self) -> Vec<Type> {
        let mut types: Vec<_> = self.lowered.into_iter().collect();
        types.sort_unstable_by_key(|(id, _)| *id);
        let types = types.into_iter().filter_map(|(_, lowered)| lowered.ok());
        types
            .filter(|ty| matches!(ty, Type::Record(_) | Type::Variant(_)))
            .collect()
    }

    /// Returns the types of a function.
    ///
    /// # Errors
    /// Returns a [`SignatureError`] if the function cannot be an operation.
    pub(super) fn signature(
        &mut self,
        function: &wit_parser::Function,
    ) -> Result<Signature, SignatureError> {
        match function.kind {
            FunctionKind::Freestanding => {}
            FunctionKind::AsyncFreestanding => return Err(SignatureError::Async),
            _ => {
                return Err(SignatureError::Unsupported {
                    place: "the function".to_owned(),
                    what: "a resource".to_owned(),
                });
            }
        }
        let result = function.result.map(|ty| self.dealias(ty));
        let Some(TypeDefKind::Result(result)) = self.kind(result) else {
            return Err(SignatureError::NoProblem);
        };
        let problem = result.err.filter(|error| self.is_problem(*error));
        let Some(problem) = problem else {
            return Err(SignatureError::NoProblem);
        };
        let at = |place: &str, Unsupported(what): Unsupported| SignatureError::Unsupported {
            place: place.to_owned(),
            what,
        };
        let mut params = Vec::with_capacity(function.params.len());
        for param in &function.params {
            params.push(Param {
                ty: self
                    .lower(param.ty)
                    .map_err(|what| at(&format!("parameter {}", param.name), what))?,
                json_name: snake_case(&param.name),
                name: param.name.clone(),
                constraints: None,
            });
        }
        let ok = result.ok.map(|ty| self.lower(ty)).transpose();
        let ok = ok.map_err(|what| at("the result", what))?;
        let problem = self.lower(problem).ok();
        let layout = problem
            .as_ref()
            .map(|problem| self.layouts.result(ok.as_ref(), Some(problem)).into());
        Ok(Signature {
            params,
            ok,
            problem,
            layout,
        })
    }

    fn lower(&mut self, ty: wit_parser::Type) -> Result<Type, Unsupported> {
        Ok(match ty {
            wit_parser::Type::Bool => Type::Bool,
            wit_parser::Type::U8 => Type::U8,
            wit_parser::Type::U16 => Type::U16,
            wit_parser::Type::U32 => Type::U32,
            wit_parser::Type::U64 => Type::U64,
            wit_parser::Type::S8 => Type::S8,
            wit_parser::Type::S16 => Type::S16,
            wit_parser::Type::S32 => Type::S32,
            wit_parser::Type::S64 => Type::S64,
            wit_parser::Type::F32 => Type::F32,
            wit_parser::Type::F64 => Type::F64,
            wit_parser::Type::Char => Type::Char,
            wit_parser::Type::String => Type::String,
            wit_parser::Type::ErrorContext => {
                return Err(Unsupported("an error-context".to_owned()));
            }
            wit_parser::Type::Id(id) => match self.lowered.get(&id) {
                Some(lowered) => lowered.clone()?,
                None => {
                    self.enter(id)?;
                    let lowered = self.definition(id);
                    self.depth -= 1;
                    self.lowered.insert(id, lowered.clone());
                    lowered?
                }
            },
        })
    }

    /// Counts a definition.
    fn enter(&mut self, id: TypeId) -> Result<(), Unsupported> {
        let parts = match &self.resolve.types[id].kind {
            TypeDefKind::Record(record) => record.fields.len(),
            TypeDefKind::Enum(cases) => cases.cases.len(),
            TypeDefKind::Flags(flags) => flags.flags.len(),
            TypeDefKind::Variant(variant) => variant.cases.len(),
            TypeDefKind::Tuple(tuple) => tuple.types.len(),
            _ => 0,
        };
        self.nodes = self.nodes.saturating_add(1 + parts);
        if self.is_too_large() {
            return Err(Unsupported(format!("more than {MAX_NODES} parts")));
        }
        if self.depth == MAX_DEPTH {
            return Err(Unsupported(format!(
                "types nested more than {MAX_DEPTH} deep"
            )));
        }
        self.depth += 1;
        Ok(())
    }

    fn definition(&mut self, id: TypeId) -> Result<Type, Unsupported> {
        let resolve = self.resolve;
        let definition = &resolve.types[id];
        let name = || self.name(definition);
        let docs = documentation(&definition.docs);
        Ok(match &definition.kind {
            TypeDefKind::Type(ty) => self.lower(*ty)?,
            TypeDefKind::Record(record) => match self.epoch(definition, record) {
                Some(epoch) => Type::Datetime(epoch),
                None => Type::Record(Arc::new(Record {
                    name: name(),
                    docs,
                    fields: self.fields(&record.fields)?,
                })),
            },
            TypeDefKind::Enum(cases) => Type::Enum(Arc::new(Enum {
                name: name(),
                docs,
                cases: plain_cases(cases.cases.iter().map(|case| (&case.name, &case.docs))),
            })),
            TypeDefKind::Flags(flags) => Type::Flags(Arc::new(Enum {
                name: name(),
                docs,
                cases: plain_cases(flags.flags.iter().map(|flag| (&flag.name, &flag.docs))),
            })),
            TypeDefKind::Variant(variant) => Type::Variant(Arc::new(Variant {
                name: name(),
                docs,
                cases: self.cases(&variant.cases)?,
            })),
            TypeDefKind::Option(inner) => match self.lower(*inner)? {
                Type::Option(_) => {
                    return Err(Unsupported(
                        "an option of an option other than as a record's field".to_owned(),
                    ));
                }
                inner => Type::Option(Arc::new(inner)),
            },
            TypeDefKind::List(item) => self.list(*item)?,
            TypeDefKind::Tuple(tuple) => {
                let items = tuple.types.iter().map(|ty| self.lower(*ty));
                Type::Tuple(items.collect::<Result<_, _>>()?)
            }
            TypeDefKind::Result(result) => Type::Result(Arc::new(ResultType {
                ok: result.ok.map(|ty| self.lower(ty)).transpose()?,
                error: result.err.map(|ty| self.lower(ty)).transpose()?,
            })),
            kind @ (TypeDefKind::Resource
            | TypeDefKind::Handle(_)
            | TypeDefKind::Map(..)
            | TypeDefKind::FixedLengthList(..)
            | TypeDefKind::Future(_)
            | TypeDefKind::Stream(_)
            | TypeDefKind::Unknown) => return Err(Unsupported(describe(kind, definition))),
        })
    }

    /// Converts a list: to bytes, a map or a plain list.
    fn list(&mut self, item: wit_parser::Type) -> Result<Type, Unsupported> {
        if let Some(TypeDefKind::Tuple(tuple)) = self.kind(Some(self.dealias(item)))
            && let [key, value] = tuple.types[..]
            && self.dealias(key) == wit_parser::Type::String
        {
            return Ok(Type::Map(Arc::new(self.lower(value)?)));
        }
        Ok(match self.lower(item)? {
            Type::U8 => Type::Bytes,
            item => Type::List(Arc::new(item)),
        })
    }

    fn fields(&mut self, fields: &[wit_parser::Field]) -> Result<Named<Field>, Unsupported> {
        let mut lowered = Vec::with_capacity(fields.len());
        for field in fields {
            let ty = match self.clearable(field.ty) {
                Some(inner) => Type::Clearable(Arc::new(self.lower(inner)?)),
                None => self.lower(field.ty)?,
            };
            // JSON has only two ways to say that a member has no value: absent and null.
            if let Type::Clearable(inner) = &ty
                && matches!(**inner, Type::Option(_))
            {
                return Err(Unsupported(format!(
                    "three nested options ({})",
                    field.name
                )));
            }
            lowered.push(Field::new(&field.name, documentation(&field.docs), ty));
        }
        Ok(lowered.into_iter().collect())
    }

    /// Returns the `T` of an `option<option<T>>`.
    fn clearable(&self, ty: wit_parser::Type) -> Option<wit_parser::Type> {
        match self.kind(Some(self.dealias(ty)))? {
            TypeDefKind::Option(outer) => match self.kind(Some(self.dealias(*outer)))? {
                TypeDefKind::Option(inner) => Some(*inner),
                _ => None,
            },
            _ => None,
        }
    }

    fn cases(&mut self, cases: &[wit_parser::Case]) -> Result<Named<Case>, Unsupported> {
        let mut lowered = Vec::with_capacity(cases.len());
        for case in cases {
            let payload = case.ty.map(|ty| self.lower(ty)).transpose()?;
            lowered.push(Case::new(&case.name, documentation(&case.docs), payload));
        }
        Ok(lowered.into_iter().collect())
    }

    /// Returns the type of the seconds if this record is the timestamp of any version of
    /// `wasi:clocks`. It is recognized by its name and members and not by its package: tools that
    /// stub WASI out of a component move the definition to the interface that uses it, and the API
    /// must stay the same.
    fn epoch(&self, definition: &TypeDef, record: &wit_parser::Record) -> Option<Epoch> {
        let name = self.name(definition);
        let standard = matches!(name.name.as_str(), "datetime" | "instant");
        let [seconds, nanoseconds] = &record.fields[..] else {
            return None;
        };
        let named = seconds.name == "seconds" && nanoseconds.name == "nanoseconds";
        if !standard || !named || nanoseconds.ty != wit_parser::Type::U32 {
            return None;
        }
        match seconds.ty {
            wit_parser::Type::U64 => Some(Epoch::Unsigned),
            wit_parser::Type::S64 => Some(Epoch::Signed),
            _ => None,
        }
    }

    fn is_problem(&self, ty: wit_parser::Type) -> bool {
        let wit_parser::Type::Id(id) = self.dealias(ty) else {
            return false;
        };
        let name = self.name(&self.resolve.types[id]);
        name.interface.starts_with("task-host:platform/") && name.name == "problem"
    }

    /// Returns a definition's identity. The interface has no version there: `tasks:api/tasks`.
    fn name(&self, definition: &TypeDef) -> TypeName {
        let interface = match definition.owner {
            TypeOwner::Interface(id) => self.resolve.id_of(id),
            _ => None,
        };
        let interface = interface.unwrap_or_default();
        TypeName {
            interface: interface.split('@').next().unwrap_or_default().to_owned(),
            name: definition.name.clone().unwrap_or_default(),
        }
    }

    fn kind(&self, ty: Option<wit_parser::Type>) -> Option<&'a TypeDefKind> {
        match ty? {
            wit_parser::Type::Id(id) => Some(&self.resolve.types[id].kind),
            _ => None,
        }
    }

    fn dealias(&self, mut ty: wit_parser::Type) -> wit_parser::Type {
        while let Some(TypeDefKind::Type(target)) = self.kind(Some(ty)) {
            ty = *target;
        }
        ty
    }
}

fn plain_cases<'a>(cases: impl Iterator<Item = (&'a String, &'a Docs)>) -> Named<Case> {
    let case = |(name, docs): (&String, &Docs)| Case::new(name, documentation(docs), None);
    cases.map(case).collect()
}

fn documentation(docs: &Docs) -> Option<String> {
    docs.contents.clone()
}

fn describe(kind: &TypeDefKind, definition: &TypeDef) -> String {
    let article = if kind.as_str() == "own" { "an" } else { "a" };
    match &definition.name {
        Some(name) => format!("{article} {} ({name})", kind.as_str()),
        None => format!("{article} {}", kind.as_str()),
    }
}
