//! Names in Rust and in WIT.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt as _;
use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// Returns the name in kebab-case: `due_at` and `DueAt` are `due-at`.
///
/// # Errors
/// If the name in Rust cannot be found from the name in WIT.
pub fn kebab(ident: &Ident) -> syn::Result<String> {
    let text = ident.unraw().to_string();
    // A name that is a keyword in Rust ends with `_`.
    let plain = text.strip_suffix('_').unwrap_or(&text);
    let mut name = String::new();
    let mut after_lower = false;
    for character in plain.chars() {
        if character == '_' {
            name.push('-');
            after_lower = false;
        } else {
            if character.is_uppercase() && after_lower {
                name.push('-');
            }
            name.extend(character.to_lowercase());
            after_lower = !character.is_uppercase();
        }
    }
    let words_begin_with_letters = name
        .split('-')
        .all(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
    if !name.is_ascii() || !words_begin_with_letters {
        return Err(syn::Error::new(
            ident.span(),
            format!(
                "`{text}` cannot be a name in WIT: each of its words must begin with a letter of ASCII"
            ),
        ));
    }
    if ident.to_string().starts_with("r#") {
        return Err(syn::Error::new(
            ident.span(),
            format!("write `{text}_` in place of `r#{text}`: the API still calls it `{text}`"),
        ));
    }
    Ok(name)
}

/// Returns the identifier that the bindings use for a name in WIT.
pub fn snake(name: &str) -> Ident {
    let name = name.replace('-', "_");
    // A keyword does not parse as an identifier.
    match syn::parse_str::<Ident>(&name) {
        Ok(ident) => ident,
        Err(_) => Ident::new(&format!("{name}_"), Span::call_site()),
    }
}

/// Returns the path of the bindings' module for an interface.
pub fn module_path(interface: &str) -> TokenStream {
    let interface = snake(interface);
    quote!(exports::#interface::api::#interface)
}

/// Returns the text of doc comments.
pub fn docs(attributes: &[Attribute]) -> String {
    let mut docs = String::new();
    for attribute in attributes {
        if let Meta::NameValue(meta) = &attribute.meta
            && meta.path.is_ident("doc")
            && let Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) = &meta.value
        {
            if !docs.is_empty() {
                docs.push('\n');
            }
            let text = text.value();
            docs.push_str(text.strip_prefix(' ').unwrap_or(&text));
        }
    }
    docs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ident(text: &str) -> Ident {
        syn::parse_str(text).unwrap()
    }

    #[test]
    fn names_are_kebab_case_in_wit() {
        for (rust, wit) in [
            ("due_at", "due-at"),
            ("DueAt", "due-at"),
            ("InProgress", "in-progress"),
            ("id", "id"),
            ("type_", "type"),
            ("x86", "x86"),
            ("UTC", "utc"),
        ] {
            assert_eq!(kebab(&ident(rust)).unwrap(), wit);
        }
    }

    #[test]
    fn names_that_wit_does_not_have_are_refused() {
        for name in ["q_1", "größe", "_x", "a__b"] {
            kebab(&ident(name)).unwrap_err();
        }
        let error = kebab(&syn::parse_str("r#type").unwrap()).unwrap_err();
        assert!(error.to_string().contains("`type_`"), "{error}");
    }

    #[test]
    fn keywords_of_rust_end_with_an_underscore() {
        assert_eq!(snake("due-at"), "due_at");
        assert_eq!(snake("type"), "type_");
    }
}
