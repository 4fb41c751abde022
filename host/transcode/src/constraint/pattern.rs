//! Regular expressions that a component states: the syntax that ECMA-262 (with the flag `u`) and the
//! crate regex-syntax share, with the meaning of ECMA-262.
//!
//! OpenAPI documents give the pattern to tools that follow ECMA-262, so whatever the two read
//! differently is rejected, or is translated if it is common: `\d`, `\w`, `\s`, `\b` and `.`.
//!
//! A pattern becomes a complete deterministic automaton. A search then takes one step for each byte
//! of the text, whatever the pattern is. A pattern whose automaton would be too large is rejected
//! before any text is searched.

use regex_automata::Input;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_syntax::ast::{
    self, AssertionKind, Ast, ClassPerlKind, ClassSetItem, ClassUnicode, ClassUnicodeKind,
    ClassUnicodeOpKind, GroupKind, HexLiteralKind, Literal, LiteralKind, Span, SpecialLiteralKind,
};

/// Maximum size of a pattern, in bytes.
const MAX_BYTES: usize = 1000;
/// Maximum depth of nested groups and classes.
const MAX_DEPTH: u32 = 50;
/// Maximum size of an automaton, and of each of the steps that lead to it, in bytes.
const MAX_AUTOMATON: usize = 1 << 20;

/// A compiled pattern.
pub(crate) struct Pattern(dense::DFA<Vec<u32>>);

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Returns what is wrong, as the end of a sentence about the pattern.
    pub(crate) fn compile(text: &str) -> Result<Pattern, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("is longer than {MAX_BYTES} bytes"));
        }
        let parsed = ast::parse::ParserBuilder::new()
            .nest_limit(MAX_DEPTH)
            .build()
            .parse(text);
        let parsed = parsed.map_err(|error| format!("is not valid: {}", error.kind()))?;
        let translated = translate(text, &parsed)?;
        let automaton = dense::Builder::new()
            .configure(
                dense::Config::new()
                    .start_kind(StartKind::Unanchored)
                    .dfa_size_limit(Some(MAX_AUTOMATON))
                    .determinize_size_limit(Some(MAX_AUTOMATON)),
            )
            .thompson(thompson::Config::new().nfa_size_limit(Some(MAX_AUTOMATON)))
            .build(&translated);
        automaton.map(Pattern).map_err(|error| {
            // A pattern that could be parsed can still name an unknown class of characters.
            let source = std::error::Error::source(&error);
            match source.map(ToString::to_string) {
                Some(reason) if reason.contains("Unicode") => {
                    "is not valid: it names an unknown class of characters".to_owned()
                }
                _ => "is too complex: use max-length instead of counts in braces".to_owned(),
            }
        })
    }

    /// Returns the size of the automaton in memory.
    pub(crate) fn size_bytes(&self) -> usize {
        self.0.memory_usage()
    }

    /// Returns whether the pattern matches some part of a text.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let input = Input::new(text).earliest(true);
        // The automaton has no bytes at which it gives up: those exist only for word boundaries
        // between Unicode's words.
        matches!(self.0.try_search_fwd(&input), Ok(Some(_)))
    }
}

/// Checks that both dialects read a pattern alike, and returns it in the crate's.
fn translate(text: &str, parsed: &Ast) -> Result<String, String> {
    let translation = Translation {
        text,
        replaced: Vec::new(),
    };
    let mut replaced = ast::visit(parsed, translation)?;
    replaced.sort_by_key(|(span, _)| span.start.offset);
    let mut translated = String::new();
    let mut at = 0;
    for (span, replacement) in replaced {
        translated.push_str(&text[at..span.start.offset]);
        translated.push_str(replacement);
        at = span.end.offset;
    }
    translated.push_str(&text[at..]);
    Ok(translated)
}

/// Walks over a pattern and collects what has to be replaced.
struct Translation<'a> {
    text: &'a str,
    replaced: Vec<(Span, &'static str)>,
}

/// Line terminators of ECMA-262, which `.` does not match.
const DOT: &str = r"[^\n\r\u{2028}\u{2029}]";
/// White space and line terminators of ECMA-262, and all other characters.
const SPACE: &str =
    r"[\t-\r \u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}]";
const NO_SPACE: &str =
    r"[^\t-\r \u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}]";

