//! The WIT of a service, its bindings and its documentation.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{Path, Type};

use super::checks::Check;
use super::operation::{Operation, OutcomeShape};
use super::types::{Shape, Types};

/// The platform's types that the service's own refer to.
const TYPES: &str = include_str!("../../../wit/platform/types.wit");
const CLOCK: &str = include_str!("../../../wit/clocks/wall-clock.wit");

/// The interface of a service.
pub struct Interface<'a> {
    pub package: &'a str,
    pub name: &'a str,
    pub docs: String,
    pub types: &'a Types,
    pub operations: &'a [Operation],
}

impl Interface<'_> {
    /// The types of pages: the WIT of an item, with the name of its page in WIT and in Rust and its Rust type.
    fn pages(&self) -> BTreeMap<&str, (String, Ident, &Type)> {
        let mut pages = BTreeMap::new();
        for operation in self.operations {
            if let OutcomeShape::Page { item, wit } = &operation.result.shape {
                let name = page_name(wit);
                let alias = format!("__{}", name.replace('-', "_"));
                let alias = Ident::new(&alias, Span::call_site());
                pages.insert(wit.as_str(), (name, alias, item));
            }
        }
        pages
    }

    /// Returns the Rust names of the types of pages. Patterns need a name without arguments.
    pub fn page_aliases(&self) -> TokenStream {
        let aliases = self.pages().into_values().map(|(_, alias, item)| {
            quote! {
                #[allow(non_camel_case_types, reason = "the name is not for people")]
                type #alias = ::task_host_sdk::Page<#item>;
            }
        });
        quote!(#(#aliases)*)
    }

    /// Returns the call of the generator that makes the bindings.
    pub fn bindings(&self) -> TokenStream {
        let wit = self.text();
        // From the interface's module to the service's.
        let module = "super::super::super::super::super";
        let mut with = Vec::new();
        let mut remap = |name: &str, path: String| {
            let key = format!("{}/{}/{name}", self.package, self.name);
            if let Ok(path) = syn::parse_str::<Path>(&path) {
                with.push(quote!(#key: #path));
            }
        };
        for definition in &self.types.0 {
            remap(&definition.name, format!("{module}::{}", definition.ident));
        }
        for (name, alias, _) in self.pages().values() {
            remap(name, format!("{module}::{alias}"));
        }
        if self.uses_clock(&wit) {
            with.push(quote! {
                "wasi:clocks/wall-clock@0.2.0": ::task_host_sdk::bindings::wasi::clocks::wall_clock
            });
        }
        quote! {
            ::task_host_sdk::__private::wit_bindgen::generate!({
                inline: #wit,
                path: [],
                world: "logic",
                runtime_path: "::task_host_sdk::__private::wit_bindgen::rt",
                with: {
                    "task-host:platform/types@1.0.0": ::task_host_sdk::types,
                    #(#with),*
                },
            });
        }
    }

    fn uses_clock(&self, wit: &str) -> bool {
        wit.contains("use wasi:clocks/")
    }

    /// Returns the WIT: the service's package, and the types of the platform that it uses.
    fn text(&self) -> String {
        let mut body = String::new();
        for definition in &self.types.0 {
            let name = &definition.name;
            let (keyword, members) = match &definition.shape {
                Shape::Record(members) => ("record", members),
                Shape::Cases(members) if members.iter().all(|case| case.ty.is_none()) => {
                    ("enum", members)
                }
                Shape::Cases(members) => ("variant", members),
            };
            put(&mut body, format_args!("    {keyword} %{name} {{\n"));
            for member in members {
                // Types were checked when they were collected.
                let ty = member.ty.as_ref().and_then(|ty| self.types.wit(ty).ok());
                let name = &member.name;
                match (&definition.shape, ty) {
                    (_, None) => put(&mut body, format_args!("        %{name},\n")),
                    (Shape::Record(_), Some(ty)) => {
                        put(&mut body, format_args!("        %{name}: {ty},\n"))
                    }
                    (Shape::Cases(_), Some(ty)) => {
                        put(&mut body, format_args!("        %{name}({ty}),\n"))
                    }
                }
            }
            body.push_str("    }\n");
        }
        let pages = self.pages();
        for (item, (name, ..)) in &pages {
            put(
                &mut body,
                format_args!(
                    "    record %{name} {{ items: list<{item}>, next: option<string> }}\n"
                ),
            );
        }
        for operation in self.operations {
            let parameters: Vec<String> = operation
                .parameters
                .iter()
                .flat_map(|parameter| &parameter.wit)
                .map(|(name, ty)| format!("%{name}: {ty}"))
                .collect();
            let success = match &operation.result.shape {
                OutcomeShape::Nothing => "_".to_owned(),
                OutcomeShape::Value { wit, .. } => wit.clone(),
                OutcomeShape::Page { wit, .. } => format!("%{}", pages[wit.as_str()].0),
            };
            put(
                &mut body,
                format_args!(
                    "    %{}: func({}) -> result<{success}, problem>;\n",
                    operation.name,
                    parameters.join(", ")
                ),
            );
        }
        let uses_datetime = body
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '%')
            .any(|word| word == "datetime");
        let (use_clock, clock) = match uses_datetime {
            true => {
                let clock = CLOCK.replace("package wasi:clocks@0.2.0;", "");
                (
                    "    use wasi:clocks/wall-clock@0.2.0.{datetime};\n",
                    format!("package wasi:clocks@0.2.0 {{\n{clock}\n}}\n"),
                )
            }
            false => ("", String::new()),
        };
        let Self { package, name, .. } = self;
        format!(
            "package %{package};\n\
             interface %{name} {{\n    \
             use task-host:platform/types@1.0.0.{{problem}};\n\
             {use_clock}{body}}}\n\
             world logic {{\n    export %{name};\n}}\n\
             package task-host:platform@1.0.0 {{\n{TYPES}\n}}\n\
             {clock}"
        )
    }

    /// Returns the constraints on values of requests, as expressions.
    pub fn constraints(&self) -> Vec<TokenStream> {
        let Self { package, name, .. } = self;
        let mut constraints = Vec::new();
        let mut add = |place: &str, part: &str, checks: &[Check]| {
            let place = format!("{package}/{name}#{place}.{part}");
            constraints.extend(checks.iter().map(|check| check.constraint(&place)));
        };
        for definition in &self.types.0 {
            let (Shape::Record(members) | Shape::Cases(members)) = &definition.shape;
            for member in members {
                add(&definition.name, &member.name, &member.checks);
            }
        }
        for operation in self.operations {
            for parameter in &operation.parameters {
                for (name, _) in &parameter.wit {
                    add(&operation.name, name, &parameter.checks);
                }
            }
        }
        constraints
    }

    /// Returns the documentation in the format of a `package-docs` section: a version, then JSON.
    pub fn docs(&self) -> Vec<u8> {
        let types = self.types.0.iter().map(|definition| {
            let (Shape::Record(members) | Shape::Cases(members)) = &definition.shape;
            let members = members.iter().filter(|member| !member.docs.is_empty());
            let items = members.map(|member| (member.name.as_str(), string(&member.docs)));
            let value = format!(
                "{{\"docs\":{},\"items\":{}}}",
                string(&definition.docs),
                object(items)
            );
            (definition.name.as_str(), value)
        });
        let functions = self.operations.iter().map(|operation| {
            let value = format!("{{\"docs\":{}}}", string(&operation.docs));
            (operation.name.as_str(), value)
        });
        let docs = string(&self.docs);
        let interface = format!(
            "{{\"docs\":{docs},\"funcs\":{},\"types\":{}}}",
            object(functions),
            object(types)
        );
        let interfaces = object([(self.name, interface)].into_iter());
        let mut section = vec![1];
        section.extend(format!("{{\"docs\":{docs},\"interfaces\":{interfaces}}}").bytes());
        section
    }
}

/// Returns the name in WIT of the page of items of a type.
pub fn page_name(item: &str) -> String {
    let name: String = item
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    format!("{}-page", name.trim_matches('-'))
}

fn put(text: &mut String, part: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(part);
}

/// Returns a JSON object of values that are JSON.
fn object<'a>(members: impl Iterator<Item = (&'a str, String)>) -> String {
    let members: Vec<String> = members
        .map(|(name, value)| format!("{}:{value}", string(name)))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// Returns a JSON string.
fn string(text: &str) -> String {
    let mut json = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            c if c.is_control() => put(&mut json, format_args!("\\u{:04x}", c as u32)),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}
