//! Reads interfaces from components.

use super::support::{component, interface, package, record_of, tasks};
use crate::{DecodeError, Epoch, Interface, SignatureError, Type};

fn signature_error(items: &str, function: &str) -> String {
    let interface = interface(items);
    let function = interface.function(&format!("test:api/things#{function}"));
    function.unwrap().signature.clone().unwrap_err().to_string()
}

#[test]
fn imports_and_exports_are_named_with_their_versions() {
    let interface = interface("get: func() -> result<string, problem>;");
    assert!(
        interface
            .imports()
            .contains(&"task-host:platform/log@1.0.0".to_owned())
    );
    assert_eq!(interface.exports(), ["test:api/things@1.2.0"]);
}

#[test]
fn a_function_is_found_with_and_without_the_version() {
    let interface = interface("get: func() -> result<string, problem>;");
    let plain = interface.function("test:api/things#get").unwrap();
    let versioned = interface.function("test:api/things@1.2.0#get").unwrap();
    assert_eq!(plain, versioned);
    assert_eq!(plain.interface.name, "test:api/things@1.2.0");
    assert_eq!(plain.interface.local_name(), "things");
    assert_eq!(interface.function("test:api/things@1.3.0#get"), None);
    assert_eq!(interface.function("test:api/things#put"), None);
    assert_eq!(interface.function("get"), None);
}

#[test]
fn the_tasks_of_this_repository_have_their_types() {
    let interface = Interface::decode(&tasks()).unwrap();
    let create = interface.function("tasks:api/tasks#create").unwrap();
    assert_eq!(create.interface.name, "tasks:api/tasks");
    let signature = create.signature.as_ref().unwrap();
    let task = record_of(signature.ok.as_ref().unwrap());
    assert_eq!(task.name.interface, "tasks:api/tasks");
    assert_eq!(task.name.name, "task");
    let ty = |name| &task.field(name).unwrap().ty;
    assert_eq!(*ty("created_at"), Type::Datetime(Epoch::Unsigned));
    assert_eq!(*ty("description"), Type::Option(Type::String.into()));
    assert_eq!(*ty("dependencies"), Type::List(Type::S64.into()));

    let update = interface.function("tasks:api/tasks#update").unwrap();
    let change = &update.signature.as_ref().unwrap().params[1].ty;
    let title = &record_of(change).field("title").unwrap().ty;
    assert_eq!(*title, Type::Clearable(Type::String.into()));

    let summarize = interface.function("tasks:api/tasks#summarize").unwrap();
    let summary = summarize.signature.as_ref().unwrap().ok.as_ref().unwrap();
    let by_status = &record_of(summary).field("by-status").unwrap().ty;
    assert_eq!(*by_status, Type::Map(Type::U64.into()));
}

#[test]
fn documentation_is_read_from_the_sections_that_the_build_adds() {
    let interface = Interface::decode(&tasks()).unwrap();
    let get = interface.function("tasks:api/tasks#get").unwrap();
    assert_eq!(get.docs.as_deref(), Some("Returns one task."));
    let interface_docs = get.interface.docs.as_deref().unwrap();
    assert!(interface_docs.starts_with("The task management API"));
    let task = record_of(get.signature.as_ref().unwrap().ok.as_ref().unwrap());
    assert_eq!(task.docs.as_deref(), Some("A task as it is stored."));
    let title = task.field("title").unwrap();
    assert_eq!(
        title.docs.as_deref(),
        Some("3 to 200 characters. Contract 1 (`/api/tasks`) allows shorter titles.")
    );
}

#[test]
fn damaged_documentation_is_ignored() {
    let mut component = component("get: func() -> result<string, problem>;");
    let position = component
        .windows(9)
        .rposition(|w| w == b"interface")
        .unwrap();
    component[position] = b'"';
    let interface = Interface::decode(&component).unwrap();
    assert!(interface.function("test:api/things#get").is_some());
}

#[test]
fn bytes_that_are_not_a_component_are_rejected() {
    let error = |bytes: &[u8]| Interface::decode(bytes).unwrap_err();
    assert!(matches!(error(b""), DecodeError::NotAComponent(_)));
    assert!(matches!(
        error(b"\0asm\x01\0\0\0"),
        DecodeError::NotAComponent(_)
    ));
    let component = component("get: func() -> result<string, problem>;");
    let cut = &component[..component.len() / 2];
    assert!(matches!(error(cut), DecodeError::NotAComponent(_)));
}

