//! Passes arguments to wasmtime, which checks their names, order and types.

use wasmtime::component::{Component, Linker, Val};
use wasmtime::{Engine, Store, Trap};

use super::support::{component, route};
use crate::{Input, Interface, Operation};
use contract::Method;

/// Functions whose arguments need no memory, which the module behind them cannot allocate: at most
/// 16 flat values each.
const ITEMS: &str = "
    enum color { red, dark-blue }
    flags rights { may-read, may-write }
    variant shape { empty, circle(f64), sized(option<u8>) }
    record thing { color: option<color>, at: datetime, rights: rights, shape: shape }
    record change {
        pair: tuple<u8, bool>, outcome: result<u32>, initial: char, half: f32,
        size: option<option<s16>>,
    }
    put: func(color-id: color, thing: thing, n: s64) -> result<_, problem>;
    edit: func(change: change, loud: option<bool>) -> result<_, problem>;
";

fn call(operation: &Operation, component: &[u8], arguments: &[Val]) -> wasmtime::Error {
    let engine = Engine::default();
    let component = Component::new(&engine, component).unwrap();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.define_unknown_imports_as_traps(&component).unwrap();
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let interface = instance.get_export_index(&mut store, None, operation.interface());
    let function = instance.get_export_index(&mut store, interface.as_ref(), operation.function());
    let function = instance.get_func(&mut store, function.unwrap()).unwrap();
    let mut results = [Val::Bool(false)];
    function
        .call(&mut store, arguments, &mut results)
        .unwrap_err()
}

/// Calls the function with arguments from a request, and again with the first and the last swapped.
fn call_both_ways(path: &str, function: &str, input: Input<'_>) -> [wasmtime::Error; 2] {
    let component = component(ITEMS);
    let interface = Interface::decode(&component).unwrap();
    let route = route(Method::Post, path, function);
    let operation = Operation::bind(&interface, &route).unwrap();
    let mut arguments = operation.read(&input).unwrap();
    let right = call(&operation, &component, &arguments);
    let last = arguments.len() - 1;
    arguments.swap(0, last);
    [right, call(&operation, &component, &arguments)]
}

#[test]
fn arguments_reach_the_function_that_the_operation_names() {
    let parameters = [("color_id".to_owned(), "dark_blue".to_owned())];
    let put = Input {
        parameters: &parameters,
        query: Some("n=-1"),
        media_type: Some("application/json"),
        body: br#"{"color": "red", "at": "2026-03-01T10:20:30Z", "rights": ["may_write"],
            "shape": {"case": "sized", "value": 3}}"#,
        ..Input::default()
    };
    let edit = Input {
        query: Some("loud=false"),
        media_type: Some("application/json"),
        body: br#"{"pair": [1, true], "outcome": {"error": null}, "initial": "x", "half": 0.5,
            "size": null}"#,
        ..Input::default()
    };
    for [right, wrong] in [
        call_both_ways("/{color_id}", "put", put),
        call_both_ways("/x", "edit", edit),
    ] {
        // The module behind the component only traps. So this trap shows that it was reached.
        let trap = right.downcast_ref();
        assert_eq!(trap, Some(&Trap::UnreachableCodeReached), "{right:?}");
        assert_eq!(wrong.downcast_ref::<Trap>(), None, "{wrong:?}");
    }
}
