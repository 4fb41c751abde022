//! Converts between HTTP's JSON and parameters and WIT values, driven only by a component's own
//! types, and describes and compares the resulting APIs.
//!
//! What happens when:
//!
//! | when | what | item |
//! | --- | --- | --- |
//! | a component is checked | reads the types from the component's bytes | [`Interface::decode`] |
//! | | attaches the component's constraints to its types | [`Interface::constrained`] |
//! | | binds a route to its function and makes a plan | [`Operation::bind`] |
//! | | writes the OpenAPI document | [`openapi()`] |
//! | | makes the tools for agents | [`tools`] |
//! | | compares the API with an earlier one | [`breaking_changes`], [`additions`] |
//! | for each request | turns the request into arguments | [`Operation::read`] |
//! | for each result | turns the result into an [`Outcome`] | [`Operation::write`], [`Operation::write_in`] |
//!
//! Lifetimes: an [`Interface`] is needed only while a component is checked. An [`Operation`] lives
//! as long as its revision and is immutable. [`Input`] and [`Memory`] borrow from one request.
//!
//! The logic chooses its types and values, and clients choose the arguments. So reading and writing
//! are bounded in time and memory by limits on what comes out, not only on what goes in.
//!
//! This crate must not know sockets, SQL or any service's types, and it does no input or output. It
//! depends on `wasmtime` only for [`Val`], the type of a component value.
//!
//! | WIT | JSON |
//! | --- | --- |
//! | record | object; kebab-case becomes snake_case; members in WIT order |
//! | option | absent or null is none; none is written as null |
//! | `option<option<T>>`, only as a record's field | absent is none, null is some(none) |
//! | list, tuple | array |
//! | `list<u8>` | base64 string with padding, at most 1 MiB when read |
//! | `list<tuple<string, T>>` | object; the logic may not repeat a key |
//! | enum, flags | string, array of strings; kebab-case becomes snake_case |
//! | variant | `{"case": name, "value": payload}`, without `value` if the case has no payload |
//! | result inside a value | `{"ok": payload}` or `{"error": payload}`, null if there is no payload |
//! | char | string of one Unicode scalar value |
//! | integers | number; `1.0` and `1e2` are integers; 64 bits are exact |
//! | f32, f64 | number; NaN and infinities are the logic's fault |
//! | datetime or instant of wasi:clocks | RFC 3339 string, written in UTC, years 0001 to 9999 |
//! | resource, stream, future, error-context, map, fixed-length list | rejected when a route is bound |

mod buffer;
mod compat;
mod constraint;
mod datetime;
mod interface;
mod json;
mod layout;
mod number;
mod openapi;
mod operation;
mod read;
mod size;
mod template;
mod tool;
mod types;
mod write;

#[cfg(test)]
mod tests;

pub use self::buffer::AnswerLimits;
pub use self::compat::{BreakingChange, ChangeKind, additions, breaking_changes};
pub use self::interface::{
    ConstraintError, ConstraintErrors, ConstraintFault, DecodeError, ExportedInterface, Function,
    Interface, Param, Signature, SignatureError,
};
pub use self::layout::{Memory, ResultError};
pub use self::openapi::{openapi, problem_schema};
pub use self::operation::{BindError, BindFault, Input, InputError, Operation, Outcome, Reply};
pub use self::template::{Template, TemplateError};
pub use self::tool::{Tool, ToolRequest, instructions, tools};
pub use self::types::{
    Case, Enum, Epoch, Field, HasName, Named, Record, ResultType, Type, TypeName, Variant,
};
pub use wasmtime::component::Val;
