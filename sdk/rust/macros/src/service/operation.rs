//! One operation: a function with the attribute of an HTTP method.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{FnArg, ItemFn, LitInt, LitStr, Pat, ReturnType, Token, Type, parse_quote};

use super::checks::Check;
use super::names;
use super::types::{Types, named};

/// The attributes of operations, with the name of their method in the platform's WIT.
const METHODS: [(&str, &str); 5] = [
    ("get", "Get"),
    ("post", "Post"),
    ("put", "Put"),
    ("patch", "Patch"),
    ("delete", "Delete"),
];

/// An operation of the service.
pub struct Operation {
    pub ident: Ident,
    /// The name in WIT.
    pub name: String,
    pub docs: String,
    pub parameters: Vec<Parameter>,
    pub result: Outcome,
    method: &'static str,
    arguments: Arguments,
}

/// A parameter of an operation.
pub struct Parameter {
    pub ident: Ident,
    pub ty: Type,
    /// The name and the type in WIT. A cursor has two.
    pub wit: Vec<(String, String)>,
    is_cursor: bool,
    pub checks: Vec<Check>,
}

/// What an operation returns after a success.
pub struct Outcome {
    pub shape: OutcomeShape,
    /// Whether the function returns a `Result`.
    fallible: bool,
}

/// The type of a success.
pub enum OutcomeShape {
    Nothing,
    Value { ty: Type, wit: String },
    Page { item: Type, wit: String },
}

/// The arguments of the attribute.
struct Arguments {
    path: LitStr,
    location: Option<LitStr>,
    etag: Option<LitStr>,
    status: Option<LitInt>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if !input.peek(LitStr) {
            return Err(input.error("expected the path, such as \"/bookmarks/{id}\""));
        }
        let mut arguments = Self {
            path: input.parse()?,
            location: None,
            etag: None,
            status: None,
        };
        while input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
            let key: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            match key.to_string().as_str() {
                "location" => arguments.location = Some(input.parse()?),
                "etag" => arguments.etag = Some(input.parse()?),
                "status" => arguments.status = Some(input.parse()?),
                _ => {
                    return Err(syn::Error::new(
                        key.span(),
                        "expected `location`, `etag` or `status`",
                    ));
                }
            }
        }
        if !input.is_empty() {
            return Err(input.error("expected a comma"));
        }
        Ok(arguments)
    }
}

impl Operation {
    /// Removes the attribute from a function and makes its body a call of the platform. `None` if the function is no
    /// operation.
    pub fn take(function: &mut ItemFn, types: &Types) -> syn::Result<Option<Self>> {
        let found = function
            .attrs
            .iter()
            .enumerate()
            .find_map(|(index, attribute)| {
                let method = METHODS
                    .iter()
                    .find(|(name, _)| attribute.path().is_ident(name));
                method.map(|(_, method)| (index, *method))
            });
        let Some((index, method)) = found else {
            return Ok(None);
        };
        let arguments: Arguments = function.attrs.remove(index).parse_args()?;
        let mut checks = Vec::new();
        for input in &mut function.sig.inputs {
            checks.push(match input {
                FnArg::Typed(input) => Check::take(&mut input.attrs)?,
                FnArg::Receiver(_) => Vec::new(),
            });
        }
        let signature = &function.sig;
        if let Some(parameter) = signature.generics.params.first() {
            return Err(syn::Error::new_spanned(
                parameter,
                "an operation has no generic parameters",
            ));
        }
        if let Some(keyword) = &signature.asyncness {
            return Err(syn::Error::new_spanned(
                keyword,
                "an operation is not async: a statement waits until its rows are there",
            ));
        }
        let mut parameters = Vec::new();
        for (input, checks) in signature.inputs.iter().zip(checks) {
            parameters.push(parameter(input, checks, types)?);
        }
        check_path(&arguments.path, &parameters)?;
        let operation = Self {
            ident: signature.ident.clone(),
            name: names::kebab(&signature.ident)?,
            docs: names::docs(&function.attrs),
            parameters,
            result: outcome(&signature.output, types)?,
            method,
            arguments,
        };
        operation.wrap(function);
        Ok(Some(operation))
    }

