//! `#[derive(Data)]`.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Data, DataEnum, DeriveInput, Fields};

use crate::service::names;

/// Checks a type of the API. An enum without payloads can then be a parameter, a column and a value of the WIT.
pub fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    if let Some(parameter) = input.generics.params.first() {
        return Err(syn::Error::new_spanned(
            parameter,
            "a type of the API has no parameters: WIT has no generic types",
        ));
    }
    match &input.data {
        Data::Struct(data) if matches!(data.fields, Fields::Named(_)) => Ok(TokenStream::new()),
        Data::Enum(data) if data.variants.iter().all(|case| case.fields.is_empty()) => {
            plain_enum(&input.ident, data)
        }
        Data::Enum(_) => Ok(TokenStream::new()),
        _ => Err(syn::Error::new_spanned(
            &input.ident,
            "a type of the API is a struct with named fields or an enum",
        )),
    }
}

fn plain_enum(ident: &Ident, data: &DataEnum) -> syn::Result<TokenStream> {
    let mut cases = Vec::new();
    let mut texts = Vec::new();
    for case in &data.variants {
        if let Some((_, value)) = &case.discriminant {
            return Err(syn::Error::new_spanned(
                value,
                "the cases of an API's enum have no numbers: JSON and columns have their names",
            ));
        }
        cases.push(&case.ident);
        texts.push(names::kebab(&case.ident)?);
    }
    if cases.is_empty() {
        return Err(syn::Error::new_spanned(
            ident,
            "an enum of the API has at least one case",
        ));
    }
    let number = if cases.len() <= 256 {
        quote!(u8)
    } else {
        quote!(u16)
    };
    let unknown = format!("the column has no case of {ident}");
    Ok(quote! {
        impl #ident {
            /// Returns the case of a number in the component's interface.
            #[doc(hidden)]
            pub fn _lift(number: #number) -> Self {
                const CASES: &[#ident] = &[#(#ident::#cases),*];
                CASES[number as usize].clone()
            }

            /// Returns the name of the case, as in JSON and in columns.
            pub fn as_str(&self) -> &'static str {
                match self {
                    #(Self::#cases => #texts,)*
                }
            }
        }

        #[automatically_derived]
        impl ::core::fmt::Display for #ident {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        #[automatically_derived]
        impl ::task_host_sdk::sql::ToValue for #ident {
            fn to_value(&self) -> ::task_host_sdk::sql::Value {
                ::task_host_sdk::sql::Value::Text(::std::string::String::from(self.as_str()))
            }
        }

        #[automatically_derived]
        impl ::task_host_sdk::rows::FromCell for #ident {
            fn from_cell(
                cell: &::task_host_sdk::sql::Cell,
                row: &::task_host_sdk::rows::Reader<'_>,
            ) -> ::core::result::Result<Self, ::task_host_sdk::rows::Corrupt> {
                let text = <::std::string::String as ::task_host_sdk::rows::FromCell>::from_cell(cell, row)?;
                match text.as_str() {
                    #(#texts => ::core::result::Result::Ok(Self::#cases),)*
                    _ => ::core::result::Result::Err(::task_host_sdk::rows::Corrupt(#unknown)),
                }
            }
        }
    })
}
