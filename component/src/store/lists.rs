//! Lists in one text column: tags and terms as netstrings, ids in decimal.

use std::fmt::Write;

use crate::error::Error;

/// Encodes texts as `3:api,2:db,`: the length in bytes before each, so that a tag can contain any
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

/// Returns the texts that [`write_tags`] encoded, up to the first that is damaged.
pub fn members(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (member, rest) = next_netstring(text)?;
        text = rest;
        Some(member)
    })
}

/// Reads the netstring at the beginning of a text. Returns its content and the rest of the text. A search reads
/// thousands of them, so this makes no call for each.
pub fn next_netstring(text: &str) -> Option<(&str, &str)> {
    let (mut length, mut digits) = (0_usize, 0);
    for byte in text.bytes().take_while(u8::is_ascii_digit) {
        length = length
            .checked_mul(10)?
            .checked_add(usize::from(byte - b'0'))?;
        digits += 1;
    }
    let rest = text.get(digits..)?.strip_prefix(':')?;
    let (content, rest) = rest.split_at_checked(length).filter(|_| digits > 0)?;
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
        assert_eq!(members(&text).collect::<Vec<_>>(), tags);
        assert_eq!(read_tags(""), Ok(Vec::new()));
    }

    #[test]
    fn damaged_tags_are_rejected() {
        for text in ["3:ab,", "x", "2:äö,", "1:a", "1:a;", ":,", "9"] {
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
