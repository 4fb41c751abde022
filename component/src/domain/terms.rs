//! What a task is found by: the words of its title and description, and its labels.
//!
//! A word is a run of letters and digits (Unicode's), in lower case and cut to
//! [`WORD_LENGTH`] characters. A label is kept as it is after a `#`, which no word contains, so
//! that both live in one index.
//!
//! Rows of the index are removed by computing them again: this file is part of the schema, and
//! a change to it needs the index to be built anew.

use std::cmp::Ordering;

/// Characters of a word that are kept: an index has a limit for its keys. Longer words are
/// told apart by these only.
const WORD_LENGTH: usize = 64;

/// The terms of a task, sorted, without repeats.
pub fn of(title: &str, description: Option<&str>, tags: &[String]) -> Vec<String> {
    let mut terms: Vec<String> = tags.iter().map(|tag| label(tag)).collect();
    terms.extend(words(title));
    terms.extend(words(description.unwrap_or_default()));
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// The term of a label.
pub fn label(tag: &str) -> String {
    let mut term = String::with_capacity(tag.len() + 1);
    term.push('#');
    term.push_str(tag);
    term
}

/// What a search looks for: the beginnings of words, without those that follow from a longer
/// one. Whatever is no letter or digit only parts words: it is never query syntax.
pub fn prefixes(search: &str) -> Vec<String> {
    let mut prefixes: Vec<String> = words(search).collect();
    prefixes.sort_unstable();
    // Sorted, a beginning of a word stands before it.
    prefixes.dedup_by(|longer, kept| {
        let follows = longer.starts_with(kept.as_str());
        if follows {
            std::mem::swap(longer, kept);
        }
        follows
    });
    prefixes
}

/// The end of the range of all terms that begin with a prefix; it is not part of it.
pub fn after(prefix: &str) -> String {
    let mut end = String::with_capacity(prefix.len() + 4);
    end.push_str(prefix);
    end.push(char::MAX);
    end
}

/// What is in `new` and not in `old`, and what is in `old` and not in `new`; both are sorted.
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
            // Letter by letter, unlike `str::to_lowercase`: a sigma does not depend on what
            // follows it, so that the beginning of a word is the beginning of its term.
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
    fn labels_are_kept_as_they_are_and_never_meet_a_word() {
        let terms = of("api", None, &["API v2".into(), "api".into()]);
        assert_eq!(terms, ["#API v2", "#api", "api"]);
    }

    #[test]
    fn a_sigma_is_the_same_at_the_end_of_a_word() {
        assert_eq!(prefixes("ΟΔΟΣ"), prefixes("οδος"));
        assert!(of("ΟΔΟΣΑ", None, &[])[0].starts_with(&prefixes("οδος")[0]));
    }

    #[test]
    fn long_words_are_cut_to_what_an_index_holds() {
        assert_eq!(of(&"Ä".repeat(200), None, &[]), ["ä".repeat(64)]);
    }

    #[test]
    fn a_search_keeps_the_longest_beginnings_only() {
        assert_eq!(prefixes("al alpha be Alp \"OR\" al"), ["alpha", "be", "or"]);
        assert!(prefixes(" -- % * ").is_empty());
    }

    #[test]
    fn differences_go_both_ways() {
        let words = |text: &str| of(text, None, &[]);
        let (added, removed) = difference(words("a b c"), words("b d a e"));
        assert_eq!((added, removed), (words("d e"), words("c")));
    }
}
