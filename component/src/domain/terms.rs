//! The terms that find a task in the index: the words of its title and description, and its tags.
//!
//! A word is a run of Unicode letters and digits with the marks that follow them. It is *folded*, so that
//! words are equal if they differ only in case, in accents, or in the encoding of a letter: `Überprüfung`
//! is `uberprufung`, `Straße` is `strasse`, `Łódź` is `lodz`. It is truncated to [`WORD_LENGTH`]
//! characters. The term of a tag is `#` followed by the unchanged tag. No word contains a `#`, so both
//! kinds of terms share one index.
//!
//! Rows of the index are removed by computing their terms again. This file is therefore part of the
//! schema. The rows of earlier logic are in [`earlier`].

pub mod earlier;

use std::cmp::Ordering;

use unicase::UniCase;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Maximum number of characters of a word that are indexed, because index keys have a size limit.
/// Longer words are equal if these characters are equal.
const WORD_LENGTH: usize = 64;

/// Returns the terms of a task, sorted, without duplicates. A tag with accents has its folded words, too,
/// because the term of a tag is not folded.
pub fn of(title: &str, description: Option<&str>, tags: &[String]) -> Vec<String> {
    let mut terms: Vec<String> = tags.iter().map(|tag| tag_term(tag)).collect();
    let accented = tags.iter().filter(|tag| !tag.is_ascii());
    let texts = [title, description.unwrap_or_default()].into_iter();
    let texts = texts.chain(accented.map(String::as_str));
    terms.extend(texts.flat_map(tokens).map(fold));
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// Whether earlier logic has the same terms for a task.
pub fn is_same_as_earlier(title: &str, description: Option<&str>, tags: &[String]) -> bool {
    title.is_ascii()
        && description.is_none_or(str::is_ascii)
        && tags.iter().all(|tag| tag.is_ascii())
}

/// Returns the term of a tag.
pub fn tag_term(tag: &str) -> String {
    let mut term = String::with_capacity(tag.len() + 1);
    term.push('#');
    term.push_str(tag);
    term
}

/// Returns what a search looks for: a task must have a word or a tag with one of the prefixes of each list.
/// Characters other than letters, digits and their marks only separate words; they are never query
/// syntax. Prefixes that a longer one implies are left out.
///
/// `is_mixed`: tasks may have the terms of earlier logic.
pub fn prefixes(search: &str, is_mixed: bool) -> Vec<Vec<String>> {
    let (mut single, mut several) = (Vec::new(), Vec::new());
    for token in tokens(search) {
        let folded = fold(token);
        if token.is_ascii() || !is_mixed {
            single.push((folded, token));
            continue;
        }
        // A task has the word as this or as earlier logic folds it, or every plain word that it consists of.
        let whole = [folded, earlier::fold(token)];
        let mut plain = earlier::words(token).peekable();
        if plain.peek().is_none() {
            several.push(with_tags(whole.to_vec(), token));
        }
        for word in plain {
            let [folded, earlier] = whole.clone();
            several.push(with_tags(vec![folded, earlier, word], token));
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
        .nfd()
        .filter(|letter| !is_accent(*letter))
        .flat_map(|letter| base(letter).into_iter().flatten())
        .nfc()
        .take(WORD_LENGTH)
        .collect()
}

/// Whether a mark can be left out, as people do who do not have it on their keyboard: the accents of
/// Latin, Greek and Cyrillic letters, and the vowel points of Hebrew and Arabic. The marks of other
/// scripts make another letter or syllable, as in Hindi, Thai and Japanese, and stay.
fn is_accent(mark: char) -> bool {
    matches!(
        mark,
        '\u{300}'..='\u{36f}'
            | '\u{483}'..='\u{487}'
            | '\u{591}'..='\u{5bd}'
            | '\u{5bf}'
            | '\u{5c1}'..='\u{5c2}'
            | '\u{5c4}'..='\u{5c5}'
            | '\u{5c7}'
            | '\u{64b}'..='\u{65f}'
            | '\u{670}'
            | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}'
            | '\u{fe20}'..='\u{fe2f}'
    )
}

/// Returns the letters that a Latin letter stands for if it has no accent that could be left out.
/// Case folding has already made `ss` of `ß`.
fn base(letter: char) -> [Option<char>; 2] {
    let (first, second) = match letter {
        'æ' => ('a', Some('e')),
        'œ' => ('o', Some('e')),
        'þ' => ('t', Some('h')),
        'đ' | 'ð' => ('d', None),
        'ħ' => ('h', None),
        'ı' => ('i', None),
        'ł' => ('l', None),
        'ŋ' => ('n', None),
        'ø' => ('o', None),
        'ŧ' => ('t', None),
        other => (other, None),
    };
    [Some(first), second]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case_without_accents() {
        let terms = of("Fix HTTP/2 bug", Some("naïve Ünïcode, fix_it"), &[]);
        assert_eq!(terms, ["2", "bug", "fix", "http", "it", "naive", "unicode"]);
    }

    #[test]
    fn tags_are_kept_unchanged_and_never_equal_a_word() {
        let terms = of("api", None, &["API v2".into(), "api".into()]);
        assert_eq!(terms, ["#API v2", "#api", "api"]);
    }

    #[test]
    fn a_tag_with_accents_has_its_words_too() {
        let terms = of("api", None, &["Für später".into()]);
        assert_eq!(terms, ["#Für später", "api", "fur", "spater"]);
    }

    #[test]
    fn words_that_differ_in_case_accents_or_encoding_fold_to_the_same() {
        for words in [
            [
                "Überprüfung",
                "U\u{308}berpru\u{308}fung",
                "ÜBERPRÜFUNG",
                "uberprufung",
            ],
            ["İstanbul", "I\u{307}STANBUL", "ıstanbul", "ISTANBUL"],
            ["Straße", "STRASSE", "STRAẞE", "strasse"],
            ["Οδός", "ΟΔΌΣ", "οδοσ", "ΟΔΟ\u{301}Σ"],
            ["café", "cafe\u{301}", "CAFÉ", "cafe"],
            ["ﬃ", "FFI", "ﬀi", "ffi"],
            ["ᾳ", "αι", "ΑΙ", "α\u{345}"],
            ["Łódź", "łódz", "LODZ", "lo\u{301}dz"],
            ["Smørrebrød", "SMØRREBRØD", "smorrebrod", "SMORREBROD"],
            [
                "Ångström",
                "\u{212b}ngstro\u{308}m",
                "ANGSTROM",
                "a\u{30a}ngstrom",
            ],
            [
                "Encyclopædia",
                "ENCYCLOPÆDIA",
                "encyclopaedia",
                "Encyclopaedia",
            ],
            ["Việt", "Vie\u{323}\u{302}t", "Vie\u{302}\u{323}t", "viet"],
            ["Йод", "И\u{306}ОД", "йод", "иод"],
            ["שָׁלוֹם", "שלום", "שׁלום", "שָלום"],
            ["مُحَمَّد", "محمد", "مُحمد", "محمّد"],
        ] {
            let [first, rest @ ..] = words.map(fold);
            assert!(rest.iter().all(|word| *word == first), "{words:?}");
        }
    }

    #[test]
    fn marks_that_make_another_letter_or_syllable_stay() {
        for word in ["हिन्दी", "กำลัง", "が", "한국"] {
            assert_eq!(fold(word), word);
        }
        assert_ne!(fold("が"), fold("か"));
    }

    #[test]
    fn a_word_that_begins_with_another_begins_with_it_when_folded() {
        let word = "Ǆørðœḱ\u{323}ſßŉΐ";
        for (end, _) in word.char_indices() {
            assert!(
                fold(word).starts_with(&fold(&word[..end])),
                "{}",
                &word[..end]
            );
        }
        assert!(of("ΟΔΟΣΑ", None, &[])[0].starts_with(&prefixes("οδος", false)[0][0]));
    }

    #[test]
    fn long_words_are_truncated_to_the_size_of_a_key() {
        assert_eq!(of(&"Ä".repeat(200), None, &[]), ["a".repeat(64)]);
    }

    #[test]
    fn a_search_keeps_only_the_longest_prefixes() {
        let words = |search: &str| -> Vec<String> {
            let sets = prefixes(search, false).into_iter();
            sets.map(|set| set.into_iter().next().unwrap()).collect()
        };
        assert_eq!(words("al alpha be Alp \"OR\" al"), ["alpha", "be", "or"]);
        assert!(prefixes(" -- % * \u{301}", false).is_empty());
    }

    #[test]
    fn a_mark_does_not_end_a_word() {
        assert_eq!(
            tokens("e\u{301}a \u{301}b").collect::<Vec<_>>(),
            ["e\u{301}a", "b"]
        );
    }

    #[test]
    fn a_search_among_the_terms_of_earlier_logic_looks_for_these_too() {
        assert_eq!(prefixes("Größ", true)[0][..3], ["gross", "gröss", "größ"]);
        assert_eq!(prefixes("Größ", false)[0][0], "gross");
        let sets = prefixes("x\u{301}y", true);
        assert_eq!(sets[0][..3], ["xy", "x\u{301}y", "x"]);
        assert_eq!(sets[1][..3], ["xy", "x\u{301}y", "y"]);
        assert_eq!(prefixes("plain", true), prefixes("plain", false));
    }

    #[test]
    fn a_word_is_also_the_beginning_of_a_tag_in_any_usual_case() {
        assert_eq!(prefixes("#gar", false), [["gar", "#GAR", "#Gar", "#gar"]]);
        assert_eq!(
            prefixes("iOS", false)[0],
            ["ios", "#IOS", "#Ios", "#iOS", "#ios"]
        );
        assert_eq!(prefixes("42", false), [["42", "#42"]]);
    }

    #[test]
    fn a_difference_has_added_and_removed_terms() {
        let words = |text: &str| of(text, None, &[]);
        let (added, removed) = difference(words("a b c"), words("b d a e"));
        assert_eq!((added, removed), (words("d e"), words("c")));
    }
}
