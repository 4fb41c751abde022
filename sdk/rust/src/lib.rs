//! Writes the logic of a task-host service in Rust.
//!
//! There are two ways, and both make the same component:
//!
//! - **Code first**: plain functions and types in a module with the attribute [`macro@service`]. The WIT is made
//!   from them.
//! - **WIT first**: the interface is in `.wit` files. [`bindings!`] makes its types, [`row!`] and [`cases!`] read them
//!   from rows, [`macro@operations`] marks their implementation, and [`component!`] makes the component of it.
//!
//! ```
//! use task_host_sdk::prelude::*;
//!
//! /// Addresses worth keeping.
//! #[service(name = "Bookmarks")]
//! mod bookmarks {
//!     use super::*;
//!
//!     /// A saved address.
//!     #[derive(Data, Row)]
//!     pub struct Bookmark {
//!         pub id: i64,
//!         pub url: String,
//!     }
//!
//!     /// Returns one address.
//!     #[get("/bookmarks/{id}")]
//!     fn get(id: i64) -> Result<Bookmark> {
//!         sql!("select id, url from bookmarks where id = {id}")
//!             .one()
//!             .on_missing(404, "no-such-bookmark", "This bookmark does not exist")
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! A component reaches the platform through the host's imports. On the build machine the same code runs on SQLite
//! in memory, in functions with the attribute [`macro@test`].

#[cfg_attr(
    not(any(target_family = "wasm", test)),
    expect(dead_code, reason = "used by components only")
)]
mod arena;
pub mod bindings;
mod clock;
mod error;
mod event;
mod operation;
mod page;
pub mod platform;
mod problem;
pub mod rows;
pub mod sql;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod wit;

#[cfg(target_family = "wasm")]
pub use arena::Arena;
pub use bindings::exports::task_host::platform::service;
pub use bindings::task_host::platform::{events, log, types};
pub use bindings::wasi::clocks::wall_clock::Datetime;
pub use clock::{micros, now, random_bytes, uuid};
pub use error::{Error, OnFailure, Result};
pub use page::{Cursor, Page};
pub use task_host_sdk_macros::{Data, Row, assets, migrations, operations, service, sql, test};

/// What most services use.
pub mod prelude {
    pub use crate::rows::Row as _;
    pub use crate::types::Problem;
    pub use crate::{
        Cursor, Data, Datetime, Error, OnFailure as _, Page, Result, Row, event, log, now, service,
        sql, uuid,
    };
}

/// What the macros' expansions use. Not for other code.
#[doc(hidden)]
pub mod __private {
    #[cfg(not(target_family = "wasm"))]
    pub use crate::operation::named;
    pub use crate::operation::{read, start, write};
    #[cfg(not(target_family = "wasm"))]
    pub use inventory;
    pub use wit_bindgen;

    /// Makes assets of their paths, media types and contents.
    pub fn assets(files: &[(&str, &str, &[u8])]) -> Vec<crate::service::Asset> {
        let asset = |(path, media_type, content): &(&str, &str, &[u8])| crate::service::Asset {
            path: (*path).to_owned(),
            media_type: (*media_type).to_owned(),
            content: content.to_vec(),
        };
        files.iter().map(asset).collect()
    }

    /// Joins the parts of a statement at compile time.
    pub const fn length(parts: &[&str]) -> usize {
        let (mut length, mut index) = (0, 0);
        while index < parts.len() {
            length += parts[index].len();
            index += 1;
        }
        length
    }

    /// Joins the parts of a statement at compile time.
    pub const fn join<const LENGTH: usize>(parts: &[&str]) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        let (mut at, mut index) = (0, 0);
        while index < parts.len() {
            let part = parts[index].as_bytes();
            let mut offset = 0;
            while offset < part.len() {
                bytes[at] = part[offset];
                at += 1;
                offset += 1;
            }
            index += 1;
        }
        bytes
    }

    /// Reads what [`join`] returned.
    pub const fn text(bytes: &'static [u8]) -> &'static str {
        match str::from_utf8(bytes) {
            Ok(text) => text,
            Err(_) => panic!("parts of UTF-8 texts are UTF-8"),
        }
    }
}
