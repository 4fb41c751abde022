//! `#[operations]`, for implementations of exported functions.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{ImplItem, ItemImpl, parse_quote};

/// Adds the start of a call to each function.
pub fn expand(mut item: ItemImpl) -> syn::Result<TokenStream> {
    for item in &mut item.items {
        if let ImplItem::Fn(function) = item {
            let start = parse_quote!(::task_host_sdk::__private::start(););
            function.block.stmts.insert(0, start);
        }
    }
    Ok(quote!(#item))
}
