//! Slots: a part of a component's memory whose content a build may replace, as the SDK for Python does.
//!
//! An interpreter takes long to compile, and is the same after every change of a service. If the service is in a
//! slot, the code of the component is kept once, and only its data is replaced.
//!
//! A slot begins with a mark, which is in the component once, and has a fixed size. The rest of the component names
//! its code. What is replaced is data of the code, never instructions: the mark counts only in the section that holds
//! the initial content of memories.

use memchr::memmem;
use object::read::elf::ElfFile64;
use object::{Object as _, ObjectSection as _};
use sha2::{Digest as _, Sha256};

use super::compiler::CompiledCode;

/// What a slot begins with. `reload.py` in the SDK for Python has it in the opposite order.
const MARK: &[u8] = b"\x0d\xf0task-host slot\xed\xfe";
/// Size of a slot with its mark, in bytes.
const SIZE: usize = 512 << 10;
/// The section of compiled code with the initial content of memories.
const DATA: &str = ".rodata.wasm";

/// The slot of a component.
#[derive(Debug)]
pub struct Slot<'a> {
    content: &'a [u8],
    owner: String,
}

impl<'a> Slot<'a> {
    /// The names of all owners begin with this and a hyphen, and no digest does.
    pub const OWNERS: &'static str = "slot";

    /// Returns the slot of a component. `None` if it has none, or more than one mark.
    pub fn of(component: &'a [u8]) -> Option<Self> {
        let at = only(component)?;
        let content = component.get(at..at + SIZE)?;
        let mut rest = Sha256::new();
        rest.update(at.to_le_bytes());
        rest.update(&component[..at]);
        rest.update(&component[at + SIZE..]);
        Some(Slot {
            content,
            owner: format!("{}-{}", Self::OWNERS, hex::encode(rest.finalize())),
        })
    }

    /// Returns the name of the component without its slot.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Puts the content of this slot into the code of a component of the same owner. `None` if the code has no slot.
    pub fn put_into(&self, code: CompiledCode) -> Option<CompiledCode> {
        let file = ElfFile64::<object::Endianness>::parse(code.bytes()).ok()?;
        let (start, size) = file.section_by_name(DATA)?.file_range()?;
        let (start, size) = (usize::try_from(start).ok()?, usize::try_from(size).ok()?);
        let data = code.bytes().get(start..start.checked_add(size)?)?;
        let at = start + only(data).filter(|at| at + SIZE <= size)?;
        let mut bytes = code.into_bytes();
        bytes[at..at + SIZE].copy_from_slice(self.content);
        Some(CompiledCode::vouched(bytes))
    }
}

/// Returns the place of the mark if it is there once.
fn only(bytes: &[u8]) -> Option<usize> {
    let mut found = memmem::find_iter(bytes, MARK);
    let at = found.next()?;
    found.next().is_none().then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine;

    /// A component with a slot, which is filled with one byte, and with more data.
    fn component(filler: u8, marks: usize, rest: &str) -> Vec<u8> {
        let mut slot = MARK.to_vec();
        slot.resize(SIZE, filler);
        let escaped: String = slot.iter().map(|byte| format!("\\{byte:02x}")).collect();
        let segments: String = (0..marks)
            .map(|at| format!(r#"(data (i32.const {}) "{escaped}")"#, at * SIZE))
            .collect();
        let text = format!(
            r#"(component (core module
                (memory 64) {segments} (data (i32.const 3000000) "{rest}")
                (func (export "f") (result i32) i32.const 7)
            ))"#
        );
        wat::parse_str(text).unwrap()
    }

    fn compile(component: &[u8]) -> CompiledCode {
        let engine = engine::compiling().unwrap();
        CompiledCode::vouched(engine.precompile_component(component).unwrap())
    }

    #[test]
    fn code_with_another_slot_is_what_the_compiler_makes_of_the_other_component() {
        let (one, other) = (component(1, 1, "rest"), component(2, 1, "rest"));
        let (slot, others) = (Slot::of(&one).unwrap(), Slot::of(&other).unwrap());
        assert_eq!(slot.owner(), others.owner());
        let made = compile(&one);
        let expected = compile(&other);
        assert!(made.bytes() != expected.bytes());
        assert!(others.put_into(made).unwrap().bytes() == expected.bytes());
    }

    #[test]
    fn a_component_that_differs_outside_of_its_slot_has_another_owner() {
        let (one, other) = (component(1, 1, "rest"), component(1, 1, "more"));
        assert_ne!(
            Slot::of(&one).unwrap().owner(),
            Slot::of(&other).unwrap().owner()
        );
    }

    #[test]
    fn a_component_without_a_mark_or_with_two_has_no_slot() {
        for marks in [0, 2] {
            assert!(Slot::of(&component(1, marks, "rest")).is_none());
        }
        let mut cut = component(1, 1, "");
        cut.truncate(SIZE);
        assert!(Slot::of(&cut).is_none());
    }

    #[test]
    fn code_whose_data_has_no_slot_stays_as_it_is() {
        let with = component(1, 1, "rest");
        let slot = Slot::of(&with).unwrap();
        assert!(slot.put_into(compile(&component(1, 0, "rest"))).is_none());
        assert!(
            slot.put_into(CompiledCode::vouched(MARK.repeat(SIZE)))
                .is_none()
        );
    }

    #[test]
    fn instructions_that_contain_the_mark_are_no_slot() {
        let mark: String = MARK[..16]
            .iter()
            .map(|byte| format!("0x{byte:02x} "))
            .collect();
        let text = format!(
            "(component (core module (func (export \"f\") (result v128) v128.const i8x16 {mark})))"
        );
        let code = compile(&wat::parse_str(text).unwrap());
        assert!(memmem::find(code.bytes(), &MARK[..16]).is_some());
        let with = component(1, 1, "rest");
        assert!(Slot::of(&with).unwrap().put_into(code).is_none());
    }
}
