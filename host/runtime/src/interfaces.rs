//! What a component imports and exports, checked before anything is compiled.
//!
//! The compiler child reads the interfaces, which takes milliseconds even where compiling takes
//! minutes, and writes them as the first line of its output. The host decides. So the types of a
//! hostile component are read within the child's limits, and a missing import is reported at once.
//!
//! Only names are checked here. Whether the functions have the right types is known when the code
//! is linked (`load`).

use serde_json::{Value, json};
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType};
use wasmparser::types::TypesRef;
use wasmparser::{Parser, Payload, ValidPayload, Validator, WasmFeatures};

use super::load::{self, LoadError};
use super::{SERVICE, imports};

/// Maximum size of the line, in bytes.
pub(super) const MAX_LINE: u64 = 64 << 10;
/// Maximum number of names in one list of the line. The platform offers fewer interfaces and
/// functions, so every component that fits is described in full.
const MAX_NAMES: usize = 64;
/// Maximum number of bytes of one name. Longer names are cut off.
const MAX_NAME: usize = 200;

/// The functions that every component exports.
pub(super) const SERVICE_FUNCTIONS: [&str; 4] = ["describe", "assets", "check", "health"];

/// What a component imports and exports.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Interfaces {
    /// The imports that somebody has to provide. An interface that has only types is not among
    /// them.
    imports: Vec<String>,
    /// The exported instances that have the name of the platform's service, in any version.
    services: Vec<String>,
    /// The functions of these instances.
    functions: Vec<String>,
}

impl Interfaces {
    /// Reads a component. Function bodies are skipped. `None` if it is not a valid component; the
    /// compiler says why.
    pub(super) fn read(component: &[u8]) -> Option<Self> {
        let mut validator = Validator::new_with_features(WasmFeatures::all());
        let (mut imported, mut exported) = (Vec::new(), Vec::new());
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(component) {
            let payload = payload.ok()?;
            match &payload {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) if depth == 0 => {
                    // The validator drops its types when it sees the end.
                    return Some(Self::of(validator.types(0)?, &imported, &exported));
                }
                Payload::End(_) => depth -= 1,
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section.clone() {
                        imported.push(import.ok()?.name.name);
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section.clone() {
                        exported.push(export.ok()?.name.name);
                    }
                }
                _ => {}
            }
            match validator.payload(&payload).ok()? {
                ValidPayload::Ok | ValidPayload::Parser(_) | ValidPayload::End(_) => {}
                // The compiler validates the bodies.
                ValidPayload::Func(..) => {}
            }
        }
        None
    }

    fn of(types: TypesRef<'_>, imported: &[&str], exported: &[&str]) -> Self {
        let needed = imported.iter().filter(|name| {
            let import = types.component_item_for_import(name);
            import.is_none_or(|item| must_be_provided(types, &item.ty))
        });
        let services = exported
            .iter()
            .filter(|name| load::split(name).0 == load::split(SERVICE).0);
        let functions =
            services
                .clone()
                .filter_map(|name| match types.component_item_for_export(name)?.ty {
                    ComponentEntityType::Instance(instance) => Some(&types[instance].exports),
                    _ => None,
                });
        let functions = functions.flat_map(|exports| exports.keys().map(String::as_str));
        Interfaces {
            imports: names(needed.copied()),
            services: names(services.copied()),
            // The functions that are looked for must not be cut off behind others.
            functions: names(functions.filter(|name| SERVICE_FUNCTIONS.contains(name))),
        }
    }

    /// Writes the interfaces as one line.
    pub(super) fn to_line(&self) -> String {
        let line = json!({
            "imports": self.imports,
            "services": self.services,
            "functions": self.functions,
        });
        format!("{line}\n")
    }

    /// Reads a line that [`Interfaces::to_line`] wrote. `None` if it is another line.
    pub(super) fn from_line(line: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(line).ok()?;
        let list = |member: &str| -> Option<Vec<String>> {
            let items = value[member].as_array()?.iter();
            items.map(|item| Some(item.as_str()?.to_owned())).collect()
        };
        Some(Interfaces {
            imports: list("imports")?,
            services: list("services")?,
            functions: list("functions")?,
        })
    }

    /// Checks that this host offers what the component imports, and that the component exports what
    /// this host calls.
    ///
    /// # Errors
    /// [`LoadError::Import`], [`LoadError::Newer`] or [`LoadError::Export`].
    pub(super) fn check(&self) -> Result<(), LoadError> {
        load::check_imports(&self.imports)?;
        let mut names = self.imports.iter().chain(&self.services);
        // A later version of the same track may fit: that shows when the functions are linked.
        let other = names.find(|name| {
            let offered = imports::offered(load::split(name).0);
            offered.is_some_and(|offered| load::track(load::split(name).1) > load::track(offered))
        });
        if let Some(error) = other.and_then(|name| load::newer(std::slice::from_ref(name))) {
            return Err(error);
        }
        let exports = |function: &&str| self.functions.iter().any(|found| found == function);
        match SERVICE_FUNCTIONS.iter().find(|function| !exports(function)) {
            None => Ok(()),
            Some(missing) => Err(load::newer(&self.services).unwrap_or(LoadError::Export(missing))),
        }
    }
}

/// Returns whether a host has to define an import: it has a function, a resource, a module or a
/// component. Plain types need no definition.
fn must_be_provided(types: TypesRef<'_>, import: &ComponentEntityType) -> bool {
    match import {
        ComponentEntityType::Instance(instance) => {
            let mut exports = types[*instance].exports.values();
            exports.any(|item| must_be_provided(types, &item.ty))
        }
        ComponentEntityType::Type { created, .. } => {
            matches!(created, ComponentAnyTypeId::Resource(_))
        }
        _ => true,
    }
}

