//! The types that are components of the document, and their names there.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::types::{Type, TypeName};

/// Returns the identity of a named type.
pub(super) fn name_of(ty: &Type) -> Option<&TypeName> {
    match ty {
        Type::Record(ty) => Some(&ty.name),
        Type::Enum(ty) | Type::Flags(ty) => Some(&ty.name),
        Type::Variant(ty) => Some(&ty.name),
        _ => None,
    }
}

/// Collects the named types in a type, including the type itself.
pub(super) fn named_types(ty: &Type, types: &mut BTreeMap<TypeName, Type>) {
    if let Some(name) = name_of(ty)
        && types.insert(name.clone(), ty.clone()).is_some()
    {
        return;
    }
    match ty {
        Type::Option(inner) | Type::Clearable(inner) | Type::List(inner) | Type::Map(inner) => {
            named_types(inner, types);
        }
        Type::Tuple(items) => items.iter().for_each(|item| named_types(item, types)),
        Type::Record(record) => {
            record
                .fields
                .iter()
                .for_each(|field| named_types(&field.ty, types));
        }
        Type::Variant(variant) => {
            let payloads = variant
                .cases
                .iter()
                .filter_map(|case| case.payload.as_ref());
            payloads.for_each(|payload| named_types(payload, types));
        }
        Type::Result(result) => {
            let sides = result.ok.iter().chain(&result.error);
            sides.for_each(|side| named_types(side, types));
        }
        _ => {}
    }
}

/// Chooses a component's name for each type: the type's name in PascalCase. If several interfaces
/// have a type with that name, the interface's name is prepended to each. If a name is still taken,
/// a number is appended.
pub(super) fn component_names<'a>(
    types: impl Iterator<Item = &'a TypeName>,
) -> BTreeMap<TypeName, String> {
    let types: Vec<&TypeName> = types.collect();
    // The host's own component.
    let mut taken = BTreeSet::from(["Problem".to_owned()]);
    let mut names = BTreeMap::new();
    let mut uses = HashMap::<String, usize>::new();
    for ty in &types {
        *uses.entry(pascal_case(&ty.name)).or_default() += 1;
    }
    // The next number of each name that needs one.
    let mut numbers = HashMap::new();
    for ty in &types {
        let short = pascal_case(&ty.name);
        let local = ty.interface.rsplit('/').next().unwrap_or_default();
        let long = pascal_case(&format!("{local}-{}", ty.name));
        let next = numbers.entry(long.clone()).or_insert(2);
        let numbered = (*next..).map(|number| format!("{long}{number}"));
        let name = Some(short.clone())
            .filter(|short| uses[short] == 1)
            .into_iter()
            .chain([long.clone()])
            .chain(numbered.inspect(|_| *next += 1))
            .find(|name| !taken.contains(name))
            .unwrap_or(long);
        taken.insert(name.clone());
        names.insert((*ty).clone(), name);
    }
    names
}

fn pascal_case(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let mut pascal = String::new();
    for word in words {
        let mut letters = word.chars();
        pascal.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        pascal.push_str(letters.as_str());
    }
    pascal
}
