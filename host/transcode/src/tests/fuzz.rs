//! Fuzz targets for everything here that reads bytes of strangers: results in an instance's memory, JSON,
//! query strings, path templates, and components.
//!
//! `cargo test` runs each target on its corpus (`__fuzz__`) and on random inputs. `cargo xtask fuzz` searches with
//! coverage feedback. A target panics if an input breaks the property in its name. If a target
//! needs a type, the start of its input decides the type, and the rest is the input for that type.

use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use bolero::check;
use serde_json::Value;
use wit_component::{
    ComponentEncoder, DecodedWasm, StringEncoding, dummy_module, embed_component_metadata,
};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, WorldId};

use super::arbitrary::{names, not_optional, option, record, variant};
use super::support::{operation, route};
use crate::buffer::{AnswerLimits, Buffer};
use crate::layout::{Layouts, Memory, ResultError};
use crate::operation::Input;
use crate::read::{self, FieldErrors, Place};
use crate::{
    Epoch, Interface, Operation, ResultType, Template, Type, breaking_changes, json, openapi, write,
};
use contract::{Description, Method, Route};

/// What a guest may be charged for one result, and what may be written for it,
/// in bytes.
const LIMIT: usize = 1 << 16;

/// Takes a type from the start of an input. Returns the rest too.
fn typed(input: &[u8]) -> Option<(Type, &[u8])> {
    let mut bytes = Unstructured::new(input);
    let ty = any_type(&mut bytes, 4).ok()?;
    Some((ty, bytes.take_rest()))
}

/// Makes a type that can be represented in JSON, nested at most `depth` deep.
fn any_type(bytes: &mut Unstructured<'_>, depth: u8) -> arbitrary::Result<Type> {
    let leaves = 18;
    let kinds = if depth == 0 { leaves } else { leaves + 7 };
    Ok(match bytes.int_in_range(0..=kinds - 1)? {
        0 => Type::Bool,
        1 => Type::U8,
        2 => Type::U16,
        3 => Type::U32,
        4 => Type::U64,
        5 => Type::S8,
        6 => Type::S16,
        7 => Type::S32,
        8 => Type::S64,
        9 => Type::F32,
        10 => Type::F64,
        11 => Type::Char,
        12 => Type::String,
        13 => Type::Bytes,
        14 => Type::Datetime(Epoch::Unsigned),
        15 => Type::Datetime(Epoch::Signed),
        16 => Type::Enum(names("kind-of", bytes.int_in_range(1..=300)?).into()),
        17 => Type::Flags(names("flag-no", bytes.int_in_range(1..=32)?).into()),
        18 => option(any_type(bytes, depth - 1)?),
        19 => match any_type(bytes, depth - 1)? {
            Type::U8 => Type::Bytes,
            item => Type::List(item.into()),
        },
        20 => Type::Map(any_type(bytes, depth - 1)?.into()),
        21 => Type::Tuple(several(bytes, depth, any_type)?.into()),
        22 => Type::Record(record(several(bytes, depth, any_field)?).into()),
        23 => Type::Variant(variant(several(bytes, depth, any_payload)?).into()),
        _ => Type::Result(
            ResultType {
                ok: any_payload(bytes, depth - 1)?,
                error: any_payload(bytes, depth - 1)?,
            }
            .into(),
        ),
    })
}