/// Takes the first names, each cut off at its maximum size.
fn names<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let cut = |name: &str| {
        let end = (0..=MAX_NAME.min(name.len()))
            .rev()
            .find(|end| name.is_char_boundary(*end));
        name[..end.unwrap_or(0)].to_owned()
    };
    names.take(MAX_NAMES).map(cut).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component that exports a service, behind the given parts.
    fn component(parts: &str) -> Vec<u8> {
        let functions = SERVICE_FUNCTIONS.map(|name| format!("(export \"{name}\" (func $f))"));
        let text = format!(
            "(component {parts}
                (core module $m (func (export \"f\")))
                (core instance $i (instantiate $m))
                (func $f (canon lift (core func $i \"f\")))
                (instance $service {})
                (export \"{SERVICE}\" (instance $service)))",
            functions.concat()
        );
        wat::parse_str(text).expect("WebAssembly")
    }

    fn checked(component: &[u8]) -> Result<(), LoadError> {
        let line = Interfaces::read(component).expect("a component").to_line();
        assert!(line.len() as u64 <= MAX_LINE, "{} bytes", line.len());
        Interfaces::from_line(line.as_bytes())
            .expect("a line")
            .check()
    }

    #[test]
    fn a_component_that_needs_nothing_else_than_the_platform_fits() {
        assert_eq!(checked(&component("")), Ok(()));
        let sql = r#"(import "task-host:platform/sql@1.0.0" (instance (export "query" (func))))"#;
        assert_eq!(checked(&component(sql)), Ok(()));
    }

    #[test]
    fn an_interface_of_types_needs_no_host() {
        let types = r#"(import "acme:tasks/types" (instance
            (type $t (record (field "a" u32))) (export "task" (type (eq $t)))))"#;
        assert_eq!(checked(&component(types)), Ok(()));
        let resource =
            r#"(import "acme:tasks/things" (instance (export "thing" (type (sub resource)))))"#;
        let Err(LoadError::Import(text)) = checked(&component(resource)) else {
            panic!("the resource was accepted");
        };
        assert!(text.starts_with("acme:tasks/things; "), "{text}");
    }

    #[test]
    fn an_import_that_the_host_does_not_offer_is_named() {
        let refused = |names: &[&str]| {
            let import = |name| format!(r#"(import "{name}" (instance (export "f" (func))))"#);
            let imports: String = names.iter().map(import).collect();
            let Err(LoadError::Import(text)) = checked(&component(&imports)) else {
                panic!("{names:?} were accepted");
            };
            text
        };
        for (name, advice) in [
            ("wasi:keyvalue/store@0.2.0", "wasi:cli/imports@0.2"),
            ("wasi:clocks/system-clock@0.3.0", "build for WASI 0.2"),
            ("task-host:platform/queue@1.0.0", "need a later host"),
            ("acme:mail/outbox@2.1.0", "wac plug"),
        ] {
            let text = refused(&[name]);
            assert!(text.starts_with(&format!("{name}; ")), "{text}");
            assert!(text.contains(advice), "{name}: {text}");
        }
        // All at once, each kind of advice once.
        let text = refused(&["wasi:nn/tensor", "acme:a/a", "wasi:keyvalue/store@0.2.0"]);
        let names = "wasi:nn/tensor, acme:a/a, wasi:keyvalue/store@0.2.0; ";
        assert!(text.starts_with(names), "{text}");
        assert_eq!(text.matches("; ").count(), 2, "{text}");
    }

    #[test]
    fn every_interface_of_wasi_is_offered_in_each_of_its_versions() {
        for name in imports::wasi::INTERFACES
            .iter()
            .chain(&imports::http::INTERFACES)
        {
            for version in ["0.2.0", "0.2.3", "0.2.9"] {
                let import = format!(r#"(import "{name}@{version}" (func))"#);
                assert_eq!(checked(&component(&import)), Ok(()), "{name}@{version}");
            }
            let import = format!(r#"(import "{name}@0.3.0" (func))"#);
            let newer = checked(&component(&import));
            assert!(matches!(newer, Err(LoadError::Newer { .. })), "{newer:?}");
        }
    }

    #[test]
    fn another_major_version_is_newer_and_a_minor_version_may_fit() {
        let import = |version: &str| {
            component(&format!(
                r#"(import "task-host:platform/sql@{version}" (instance (export "f" (func))))"#
            ))
        };
        assert!(matches!(
            checked(&import("2.0.0")),
            Err(LoadError::Newer { .. })
        ));
        assert_eq!(checked(&import("1.7.0")), Ok(()));
    }

    #[test]
    fn a_component_without_the_service_misses_its_first_function() {
        let empty = wat::parse_str("(component)").expect("WebAssembly");
        assert_eq!(checked(&empty), Err(LoadError::Export("describe")));
    }

    #[test]
    fn thousands_of_imports_make_a_short_line() {
        let imports: String = (0..5000)
            .map(|number| format!("(import \"{}x{number}\" (func))", "long-".repeat(50)))
            .collect();
        let Err(LoadError::Import(names)) = checked(&component(&imports)) else {
            panic!("the imports were accepted");
        };
        assert!(names.len() < 16 << 10, "{} bytes", names.len());
    }

    #[test]
    fn bytes_that_are_not_a_component_are_left_to_the_compiler() {
        assert_eq!(Interfaces::read(b"\0asm\x0d\0\x01\0\x07\xff"), None);
        assert_eq!(Interfaces::read(b"nonsense"), None);
    }
}
