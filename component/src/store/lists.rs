//! Lists in one text column: tags as netstrings, ids in decimal.

use std::fmt::Write;

use crate::error::Error;

/// Encodes tags as `3:api,2:db,`: the length in bytes before each, so that a tag can contain any
/// text.
pub fn write_tags(tags: &[String]) -> String {
    let mut text = String::new();
    for tag in tags {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}:{tag},", tag.len());
    }
    text
}

/// Decodes tags that [`write_tags`] encoded.
///
/// # Errors
/// Returns [`Error::Corrupt`] for any other text.
pub fn read_tags(mut text: &str) -> Result<Vec<String>, Error> {
    let mut tags = Vec::new();
    while !text.is_empty() {
        let (tag, rest) =
            next_netstring(text).ok_or(Error::Corrupt("the tags are not netstrings"))?;
        tags.push(tag.to_owned());
        text = rest;
    }
    Ok(tags)
}

/// Reads the netstring at the beginning of a text. Returns its content and the rest of the text.
pub fn next_netstring(text: &str) -> Option<(&str, &str)> {
    let (length, rest) = text.split_once(':')?;
    let (content, rest) = rest.split_at_checked(length.parse().ok()?)?;
    Some((content, rest.strip_prefix(',')?))
}

/// Encodes ids as `1 2 3`.
pub fn write_ids(ids: &[i64]) -> String {
    let mut text = String::new();
    for (index, id) in ids.iter().enumerate() {
        let gap = if index == 0 { "" } else { " " };
        let _ = write!(text, "{gap}{id}");
    }
    text
}

/// Decodes ids that [`write_ids`] encoded.
///
/// # Errors
/// Returns [`Error::Corrupt`] for any other text.
pub fn read_ids(text: &str) -> Result<Vec<i64>, Error> {
    let ids = text.split(' ').filter(|id| !id.is_empty());
    ids.map(|id| {
        id.parse()
            .map_err(|_| Error::Corrupt("the dependencies are not ids"))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_can_be_a_tag() {
        let tags = ["a", "3:x,", ",", "ünïcode", "two words"].map(String::from);
        let text = write_tags(&tags);
        assert_eq!(text, "1:a,4:3:x,,1:,,9:ünïcode,9:two words,");
        assert_eq!(read_tags(&text), Ok(tags.to_vec()));
        assert_eq!(read_tags(""), Ok(Vec::new()));
    }

    #[test]
    fn damaged_tags_are_rejected() {
        for text in ["3:ab,", "x", "2:äö,", "1:a", "1:a;"] {
            assert!(matches!(read_tags(text), Err(Error::Corrupt(_))), "{text}");
        }
    }

    #[test]
    fn ids_are_decoded_as_they_were_encoded() {
        assert_eq!(write_ids(&[1, 22, 3]), "1 22 3");
        assert_eq!(read_ids("1 22 3"), Ok(vec![1, 22, 3]));
        assert_eq!(read_ids(""), Ok(Vec::new()));
    }
}