    /// Runs the function's body as a call of the platform, and lets tests beside the module call it.
    fn wrap(&self, function: &mut ItemFn) {
        if matches!(function.vis, syn::Visibility::Inherited) {
            function.vis = parse_quote!(pub(crate));
        }
        let access = match self.method {
            "Get" => quote!(read),
            _ => quote!(write),
        };
        let output = match &function.sig.output {
            ReturnType::Default => quote!(()),
            ReturnType::Type(_, ty) => quote!(#ty),
        };
        let body = &function.block;
        function.block = if self.result.fallible {
            parse_quote!({ ::task_host_sdk::__private::#access(move || -> #output #body) })
        } else {
            parse_quote!({
                let body = move || -> #output #body;
                let result = ::task_host_sdk::__private::#access(move || {
                    ::core::result::Result::<_, ::core::convert::Infallible>::Ok(body())
                });
                match result {
                    ::core::result::Result::Ok(value) => value,
                    ::core::result::Result::Err(never) => match never {},
                }
            })
        };
    }

    /// Returns the exported function, which calls the operation.
    pub fn guest(&self) -> TokenStream {
        let name = names::snake(&self.name);
        let ident = &self.ident;
        let mut inputs = Vec::new();
        let mut conversions = Vec::new();
        let mut arguments = Vec::new();
        for (index, parameter) in self.parameters.iter().enumerate() {
            let argument = Ident::new(&format!("argument{index}"), parameter.ident.span());
            let ty = &parameter.ty;
            if parameter.is_cursor {
                inputs.push(quote!(cursor: ::core::option::Option<::std::string::String>));
                inputs.push(quote!(limit: ::core::option::Option<u32>));
                conversions.push(quote! {
                    let #argument = ::task_host_sdk::Cursor::new(cursor, limit)
                        .map_err(::task_host_sdk::types::Problem::from)?;
                });
            } else {
                inputs.push(quote!(#argument: #ty));
            }
            arguments.push(argument);
        }
        let output = match &self.result.shape {
            OutcomeShape::Nothing => quote!(()),
            OutcomeShape::Value { ty, .. } => quote!(#ty),
            OutcomeShape::Page { item, .. } => quote!(::task_host_sdk::Page<#item>),
        };
        let call = quote!(super::#ident(#(#arguments),*));
        let call = match self.result.fallible {
            true => quote!(#call.map_err(::task_host_sdk::types::Problem::from)),
            false => quote!(::core::result::Result::Ok(#call)),
        };
        quote! {
            fn #name(#(#inputs),*) -> ::core::result::Result<#output, ::task_host_sdk::types::Problem> {
                #(#conversions)*
                #call
            }
        }
    }

    /// Returns the route, as an expression.
    pub fn route(&self, package: &str, interface: &str) -> TokenStream {
        let Arguments {
            path,
            location,
            etag,
            status,
        } = &self.arguments;
        let method = Ident::new(self.method, path.span());
        let operation = format!("{package}/{interface}#{}", self.name);
        let access = match self.method {
            "Get" => quote!(Read),
            _ => quote!(Write),
        };
        let mut route = quote! {
            ::task_host_sdk::service::Route::new(
                ::task_host_sdk::service::Method::#method,
                #path,
                #operation,
                ::task_host_sdk::service::Access::#access,
            )
        };
        if let Some(location) = location {
            route = quote!(#route.created(#location));
        }
        if let Some(status) = status {
            route = quote!(#route.success(#status));
        } else if let OutcomeShape::Nothing = self.result.shape {
            route = quote!(#route.success(204));
        }
        if let Some(etag) = etag {
            route = quote!(#route.etag(#etag));
        }
        if let OutcomeShape::Page { .. } = self.result.shape {
            route = quote!(#route.paged("items", "next"));
        }
        route
    }
}

fn parameter(input: &FnArg, checks: Vec<Check>, types: &Types) -> syn::Result<Parameter> {
    let FnArg::Typed(input) = input else {
        return Err(syn::Error::new_spanned(input, "an operation has no self"));
    };
    let Pat::Ident(pattern) = &*input.pat else {
        return Err(syn::Error::new_spanned(
            &input.pat,
            "a parameter of an operation has a name: it is the name in the API",
        ));
    };
    let ident = pattern.ident.clone();
    let is_cursor = named(&input.ty).is_some_and(|(name, _)| name == "Cursor");
    let wit = match is_cursor {
        true => vec![
            ("cursor".to_owned(), "option<string>".to_owned()),
            ("limit".to_owned(), "option<u32>".to_owned()),
        ],
        false => vec![(names::kebab(&ident)?, types.wit(&input.ty)?)],
    };
    Ok(Parameter {
        ident,
        ty: (*input.ty).clone(),
        wit,
        is_cursor,
        checks,
    })
}

/// Checks that the function has a parameter for each name in the path.
fn check_path(path: &LitStr, parameters: &[Parameter]) -> syn::Result<()> {
    let text = path.value();
    let error = |message: String| Err(syn::Error::new(path.span(), message));
    if !text.starts_with('/') {
        return error("the path begins with /".to_owned());
    }
    for part in text.split('{').skip(1) {
        let Some((name, _)) = part.split_once('}') else {
            return error("a { in the path has no }".to_owned());
        };
        if !parameters.iter().any(|parameter| parameter.ident == name) {
            return error(format!(
                "the path names {{{name}}}, but the function has no parameter {name}"
            ));
        }
    }
    Ok(())
}

fn outcome(output: &ReturnType, types: &Types) -> syn::Result<Outcome> {
    let ReturnType::Type(_, ty) = output else {
        return Ok(Outcome {
            shape: OutcomeShape::Nothing,
            fallible: false,
        });
    };
    let (ty, fallible) = match named(ty) {
        Some((name, arguments)) if name == "Result" => match arguments.first() {
            Some(success) => ((*success).clone(), true),
            None => return Err(syn::Error::new_spanned(ty, "expected Result<T>")),
        },
        _ => ((**ty).clone(), false),
    };
    let shape = match (&ty, named(&ty)) {
        (Type::Tuple(tuple), _) if tuple.elems.is_empty() => OutcomeShape::Nothing,
        (_, Some((name, arguments))) if name == "Page" => match arguments.as_slice() {
            [item] => OutcomeShape::Page {
                wit: types.wit(item)?,
                item: (*item).clone(),
            },
            _ => return Err(syn::Error::new_spanned(&ty, "expected Page<T>")),
        },
        _ => OutcomeShape::Value {
            wit: types.wit(&ty)?,
            ty,
        },
    };
    Ok(Outcome { shape, fallible })
}
