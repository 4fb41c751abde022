//! `#[derive(Row)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt as _;
use syn::{Data, DeriveInput, Fields};

/// Implements `Row` for a struct.
pub fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let DeriveInput {
        ident, generics, ..
    } = input;
    let Data::Struct(data) = &input.data else {
        return Err(syn::Error::new_spanned(
            ident,
            "a row is read as a struct; an enum is one column, with #[derive(Data)]",
        ));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(syn::Error::new_spanned(
            ident,
            "a row is read as a struct with named fields; rows without names are tuples",
        ));
    };
    let mut names = Vec::new();
    let mut columns = Vec::new();
    for field in &fields.named {
        let (Some(name), ty) = (&field.ident, &field.ty) else {
            continue;
        };
        let place = format!("{}.{}", ident.unraw(), name.unraw());
        names.push(name.unraw().to_string());
        columns.push(quote!(#name: row.field::<#ty>(#place)?));
    }
    let (impl_generics, type_generics, condition) = generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::task_host_sdk::rows::Row for #ident #type_generics #condition {
            const FIELDS: &'static [&'static str] = &[#(#names),*];

            fn read(
                row: &mut ::task_host_sdk::rows::Reader<'_>,
            ) -> ::core::result::Result<Self, ::task_host_sdk::rows::Mismatch> {
                ::core::result::Result::Ok(Self { #(#columns),* })
            }
        }
    })
}
