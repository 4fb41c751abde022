//! `#[check(…)]` on fields and parameters: constraints that the host enforces before the logic runs.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, LitBool, LitFloat, LitInt, LitStr, Token, parenthesized};

/// The bounds of one place.
pub struct Check {
    /// What follows the name of the field: `[]` for the items of a list.
    suffix: &'static str,
    /// The fields of the constraint and their values.
    bounds: Vec<(Ident, TokenStream)>,
}

impl Check {
    /// Reads and removes the attributes of a parameter.
    pub fn take(attributes: &mut Vec<Attribute>) -> syn::Result<Vec<Self>> {
        let checks = Self::read(attributes);
        attributes.retain(|attribute| !attribute.path().is_ident("check"));
        checks
    }

    /// Reads the attributes of a field.
    pub fn read(attributes: &[Attribute]) -> syn::Result<Vec<Self>> {
        let (mut own, mut items) = (Vec::new(), Vec::new());
        for attribute in attributes {
            if attribute.path().is_ident("check") {
                let entries =
                    attribute.parse_args_with(Punctuated::<Entry, Token![,]>::parse_terminated)?;
                for entry in entries {
                    match entry {
                        Entry::Bound(name, value) => own.push((name, value)),
                        Entry::Each(bounds) => items.extend(bounds),
                    }
                }
            }
        }
        let checks = [("", own), ("[]", items)];
        Ok(checks
            .into_iter()
            .filter(|(_, bounds)| !bounds.is_empty())
            .map(|(suffix, bounds)| Self { suffix, bounds })
            .collect())
    }

    /// Returns the constraint, as an expression.
    pub fn constraint(&self, place: &str) -> TokenStream {
        let place = format!("{place}{}", self.suffix);
        let bounds = self
            .bounds
            .iter()
            .map(|(name, value)| quote!(#name: ::core::option::Option::Some(#value)));
        quote! {
            ::task_host_sdk::service::Constraint {
                #(#bounds,)*
                ..::task_host_sdk::service::Constraint::at(#place)
            }
        }
    }
}

/// One argument of the attribute.
enum Entry {
    Bound(Ident, TokenStream),
    Each(Vec<(Ident, TokenStream)>),
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name: Ident = input.parse()?;
        if name == "each" {
            let inside;
            parenthesized!(inside in input);
            let entries = Punctuated::<Self, Token![,]>::parse_terminated(&inside)?;
            let bounds = entries.into_iter().map(|entry| match entry {
                Self::Bound(name, value) => Ok((name, value)),
                Self::Each(_) => Err(syn::Error::new(name.span(), "`each` cannot be in `each`")),
            });
            return Ok(Self::Each(bounds.collect::<syn::Result<_>>()?));
        }
        let text = name.to_string();
        let known = matches!(
            text.as_str(),
            "min_length"
                | "max_length"
                | "min_items"
                | "max_items"
                | "pattern"
                | "format"
                | "message"
                | "minimum"
                | "maximum"
                | "exclusive_minimum"
                | "exclusive_maximum"
                | "unique_items"
                | "enforced"
        );
        if !known {
            return Err(syn::Error::new(
                name.span(),
                "expected min_length, max_length, pattern, format, minimum, maximum, exclusive_minimum, \
                 exclusive_maximum, min_items, max_items, unique_items, each(…), message or enforced",
            ));
        }
        input.parse::<Token![=]>()?;
        let value = match text.as_str() {
            "min_length" | "max_length" | "min_items" | "max_items" => {
                let number = input.parse::<LitInt>()?.base10_parse::<u32>()?;
                quote!(#number)
            }
            "pattern" | "format" | "message" => {
                let text: LitStr = input.parse()?;
                quote!(::std::string::String::from(#text))
            }
            "unique_items" | "enforced" => {
                let value: LitBool = input.parse()?;
                quote!(#value)
            }
            _ => number(input)?,
        };
        Ok(Self::Bound(name, value))
    }
}

/// Reads a bound of a number: an integer or a fraction, possibly negative.
fn number(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let negative = input.parse::<Option<Token![-]>>()?.is_some();
    let value: f64 = match input.peek(LitInt) {
        true => input.parse::<LitInt>()?.base10_parse()?,
        false => input.parse::<LitFloat>()?.base10_parse()?,
    };
    let value = if negative { -value } else { value };
    Ok(quote!(#value))
}