impl ast::Visitor for Translation<'_> {
    type Output = Vec<(Span, &'static str)>;
    type Err = String;

    fn finish(self) -> Result<Self::Output, String> {
        Ok(self.replaced)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), String> {
        match ast {
            Ast::Flags(_) => Err("sets flags, which ECMA-262 does not know".to_owned()),
            Ast::Literal(literal) => self.literal(literal, false),
            Ast::Dot(span) => {
                self.replaced.push((**span, DOT));
                Ok(())
            }
            Ast::Assertion(assertion) => match assertion.kind {
                AssertionKind::StartLine | AssertionKind::EndLine => Ok(()),
                AssertionKind::WordBoundary => {
                    self.replaced.push((assertion.span, r"(?-u:\b)"));
                    Ok(())
                }
                _ => Err(self.foreign(&assertion.span)),
            },
            Ast::ClassUnicode(class) => self.unicode(class),
            Ast::ClassPerl(class) => {
                self.perl(&class.kind, class.negated, &class.span);
                Ok(())
            }
            Ast::Repetition(repetition) => match *repetition.ast {
                Ast::Repetition(_) | Ast::Assertion(_) | Ast::Empty(_) => {
                    Err(self.foreign(&repetition.span))
                }
                _ if self.of(&repetition.op.span).starts_with("{,") => {
                    Err(self.foreign(&repetition.op.span))
                }
                _ => Ok(()),
            },
            Ast::Group(group) => match &group.kind {
                GroupKind::CaptureIndex(_) => Ok(()),
                GroupKind::CaptureName { starts_with_p, .. } if !starts_with_p => Ok(()),
                GroupKind::NonCapturing(flags) if flags.items.is_empty() => Ok(()),
                _ => Err(self.foreign(&group.span)),
            },
            Ast::Empty(_) | Ast::ClassBracketed(_) | Ast::Alternation(_) | Ast::Concat(_) => Ok(()),
        }
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), String> {
        match item {
            ClassSetItem::Literal(literal) => self.literal(literal, true),
            ClassSetItem::Range(range) => {
                self.literal(&range.start, true)?;
                self.literal(&range.end, true)
            }
            ClassSetItem::Unicode(class) => self.unicode(class),
            ClassSetItem::Perl(class) => {
                self.perl(&class.kind, class.negated, &class.span);
                Ok(())
            }
            // `[` in a class is a character in ECMA-262.
            ClassSetItem::Bracketed(class) => Err(self.foreign(&class.span)),
            ClassSetItem::Ascii(class) => Err(self.foreign(&class.span)),
            ClassSetItem::Empty(_) | ClassSetItem::Union(_) => Ok(()),
        }
    }

    fn visit_class_set_binary_op_pre(
        &mut self,
        operation: &ast::ClassSetBinaryOp,
    ) -> Result<(), String> {
        Err(self.foreign(&operation.span))
    }
}

