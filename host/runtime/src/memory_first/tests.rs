//! The rearranged component, checked by running it.

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store};

use super::*;

/// A component of the form that wit-component makes: it asks the host a question that it has in its
/// data, from a function that it calls through its table, and returns the answer.
const ASKING: &str = r#"(component
    (type $host' (instance (export "ask" (func (param "question" string) (result string)))))
    (import "a:b/host" (instance $host (type $host')))
    (core module $main
        (import "a:b/host" "ask" (func $ask (param i32 i32 i32)))
        (table 2 2 funcref)
        (memory (export "memory") 1)
        (global $next (mut i32) (i32.const 1000))
        (export "run" (func $run))
        (export "cabi_realloc" (func $realloc))
        (elem (i32.const 1) func $answer)
        (func $answer (result i32)
            (call $ask (i32.const 100) (i32.const 12) (i32.const 16))
            (i32.const 16))
        (func $run (result i32) (call_indirect (result i32) (i32.const 1)))
        (func $realloc (param i32 i32 i32 i32) (result i32)
            (global.get $next)
            (global.set $next (i32.add (global.get $next) (local.get 3))))
        (data (i32.const 100) "the question"))
    (core module $shim
        (type $ask (func (param i32 i32 i32)))
        (table (export "$imports") 1 1 funcref)
        (func (export "0") (type $ask)
            local.get 0 local.get 1 local.get 2 i32.const 0 call_indirect (type $ask)))
    (core module $fixup
        (import "" "0" (func $0 (param i32 i32 i32)))
        (import "" "$imports" (table 1 1 funcref))
        (elem (i32.const 0) func $0))
    (core instance $s (instantiate $shim))
    (alias core export $s "0" (core func $early))
    (core instance $imports (export "ask" (func $early)))
    (core instance $m (instantiate $main (with "a:b/host" (instance $imports))))
    (alias core export $m "memory" (core memory $memory))
    (alias core export $m "cabi_realloc" (core func $realloc))
    (alias core export $s "$imports" (core table $table))
    (alias export $host "ask" (func $ask))
    (core func $late
        (canon lower (func $ask) (memory $memory) (realloc $realloc) string-encoding=utf8))
    (core instance $fill (export "$imports" (table $table)) (export "0" (func $late)))
    (core instance (instantiate $fixup (with "" (instance $fill))))
    (alias core export $m "run" (core func $run))
    (func (export "run") (result string)
        (canon lift (core func $run) (memory $memory) (realloc $realloc))))"#;

fn rearranged(text: &str) -> Option<Vec<u8>> {
    let component = wat::parse_str(text).unwrap();
    with_memory_first(&component).map(|changed| changed.bytes)
}

/// What the component returns if the host answers by repeating the question.
fn answer(component: &[u8]) -> String {
    let engine = Engine::new(&Config::new()).unwrap();
    let component = Component::new(&engine, component).unwrap();
    let mut linker = Linker::<()>::new(&engine);
    linker
        .instance("a:b/host")
        .unwrap()
        .func_wrap("ask", |_, (question,): (String,)| {
            Ok((format!("{question}? Yes."),))
        })
        .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = instance
        .get_typed_func::<(), (String,)>(&mut store, "run")
        .unwrap();
    run.call(&mut store, ()).unwrap().0
}

fn core_instances(component: &[u8]) -> usize {
    let made = |instance: &Instance<'_>| matches!(instance, Instance::Instantiate { .. });
    let parts = Parts::read(component).unwrap();
    parts
        .instances
        .iter()
        .filter(|instance| made(instance))
        .count()
}

#[test]
fn a_rearranged_component_does_the_same_with_two_core_instances() {
    let component = wat::parse_str(ASKING).unwrap();
    let changed = rearranged(ASKING).unwrap();
    assert_eq!(core_instances(&component), 3);
    assert_eq!(core_instances(&changed), 2);
    assert_eq!(answer(&component), "the question? Yes.");
    assert_eq!(answer(&changed), "the question? Yes.");
    assert!(with_memory_first(&changed).is_none(), "it is changed again");
}

#[test]
fn a_component_of_another_shape_stays_as_it_is() {
    let changes = [
        // The shim does something else.
        ("local.get 2 i32.const 0", "local.get 1 i32.const 0"),
        // The shim is not valid.
        (
            "i32.const 0 call_indirect (type $ask)",
            "i32.const 0 call_indirect (param i32 i32 i64)",
        ),
        // The fixup fills another slot.
        (
            "(elem (i32.const 0) func $0)",
            "(elem (i32.const 1) func $0)",
        ),
        // The contents of the memory are not all there at the start.
        ("(data (i32.const 100)", "(data"),
        (
            "(memory (export \"memory\") 1)",
            "(memory (export \"memory\") 1) (memory 1)",
        ),
        (
            "(memory (export \"memory\") 1)",
            "(memory (export \"memory\") 1 1 shared)",
        ),
        // Another instance uses the memory.
        (
            "(core instance $fill",
            "(core module $other) (core instance (instantiate $other)) (core instance $fill",
        ),
        // A resource names a core function.
        (
            "(alias core export $m \"run\"",
            "(type $r (resource (rep i32))) (alias core export $m \"run\"",
        ),
    ];
    for (from, to) in changes {
        assert!(ASKING.contains(from), "{from}");
        assert!(rearranged(&ASKING.replace(from, to)).is_none(), "{to}");
    }
    assert!(with_memory_first(b"nonsense").is_none());
    assert!(rearranged("(component)").is_none());
    assert!(rearranged("(module)").is_none());
}

#[test]
fn the_code_of_functions_is_left_to_the_compiler() {
    let invalid = ASKING.replace(
        "(i32.const 16))\n        (func $run",
        "(i64.const 16))\n        (func $run",
    );
    assert_ne!(invalid, ASKING);
    let changed = rearranged(&invalid).unwrap();
    let error = Component::new(&Engine::new(&Config::new()).unwrap(), changed).unwrap_err();
    assert!(
        format!("{error:#}").contains("expected i32, found i64"),
        "{error:#}"
    );
}

#[test]
fn bytes_that_were_tampered_with_are_refused_or_give_a_valid_component() {
    let component = wat::parse_str(ASKING).unwrap();
    let mut changed = 0;
    for position in 0..component.len() {
        for value in [1, 0x7f] {
            let mut tampered = component.clone();
            tampered[position] = value;
            // It checks what it returns, but for the code of functions.
            changed += usize::from(with_memory_first(&tampered).is_some());
        }
    }
    assert!(changed > 0);
}
