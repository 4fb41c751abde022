//! The terms that find a task in the index: the words of its title and description, and its tags.
//!
//! A plain word is a run of Unicode letters and digits, in lower case and truncated to [`WORD_LENGTH`]
//! characters. The term of a tag is `#` followed by the unchanged tag. No word contains a `#`, so
//! both kinds of terms share one index.
//!
//! A folded word compares as Unicode's canonical caseless matching does (D145 in chapter 3 of the
//! standard): `Straße` is `strasse`. It includes combining marks. `İ` is `i`, as people who search for
//! `istanbul` expect. Most folded words are equal to the plain word. The index has an additional row
//! only for those that are not.
//!
//! Rows of the index are removed by computing their terms again. This file is therefore part of the
//! schema. Earlier logic wrote plain words only, also for texts that are not in normalisation form C.
//! A search therefore looks for both kinds of words.

use std::cmp::Ordering;

use unicase::UniCase;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Maximum number of characters of a word that are indexed, because index keys have a size limit.
/// Longer words are equal if these characters are equal.
const WORD_LENGTH: usize = 64;

/// Returns the terms of a task with plain words, sorted, without duplicates.
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

/// Returns the folded words of a task that are not among its plain words, sorted, without duplicates.
pub fn folded(title: &str, description: Option<&str>) -> Vec<String> {
    let description = description.unwrap_or_default();
    if title.is_ascii() && description.is_ascii() {
        return Vec::new();
    }
    let mut terms: Vec<String> = tokens(title).chain(tokens(description)).map(fold).collect();
    terms.sort_unstable();
    terms.dedup();
    let plain = of(title, Some(description), &[]);
    terms.retain(|term| plain.binary_search(term).is_err());
    terms
}

/// Returns what a search looks for: a task must have a word or a tag with one of the prefixes of each list.
/// Characters other than letters, digits and their marks only separate words; they are never query
/// syntax. Prefixes that a longer one implies are left out.
pub fn prefixes(search: &str) -> Vec<Vec<String>> {
    let (mut single, mut several) = (Vec::new(), Vec::new());
    for token in tokens(search) {
        let folded = fold(token);
        let mut plain = words(token).peekable();
        if plain.peek().is_none() {
            single.push((folded.clone(), token));
        }
        // A task has the folded word, or every plain word that the token consists of.
        for word in plain {
            match word == folded {
                true => single.push((word, token)),
                false => several.push(with_tags(vec![folded.clone(), word], token)),
            }
        }
    }
    single.sort_unstable();
    // After sorting, a prefix of a word comes directly before it.
    single.dedup_by(|longer, kept| {
        let implied = longer.0.starts_with(kept.0.as_str());
        if implied {
            std::mem::swap(longer, kept);
        }
        implied
    });
    several.sort_unstable();
    several.dedup();
    let single = single
        .into_iter()
        .map(|(prefix, token)| with_tags(vec![prefix], token));
    single.chain(several).collect()
}

/// Adds the prefixes of tags that begin with a word. Tags are indexed unchanged, so their case is guessed:
/// as in the search, lower case, upper case, or capitalised.
fn with_tags(mut prefixes: Vec<String>, token: &str) -> Vec<String> {
    let token: String = token.nfc().take(WORD_LENGTH).collect();
    let (lower, upper) = (token.to_lowercase(), token.to_uppercase());
    let mut capitalised: String = lower.chars().take(1).flat_map(char::to_uppercase).collect();
    capitalised.extend(lower.chars().skip(1));
    let mut tags = [token, lower, upper, capitalised].map(|word| tag_term(&word));
    tags.sort_unstable();
    prefixes.extend(tags);
    prefixes.dedup();
    prefixes
}

/// Returns the end of the range of all terms that begin with a prefix.
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

/// Returns the runs of letters, digits and the marks that follow them.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !(character.is_alphanumeric() || is_mark(character)))
        .map(|run| run.trim_start_matches(is_mark))
        .filter(|run| !run.is_empty())
}

