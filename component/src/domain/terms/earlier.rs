//! The terms of the logic before `0003-search`, which have accents.
//!
//! A plain word is a run of letters and digits in lower case, without the marks that follow a letter.
//! A folded word compares as Unicode's canonical caseless matching does (D145 in chapter 3 of the
//! standard). It has a row of its own only if it differs from the plain words.
//!
//! Rows of the index are removed by computing their terms again. This file is therefore part of the
//! schema as long as a database has such rows.

use unicase::UniCase;
use unicode_normalization::UnicodeNormalization as _;

use super::{WORD_LENGTH, tag_term, tokens};

/// The terms of one task. Each list is sorted and has no duplicates, and no term is in both.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Its plain words and its tags.
    pub plain: Vec<String>,
    /// Its folded words. Their rows have the negative id.
    pub folded: Vec<String>,
}

/// Returns the terms of a task.
pub fn of(title: &str, description: Option<&str>, tags: &[String]) -> Terms {
    let texts = [title, description.unwrap_or_default()];
    let mut plain: Vec<String> = tags.iter().map(|tag| tag_term(tag)).collect();
    plain.extend(texts.into_iter().flat_map(words));
    plain.sort_unstable();
    plain.dedup();
    let mut folded = Vec::new();
    if !texts.into_iter().all(str::is_ascii) {
        folded.extend(texts.into_iter().flat_map(tokens).map(fold));
        folded.sort_unstable();
        folded.dedup();
        folded.retain(|term| plain.binary_search(term).is_err());
    }
    Terms { plain, folded }
}

/// Returns the plain words of a text.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> {
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

/// Returns the folded word of a token.
pub(super) fn fold(token: &str) -> String {
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
    fn plain_words_are_runs_of_letters_and_digits_in_lower_case() {
        let terms = of("Fix HTTP/2 bug", Some("naïve Ünïcode, fix_it"), &[]);
        let words = ["2", "bug", "fix", "http", "it", "naïve", "ünïcode"];
        assert_eq!(terms.plain, words);
    }

    #[test]
    fn only_words_that_fold_differently_have_an_additional_term() {
        let folded = |title, description| of(title, Some(description), &[]).folded;
        assert_eq!(folded("Naïve", "ÜBER ΟΔΟΣΑ"), [""; 0]);
        assert_eq!(
            folded("Große Straße", "İstanbul ﬁx"),
            ["fix", "grosse", "istanbul", "strasse"]
        );
        assert_eq!(folded("Strasse", "STRASSE Straße"), [""; 0]);
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
}
