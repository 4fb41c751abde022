//! Closed sets of words, and how they are read from rows and bodies that another version wrote.
//!
//! A set of words is an enum that [`words!`] declares together with its texts, so that a word is
//! written in one place. Rows and JSON outlive the version that wrote them: a host may read a row
//! of a newer host of the same database, and `task-host history` may ask an older host. So what is
//! read is a [`Word`], which keeps a text that this version does not know. Such a word is shown as
//! its text; code that decides by it takes its default branch.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A closed set of words, each with a fixed text.
pub trait Vocabulary: Copy + Eq + fmt::Debug + 'static {
    /// Returns the word's text, as rows and JSON have it.
    fn as_str(self) -> &'static str;

    /// Returns the word of a text, or `None` if the set has no such word.
    fn from_text(text: &str) -> Option<Self>;

    /// Returns the texts of all words.
    fn texts() -> Vec<&'static str>;
}

/// A word as it was read: one of the set, or the text of one that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word<T> {
    /// A word of the set.
    Known(T),
    /// The text of a word that another version has.
    Unknown(String),
}

impl<T: Vocabulary> Word<T> {
    /// Returns the word, or `None` if this version does not know it.
    pub fn known(&self) -> Option<T> {
        match self {
            Word::Known(word) => Some(*word),
            Word::Unknown(_) => None,
        }
    }

    /// Returns the word's text.
    pub fn as_str(&self) -> &str {
        match self {
            Word::Known(word) => word.as_str(),
            Word::Unknown(text) => text,
        }
    }
}

impl<T: Vocabulary> From<T> for Word<T> {
    fn from(word: T) -> Self {
        Word::Known(word)
    }
}

impl<T: Vocabulary> From<String> for Word<T> {
    fn from(text: String) -> Self {
        match T::from_text(&text) {
            Some(word) => Word::Known(word),
            None => Word::Unknown(text),
        }
    }
}

impl<T: Vocabulary> From<&str> for Word<T> {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl<T: Vocabulary> PartialEq<T> for Word<T> {
    fn eq(&self, word: &T) -> bool {
        self.known() == Some(*word)
    }
}

impl<T: Vocabulary> fmt::Display for Word<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<T: Vocabulary> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, T: Vocabulary> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Word::from)
    }
}

/// Declares a set of words: an enum whose variants name their texts.
macro_rules! words {
    ($(#[$about:meta])* pub enum $name:ident {
        $($(#[$doc:meta])* $word:ident = $text:literal,)+
    }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$doc])* $word,)+
        }

        impl $name {
            /// All words, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$($name::$word,)+];

            /// Returns the word's text, as rows and JSON have it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$word => $text,)+
                }
            }
        }

        impl $crate::Vocabulary for $name {
            fn as_str(self) -> &'static str {
                self.as_str()
            }

            fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($text => Some($name::$word),)+
                    _ => None,
                }
            }

            fn texts() -> Vec<&'static str> {
                vec![$($text,)+]
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

pub(crate) use words;
