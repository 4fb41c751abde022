//! Doc comments. A component does not contain them, so the build adds them in custom sections.
//!
//! The section `package-docs:<namespace>:<name>` contains wit-parser's `PackageMetadata` of that
//! package: a version byte, then JSON. wit-parser's own `inject` fails if one item is missing, but
//! a component contains only the items that it uses. So the JSON is applied here item by item.
//! Documentation is best effort: if something does not fit, it is left out and nothing fails.

use serde_json::Value;
use wasmparser::{Parser, Payload};
use wit_parser::{Docs, InterfaceId, PackageId, Resolve, TypeDefKind, TypeId};

const SECTION_PREFIX: &str = "package-docs:";

/// Maximum size of all sections together, in bytes. Further sections are left out: as JSON in
/// memory they would take many times their size.
const MAX_BYTES: usize = 1 << 20;

/// What a section is inside of.
#[derive(PartialEq, Eq)]
enum Nested {
    Module,
    Component,
}

/// Adds the documentation found in a component's sections to its packages.
pub(super) fn inject(component: &[u8], resolve: &mut Resolve) {
    // Sections of nested components do not belong to this one. Those of its modules do: a compiler can
    // only add sections to the module that it makes.
    let mut outer = Vec::new();
    let mut left = MAX_BYTES;
    for payload in Parser::new(0).parse_all(component) {
        match payload {
            Ok(Payload::ModuleSection { .. }) => outer.push(Nested::Module),
            Ok(Payload::ComponentSection { .. }) => outer.push(Nested::Component),
            Ok(Payload::End(_)) => drop(outer.pop()),
            Ok(Payload::CustomSection(section)) if !outer.contains(&Nested::Component) => {
                if let Some(package) = section.name().strip_prefix(SECTION_PREFIX)
                    && let Some(rest) = left.checked_sub(section.data().len())
                {
                    left = rest;
                    inject_package(package, section.data(), resolve);
                }
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

fn inject_package(name: &str, data: &[u8], resolve: &mut Resolve) {
    let Some((0 | 1, json)) = data.split_first() else {
        return;
    };
    let Ok(metadata) = serde_json::from_slice::<Value>(json) else {
        return;
    };
    let packages: Vec<PackageId> = resolve
        .package_names
        .iter()
        .filter(|(package, _)| format!("{}:{}", package.namespace, package.name) == name)
        .map(|(_, id)| *id)
        .collect();
    for package in packages {
        set(&mut resolve.packages[package].docs, &metadata);
        for (interface, metadata) in members(&metadata, "interfaces") {
            if let Some(&id) = resolve.packages[package].interfaces.get(interface) {
                inject_interface(metadata, resolve, id);
            }
        }
    }
}

fn inject_interface(metadata: &Value, resolve: &mut Resolve, id: InterfaceId) {
    let interface = &mut resolve.interfaces[id];
    set(&mut interface.docs, metadata);
    for (name, metadata) in members(metadata, "funcs") {
        if let Some(function) = interface.functions.get_mut(name) {
            set(&mut function.docs, metadata);
        }
    }
    for (name, metadata) in members(metadata, "types") {
        if let Some(&ty) = resolve.interfaces[id].types.get(name) {
            inject_type(metadata, resolve, ty);
        }
    }
}

fn inject_type(metadata: &Value, resolve: &mut Resolve, id: TypeId) {
    let ty = &mut resolve.types[id];
    set(&mut ty.docs, metadata);
    let items: Vec<(&str, &mut Docs)> = match &mut ty.kind {
        TypeDefKind::Record(record) => named(&mut record.fields, |f| (&f.name, &mut f.docs)),
        TypeDefKind::Variant(variant) => named(&mut variant.cases, |c| (&c.name, &mut c.docs)),
        TypeDefKind::Enum(cases) => named(&mut cases.cases, |c| (&c.name, &mut c.docs)),
        TypeDefKind::Flags(flags) => named(&mut flags.flags, |f| (&f.name, &mut f.docs)),
        _ => Vec::new(),
    };
    for (name, docs) in items {
        if let Some(text) = metadata["items"][name].as_str() {
            docs.contents = Some(text.to_owned());
        }
    }
}

fn named<T>(
    items: &mut [T],
    parts: impl Fn(&mut T) -> (&String, &mut Docs),
) -> Vec<(&str, &mut Docs)> {
    let item = |item| {
        let (name, docs) = parts(item);
        (name.as_str(), docs)
    };
    items.iter_mut().map(item).collect()
}

/// Sets an item's text: its `docs` member, or in version 0 the item itself.
fn set(docs: &mut Docs, metadata: &Value) {
    if let Some(text) = metadata["docs"].as_str().or_else(|| metadata.as_str()) {
        docs.contents = Some(text.to_owned());
    }
}

fn members<'a>(metadata: &'a Value, name: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let object = metadata[name].as_object();
    object
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
}
