//! The place that a constraint names: `tasks:api/tasks#draft.tags[]`.

use crate::constraint::Part;
use crate::types::snake_case;

/// A field of a record, a case of a variant or a parameter of a function, and a way to a part of it.
#[derive(Debug, PartialEq)]
pub(super) struct Place<'a> {
    /// The interface, without a version.
    pub(super) interface: &'a str,
    /// The record, the variant or the function, in snake_case.
    pub(super) item: String,
    /// The field, the case or the parameter, in snake_case.
    pub(super) member: String,
    /// The steps from the member to the part.
    pub(super) parts: Vec<Part>,
}

impl Place<'_> {
    /// Parses a place. Returns `None` if the text is not one.
    pub(super) fn parse(text: &str) -> Option<Place<'_>> {
        let (interface, path) = text.split_once('#')?;
        let (item, path) = path.split_once('.')?;
        let end = path.find('[').unwrap_or(path.len());
        let (member, mut rest) = path.split_at(end);
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
            parts.push(match index {
                "" => Part::Each,
                index if index.bytes().all(|byte| byte.is_ascii_digit()) => {
                    Part::Item(index.parse().ok()?)
                }
                _ => return None,
            });
            rest = after;
        }
        let is_name = |name: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            !name.is_empty() && name.bytes().all(allowed)
        };
        let is_interface = !interface.is_empty() && !interface.contains('@');
        (is_interface && is_name(item) && is_name(member)).then(|| Place {
            interface,
            item: snake_case(item),
            member: snake_case(member),
            parts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_interface_and_a_path() {
        let place = Place::parse("a:b/c#my-draft.some_tags[][12]").unwrap();
        assert_eq!(place.interface, "a:b/c");
        assert_eq!((&*place.item, &*place.member), ("my_draft", "some_tags"));
        assert_eq!(place.parts, [Part::Each, Part::Item(12)]);
        assert_eq!(Place::parse("a:b/c#f.p").unwrap().parts, []);
    }

    #[test]
    fn other_texts_are_not_places() {
        for text in [
            "",
            "a",
            "a#b",
            "a#b.",
            "a#.c",
            "#b.c",
            "a@1.0.0#b.c",
            "a#b.c.d",
            "a#b.c[",
            "a#b.c[x]",
            "a#b.c[]d",
            "a#b.c[-1]",
            "a#b.[]",
            "a#b c.d",
            "a#b.c[99999999999999999999999]",
        ] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }
}
