//! What a component imports and exports, checked before anything is compiled.
//!
//! The compiler child reads the interfaces, which takes milliseconds even where compiling takes
//! minutes, and writes them as the first line of its output. The host decides. So the types of a
//! hostile component are read within the child's limits, and a missing import is reported at once.
//!
//! Whether the imported functions have the right types is found by comparing them with this host's (`misfits`).

use serde_json::{Value, json};
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType};
use wasmparser::types::TypesRef;
use wasmparser::{Parser, Payload, ValidPayload, Validator, WasmFeatures};
use wasmtime::Engine;

use super::load::{self, LoadError};
use super::misfits::Misfit;
use super::{SERVICE, imports, misfits, shape};

/// Maximum size of the line, in bytes.
pub(super) const MAX_LINE: u64 = 64 << 10;
/// Maximum number of names in one list of the line. The platform offers fewer interfaces and
/// functions, so every component that fits is described in full.
const MAX_NAMES: usize = 64;
/// Maximum number of bytes of one name. Longer names are cut off.
const MAX_NAME: usize = 200;

/// What a component imports and exports.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Interfaces {
    /// The imports that somebody has to provide. An interface that has only types is not among
    /// them.
    imports: Vec<String>,
    /// The imports that have another type than this host's: the interface, a space, and what differs.
    misfits: Vec<String>,
    /// The exported instances that have the name of the platform's service, in any version.
    services: Vec<String>,
    /// Those functions of these instances that this host calls.
    functions: Vec<String>,
    /// In what their types differ from what this host calls and reads, as sentences.
    unfit: Vec<String>,
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

    /// Compares the types of the imports with those of this host.
    pub(super) fn compare(&mut self, engine: &Engine, component: &[u8]) {
        // If the comparison is not possible, the compiler or the linker says why.
        let misfits = misfits::of(engine, component).unwrap_or_default();
        let line = |Misfit { interface, what }: &Misfit| format!("{interface} {what}");
        let lines: Vec<_> = misfits.iter().map(line).collect();
        self.misfits = names(lines.iter().map(String::as_str));
    }

    fn of(types: TypesRef<'_>, imported: &[&str], exported: &[&str]) -> Self {
        let needed = imported.iter().filter(|name| {
            let import = types.component_item_for_import(name);
            import.is_none_or(|item| must_be_provided(types, &item.ty))
        });
        let services = exported
            .iter()
            .filter(|name| load::split(name).0 == load::split(SERVICE).0);
        let (mut functions, mut unfit) = (Vec::new(), Vec::new());
        for service in services.clone() {
            let item = types.component_item_for_export(service);
            let Some(ComponentEntityType::Instance(instance)) = item.map(|item| item.ty) else {
                continue;
            };
            for (name, shape) in shape::SERVICE {
                let Some(item) = types[instance].exports.get(name) else {
                    continue;
                };
                functions.push(name);
                match item.ty {
                    ComponentEntityType::Func(function) => {
                        unfit.extend(shape::faults(types, name, &types[function], shape));
                    }
                    _ => unfit.push(format!("{name} is not a function")),
                }
            }
        }
        Interfaces {
            imports: names(needed.copied()),
            misfits: Vec::new(),
            services: names(services.copied()),
            functions: names(functions.into_iter()),
            unfit: names(unfit.iter().map(String::as_str)),
        }
    }

    /// Writes the interfaces as one line.
    pub(super) fn to_line(&self) -> String {
        let line = json!({
            "imports": self.imports,
            "misfits": self.misfits,
            "services": self.services,
            "functions": self.functions,
            "unfit": self.unfit,
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
            misfits: list("misfits")?,
            services: list("services")?,
            functions: list("functions")?,
            unfit: list("unfit")?,
        })
    }

    /// Checks that this host offers what the component imports, and that the component exports what
    /// this host calls.
    ///
    /// # Errors
    /// Returns everything that does not fit: [`LoadError::Import`], [`LoadError::Newer`], [`LoadError::Shape`],
    /// [`LoadError::Export`] and [`LoadError::Function`].
    pub(super) fn check(&self) -> Result<(), Vec<LoadError>> {
        let mut errors = Vec::new();
        errors.extend(load::check_imports(&self.imports).err());
        // A later version of the same track may fit: that shows when the functions are linked.
        let of_other_track = |name: &&String| {
            let offered = imports::offered(load::split(name).0);
            offered.is_some_and(|offered| load::track(load::split(name).1) > load::track(offered))
        };
        let names = self.imports.iter().chain(&self.services);
        errors.extend(names.filter(of_other_track).filter_map(load::newer));
        for misfit in &self.misfits {
            let (interface, what) = misfit.split_once(' ').unwrap_or_default();
            match load::newer(interface) {
                None => errors.push(LoadError::Shape(what.to_owned())),
                Some(newer) if errors.contains(&newer) => {}
                Some(newer) => errors.push(newer),
            }
        }
        let exports = |function: &str| self.functions.iter().any(|found| found == function);
        if let Some(missing) = load::missing(exports) {
            match self.services.iter().find_map(load::newer) {
                None => errors.push(missing),
                Some(newer) if errors.contains(&newer) => {}
                Some(newer) => errors.push(newer),
            }
        }
        errors.extend(self.unfit.iter().cloned().map(LoadError::Function));
        match errors.is_empty() {
            true => Ok(()),
            false => Err(errors),
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
        let types = [
            ("describe", "$description"),
            ("assets", "$assets"),
            ("check", "(result (error string))"),
            ("health", "$health"),
        ];
        with_service(parts, &types)
    }

    /// A component that exports a service with functions of these results, behind the given parts.
    fn with_service(parts: &str, functions: &[(&str, &str)]) -> Vec<u8> {
        let lifted = functions.iter().map(|(name, result)| {
            format!(
                "(func ${name} (export \"the-{name}\") (result {result})
                    (canon lift (core func $i \"f\") (memory $i \"m\") (realloc (func $i \"r\"))))"
            )
        });
        let exports = functions.iter();
        let exports = exports.map(|(name, _)| format!("(export \"{name}\" (func ${name}))"));
        let text = format!(
            "(component {parts}
                (core module $m
                    (memory (export \"m\") 1)
                    (func (export \"f\") (result i32) i32.const 0)
                    (func (export \"r\") (param i32 i32 i32 i32) (result i32) i32.const 0))
                (core instance $i (instantiate $m))
                (type $d (record (field \"name\" string) (field \"version\" string)))
                (export $description \"description\" (type $d))
                (type $a (record (field \"path\" string) (field \"media-type\" string)
                    (field \"content\" (list u8))))
                (export $asset \"asset\" (type $a))
                (type $assets (list $asset))
                (type $health (result (list (tuple string s64)) (error string)))
                {}
                (instance $service {})
                (export \"{SERVICE}\" (instance $service)))",
            lifted.collect::<String>(),
            exports.collect::<String>()
        );
        wat::parse_str(text).expect("WebAssembly")
    }

    fn checked(component: &[u8]) -> Result<(), Vec<LoadError>> {
        let line = Interfaces::read(component).expect("a component").to_line();
        assert!(line.len() as u64 <= MAX_LINE, "{} bytes", line.len());
        Interfaces::from_line(line.as_bytes())
            .expect("a line")
            .check()
    }

    /// The text about imports that this host does not offer, which is all that does not fit.
    #[track_caller]
    fn unknown(component: &[u8]) -> String {
        match checked(component).expect_err("accepted").as_slice() {
            [LoadError::Import(text)] => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// Whether all that does not fit is one interface of a later version.
    fn needs_a_later_host(component: &[u8]) -> bool {
        let errors = checked(component).expect_err("accepted");
        matches!(errors.as_slice(), [LoadError::Newer { .. }])
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
        let text = unknown(&component(resource));
        assert!(text.starts_with("acme:tasks/things; "), "{text}");
    }

    #[test]
    fn an_import_that_the_host_does_not_offer_is_named() {
        let refused = |names: &[&str]| {
            let import = |name| format!(r#"(import "{name}" (instance (export "f" (func))))"#);
            let imports: String = names.iter().map(import).collect();
            unknown(&component(&imports))
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
            assert!(needs_a_later_host(&component(&import)), "{name}");
        }
    }

    #[test]
    fn another_major_version_is_newer_and_a_minor_version_may_fit() {
        let import = |version: &str| {
            component(&format!(
                r#"(import "task-host:platform/sql@{version}" (instance (export "f" (func))))"#
            ))
        };
        assert!(needs_a_later_host(&import("2.0.0")));
        assert_eq!(checked(&import("1.7.0")), Ok(()));
    }

    /// What is said about each thing that does not fit.
    fn texts(component: &[u8]) -> Vec<String> {
        let errors = checked(component).expect_err("accepted");
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_missing_functions_are_named_at_once() {
        let missing =
            |functions| format!("the component does not export {SERVICE} with {functions}");
        let empty = wat::parse_str("(component)").expect("WebAssembly");
        assert_eq!(texts(&empty), [missing("describe, assets, check, health")]);
        let check = [("check", "(result (error string))")];
        assert_eq!(
            texts(&with_service("", &check)),
            [missing("describe, assets, health")]
        );
    }

    #[test]
    fn every_function_with_another_type_is_named_with_all_that_is_wrong() {
        let component = with_service(
            r#"(type $n (record (field "version" u32))) (export $nameless "nameless" (type $n))
                (type $c (record (field "path" string) (field "content" string)))
                (export $file "file" (type $c))"#,
            &[
                ("describe", "$nameless"),
                ("assets", "(list $file)"),
                ("check", "string"),
                ("health", "(result (list (tuple string u64)))"),
            ],
        );
        let unfit =
            |text: &str| format!("the component's {SERVICE} does not fit this host: {text}");
        assert_eq!(
            texts(&component),
            [
                "the result of describe has no name, a string",
                "version of the result of describe is not a string",
                "an item of the result of assets has no media-type, a string",
                "content of an item of the result of assets is not a list<u8>",
                "the result of check is not a result",
                "the second of an item of the success of the result of health is not an s64",
            ]
            .map(unfit)
        );
    }

    #[test]
    fn wrong_imports_and_wrong_exports_are_reported_together() {
        let imports =
            r#"(import "acme:a/a" (func)) (import "task-host:platform/sql@2.0.0" (func))"#;
        let found = checked(&with_service(imports, &[("check", "string")]));
        let found = found.expect_err("accepted");
        assert!(
            matches!(
                found.as_slice(),
                [
                    LoadError::Import(_),
                    LoadError::Newer { .. },
                    LoadError::Export(_),
                    LoadError::Function(_)
                ]
            ),
            "{found:?}"
        );
    }

    #[test]
    fn thousands_of_imports_make_a_short_line() {
        let imports: String = (0..5000)
            .map(|number| format!("(import \"{}x{number}\" (func))", "long-".repeat(50)))
            .collect();
        let names = unknown(&component(&imports));
        assert!(names.len() < 16 << 10, "{} bytes", names.len());
    }

    #[test]
    fn bytes_that_are_not_a_component_are_left_to_the_compiler() {
        assert_eq!(Interfaces::read(b"\0asm\x0d\0\x01\0\x07\xff"), None);
        assert_eq!(Interfaces::read(b"nonsense"), None);
    }
}
