//! The terms that find a task in the index: the words of its title and description, and its tags.
//!
//! A word is a run of Unicode letters and digits, in lower case and truncated to [`WORD_LENGTH`]
//! characters. The term of a tag is `#` followed by the unchanged tag. No word contains a `#`, so
//! both kinds of terms share one index.
//!
//! Rows of the index are removed by computing their terms again. This file is therefore part of the
//! schema: a change to it needs a migration that rebuilds the index.

use std::cmp::Ordering;

/// Maximum number of characters of a word that are indexed, because index keys have a size limit.
/// Longer words are equal if these characters are equal.
const WORD_LENGTH: usize = 64;

/// Returns the terms of a task, sorted, without duplicates.
pub fn of(title: &str, description: Option<&str>, tags: &[String]) -> Vec<String> {
    let mut terms: Vec<String> = tags.iter().map(|tag| tag_term(tag)).collect();
    terms.extend(words(title));
    terms.extend(words(description.unwrap_or_default()));
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// Returns the term of a tag.
pub fn tag_term(tag: &str) -> String {
    let mut term = String::with_capacity(tag.len() + 1);
    term.push('#');
    term.push_str(tag);
    term
}

/// Returns the prefixes that a search looks for, without those that a longer prefix implies.
/// Characters other than letters and digits only separate words; they are never query syntax.
pub fn prefixes(search: &str) -> Vec<String> {
    let mut prefixes: Vec<String> = words(search).collect();
    prefixes.sort_unstable();
    // After sorting, a prefix of a word comes directly before it.
    prefixes.dedup_by(|longer, kept| {
        let implied = longer.starts_with(kept.as_str());
        if implied {
            std::mem::swap(longer, kept);
        }
        implied
    });
    prefixes
}

/// Returns the exclusive end of the range of all terms that begin with a prefix.
pub fn range_end(prefix: &str) -> String {
    let mut end = String::with_capacity(prefix.len() + 4);
    end.push_str(prefix);
    end.push(char::MAX);
    end
}

/// Compares two sorted lists. Returns the terms that are only in `new`, and those that are only in
/// `old`.
pub fn difference(old: Vec<String>, new: Vec<String>) -> (Vec<String>, Vec<String>) {
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    let (mut old, mut new) = (old.into_iter().peekable(), new.into_iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return (added, removed),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(before), Some(after)) => before.cmp(after),
        };
        match order {
            Ordering::Less => removed.extend(old.next()),
            Ordering::Greater => added.extend(new.next()),
            Ordering::Equal => {
                old.next();
                new.next();
            }
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|run| !run.is_empty())
        .map(|run| {
            // Letter by letter, unlike `str::to_lowercase`, where the form of a sigma depends on the
            // next letter. This way the prefix of a word is always the prefix of its term.
            run.chars()
                .flat_map(char::to_lowercase)
                .map(|letter| if letter == 'ς' { 'σ' } else { letter })
                .take(WORD_LENGTH)
                .collect()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case() {
        let terms = of("Fix HTTP/2 bug", Some("naïve Ünïcode, fix_it"), &[]);
        assert_eq!(terms, ["2", "bug", "fix", "http", "it", "naïve", "ünïcode"]);
    }

    #[test]
    fn tags_are_kept_unchanged_and_never_equal_a_word() {
        let terms = of("api", None, &["API v2".into(), "api".into()]);
        assert_eq!(terms, ["#API v2", "#api", "api"]);
    }

    #[test]
    fn a_sigma_at_the_end_of_a_word_is_like_any_other() {
        assert_eq!(prefixes("ΟΔΟΣ"), prefixes("οδος"));
        assert!(of("ΟΔΟΣΑ", None, &[])[0].starts_with(&prefixes("οδος")[0]));
    }

    #[test]
    fn long_words_are_truncated_to_the_size_of_a_key() {
        assert_eq!(of(&"Ä".repeat(200), None, &[]), ["ä".repeat(64)]);
    }

    #[test]
    fn a_search_keeps_only_the_longest_prefixes() {
        assert_eq!(prefixes("al alpha be Alp \"OR\" al"), ["alpha", "be", "or"]);
        assert!(prefixes(" -- % * ").is_empty());
    }

    #[test]
    fn a_difference_has_added_and_removed_terms() {
        let words = |text: &str| of(text, None, &[]);
        let (added, removed) = difference(words("a b c"), words("b d a e"));
        assert_eq!((added, removed), (words("d e"), words("c")));
    }
}