impl<'a> Translation<'a> {
    fn of(&self, span: &Span) -> &'a str {
        &self.text[span.start.offset..span.end.offset]
    }

    /// Describes a part that only one of the dialects knows, or that they read differently.
    fn foreign(&self, span: &Span) -> String {
        let part: String = self.of(span).chars().take(40).collect();
        format!("has {part}, which ECMA-262 does not know or reads differently")
    }

    fn literal(&self, literal: &Literal, in_class: bool) -> Result<(), String> {
        let shared = match &literal.kind {
            LiteralKind::Verbatim => {
                // These stand for themselves only here.
                let outside = matches!(literal.c, ']' | '{' | '}');
                let inside = matches!(literal.c, '[' | ']');
                !if in_class { inside } else { outside }
            }
            LiteralKind::Meta | LiteralKind::Superfluous => {
                let escapable = r"^$\.*+?()[]{}|/".contains(literal.c);
                escapable || in_class && literal.c == '-'
            }
            LiteralKind::HexFixed(HexLiteralKind::X | HexLiteralKind::UnicodeShort) => true,
            LiteralKind::HexBrace(HexLiteralKind::UnicodeShort) => true,
            LiteralKind::Special(special) => matches!(
                special,
                SpecialLiteralKind::FormFeed
                    | SpecialLiteralKind::Tab
                    | SpecialLiteralKind::LineFeed
                    | SpecialLiteralKind::CarriageReturn
                    | SpecialLiteralKind::VerticalTab
            ),
            _ => false,
        };
        if shared {
            return Ok(());
        }
        Err(self.foreign(&literal.span))
    }

    fn perl(&mut self, kind: &ClassPerlKind, negated: bool, span: &Span) {
        let replacement = match (kind, negated) {
            (ClassPerlKind::Digit, false) => "[0-9]",
            (ClassPerlKind::Digit, true) => "[^0-9]",
            (ClassPerlKind::Word, false) => "[0-9A-Za-z_]",
            (ClassPerlKind::Word, true) => "[^0-9A-Za-z_]",
            (ClassPerlKind::Space, false) => SPACE,
            (ClassPerlKind::Space, true) => NO_SPACE,
        };
        self.replaced.push((*span, replacement));
    }

    /// `\p{Lu}` and `\p{Script=Greek}`, the forms that mean the same in both.
    fn unicode(&self, class: &ClassUnicode) -> Result<(), String> {
        let category = |name: &str| {
            let mut letters = name.chars();
            let major = letters
                .next()
                .is_some_and(|first| "LMNPSZC".contains(first));
            let minor = letters
                .next()
                .is_none_or(|second| second.is_ascii_lowercase());
            major && minor && letters.next().is_none()
        };
        let shared = match &class.kind {
            ClassUnicodeKind::Named(name) => category(name),
            ClassUnicodeKind::NamedValue { op, name, .. } => {
                *op == ClassUnicodeOpKind::Equal && matches!(name.as_str(), "Script" | "sc")
            }
            ClassUnicodeKind::OneLetter(_) => false,
        };
        if shared {
            return Ok(());
        }
        Err(self.foreign(&class.span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        match Pattern::compile(pattern) {
            Ok(compiled) => compiled.matches(text),
            Err(reason) => panic!("{pattern} {reason}"),
        }
    }

    #[test]
    fn a_pattern_may_match_anywhere_unless_it_is_anchored() {
        assert!(matches("b+", "abba"));
        assert!(!matches("^b+", "abba"));
        assert!(matches("^ab+a$", "abba"));
        assert!(!matches("^ab+a$", "abba\n"));
        assert!(matches("", ""));
    }

    #[test]
    fn classes_have_the_meaning_of_ecma_262() {
        for (pattern, fit, unfit) in [
            (r"^\d$", "7", "٣"),
            (r"^\D$", "٣", "7"),
            (r"^\w+$", "aZ_9", "é"),
            (r"^[\w-]+$", "a-b", "a b"),
            (r"^\s$", "\u{feff}", "\u{85}"),
            (r"^\S+$", "\u{85}", "\u{a0}"),
            (r"^[^\s,]+$", "ab", "a,b"),
            ("^.$", "\u{85}", "\u{2028}"),
            ("^.$", "é", "\r"),
            (r"^a\b", "a é", "ab"),
            (r"^\p{Lu}\p{Ll}+$", "Émile", "émile"),
            (r"^\p{Script=Greek}+$", "αβγ", "abc"),
            (r"^\u{1F600}|\u00e9|\x41$", "😀", "B"),
            ("^[^a]$", "😀", "a"),
        ] {
            assert!(matches(pattern, fit), "{pattern} {fit}");
            assert!(!matches(pattern, unfit), "{pattern} {unfit}");
        }
    }

    #[test]
    fn what_the_dialects_read_differently_is_rejected() {
        for pattern in [
            "(?i)a",
            "(?i:a)",
            "(?P<n>a)",
            r"\Aa",
            r"a\z",
            r"\x{41}",
            r"\U00000041",
            r"\a",
            "[[:alpha:]]",
            "[a&&b]",
            "[a--b]",
            "[a[b]]",
            r"\pL",
            r"\p{Greek}",
            r"\p{letter}",
            r"\B",
            r"\@",
            r"\-",
            "a}",
            "a]",
            "]",
            "[]a]",
            "^*",
            "a**",
            r"\<a",
            r"a\b{start}",
            "[[=a=]]",
        ] {
            let error = Pattern::compile(pattern).err();
            assert!(error.is_some_and(|error| !error.is_empty()), "{pattern}");
        }
    }

    #[test]
    fn what_no_linear_search_can_find_is_rejected() {
        for pattern in [
            r"(a)\1", "(?=a)", "(?!a)", "(?<=a)b", "a{", "(", "[z-a]", "a{2,1}",
        ] {
            let error = Pattern::compile(pattern).err().expect(pattern);
            assert!(error.starts_with("is not valid: "), "{error}");
        }
    }

    #[test]
    fn a_pattern_that_would_need_too_much_memory_is_rejected() {
        for pattern in ["[01]*1[01]{60}$", "(a{1000}){1000}", r"(\p{L}{50}){50}"] {
            let error = Pattern::compile(pattern).err().expect(pattern);
            assert!(error.starts_with("is too complex"), "{error}");
        }
        assert!(Pattern::compile(&"(".repeat(60)).is_err());
        assert!(Pattern::compile(&"a".repeat(1001)).is_err());
    }

    #[test]
    fn ordinary_patterns_are_within_the_limits() {
        for pattern in [
            r"^[a-z0-9]+(?:-[a-z0-9]+)*$",
            r"^[A-Z]{2,10}-\d{1,9}$",
            r"^\+[1-9]\d{1,14}$",
            r"^\p{L}[\p{L}\p{M}\p{N} .'-]*$",
            r"^(?<year>\d{4})-(?<month>0[1-9]|1[0-2])$",
            r"^#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$",
            r"^\S(?:.*\S)?$",
            r"^.{1,500}$",
        ] {
            assert_eq!(Pattern::compile(pattern).err(), None, "{pattern}");
        }
    }
}
