//! Finds in a failure's reason where the logic was: the first function of its backtrace that belongs to
//! the logic.
//!
//! The reason is a text for people, and only its backtrace has a form: either wasmtime's own, or the one
//! with source lines (`runtime/debug_info.rs`), which names the logic's own code first.

/// The longest place, in characters.
const LONGEST: usize = 160;

/// What precedes the lines of the logic's own code.
const OWN: &str = "in the logic's own code:";

/// The beginnings of the names of functions that only report a failure, or are the language's.
const LIBRARIES: [&str; 17] = [
    "core::",
    "std::",
    "alloc::",
    "<core::",
    "<std::",
    "<alloc::",
    "<T as core::",
    "<T as alloc::",
    "__rust",
    "rust_",
    "dlmalloc",
    "panic",
    "abort",
    "__assert",
    "__wasilibc",
    "runtime.",
    "wit_bindgen::",
];

/// Returns the place. `None` if the reason has no backtrace.
pub(super) fn place(reason: &str) -> Option<String> {
    let mut lines = reason.lines();
    if lines.by_ref().any(|line| line == OWN) {
        let first = lines.next()?.trim();
        return Some(short(first));
    }
    let functions = reason.lines().filter_map(function);
    let functions: Vec<String> = functions.map(without_hashes).collect();
    let is_own = |name: &&String| !LIBRARIES.iter().any(|prefix| name.starts_with(prefix));
    let found = functions.iter().find(is_own).or(functions.first())?;
    Some(short(found))
}

/// Returns the function that a line of a backtrace names: `tasks::list` of
/// `   3:   0x1f2e - tasks.wasm!tasks::list::h0123456789abcdef`.
fn function(line: &str) -> Option<&str> {
    let (number, rest) = line.trim_start().split_once(':')?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let rest = rest.trim();
    let name = match rest.split_once(" - ") {
        Some((address, name)) if address.starts_with("0x") => name,
        _ => rest,
    };
    let name = name.split_once('!').map_or(name, |(_, function)| function);
    let without_hash = name
        .rsplit_once("::h")
        .filter(|(_, hash)| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
    Some(without_hash.map_or(name, |(name, _)| name)).filter(|name| !name.is_empty())
}

/// Removes the hashes of crates, which change with every compiler: `std[a54399e6e7dbf1e]::panicking`.
fn without_hashes(name: &str) -> String {
    let mut parts = name.split('[');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(']') {
            Some((hash, rest)) if is_hash(hash) => plain.push_str(rest),
            _ => {
                plain.push('[');
                plain.push_str(part);
            }
        }
    }
    plain
}

fn is_hash(text: &str) -> bool {
    text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn short(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_the_first_function_of_the_logic() {
        let reason = "the logic trapped: wasm trap: wasm `unreachable` instruction executed\n\
            error while executing at wasm backtrace:\n    \
            0:   0x5c1f - counter.wasm!__rustc::__rust_start_panic\n    \
            1:   0x5c02 - counter.wasm!rust_panic\n    \
            2:   0x5ba1 - counter.wasm!core::panicking::panic_fmt::h0123456789abcdef\n    \
            3:   0x1f2e - counter.wasm!counter::naughty::trap::h0123456789abcdef\n    \
            4:    0xa10 - counter.wasm!exports::trap";
        assert_eq!(place(reason).as_deref(), Some("counter::naughty::trap"));
    }

    #[test]
    fn the_hashes_of_crates_are_not_part_of_the_place() {
        let reason = "x\n  0: 0x1 - c!std[a54399e6e7dbf1e]::panicking::panic_with_hook\n  \
            1: 0x2 - c!<core[0123456789abcdef]::fmt::Arguments>::new\n  \
            2: 0x3 - c!counter[fedcba9876543210]::naughty::trap::<[u8]>";
        let expected = "counter::naughty::trap::<[u8]>";
        assert_eq!(place(reason).as_deref(), Some(expected));
    }

    #[test]
    fn source_lines_are_part_of_the_place() {
        let reason = "the logic trapped: x\nin the logic's own code:\n  src/tasks.rs:17:5 in \
            tasks::list\n  src/lib.rs:3:1 in tasks::export\nthe whole stack:\n    0: tasks!f";
        let expected = "src/tasks.rs:17:5 in tasks::list";
        assert_eq!(place(reason).as_deref(), Some(expected));
    }

    #[test]
    fn a_stack_of_libraries_alone_has_its_first_function_as_its_place() {
        let reason = "x\n  0: core::panicking::panic\n  1: std::process::abort";
        assert_eq!(place(reason).as_deref(), Some("core::panicking::panic"));
        let stripped = "x\n    0:   0x12 - <unknown>!<wasm function 17>";
        assert_eq!(place(stripped).as_deref(), Some("<wasm function 17>"));
    }

    #[test]
    fn a_reason_without_a_backtrace_has_no_place() {
        for reason in ["", "the deadline passed", "at 12:30: no", "3:"] {
            assert_eq!(place(reason), None, "{reason}");
        }
        let long = format!("x\n  0: {}", "ä".repeat(1000));
        assert_eq!(
            place(&long).map(|place| place.chars().count()),
            Some(LONGEST)
        );
    }
}
