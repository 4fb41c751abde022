//! Texts that clients send: in normalisation form C, so that canonically equivalent texts are equal.

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

/// Converts to normalisation form C.
pub fn normalized(text: String) -> String {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return text;
    }
    text.nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonically_equivalent_texts_become_equal() {
        assert_eq!(normalized("Zoe\u{308}".into()), "Zoë");
        assert_eq!(normalized("Zoë 🦀".into()), "Zoë 🦀");
        assert_eq!(normalized("\u{212b}".into()), "\u{c5}");
        assert_eq!(normalized("\u{1112}\u{1161}\u{11ab}".into()), "한");
        // Marks in another order.
        let first = normalized("q\u{307}\u{323}".into());
        assert_eq!(first, normalized("q\u{323}\u{307}".into()));
    }

    #[test]
    fn compatibility_forms_stay_different() {
        assert_eq!(normalized("ﬁ ²".into()), "ﬁ ²");
    }
}
