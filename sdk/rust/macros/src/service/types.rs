//! The types of a service: the module's own, and those of WIT.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens as _;
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Fields, GenericArgument, Item, Meta, Path, PathArguments, Token, Type, parse_quote,
};

use super::checks::Check;
use super::names;

/// A type of the module.
pub struct Definition {
    pub ident: Ident,
    /// The name in WIT.
    pub name: String,
    pub docs: String,
    pub shape: Shape,
}

/// What a type consists of.
pub enum Shape {
    Record(Vec<Member>),
    /// A case without a payload has no type.
    Cases(Vec<Member>),
}

/// A field or a case.
pub struct Member {
    pub name: String,
    pub docs: String,
    pub ty: Option<Type>,
    pub checks: Vec<Check>,
}

/// The types of a module that are part of its API.
pub struct Types(pub Vec<Definition>);

impl Types {
    /// Collects the types with `#[derive(Data)]`, and gives each the traits that the bindings and tests need.
    pub fn collect(items: &mut [Item]) -> syn::Result<Self> {
        let mut types = Vec::new();
        for item in items.iter_mut() {
            match item {
                Item::Struct(item) if derives(&item.attrs, "Data") => {
                    add_derives(&mut item.attrs, &["Debug", "Clone", "PartialEq"]);
                    let Fields::Named(fields) = &item.fields else {
                        // The derive macro reports it.
                        continue;
                    };
                    let mut members = Vec::new();
                    for field in &fields.named {
                        let Some(ident) = &field.ident else { continue };
                        members.push(Member {
                            name: names::kebab(ident)?,
                            docs: names::docs(&field.attrs),
                            ty: Some(field.ty.clone()),
                            checks: Check::read(&field.attrs)?,
                        });
                    }
                    types.push(Definition {
                        name: names::kebab(&item.ident)?,
                        ident: item.ident.clone(),
                        docs: names::docs(&item.attrs),
                        shape: Shape::Record(members),
                    });
                }
                Item::Enum(item) if derives(&item.attrs, "Data") => {
                    add_derives(&mut item.attrs, &["Debug", "Clone", "PartialEq"]);
                    if item.variants.iter().all(|case| case.fields.is_empty()) {
                        add_derives(&mut item.attrs, &["Eq"]);
                    }
                    let members = item.variants.iter().map(|case| {
                        let ty = match &case.fields {
                            Fields::Unit => None,
                            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                                fields.unnamed.first().map(|field| field.ty.clone())
                            }
                            _ => {
                                return Err(syn::Error::new_spanned(
                                    case,
                                    "a case of the API has no payload or one: Case(Payload)",
                                ));
                            }
                        };
                        Ok(Member {
                            name: names::kebab(&case.ident)?,
                            docs: names::docs(&case.attrs),
                            ty,
                            checks: Check::read(&case.attrs)?,
                        })
                    });
                    types.push(Definition {
                        name: names::kebab(&item.ident)?,
                        docs: names::docs(&item.attrs),
                        shape: Shape::Cases(members.collect::<syn::Result<_>>()?),
                        ident: item.ident.clone(),
                    });
                }
                _ => {}
            }
        }
        let types = Self(types);
        for item in items.iter_mut() {
            let (attributes, ident) = match item {
                Item::Struct(item) => (&mut item.attrs, &item.ident),
                Item::Enum(item) => (&mut item.attrs, &item.ident),
                _ => continue,
            };
            if types.0.iter().any(|definition| definition.ident == *ident)
                && types.is_copy(ident, 0)
            {
                add_derives(attributes, &["Copy"]);
            }
        }
        for definition in &types.0 {
            let (Shape::Record(members) | Shape::Cases(members)) = &definition.shape;
            for ty in members.iter().filter_map(|member| member.ty.as_ref()) {
                types.wit(ty)?;
            }
        }
        Ok(types)
    }

    /// Whether a type of the module has no text and no list. The bindings copy such types.
    fn is_copy(&self, ident: &Ident, depth: usize) -> bool {
        let definition = self.0.iter().find(|definition| definition.ident == *ident);
        // A type that contains itself is an error, which the bindings report.
        definition.is_none_or(|definition| {
            let (Shape::Record(members) | Shape::Cases(members)) = &definition.shape;
            let mut types = members.iter().filter_map(|member| member.ty.as_ref());
            depth > self.0.len() || types.all(|ty| self.is_copy_type(ty, depth + 1))
        })
    }

    fn is_copy_type(&self, ty: &Type, depth: usize) -> bool {
        match (ty, named(ty)) {
            (Type::Tuple(tuple), _) => tuple.elems.iter().all(|ty| self.is_copy_type(ty, depth)),
            (_, Some((name, arguments))) => {
                name != "String"
                    && name != "Vec"
                    && self.is_copy(name, depth)
                    && arguments.iter().all(|ty| self.is_copy_type(ty, depth))
            }
            _ => false,
        }
    }

    /// Returns the WIT of a type.
    ///
    /// # Errors
    /// If neither the module nor WIT has the type.
    pub fn wit(&self, ty: &Type) -> syn::Result<String> {
        let error = |message: String| Err(syn::Error::new_spanned(ty, message));
        let shown = ty.to_token_stream().to_string().replace(' ', "");
        match ty {
            Type::Tuple(tuple) if !tuple.elems.is_empty() => {
                let types: syn::Result<Vec<_>> =
                    tuple.elems.iter().map(|ty| self.wit(ty)).collect();
                return Ok(format!("tuple<{}>", types?.join(", ")));
            }
            Type::Reference(_) => {
                return error(format!(
                    "values of the API are owned: use String for &str and Vec<T> for &[T], not {shown}"
                ));
            }
            _ => {}
        }
        let Some((name, arguments)) = named(ty) else {
            return error(format!("the API has no type such as {shown}"));
        };
        let simple = match (name.to_string().as_str(), arguments.as_slice()) {
            ("i8", []) => "s8",
            ("i16", []) => "s16",
            ("i32", []) => "s32",
            ("i64", []) => "s64",
            ("u8", []) => "u8",
            ("u16", []) => "u16",
            ("u32", []) => "u32",
            ("u64", []) => "u64",
            ("f32", []) => "f32",
            ("f64", []) => "f64",
            ("bool", []) => "bool",
            ("char", []) => "char",
            ("String", []) => "string",
            ("Datetime", []) => "datetime",
            ("Option", [inner]) => return Ok(format!("option<{}>", self.wit(inner)?)),
            ("Vec", [inner]) => return Ok(format!("list<{}>", self.wit(inner)?)),
            ("usize" | "isize", []) => {
                return error(format!(
                    "{shown} differs between machines: use u64, i64, u32 or i32"
                ));
            }
            ("HashMap" | "BTreeMap", _) => {
                return error("use Vec<(String, T)>: JSON shows it as an object".to_owned());
            }
            ("Page", _) => {
                return error("a page is a result of its own: -> Result<Page<T>>".to_owned());
            }
            (_, []) => {
                return match self.0.iter().find(|definition| definition.ident == *name) {
                    Some(definition) => Ok(format!("%{}", definition.name)),
                    None => error(format!(
                        "the API does not know the type {shown}: define it in this module with #[derive(Data)]"
                    )),
                };
            }
            _ => return error(format!("the API has no type such as {shown}")),
        };
        Ok(simple.to_owned())
    }
}

