//! HTTP's JSON and parameters to WIT values and back, driven only by a component's own WIT.
//!
//! [`Interface::decode`] reads the types from a component's bytes, [`Operation::bind`] checks a
//! route against them and makes a plan, [`Operation::read`] and [`Operation::write`] follow it
//! for each request, [`openapi()`] describes all of it, and [`breaking_changes`] compares it
//! with the API before. Nothing here knows what the service is about, and nothing does input or
//! output.
//!
//! | WIT | JSON |
//! | --- | --- |
//! | record | object; kebab-case as snake_case; members in WIT order |
//! | option | absent or null is none; none is written as null |
//! | `option<option<T>>`, as a record's field only | absent is none, null is some(none) |
//! | list, tuple | array |
//! | `list<u8>` | base64 string with padding, at most 1 MiB when read |
//! | `list<tuple<string, T>>` | object; the logic may not repeat a key |
//! | enum, flags | string, array of strings; kebab-case as snake_case |
//! | variant | `{"case": name, "value": payload}`, without `value` where there is no payload |
//! | result inside a value | `{"ok": payload}` or `{"error": payload}`, null for no payload |
//! | char | string of one Unicode scalar value |
//! | integers | number; `1.0` and `1e2` are integers; 64 bits are exact |
//! | f32, f64 | number; NaN and infinities are the logic's fault |
//! | datetime or instant of wasi:clocks | RFC 3339 string, written in UTC, years 0001 to 9999 |
//! | resource, stream, future, error-context, map, fixed-length list | refused at binding |

mod compat;
mod datetime;
mod interface;
mod json;
mod layout;
mod number;
mod openapi;
mod operation;
mod read;
mod template;
mod types;
mod write;

#[cfg(test)]
mod tests;

pub use self::compat::{BreakingChange, ChangeKind, additions, breaking_changes};
pub use self::interface::{
    DecodeError, ExportedInterface, Function, Interface, Param, Signature, SignatureError,
};
pub use self::layout::{Memory, Unreadable};
pub use self::openapi::{openapi, problem_schema};
pub use wasmtime::component::Val;

pub use self::operation::{BindError, BindFault, Input, InputError, Operation, Outcome, Reply};
pub use self::template::{Template, TemplateError};
pub use self::types::{Case, Enum, Epoch, Field, Record, ResultType, Type, TypeName, Variant};