#[test]
fn bytes_maps_and_nested_results_are_recognized() {
    let interface = interface(
        "type key = string;
         record entry { bytes: list<u8>, by-key: list<tuple<key, u8>>, pairs: list<tuple<u8, u8>>,
                        outcome: result<u8> }
         get: func() -> result<entry, problem>;",
    );
    let get = interface.function("test:api/things#get").unwrap();
    let entry = record_of(get.signature.as_ref().unwrap().ok.as_ref().unwrap());
    let ty = |name| &entry.field(name).unwrap().ty;
    assert_eq!(*ty("bytes"), Type::Bytes);
    assert_eq!(*ty("by-key"), Type::Map(Type::U8.into()));
    let pair = Type::Tuple([Type::U8, Type::U8].into());
    assert_eq!(*ty("pairs"), Type::List(pair.into()));
    assert!(matches!(ty("outcome"), Type::Result(_)));
}

#[test]
fn a_datetime_that_a_tool_moved_out_of_its_package_is_recognized() {
    let interface = interface(
        "record instant { seconds: s64, nanoseconds: u32 }
         get: func() -> result<instant, problem>;",
    );
    let get = interface.function("test:api/things#get").unwrap();
    let ok = get.signature.as_ref().unwrap().ok.as_ref().unwrap();
    assert_eq!(*ok, Type::Datetime(Epoch::Signed));
}

#[test]
fn a_record_with_another_name_or_shape_than_a_datetime_is_a_record() {
    for (name, members) in [
        ("pause", "seconds: u64, nanoseconds: u32"),
        ("instant", "seconds: u32, nanoseconds: u32"),
        ("instant", "seconds: u64, nanoseconds: u32, zone: string"),
    ] {
        let interface = interface(&format!(
            "record {name} {{ {members} }} get: func() -> result<{name}, problem>;"
        ));
        let get = interface.function("test:api/things#get").unwrap();
        let ok = get.signature.as_ref().unwrap().ok.as_ref().unwrap();
        assert_eq!(record_of(ok).name.name, name);
    }
}

#[test]
fn functions_without_the_platforms_problem_cannot_be_operations() {
    let no_problem = SignatureError::NoProblem.to_string();
    assert_eq!(signature_error("get: func() -> string;", "get"), no_problem);
    assert_eq!(signature_error("get: func();", "get"), no_problem);
    assert_eq!(
        signature_error("get: func() -> result<u8, string>;", "get"),
        no_problem
    );
    let own = "record problems { status: u16 } get: func() -> result<u8, problems>;";
    assert_eq!(signature_error(own, "get"), no_problem);
}

#[test]
fn types_that_json_cannot_represent_are_rejected_by_name() {
    let resource = "resource file; get: func(file: borrow<file>) -> result<u8, problem>;";
    assert_eq!(
        signature_error(resource, "get"),
        "parameter file contains a borrow, which cannot be represented in JSON"
    );
    let nested = "get: func() -> result<list<option<option<u8>>>, problem>;";
    assert_eq!(
        signature_error(nested, "get"),
        "the result contains an option of an option other than as a record's field, which \
         cannot be represented in JSON"
    );
    let deep = "record r { a: option<option<option<u8>>> } get: func() -> result<r, problem>;";
    assert_eq!(
        signature_error(deep, "get"),
        "the result contains three nested options (a), which cannot be represented in JSON"
    );
    let stream = "get: func(s: stream<u8>) -> result<u8, problem>;";
    assert_eq!(
        signature_error(stream, "get"),
        "parameter s contains a stream, which cannot be represented in JSON"
    );
}

#[test]
fn one_bad_function_does_not_hide_the_others() {
    let interface = interface(
        "resource file; open: func() -> result<file, problem>;
         get: func() -> result<u8, problem>;",
    );
    assert!(
        interface
            .function("test:api/things#open")
            .unwrap()
            .signature
            .is_err()
    );
    assert!(
        interface
            .function("test:api/things#get")
            .unwrap()
            .signature
            .is_ok()
    );
}

#[test]
fn an_interface_without_a_package_is_found_by_its_plain_name() {
    let interface = Interface::decode(&package(
        "package test:plain;
         world test {
             export things: interface {
                 use task-host:platform/types@1.0.0.{problem};
                 get: func() -> result<_, problem>;
             }
         }",
    ))
    .unwrap();
    let get = interface.function("things#get").unwrap();
    assert_eq!(get.interface.name, "things");
    assert_eq!(get.signature.as_ref().unwrap().ok, None);
}
