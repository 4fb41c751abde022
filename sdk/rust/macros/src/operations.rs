//! `#[operations]`, for implementations of exported functions.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{ImplItem, ItemImpl, ReturnType, parse_quote};

use crate::service::names;
use crate::service::types::named;

/// Adds the start of a call to each function. On the build machine, a function that can fail is a transaction.
pub fn expand(mut item: ItemImpl) -> syn::Result<TokenStream> {
    for item in &mut item.items {
        let ImplItem::Fn(function) = item else {
            continue;
        };
        let result = match &function.sig.output {
            ReturnType::Type(_, ty) if named(ty).is_some_and(|(name, _)| name == "Result") => ty,
            _ => {
                let start = parse_quote!(::task_host_sdk::__private::start(););
                function.block.stmts.insert(0, start);
                continue;
            }
        };
        function.attrs.push(parse_quote!(
            #[allow(clippy::result_large_err, reason = "a problem is large only on the build machine")]
        ));
        let name = names::kebab(&function.sig.ident)?;
        let body = &function.block;
        function.block = parse_quote!({
            #[cfg(target_family = "wasm")]
            {
                ::task_host_sdk::__private::start();
                #body
            }
            #[cfg(not(target_family = "wasm"))]
            {
                ::task_host_sdk::__private::named(#name, move || -> #result #body)
            }
        });
    }
    Ok(quote!(#item))
}
