//! The macros of `task-host-sdk`, which documents them for its users.

mod data;
mod files;
mod operations;
mod row;
mod service;
mod statement;

use proc_macro::TokenStream;
use quote::quote;
use syn::{DeriveInput, ItemFn, ItemImpl, ItemMod, LitStr, parse_macro_input};

/// Makes a statement from its text. `{expression}` is a parameter: it becomes `$1`, `$2` and so on, and the value is
/// passed beside the text.
///
/// ```
/// use task_host_sdk::prelude::*;
///
/// fn find(folder: &str, limit: i64) -> Result<Vec<(i64, String)>> {
///     sql!("select id, url from bookmarks where folder = {folder} order by id limit {limit}").all()
/// }
/// ```
///
/// - `{const NAME}` inserts a string constant into the text, such as a list of columns that several statements share.
/// - `{{` and `}}` are braces. Braces in quoted text are braces, too.
/// - `sql!(sqlite "…")` and `sql!(postgres "…")` are for one engine only.
///
/// These are compile errors: a parameter of a type that no column has, a parameter in quotes, quotes and parentheses
/// that are not closed, more than one statement, and a statement that the host does not allow. `cargo test` compiles
/// each statement on SQLite with the schema of the service's migrations.
#[proc_macro]
pub fn sql(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as statement::Input);
    finish(statement::expand(input))
}

/// Returns the files of a folder as `Vec<Asset>`. The folder is relative to `Cargo.toml`.
///
/// A file is served at its own path, and `index.html` at the path of its folder. The media type follows from the
/// extension; an unknown one is a compile error. Files without an extension, `.md` files and hidden files are left
/// out. Cargo notices a new file if the package's `build.rs` prints `cargo::rerun-if-changed=` and the folder.
#[proc_macro]
pub fn assets(input: TokenStream) -> TokenStream {
    let folder = parse_macro_input!(input as LitStr);
    finish(files::assets(&folder))
}

/// Returns the migrations of a folder as `Vec<Migration>`, in the order of their names. The folder is relative to
/// `Cargo.toml`.
///
/// `0001-bookmarks.sql` is for both engines, `0001-bookmarks.sqlite.sql` and `0001-bookmarks.postgres.sql` for one.
/// Without a file for PostgreSQL the service runs on SQLite only. Never change a file that was released. Cargo
/// notices a new file if the package's `build.rs` prints `cargo::rerun-if-changed=` and the folder.
#[proc_macro]
pub fn migrations(input: TokenStream) -> TokenStream {
    let folder = parse_macro_input!(input as LitStr);
    finish(files::migrations(&folder))
}

/// Reads rows as a struct: the first column is the first field, and so on. A column that can be null needs an
/// `Option`. An error names the struct and the field. On the build machine, the columns' names are compared with the
/// fields' as well.
#[proc_macro_derive(Row)]
pub fn row(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    finish(row::expand(&input))
}

/// Makes a type part of the API of a [`macro@service`] module: a struct with named fields, or an enum.
///
/// `#[check(…)]` on a field, or on a parameter of an operation, states which values are valid. The host answers 422 with
/// a pointer to any other value, before the logic runs, and documents the bounds. Texts: `min_length`, `max_length`,
/// `pattern`, `format`. Numbers: `minimum`, `maximum`, `exclusive_minimum`, `exclusive_maximum`. Lists: `min_items`,
/// `max_items`, `unique_items`, and `each(…)` for the items. `message` replaces the host's words, and with
/// `enforced = false` the logic refuses the values itself. Tests on the build machine call operations without the host,
/// so these checks do not run there.
///
/// An enum without payloads can also be a parameter and a column: the text of the case in kebab-case.
#[proc_macro_derive(Data, attributes(check))]
pub fn data(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    finish(data::expand(&input))
}

/// Marks an implementation of exported functions, for an interface that is written in WIT: a panic in one is logged
/// with its message and place. In a test, each is a transaction, and one whose route reads cannot write.
#[proc_macro_attribute]
pub fn operations(arguments: TokenStream, item: TokenStream) -> TokenStream {
    if let Some(error) = without_arguments(arguments) {
        return error;
    }
    let item = parse_macro_input!(item as ItemImpl);
    finish(operations::expand(item))
}

/// Makes a service from a module of plain functions and types. See the crate's documentation.
///
/// Arguments: `name`, the title of the API's documentation; `migrations` and `assets`, folders relative to
/// `Cargo.toml`.
///
/// Functions with one of these attributes are operations: `#[get("/path")]`, `#[post]`, `#[put]`, `#[patch]`,
/// `#[delete]`. Further arguments: `location = "/bookmarks/{id}"` sets the `Location` header from fields of the
/// result, `status = 202` the status of a success, and `etag = "field"` the field that is the entity tag. Without
/// `status` it is 201 with a location, 204 without a result, and otherwise 200. A GET only reads.
///
/// Parameters that the path names come from the path. On GET and DELETE the others come from the query, and otherwise
/// from the JSON body. A parameter of type `Cursor` takes `cursor` and `limit` from the query.
///
/// `#[check]` marks the function that tests the logic on the migrated schema before it serves, and `#[health]` the one
/// that returns figures for `GET /health`. Other functions are the module's own. Doc comments are the API's
/// documentation.
#[proc_macro_attribute]
pub fn service(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments = parse_macro_input!(arguments as service::Arguments);
    let item = parse_macro_input!(item as ItemMod);
    finish(service::expand(arguments, item))
}

/// Makes a test that runs logic on the build machine, on SQLite in memory with the service's migrations. What it
/// writes is gone afterwards.
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    if let Some(error) = without_arguments(arguments) {
        return error;
    }
    let ItemFn {
        attrs,
        vis,
        sig,
        block,
    } = parse_macro_input!(item as ItemFn);
    if let Some(input) = sig.inputs.first() {
        let error = syn::Error::new_spanned(input, "a test has no parameters");
        return error.into_compile_error().into();
    }
    quote! {
        #[::core::prelude::v1::test]
        #(#attrs)*
        #vis #sig {
            ::task_host_sdk::testing::run(move || #block)
        }
    }
    .into()
}

fn without_arguments(arguments: TokenStream) -> Option<TokenStream> {
    let arguments = proc_macro2::TokenStream::from(arguments);
    if arguments.is_empty() {
        return None;
    }
    let error = syn::Error::new_spanned(arguments, "this attribute has no arguments");
    Some(error.into_compile_error().into())
}

fn finish(result: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    result.unwrap_or_else(syn::Error::into_compile_error).into()
}
