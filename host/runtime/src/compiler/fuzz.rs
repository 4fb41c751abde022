//! Fuzz target for what the compiler child does to a component of a stranger before it compiles it.

use arbitrary::Unstructured;
use bolero::check;
use wasmparser::{Validator, WasmFeatures};
use wit_component::{
    ComponentEncoder, DecodedWasm, StringEncoding, dummy_module, embed_component_metadata,
};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, WorldId};

use super::changed;

/// How many bytes of a component are changed.
const TAMPERED: usize = 4;

/// Any bytes, and a component for each world of any WIT package: as the encoder made it, and with some
/// bytes changed.
#[test]
fn any_component_is_changed_into_a_valid_one_or_left_alone() {
    check!().for_each(|input: &[u8]| {
        expect_valid(input);
        let mut bytes = Unstructured::new(input);
        for mut component in components(&mut bytes) {
            expect_valid(&component);
            for _ in 0..TAMPERED {
                if let (Ok(position), Ok(value)) =
                    (bytes.choose_index(component.len()), bytes.arbitrary())
                {
                    component[position] = value;
                }
            }
            expect_valid(&component);
        }
    });
}

/// Asserts that a valid component stays valid.
fn expect_valid(component: &[u8]) {
    if let Some(changed) = changed(component)
        && is_valid(component)
    {
        assert!(is_valid(&changed));
    }
}

fn is_valid(component: &[u8]) -> bool {
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    validator.validate_all(component).is_ok()
}

fn components(bytes: &mut Unstructured<'_>) -> Vec<Vec<u8>> {
    let Ok(package) = wit_smith::smith(&wit_smith::Config::default(), bytes) else {
        return Vec::new();
    };
    let Ok(DecodedWasm::WitPackage(resolve, package)) = wit_component::decode(&package) else {
        return Vec::new();
    };
    let worlds = resolve.packages[package].worlds.values();
    worlds
        .filter_map(|world| encoded(&resolve, *world))
        .collect()
}

/// Makes a component of a world. Returns `None` if the encoder does not support something in the world.
fn encoded(resolve: &Resolve, world: WorldId) -> Option<Vec<u8>> {
    let mangling = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
    let mut module = dummy_module(resolve, world, mangling);
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).ok()?;
    let mut encoder = ComponentEncoder::default().module(&module).ok()?;
    encoder.encode().ok()
}