fn is_mark(character: char) -> bool {
    !character.is_ascii() && is_combining_mark(character)
}

fn fold(token: &str) -> String {
    if token.is_ascii() {
        let letters = token.chars().take(WORD_LENGTH);
        return letters.map(|letter| letter.to_ascii_lowercase()).collect();
    }
    let decomposed: String = token.nfd().collect();
    let folded = UniCase::unicode(decomposed).to_folded_case();
    folded
        .replace("i\u{307}", "i")
        .nfc()
        .take(WORD_LENGTH)
        .collect()
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
        assert_eq!(prefixes("ΟΔΟΣ")[0][0], prefixes("οδος")[0][0]);
        assert!(of("ΟΔΟΣΑ", None, &[])[0].starts_with(&prefixes("οδος")[0][0]));
        assert!(folded("ΟΔΟΣΑ", None).is_empty());
    }

    #[test]
    fn long_words_are_truncated_to_the_size_of_a_key() {
        assert_eq!(of(&"Ä".repeat(200), None, &[]), ["ä".repeat(64)]);
    }

    #[test]
    fn a_search_keeps_only_the_longest_prefixes() {
        let words = |search: &str| -> Vec<String> {
            let sets = prefixes(search).into_iter();
            sets.map(|set| set.into_iter().next().unwrap()).collect()
        };
        assert_eq!(words("al alpha be Alp \"OR\" al"), ["alpha", "be", "or"]);
        assert!(prefixes(" -- % * \u{301}").is_empty());
    }

    #[test]
    fn only_words_that_fold_differently_have_an_additional_term() {
        assert!(folded("Naïve Größe".split(' ').next().unwrap(), Some("ÜBER")).is_empty());
        assert_eq!(
            folded("Große Straße", Some("İstanbul ﬁx")),
            ["fix", "grosse", "istanbul", "strasse"]
        );
        assert_eq!(folded("Strasse", Some("STRASSE Straße")), [""; 0]);
    }

    #[test]
    fn words_that_differ_in_case_or_encoding_fold_to_the_same() {
        for words in [
            ["İstanbul", "I\u{307}STANBUL", "i\u{307}stanbul", "ISTANBUL"],
            ["Straße", "STRASSE", "STRAẞE", "strasse"],
            ["Οδός", "ΟΔΌΣ", "οδόσ", "ΟΔΟ\u{301}Σ"],
            ["café", "cafe\u{301}", "CAFÉ", "CAFE\u{301}"],
            ["ﬃ", "FFI", "ﬀi", "ffi"],
            ["ᾳ", "αι", "ΑΙ", "α\u{345}"],
        ] {
            let [first, rest @ ..] = words.map(fold);
            assert!(rest.iter().all(|word| *word == first), "{words:?}");
        }
    }

    #[test]
    fn a_mark_does_not_end_a_word() {
        assert_eq!(fold("हिन्दी"), "हिन्दी");
        assert_eq!(
            tokens("e\u{301}a \u{301}b").collect::<Vec<_>>(),
            ["e\u{301}a", "b"]
        );
        let sets = prefixes("x\u{301}y");
        assert_eq!(sets[0][..2], ["x\u{301}y", "x"]);
        assert_eq!(sets[1][..2], ["x\u{301}y", "y"]);
    }

    #[test]
    fn a_word_is_also_the_beginning_of_a_tag_in_any_usual_case() {
        assert_eq!(prefixes("#gar"), [["gar", "#GAR", "#Gar", "#gar"]]);
        assert_eq!(prefixes("iOS")[0], ["ios", "#IOS", "#Ios", "#iOS", "#ios"]);
        assert_eq!(prefixes("42"), [["42", "#42"]]);
    }

    #[test]
    fn a_difference_has_added_and_removed_terms() {
        let words = |text: &str| of(text, None, &[]);
        let (added, removed) = difference(words("a b c"), words("b d a e"));
        assert_eq!((added, removed), (words("d e"), words("c")));
    }
}
