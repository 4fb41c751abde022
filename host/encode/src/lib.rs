//! Makes components of core modules, which compilers without support for components produce.
//!
//! `task-host component` does it for authors, `cargo xtask` for the components of this repository. No running service
//! uses this crate.

mod docs;

use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata, metadata};
use wit_parser::{PackageId, Resolve, WorldId};

/// The WIT in a folder and in its `deps`.
#[derive(Debug)]
pub struct Wit {
    /// The package of the folder, and all that it depends on.
    pub resolve: Resolve,
    package: PackageId,
}

impl Wit {
    /// Reads the WIT.
    ///
    /// # Errors
    /// If the folder has no valid WIT.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve
            .push_dir(folder)
            .map_err(|error| anyhow!("{error:#}"))
            .with_context(|| format!("cannot read the WIT in {}", folder.display()))?;
        Ok(Self { resolve, package })
    }

    /// Returns the world with this name, or the only one of the folder's package.
    ///
    /// # Errors
    /// If the package does not have exactly one such world.
    pub fn world(&self, name: Option<&str>) -> Result<WorldId> {
        self.resolve
            .select_world(&[self.package], name)
            .map_err(|error| anyhow!("{error:#}"))
    }
}

/// Adds the types of a world to a core module, in place of those that it has.
///
/// # Errors
/// If the bytes are no core module.
pub fn embed(module: &mut Vec<u8>, wit: &Wit, world: WorldId) -> Result<()> {
    let (without_types, _) = metadata::decode(module).map_err(|error| anyhow!("{error:#}"))?;
    if let Some(without_types) = without_types {
        *module = without_types;
    }
    embed_component_metadata(module, &wit.resolve, world, StringEncoding::UTF8)
        .map_err(|error| anyhow!("{error:#}"))
}

/// Makes a component of a core module that has the types of its world. What the module imports of WASI 0.1 is adapted
/// to WASI 0.2.
///
/// # Errors
/// If the module's imports and exports do not match its world.
pub fn encode(module: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = ComponentEncoder::default().validate(true).module(module);
    // With the adapter, also modules that do not use it would import the adapter's versions of WASI.
    if uses_wasi_0_1(module) {
        encoder = encoder.and_then(|encoder| {
            encoder.adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            )
        });
    }
    encoder
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| anyhow!("{error:#}"))
}

fn uses_wasi_0_1(module: &[u8]) -> bool {
    let payloads = Parser::new(0).parse_all(module).map_while(Result::ok);
    payloads
        .filter_map(|payload| match payload {
            Payload::ImportSection(section) => Some(section.into_imports()),
            _ => None,
        })
        .flatten()
        .any(|import| import.is_ok_and(|it| it.module == WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME))
}

/// Appends the doc comments of the WIT to a component, for the host's API documentation.
///
/// # Errors
/// If the documentation of a package cannot be written.
pub fn append_docs(component: &mut Vec<u8>, wit: &Wit) -> Result<()> {
    docs::append(component, &wit.resolve)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const WIT: &str = "
        package toys:shop;
        interface goods { count: func() -> u32; }
        world shop { export goods; }
        world empty {}
    ";

    fn wit() -> Wit {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("shop.wit"), WIT).unwrap();
        Wit::read(folder.path()).unwrap()
    }

    fn module(export: &str, import: &str) -> Vec<u8> {
        let text = format!(
            r#"(module {import} (memory (export "memory") 1) (func (export "{export}") (result i32) i32.const 7))"#
        );
        wat::parse_str(text).unwrap()
    }

    fn component(mut module: Vec<u8>) -> Result<Vec<u8>> {
        let wit = wit();
        embed(&mut module, &wit, wit.world(Some("shop"))?)?;
        encode(&module)
    }

    #[test]
    fn a_module_that_uses_wasi_0_1_becomes_a_component() {
        let random =
            r#"(import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))"#;
        for (import, imports_wasi) in [("", false), (random, true)] {
            let component = component(module("toys:shop/goods#count", import)).unwrap();
            let text = String::from_utf8_lossy(&component);
            assert_eq!(text.contains("wasi:random/random@0.2"), imports_wasi);
        }
    }

    #[test]
    fn the_types_of_the_wit_replace_those_of_the_module() {
        let mut module = module("toys:shop/goods#count", "");
        let wit = wit();
        for world in ["empty", "shop", "shop"] {
            embed(&mut module, &wit, wit.world(Some(world)).unwrap()).unwrap();
        }
        encode(&module).unwrap();
    }

    #[test]
    fn a_module_without_an_export_of_its_world_is_refused_with_the_export() {
        let error = component(module("toys:shop/goods#number", "")).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("toys:shop/goods") && text.contains("count"),
            "{text}"
        );
    }

    #[test]
    fn bytes_that_are_no_module_are_refused() {
        component(b"\x7fELF".to_vec()).unwrap_err();
        encode(b"\x7fELF").unwrap_err();
    }

    #[test]
    fn a_world_that_is_not_named_must_be_the_only_one() {
        let wit = wit();
        assert!(wit.world(Some("empty")).is_ok());
        wit.world(Some("absent")).unwrap_err();
        wit.world(None).unwrap_err();
    }

    #[test]
    fn a_folder_without_wit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Wit::read(&folder.path().join("absent")).unwrap_err();
        assert!(error.to_string().contains("absent"), "{error}");
    }
}
