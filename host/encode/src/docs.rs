//! Adds the doc comments of the WIT to a component, for the host's API documentation.
//!
//! Neither the bindings nor the encoder keep the comments. So this appends a custom section for each package, named `package-docs:NAMESPACE:NAME`, in the
//! format that wit-parser defines for WIT packages ([`PackageMetadata`]). A component without these
//! sections also runs, but its API documentation has no descriptions.

use anyhow::{Result, anyhow};
use wasm_encoder::{ComponentSection as _, CustomSection};
use wit_parser::{PackageMetadata, Resolve};

/// Appends the docs of all packages to a component.
pub(crate) fn append(component: &mut Vec<u8>, resolve: &Resolve) -> Result<()> {
    for (name, data) in sections(resolve)? {
        CustomSection {
            name: name.into(),
            data: data.into(),
        }
        .append_to_component(component);
    }
    Ok(())
}

/// Returns the sections' names and contents, in an order that depends only on the WIT.
fn sections(resolve: &Resolve) -> Result<Vec<(String, Vec<u8>)>> {
    let mut sections = Vec::new();
    for (id, package) in resolve.packages.iter() {
        let prefix = PackageMetadata::SECTION_NAME;
        let name = format!("{prefix}:{}:{}", package.name.namespace, package.name.name);
        let metadata = PackageMetadata::extract(resolve, id);
        let data = metadata.encode().map_err(|error| anyhow!("{error:#}"))?;
        sections.push((name, data));
    }
    sections.sort();
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use wasmparser::{Parser, Payload};
    use wit_parser::{Resolve, SourceMap};

    use super::*;
    use crate::Wit;

    const MAIN: &str = "
        /// A shop.
        package toys:shop;

        /// What is sold.
        interface goods {
            use toys:money/prices@1.0.0.{price};

            /// Something to buy.
            record thing {
                /// In the shop's own words.
                name: string,
                price: price,
            }
        }
    ";
    const DEPENDENCY: &str = "
        package toys:money@1.0.0;

        interface prices {
            /// In cents.
            type price = u64;
        }
    ";

    fn wit() -> Resolve {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("deps/money")).unwrap();
        fs::write(folder.path().join("shop.wit"), MAIN).unwrap();
        fs::write(folder.path().join("deps/money/money.wit"), DEPENDENCY).unwrap();
        Wit::read(folder.path()).unwrap().resolve
    }

    fn custom_sections(component: &[u8]) -> Vec<(String, Vec<u8>)> {
        Parser::new(0)
            .parse_all(component)
            .filter_map(|payload| match payload.unwrap() {
                Payload::CustomSection(section) => {
                    Some((section.name().to_owned(), section.data().to_vec()))
                }
                _ => None,
            })
            .collect()
    }

    /// The same WIT as it is read from a component's types: with names, without docs.
    fn undocumented() -> (Resolve, wit_parser::PackageId) {
        let strip = |text: &str| {
            let lines = text.lines().filter(|line| !line.contains("///"));
            lines.collect::<Vec<_>>().join("\n")
        };
        let mut resolve = Resolve::default();
        let mut push = |name: &str, text: &str| {
            let mut sources = SourceMap::new();
            sources.push(Path::new(name), strip(text));
            resolve.push_group(sources.parse().unwrap()).unwrap()
        };
        push("money.wit", DEPENDENCY);
        let shop = push("shop.wit", MAIN);
        (resolve, shop)
    }

    #[test]
    fn docs_can_be_read_from_the_component() {
        let mut component = wasm_encoder::Component::new().finish();
        append(&mut component, &wit()).unwrap();

        let sections = custom_sections(&component);
        let names: Vec<_> = sections.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["package-docs:toys:money", "package-docs:toys:shop"]);

        let (mut resolve, shop) = undocumented();
        let metadata = PackageMetadata::decode(&sections[1].1).unwrap();
        metadata.inject(&mut resolve, shop).unwrap();
        let goods = resolve.packages[shop].interfaces["goods"];
        let goods = &resolve.interfaces[goods];
        let thing = &resolve.types[goods.types["thing"]];
        assert_eq!(goods.docs.contents.as_deref(), Some("What is sold."));
        assert_eq!(thing.docs.contents.as_deref(), Some("Something to buy."));
        let wit_parser::TypeDefKind::Record(record) = &thing.kind else {
            panic!("{:?}", thing.kind)
        };
        let name_docs = record.fields[0].docs.contents.as_deref();
        assert_eq!(name_docs, Some("In the shop's own words."));
    }

    #[test]
    fn the_same_wit_gives_the_same_bytes() {
        let first = sections(&wit()).unwrap();
        let second = sections(&wit()).unwrap();
        assert_eq!(first, second);
    }

    #[test]
    fn every_package_of_the_task_service_is_documented() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/tasks");
        let sections = sections(&Wit::read(&folder).unwrap().resolve).unwrap();
        let names: Vec<_> = sections.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "package-docs:task-host:platform",
                "package-docs:tasks:api",
                "package-docs:wasi:clocks",
            ]
        );
    }
}
