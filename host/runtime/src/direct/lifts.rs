//! Lifted functions without their post-return.

use wasm_encoder::{CanonicalFunctionSection, CanonicalOption as Encoded};
use wasmparser::{CanonicalFunction, CanonicalOption, ComponentCanonicalSectionReader};

/// The same functions, none of which frees anything after its return: an instance ends with its
/// call, and wasmtime would look each of these up for every instance. None for a section that
/// holds anything else than lifted functions as wit-component makes them.
pub(super) fn without_post_return(
    section: &ComponentCanonicalSectionReader<'_>,
) -> Option<CanonicalFunctionSection> {
    let mut lifts = CanonicalFunctionSection::new();
    for function in section.clone() {
        let CanonicalFunction::Lift {
            core_func_index,
            type_index,
            options,
        } = function.ok()?
        else {
            return None;
        };
        let mut kept = Vec::with_capacity(options.len());
        for option in &options {
            match option {
                CanonicalOption::UTF8 => kept.push(Encoded::UTF8),
                CanonicalOption::Memory(index) => kept.push(Encoded::Memory(*index)),
                CanonicalOption::Realloc(index) => kept.push(Encoded::Realloc(*index)),
                CanonicalOption::PostReturn(_) => {}
                _ => return None,
            }
        }
        lifts.lift(core_func_index, type_index, kept);
    }
    Some(lifts)
}
