//! `#[service]`: makes a component of a module of plain functions and types.
//!
//! The module's types are the types of the generated bindings, so nothing is converted: the WIT of each has the same
//! fields in the same order, and the bindings refer to the module's types in place of their own.

mod checks;
pub mod names;
mod operation;
pub mod types;
mod wit;

use std::collections::{BTreeMap, HashMap};

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Item, ItemFn, ItemMod, LitStr, Meta, Token, parse_quote};

use operation::{Operation, OutcomeShape};
use types::Types;

/// The arguments of the attribute.
pub struct Arguments {
    name: LitStr,
    migrations: Option<LitStr>,
    assets: Option<LitStr>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let (mut name, mut migrations, mut assets) = (None, None, None);
        while !input.is_empty() {
            let key: syn::Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            let value: LitStr = input.parse()?;
            let slot = match key.to_string().as_str() {
                "name" => &mut name,
                "migrations" => &mut migrations,
                "assets" => &mut assets,
                _ => {
                    return Err(syn::Error::new(
                        key.span(),
                        "expected `name`, `migrations` or `assets`",
                    ));
                }
            };
            if slot.replace(value).is_some() {
                return Err(syn::Error::new(
                    key.span(),
                    format!("`{key}` is given twice"),
                ));
            }
            input.parse::<Option<Token![,]>>()?;
        }
        let name = name.ok_or_else(|| {
            syn::Error::new(
                Span::call_site(),
                "the service needs a name: #[service(name = \"Bookmarks\")]",
            )
        })?;
        Ok(Self {
            name,
            migrations,
            assets,
        })
    }
}

