//! Source lines for backtraces, from the debug information (DWARF) that a compiler left in the component.
//!
//! Only a host with `--debug` reads it, in this process and only when a call fails. The compiled code is
//! the same with and without it: wasmtime keeps the place of each instruction in the component, and the
//! debug information is looked up there. The offsets are those of the bytes that were compiled (see
//! [`compiler::changed`]).

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;

use addr2line::Context;
use addr2line::gimli::{self, EndianSlice, LittleEndian};
use wasmparser::{Parser, Payload};
use wasmtime::{FrameInfo, WasmBacktrace};

use super::compiler;
use contract::text::clipped;

/// First characters of the name of each section with debug information.
const SECTION: &str = ".debug_";

/// Maximum size of a function's name and of a path, in bytes. Longer ones are cut off.
const MAX_TEXT_BYTES: usize = 300;

/// Parts of the paths of code that an author did not write: Rust's standard library, crates, the C library
/// and Go's.
const LIBRARIES: [&str; 8] = [
    "/rustc/",
    "/rustlib/",
    "/registry/src/",
    "/git/checkouts/",
    "/wasi-libc/",
    "/wasi-sdk/",
    "/go/src/",
    "/go/pkg/mod/",
];

type Bytes<'a> = EndianSlice<'a, LittleEndian>;

/// The debug information of a component's modules.
pub(super) struct DebugInfo {
    modules: Vec<Module>,
}

struct Module {
    /// Where its code section is in the component. Addresses in the debug information count from its start.
    code: Range<usize>,
    /// The sections with debug information, by name.
    sections: HashMap<String, Vec<u8>>,
}

/// A place in the source.
struct Place {
    function: Option<String>,
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
}

impl DebugInfo {
    /// Copies the debug information of a component. If it has none, or is not valid, the result is empty.
    pub(super) fn read(component: &[u8]) -> Self {
        let compiled = compiler::changed(component);
        let compiled = compiled.as_deref().unwrap_or(component);
        let mut modules = Vec::new();
        // The module or component around the current payload, and those around it. `None`: a component.
        let mut open = vec![None];
        for payload in Parser::new(0).parse_all(compiled) {
            let Ok(payload) = payload else { break };
            let module = open.last_mut().and_then(Option::as_mut);
            match (payload, module) {
                (Payload::ModuleSection { .. }, _) => open.push(Some(Module {
                    code: 0..0,
                    sections: HashMap::new(),
                })),
                (Payload::ComponentSection { .. }, _) => open.push(None),
                (Payload::CodeSectionStart { range, .. }, Some(module)) => module.code = range,
                (Payload::CustomSection(section), Some(module))
                    if section.name().starts_with(SECTION) =>
                {
                    let data = section.data().to_vec();
                    module.sections.insert(section.name().to_owned(), data);
                }
                (Payload::End(_), _) => modules.extend(open.pop().flatten()),
                _ => {}
            }
        }
        modules.retain(|module: &Module| !module.sections.is_empty());
        DebugInfo { modules }
    }

    /// Writes a backtrace for the log: first the lines of the logic's own code, then the whole stack.
    pub(super) fn trace(&self, backtrace: &WasmBacktrace) -> String {
        let contexts = self.modules.iter().filter_map(|module| {
            let context = module.context()?;
            Some((module.code.clone(), context))
        });
        let contexts: Vec<_> = contexts.collect();
        let frames = backtrace.frames().iter().map(|frame| {
            let found = frame.module_offset().and_then(|offset| {
                let (code, context) = contexts.iter().find(|(code, _)| code.contains(&offset))?;
                Some(places(context, (offset - code.start) as u64))
            });
            let mut places = found.unwrap_or_default();
            // Lines without functions are the least debug information. The module names the outermost one.
            match places.last_mut() {
                None => places.push(Place::without_source(frame)),
                Some(outermost) if outermost.function.is_none() => {
                    outermost.function = Place::without_source(frame).function;
                }
                Some(_) => {}
            }
            places
        });
        let frames: Vec<Vec<Place>> = frames.collect();
        // Writing to a string does not fail.
        let mut text = String::new();
        let own = frames.iter().flatten().filter(|place| place.is_own());
        let own: Vec<_> = own.collect();
        if !own.is_empty() {
            text.push_str("in the logic's own code:\n");
            for place in own {
                let _ = writeln!(text, "  {} in {}", place.source(), place.name());
            }
        }
        text.push_str("the whole stack:");
        for (number, places) in frames.iter().enumerate() {
            for (inlined, place) in places.iter().enumerate() {
                let _ = match inlined {
                    0 => write!(text, "\n  {number:>3}: {}", place.name()),
                    _ => write!(text, "\n       {}", place.name()),
                };
                if place.file.is_some() {
                    let _ = write!(text, "\n         at {}", place.source());
                }
            }
        }
        if self.modules.is_empty() {
            text.push_str("\nthe component has no debug information, so the lines are not known");
        }
        text
    }
}

