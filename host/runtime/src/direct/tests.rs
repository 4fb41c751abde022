//! The additions to a component, checked by wasmparser's validator.

use wasmparser::component_types::{ComponentEntityType, ComponentValType as Known};

use super::*;

#[test]
fn bytes_that_are_not_a_component_get_no_additions() {
    assert_eq!(with_direct_functions(b"\0asm\x01\0\0\0", None), None);
    assert_eq!(with_direct_functions(b"nonsense", None), None);
    let empty = wat::parse_str("(component)").unwrap();
    assert_eq!(with_direct_functions(&empty, None), None);
}

/// A function with a record among its parameters, in an instance of the form that wit-component
/// makes.
const LIFTED: &str = r#"(component
    (core module $m
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 64)
        (func (export "f") (param i32 i32) (result i32) i32.const 16))
    (core instance $i (instantiate $m))
    (type $pair' (record (field "a" u32) (field "b" string)))
    (type $small' (record (field "n" u32)))
    (component $shim
        (type $pair (record (field "a" u32) (field "b" string)))
        (import "import-type-pair" (type $p (eq $pair)))
        (type $small (record (field "n" u32)))
        (import "import-type-small" (type $s (eq $small)))
        (type $result (result $p (error $p)))
        (import "import-func-f" (func $f (param "x" (option $s)) (result $result)))
        (export $pe "pair" (type $p))
        (export $se "small" (type $s))
        (type $result-e (result $pe (error $pe)))
        (export "f" (func $f) (func (param "x" (option $se)) (result $result-e))))
    (type $result' (result $pair' (error $pair')))
    (type $option' (option $small'))
    (func $f (param "x" $option') (result $result')
        (canon lift (core func $i "f") (memory $i "memory") (realloc (func $i "realloc"))))
    (instance $e (instantiate $shim
        (with "import-type-pair" (type $pair'))
        (with "import-type-small" (type $small'))
        (with "import-func-f" (func $f))))
    (export "a:b/c@1.0.0" (instance $e)))"#;

fn post_returns(component: &[u8]) -> usize {
    let canonical =
        Parser::new(0)
            .parse_all(component)
            .filter_map(|payload| match payload.unwrap() {
                Payload::ComponentCanonicalSection(section) => Some(section),
                _ => None,
            });
    let options = canonical.flatten().flat_map(|function| match function {
        Ok(CanonicalFunction::Lift { options, .. }) => options.into_vec(),
        _ => Vec::new(),
    });
    let frees = |option: &CanonicalOption| matches!(option, CanonicalOption::PostReturn(_));
    options.filter(frees).count()
}

#[test]
fn an_exported_function_gets_a_direct_variant() {
    let component = wat::parse_str(LIFTED).unwrap();
    let direct = with_direct_functions(&component, None).unwrap();
    assert!(
        direct.starts_with(&component),
        "the component's own sections changed"
    );
    let types = Validator::new_with_features(WasmFeatures::all())
        .validate_all(&direct)
        .unwrap();
    let types = types.as_ref();
    let functions = |name: &str| match types.component_item_for_export(name).unwrap().ty {
        ComponentEntityType::Instance(id) => types[id].exports.clone(),
        _ => panic!("{name} is not an instance"),
    };
    let ComponentEntityType::Func(f) = functions("direct-a:b/c@1.0.0")["f"].ty else {
        panic!("f is not a function");
    };
    let address = wasmparser::PrimitiveValType::U32;
    assert!(matches!(types[f].result, Some(Known::Primitive(ty)) if ty == address));
    assert_eq!(types[f].params.len(), 1);
    assert!(functions(MEMORY_VIEW.interface).contains_key(MEMORY_VIEW.function));
}

#[test]
fn post_return_functions_are_removed() {
    let freeing = "(realloc (func $i \"realloc\")) (post-return (func $i \"free\"))))";
    let freeing = LIFTED
        .replace("(realloc (func $i \"realloc\"))))", freeing)
        .replace(
            "(func (export \"f\")",
            "(func (export \"free\") (param i32)) (func (export \"f\")",
        );
    let component = wat::parse_str(freeing).unwrap();
    assert_eq!(post_returns(&component), 1);
    let direct = with_direct_functions(&component, None).unwrap();
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(&direct)
        .unwrap();
    assert_eq!(post_returns(&direct), 0);
}