/// Expands the attribute to the module with its component.
pub fn expand(arguments: Arguments, mut module: ItemMod) -> syn::Result<TokenStream> {
    let Some((_, items)) = &mut module.content else {
        return Err(syn::Error::new_spanned(
            module,
            "the attribute needs the module's content here: mod name { … }",
        ));
    };
    let interface = names::kebab(&module.ident)?;
    let types = Types::collect(items)?;
    let mut operations = Vec::new();
    let (mut check, mut health) = (None, None);
    for item in items.iter_mut() {
        let Item::Fn(function) = item else { continue };
        if let Some(operation) = Operation::take(function, &types)? {
            operations.push(operation);
        } else if take_marker(function, "check")? {
            check = Some(function.sig.ident.clone());
        } else if take_marker(function, "health")? {
            health = Some(function.sig.ident.clone());
        }
    }
    if operations.is_empty() {
        return Err(syn::Error::new_spanned(
            &module.ident,
            "the service has no operation: give a function an attribute such as #[get(\"/bookmarks\")]",
        ));
    }

    check_names(&types, &operations)?;

    let package = format!("{interface}:api");
    let wit = wit::Interface {
        package: &package,
        name: &interface,
        docs: names::docs(&module.attrs),
        types: &types,
        operations: &operations,
    };
    let aliases = wit.page_aliases();
    let bindings = wit.bindings();
    let docs_section = format!("package-docs:{package}");
    let docs = wit.docs();
    let docs = proc_macro2::Literal::byte_string(&docs);
    let guest = names::module_path(&interface);
    let guests = operations.iter().map(Operation::guest);
    let routes = operations
        .iter()
        .map(|operation| operation.route(&package, &interface));
    let constraints = wit.constraints();
    let name = &arguments.name;
    let migrations = folder(arguments.migrations.as_ref(), "migrations");
    let assets = folder(arguments.assets.as_ref(), "assets");
    let check = match check {
        Some(check) => quote! {
            let result: ::core::result::Result<(), _> = super::#check();
            result.map_err(|error| ::std::string::ToString::to_string(&error))
        },
        None => quote!(::core::result::Result::Ok(())),
    };
    let health = match health {
        Some(health) => quote! {
            super::#health().map_err(|error| ::task_host_sdk::types::Problem::from(error).title)
        },
        None => quote!(::core::result::Result::Ok(::std::vec::Vec::new())),
    };

    let lints: Attribute = parse_quote!(#[allow(
        dead_code, private_interfaces, unused_imports,
        reason = "only the exports of a component use the operations, and not every module the whole prelude"
    )]);
    let prelude: Item = parse_quote!(
        use ::task_host_sdk::prelude::*;
    );
    items.insert(0, prelude);
    let generated = quote! {
        #aliases

        #[doc(hidden)]
        pub fn __describe() -> ::task_host_sdk::service::Description {
            ::task_host_sdk::service::Description {
                name: ::std::string::String::from(#name),
                version: ::std::string::String::from(::core::env!("CARGO_PKG_VERSION")),
                routes: ::std::vec![#(#routes),*],
                migrations: #migrations,
                constraints: ::std::vec![#(#constraints),*],
            }
        }

        #[cfg(target_family = "wasm")]
        #[allow(
            unsafe_code, unused, unused_qualifications, missing_docs, clippy::all,
            reason = "generated bindings"
        )]
        mod __component {
            use super::*;

            #bindings

            struct Component;

            impl #guest::Guest for Component {
                #(#guests)*
            }
            export!(Component);

            impl ::task_host_sdk::service::Guest for Component {
                fn describe() -> ::task_host_sdk::service::Description {
                    ::task_host_sdk::__private::start();
                    super::__describe()
                }

                fn assets() -> ::std::vec::Vec<::task_host_sdk::service::Asset> {
                    ::task_host_sdk::__private::start();
                    #assets
                }

                fn check() -> ::core::result::Result<(), ::std::string::String> {
                    ::task_host_sdk::__private::start();
                    #check
                }

                fn health() -> ::core::result::Result<
                    ::std::vec::Vec<(::std::string::String, i64)>,
                    ::std::string::String,
                > {
                    ::task_host_sdk::__private::start();
                    #health
                }
            }
            ::task_host_sdk::bindings::export!(Component with_types_in ::task_host_sdk::bindings);

            #[unsafe(link_section = #docs_section)]
            static DOCS: [u8; #docs.len()] = *#docs;
        }

        #[cfg(not(target_family = "wasm"))]
        ::task_host_sdk::__private::inventory::submit! {
            ::task_host_sdk::testing::Service { describe: __describe }
        }

        #[cfg(test)]
        #[::core::prelude::v1::test]
        fn every_statement_fits_the_schema() {
            ::task_host_sdk::testing::check_statements();
        }
    };
    let generated: syn::File = syn::parse2(generated)?;
    items.extend(generated.items);
    module.attrs.push(lints);
    Ok(quote!(#module))
}

/// Checks that everything in the interface has a name of its own: in WIT, types and functions share their names.
fn check_names(types: &Types, operations: &[Operation]) -> syn::Result<()> {
    let platform = |name: &str| (name.to_owned(), format!("the platform's type `{name}`"));
    let mut taken = HashMap::from([platform("problem"), platform("datetime")]);
    let types = types.0.iter().map(|definition| {
        let what = format!("the type `{}`", definition.ident);
        (definition.name.clone(), &definition.ident, what)
    });
    let mut pages = BTreeMap::new();
    for operation in operations {
        if let OutcomeShape::Page { wit, .. } = &operation.result.shape {
            // Pages of the same items are one type.
            pages.entry(wit::page_name(wit)).or_insert(&operation.ident);
        }
    }
    let pages = pages
        .into_iter()
        .map(|(name, ident)| (name, ident, format!("the page that `{ident}` returns")));
    let operations = operations.iter().map(|operation| {
        let what = format!("the operation `{}`", operation.ident);
        (operation.name.clone(), &operation.ident, what)
    });
    for (name, ident, what) in types.chain(pages).chain(operations) {
        if let Some(other) = taken.get(&name) {
            return Err(syn::Error::new(
                ident.span(),
                format!("{other} and {what} have the same name in the API, `{name}`: rename one"),
            ));
        }
        taken.insert(name, what);
    }
    Ok(())
}

fn folder(folder: Option<&LitStr>, macro_name: &str) -> TokenStream {
    let macro_name = syn::Ident::new(macro_name, Span::call_site());
    match folder {
        Some(folder) => quote!(::task_host_sdk::#macro_name!(#folder)),
        None => quote!(::std::vec::Vec::new()),
    }
}

/// Removes an attribute without arguments from a function. Returns whether it was there.
fn take_marker(function: &mut ItemFn, name: &str) -> syn::Result<bool> {
    let Some(index) = function
        .attrs
        .iter()
        .position(|attribute| attribute.path().is_ident(name))
    else {
        return Ok(false);
    };
    let attribute = function.attrs.remove(index);
    if !matches!(attribute.meta, Meta::Path(_)) {
        return Err(syn::Error::new_spanned(
            attribute,
            format!("on a function, #[{name}] has no arguments"),
        ));
    }
    match function.sig.inputs.first() {
        Some(input) => Err(syn::Error::new_spanned(
            input,
            format!("the function of #[{name}] has no parameters"),
        )),
        None => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(module: &str) -> syn::Result<String> {
        let arguments = syn::parse_str("name = \"Test\"")?;
        expand(arguments, syn::parse_str(module)?).map(|tokens| tokens.to_string())
    }

    #[test]
    fn a_mistake_is_named_with_what_to_write() {
        for (content, part) in [
            ("fn help() {}", "#[get(\"/bookmarks\")]"),
            ("#[get] fn a() {}", "expected attribute arguments"),
            ("#[get(path)] fn a() {}", "expected the path"),
            ("#[get(\"a\")] fn a() {}", "begins with /"),
            ("#[get(\"/{id\")] fn a(id: i64) {}", "has no }"),
            ("#[get(\"/{id}\")] fn a(key: i64) {}", "no parameter id"),
            ("#[get(\"/\", code = 1)] fn a() {}", "expected `location`"),
            ("#[get(\"/\")] async fn a() {}", "not async"),
            ("#[get(\"/\")] fn a<T>(t: T) {}", "no generic parameters"),
            ("#[get(\"/\")] fn a(&self) {}", "no self"),
            ("#[get(\"/\")] fn a((b, c): (u8, u8)) {}", "has a name"),
            ("#[get(\"/\")] fn a(b: &str) {}", "use String for &str"),
            ("#[get(\"/\")] fn a(b: usize) {}", "use u64"),
            (
                "#[get(\"/\")] fn a() -> HashMap<String, i64> {}",
                "Vec<(String, T)>",
            ),
            (
                "#[get(\"/\")] fn a() -> Vec<Page<i64>> {}",
                "-> Result<Page<T>>",
            ),
            ("#[get(\"/\")] fn a() -> Result<Item> {}", "#[derive(Data)]"),
            ("#[get(\"/\")] fn a(r#type: i64) {}", "`type_`"),
            (
                "#[get(\"/\")] fn a() {} #[derive(Data)] struct B { c: Rc<u8> }",
                "no type such as Rc<u8>",
            ),
            (
                "#[get(\"/\")] fn a() {} #[derive(Data)] enum B { C { d: u8 } }",
                "Case(Payload)",
            ),
            (
                "#[get(\"/\")] fn a() {} #[health] fn b(c: u8) {}",
                "no parameters",
            ),
            (
                "#[derive(Data)] struct Note { id: i64 } #[get(\"/\")] fn note() {}",
                "the type `Note` and the operation `note` have the same name in the API, `note`",
            ),
            (
                "#[derive(Data)] struct Problem { id: i64 } #[get(\"/\")] fn a() {}",
                "the platform's type `problem` and the type `Problem`",
            ),
            (
                "#[derive(Data)] struct Item { id: i64 } #[derive(Data)] struct ItemPage { id: i64 }
                 #[get(\"/\")] fn all() -> Result<Page<Item>> {}",
                "the type `ItemPage` and the page that `all` returns",
            ),
            (
                "#[get(\"/\")] fn list() {} #[get(\"/all\")] fn list_() {}",
                "the operation `list` and the operation `list_`",
            ),
        ] {
            let error = expanded(&format!("mod test {{ {content} }}")).unwrap_err();
            assert!(error.to_string().contains(part), "{content}: {error}");
        }
        let error = expanded("mod test;").unwrap_err().to_string();
        assert!(error.contains("content here"), "{error}");
    }

    #[test]
    fn the_arguments_of_the_service_are_checked() {
        for (arguments, part) in [
            ("", "needs a name"),
            ("title = \"x\"", "expected `name`"),
            ("name = \"a\", name = \"b\"", "twice"),
        ] {
            let error = syn::parse_str::<Arguments>(arguments).err().unwrap();
            assert!(error.to_string().contains(part), "{arguments}: {error}");
        }
    }

    #[test]
    fn the_wit_has_the_types_and_functions_of_the_module() {
        let module = "mod my_things {
            #[derive(Data)] struct Thing { due_at: Option<Datetime>, type_: Kind }
            #[derive(Data)] enum Kind { OneTime, Daily }
            #[get(\"/things\")] fn list(kind: Option<Kind>, page: Cursor) -> Result<Page<Thing>> { todo!() }
            #[delete(\"/things\")] fn delete() -> Result<()> { Ok(()) }
        }";
        let code = expanded(module).unwrap();
        for part in [
            "package %my-things:api;",
            "interface %my-things {",
            "use wasi:clocks/wall-clock@0.2.0.{datetime};",
            "record %thing {\\n        %due-at: option<datetime>,\\n        %type: %kind,\\n    }",
            "enum %kind {\\n        %one-time,\\n        %daily,\\n    }",
            "record %thing-page { items: list<%thing>, next: option<string> }",
            "%list: func(%kind: option<%kind>, %cursor: option<string>, %limit: option<u32>) \
             -> result<%thing-page, problem>;",
            "%delete: func() -> result<_, problem>;",
        ] {
            assert!(code.contains(part), "{part}\n{code}");
        }
    }
}