impl Module {
    fn context(&self) -> Option<Context<Bytes<'_>>> {
        let section = |id: gimli::SectionId| {
            let data = self.sections.get(id.name()).map_or(&[][..], Vec::as_slice);
            Ok::<_, gimli::Error>(EndianSlice::new(data, LittleEndian))
        };
        Context::from_dwarf(gimli::Dwarf::load(section).ok()?).ok()
    }
}

/// The places of an address: that of the innermost inlined function first. Damaged debug information
/// ends the list.
fn places(context: &Context<Bytes<'_>>, address: u64) -> Vec<Place> {
    let mut places = Vec::new();
    let Ok(mut frames) = context.find_frames(address).skip_all_loads() else {
        return places;
    };
    while let Ok(Some(frame)) = frames.next() {
        let function = frame
            .function
            .as_ref()
            .and_then(|name| name.demangle().ok());
        let location = frame.location;
        places.push(Place {
            function: function.map(|name| cut(&name)),
            file: location.as_ref().and_then(|at| at.file).map(cut),
            line: location.as_ref().and_then(|at| at.line),
            column: location.as_ref().and_then(|at| at.column),
        });
    }
    places
}

impl Place {
    fn without_source(frame: &FrameInfo) -> Self {
        let function = match frame.func_name() {
            Some(name) => addr2line::demangle_auto(Cow::Borrowed(name), None),
            None => format!("function {}", frame.func_index()).into(),
        };
        Place {
            function: Some(match frame.module().name() {
                Some(module) => cut(&format!("{module}!{function}")),
                None => cut(&function),
            }),
            file: None,
            line: None,
            column: None,
        }
    }

    /// Whether the logic's author wrote this code.
    fn is_own(&self) -> bool {
        let in_library = |file: &String| LIBRARIES.iter().any(|part| file.contains(part));
        self.file.as_ref().is_some_and(|file| !in_library(file))
    }

    fn name(&self) -> &str {
        self.function.as_deref().unwrap_or("an unnamed function")
    }

    fn source(&self) -> String {
        let mut source = self.file.clone().unwrap_or_default();
        let numbers = [self.line, self.column].into_iter().flatten();
        for number in numbers {
            let _ = write!(source, ":{number}");
        }
        source
    }
}

fn cut(text: &str) -> String {
    match clipped(text, MAX_TEXT_BYTES) {
        whole if whole.len() == text.len() => text.to_owned(),
        start => format!("{start}…"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_of_libraries_is_not_the_authors() {
        let own = |file: &str| {
            let place = Place {
                function: None,
                file: Some(file.to_owned()),
                line: Some(3),
                column: None,
            };
            place.is_own()
        };
        assert!(own("src/notes.rs"));
        assert!(own("/home/me/notes/src/notes.rs"));
        for library in [
            "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/panicking.rs",
            "/home/me/.cargo/registry/src/index/serde-1.0.0/src/lib.rs",
            "/cargo/registry/src/index/serde/src/lib.rs",
            "/usr/lib/go/src/runtime/panic.go",
        ] {
            assert!(!own(library), "{library}");
        }
    }

    #[test]
    fn bytes_that_are_no_component_have_no_debug_information() {
        for bytes in [&b""[..], b"nonsense", b"\0asm\x0d\0\x01\0\x07\xff"] {
            assert!(DebugInfo::read(bytes).modules.is_empty());
        }
    }

    #[test]
    fn damaged_debug_information_gives_no_place() {
        let module = Module {
            code: 0..100,
            sections: [".debug_info", ".debug_line", ".debug_abbrev"]
                .map(|name| (name.to_owned(), vec![0xff; 64]))
                .into(),
        };
        let found = module.context().map(|context| places(&context, 7).len());
        assert!(matches!(found, None | Some(0)), "{found:?}");
    }

    #[test]
    fn a_long_name_is_cut_off() {
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(&"x".repeat(1000)).len(), MAX_TEXT_BYTES + "…".len());
    }
}