/// Returns the last name of a type's path, and its arguments.
pub fn named(ty: &Type) -> Option<(&Ident, Vec<&Type>)> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let arguments = match &last.arguments {
        PathArguments::None => Vec::new(),
        PathArguments::AngleBracketed(arguments) => arguments
            .args
            .iter()
            .filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
            .collect(),
        PathArguments::Parenthesized(_) => return None,
    };
    Some((&last.ident, arguments))
}

/// The paths in all `#[derive(…)]` attributes.
fn derived(attributes: &[Attribute]) -> Vec<Path> {
    let mut paths = Vec::new();
    for attribute in attributes {
        if attribute.path().is_ident("derive")
            && let Meta::List(list) = &attribute.meta
            && let Ok(list) = list.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated)
        {
            paths.extend(list);
        }
    }
    paths
}

fn derives(attributes: &[Attribute], name: &str) -> bool {
    derived(attributes)
        .iter()
        .any(|path| path.segments.last().is_some_and(|last| last.ident == name))
}

fn add_derives(attributes: &mut Vec<Attribute>, names: &[&str]) {
    for name in names {
        if !derives(attributes, name) {
            let name: TokenStream =
                Ident::new(name, proc_macro2::Span::call_site()).into_token_stream();
            attributes.push(parse_quote!(#[derive(#name)]));
        }
    }
}
