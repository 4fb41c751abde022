//! Components made of WIT text, and routes to their functions.

use std::path::Path;
use std::time::{Duration, Instant};

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, PackageId, PackageMetadata, Resolve};

use crate::buffer::Buffer;
use crate::{AnswerLimits, Interface, Operation, Record, Type};
use contract::{Access, Method, Route};

/// Makes a component of this repository's task API, with its documentation.
pub(crate) fn tasks() -> Vec<u8> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit("tasks")).unwrap();
    encode(&mut resolve, package)
}

/// Makes a component that exports `test:api/things` with these items, and imports the platform.
pub(crate) fn component(items: &str) -> Vec<u8> {
    package(&format!(
        "package test:api@1.2.0;
         interface things {{
             use task-host:platform/types@1.0.0.{{problem}};
             use wasi:clocks/wall-clock@0.2.0.{{datetime}};
             {items}
         }}
         world test {{
             import task-host:platform/log@1.0.0;
             export things;
         }}"
    ))
}

/// Makes a component of the only world of a package.
pub(crate) fn package(text: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_dir(wit("platform")).unwrap();
    resolve.push_dir(wit("wasi/clocks")).unwrap();
    let package = resolve.push_str("test.wit", text).unwrap();
    encode(&mut resolve, package)
}

/// The decoded interface of [`component`].
pub(crate) fn interface(items: &str) -> Interface {
    Interface::decode(&component(items)).unwrap()
}

/// Makes a route to a function of `test:api/things`.
pub(crate) fn route(method: Method, path: &str, function: &str) -> Route {
    Route {
        method,
        path: path.to_owned(),
        operation: format!("test:api/things#{function}"),
        access: match method {
            Method::Get => Access::Read,
            _ => Access::Write,
        },
        success: 200,
        location: None,
        body: None,
        etag: None,
        next: None,
    }
}

/// Binds an operation of a component with only these items.
pub(crate) fn operation(items: &str, method: Method, path: &str, function: &str) -> Operation {
    Operation::bind(&interface(items), &route(method, path, function)).unwrap()
}

/// Limits that nothing exceeds.
pub(crate) fn no_limits() -> AnswerLimits {
    AnswerLimits {
        bytes: usize::MAX,
        deadline: Instant::now() + Duration::from_secs(3600),
    }
}

/// A buffer without limits.
pub(crate) fn unlimited() -> Buffer {
    Buffer::new(no_limits())
}

/// Returns the record that a type is.
pub(crate) fn record_of(ty: &Type) -> &Record {
    ty.as_record().expect("a record")
}

fn wit(folder: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../wit")
        .join(folder)
}

fn encode(resolve: &mut Resolve, package: PackageId) -> Vec<u8> {
    let world = resolve.select_world(&[package], None).unwrap();
    let mangling = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
    let mut module = dummy_module(resolve, world, mangling);
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).unwrap();
    let mut encoder = ComponentEncoder::default().module(&module).unwrap();
    let mut component = encoder.encode().unwrap();
    for (id, package) in resolve.packages.iter() {
        let name = format!(
            "package-docs:{}:{}",
            package.name.namespace, package.name.name
        );
        let data = PackageMetadata::extract(resolve, id).encode().unwrap();
        append_section(&mut component, &name, &data);
    }
    component
}

/// Appends a custom section: id 0, its size, the size of its name, its name, its data.
fn append_section(component: &mut Vec<u8>, name: &str, data: &[u8]) {
    let mut content = leb128(name.len());
    content.extend(name.as_bytes());
    content.extend(data);
    component.push(0);
    component.extend(leb128(content.len()));
    component.extend(content);
}

fn leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
