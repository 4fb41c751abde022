//! `#[service]`: makes a component of a module of plain functions and types.
//!
//! The module's types are the types of the generated bindings, so nothing is converted: the WIT of each has the same
//! fields in the same order, and the bindings refer to the module's types in place of their own.

pub mod names;
mod operation;
mod types;
mod wit;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Item, ItemFn, ItemMod, LitStr, Meta, Token, parse_quote};

use operation::Operation;
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

    let lints: Attribute = parse_quote!(#[allow(dead_code, private_interfaces, unused_imports)]);
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
            }
        }

        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, unused, unused_qualifications, missing_docs, clippy::all)]
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