fn several<T>(
    bytes: &mut Unstructured<'_>,
    depth: u8,
    any: fn(&mut Unstructured<'_>, u8) -> arbitrary::Result<T>,
) -> arbitrary::Result<Vec<T>> {
    let count = bytes.int_in_range(1..=5)?;
    (0..count).map(|_| any(bytes, depth - 1)).collect()
}

fn any_field(bytes: &mut Unstructured<'_>, depth: u8) -> arbitrary::Result<Type> {
    let ty = any_type(bytes, depth)?;
    Ok(match bytes.arbitrary()? {
        true => ty,
        false => Type::Clearable(not_optional(ty).into()),
    })
}

fn any_payload(bytes: &mut Unstructured<'_>, depth: u8) -> arbitrary::Result<Option<Type>> {
    Ok(match bytes.arbitrary()? {
        true => Some(any_type(bytes, depth)?),
        false => None,
    })
}

/// Writes JSON within the limit.
fn written(
    write: impl FnOnce(&mut Buffer) -> Result<(), ResultError>,
) -> Result<Vec<u8>, ResultError> {
    let mut out = Buffer::new(AnswerLimits {
        bytes: LIMIT,
        deadline: Instant::now() + Duration::from_secs(60),
    });
    write(&mut out)?;
    out.finish()
}

/// The memory is anything, at any address: every result is an error, or JSON that the other way of reading,
/// lifting and then writing, gives as well.
#[test]
fn a_result_in_hostile_memory_is_read_or_rejected() {
    check!().for_each(|input: &[u8]| {
        let Some((ty, bytes)) = typed(input) else {
            return;
        };
        let Some((&address, bytes)) = bytes.split_first() else {
            return;
        };
        let layout = Layouts::default().of(&ty);
        let mut memory = Memory::new(bytes, LIMIT);
        let Ok(value) = memory.value(address.into(), &layout) else {
            return;
        };
        let direct = written(|out| layout.write(out, &mut memory, value));
        if let Ok(direct) = &direct {
            serde_json::from_slice::<Value>(direct).expect("the JSON that was written");
        }

        let mut memory = Memory::new(bytes, LIMIT);
        let value = memory.value(address.into(), &layout).unwrap();
        if let Ok(lifted) = layout.lift(&mut memory, value) {
            let through_value = written(|out| write::value(out, &ty, &lifted));
            if let (Ok(direct), Ok(through_value)) = (direct, through_value) {
                assert_eq!(direct, through_value);
            }
        }
    });
}

/// A JSON text is rejected with at least one error, or read as a value that is written as JSON that is read as
/// the same value again.
#[test]
fn any_json_is_rejected_or_survives_a_round_trip() {
    check!().for_each(|input: &[u8]| {
        let Some((ty, text)) = typed(input) else {
            return;
        };
        let parsed = json::parse(text);
        // Both parsers agree about what is JSON. Ours also rejects repeated members and deep nesting, and
        // keeps numbers that no double can hold.
        if let (Ok(_), Err(error)) = (&parsed, serde_json::from_slice::<Value>(text)) {
            assert!(error.to_string().contains("out of range"), "{error}");
        }
        let Ok(parsed) = parsed else {
            return;
        };
        let mut errors = FieldErrors::new(usize::MAX, false);
        let Some(value) = read::value(&ty, None, parsed, Place::Body, &mut errors) else {
            assert_ne!(errors.list, vec![], "no reason for the rejection");
            return;
        };
        let Ok(written) = written(|out| write::value(out, &ty, &value)) else {
            return;
        };
        let again = json::parse(&written).expect("the JSON that was written");
        let again = read::value(&ty, None, again, Place::Body, &mut errors);
        assert_eq!(again.as_ref(), Some(&value), "{:?}", errors.list);
    });
}

/// Any query string gives arguments or errors that name a parameter.
#[test]
fn any_query_is_read_or_rejected() {
    let search = operation(
        "enum state { open, in-work, done }
         record filter { text: option<string>, tags: list<string>, states: option<list<state>>, since: option<datetime> }
         search: func(filter: filter, limit: option<u32>, exact: bool, cost: option<f64>) -> result<list<string>, problem>;",
        Method::Get,
        "/things",
        "search",
    );
    check!().for_each(|input: &[u8]| {
        let Ok(query) = std::str::from_utf8(input) else {
            return;
        };
        let input = Input {
            query: Some(query),
            ..Input::default()
        };
        if let Err(crate::InputError::Invalid(errors)) = search.read(&input) {
            assert!(!errors.is_empty() && errors.len() <= 100);
        }
    });
}

/// A template that is accepted has parameters that are distinct names, and a path without empty segments.
#[test]
fn any_template_is_parsed_or_rejected() {
    check!().for_each(|input: &[u8]| {
        let Ok(text) = std::str::from_utf8(input) else {
            return;
        };
        if let Ok(template) = Template::parse(text) {
            let values: Vec<String> = template.parameters().map(|_| "a/b ?".into()).collect();
            let path = template.fill(&values);
            assert!(path.starts_with('/') && !path.contains("//"), "{path}");
            assert_eq!(path.matches("a%2Fb%20%3F").count(), values.len());
            assert!(path.is_ascii() && !path.contains([' ', '?', '#', '{', '}']));
        }
    });
}

/// Any bytes are a component with an interface, or are rejected with a message.
#[test]
fn any_bytes_are_decoded_as_a_component_or_rejected() {
    check!().for_each(|input: &[u8]| match Interface::decode(input) {
        Ok(interface) => document(&interface),
        Err(error) => assert!(!error.to_string().is_empty()),
    });
}

/// Any WIT package becomes components, one for each world, whose interfaces are read and described.
#[test]
fn any_wit_is_decoded_and_described() {
    check!().for_each(|input: &[u8]| {
        let mut bytes = Unstructured::new(input);
        let Ok(package) = wit_smith::smith(&wit_smith::Config::default(), &mut bytes) else {
            return;
        };
        let Ok(DecodedWasm::WitPackage(resolve, package)) = wit_component::decode(&package) else {
            return;
        };
        let worlds: Vec<WorldId> = resolve.packages[package].worlds.values().copied().collect();
        for world in worlds {
            if let Some(component) = encoded(&resolve, world) {
                document(&Interface::decode(&component).expect("a component"));
            }
        }
    });
}

/// Makes a component of a world. Returns `None` if the encoder does not support something in the world.
fn encoded(resolve: &Resolve, world: WorldId) -> Option<Vec<u8>> {
    let mangling = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
    let mut module = dummy_module(resolve, world, mangling);
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).ok()?;
    let mut encoder = ComponentEncoder::default().module(&module).ok()?;
    encoder.encode().ok()
}

/// Binds every function that can be bound, writes the OpenAPI document, and compares the API with itself.
fn document(interface: &Interface) {
    let routes = interface
        .functions()
        .iter()
        .enumerate()
        .map(|(number, function)| Route {
            operation: format!("{}#{}", function.interface.unversioned(), function.name),
            ..route(Method::Post, &format!("/{number}"), "")
        });
    let operations: Vec<Operation> = routes
        .filter_map(|route| Operation::bind(interface, &route).ok())
        .collect();
    let description = Description {
        name: "Fuzz".to_owned(),
        version: "1.0.0".to_owned(),
        routes: operations
            .iter()
            .map(|operation| operation.route().clone())
            .collect(),
        migrations: Vec::new(),
        constraints: Vec::new(),
    };
    let document = openapi(&description, &operations);
    assert_eq!(
        document["paths"].as_object().map_or(0, |paths| paths.len()),
        operations.len()
    );
    assert_eq!(breaking_changes(&operations, &operations), vec![]);
}
