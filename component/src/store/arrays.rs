//! Lists as one parameter: a JSON array, which the statement turns back into rows.
//!
//! Engines cache prepared statements by their text. With a placeholder for each value, every length of
//! a list would be another text, and a client could fill the cache with texts that are used once.

use std::fmt::Write as _;

use crate::contract::sql::{Dialect, Value};

/// Returns the name under which a statement's `from` reads the elements of an array of texts or
/// integers: a table `v` with the column `value`, a text on PostgreSQL. `array` is an expression such
/// as `$1`.
pub fn elements(dialect: Dialect, array: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("json_each({array}) as v"),
        Dialect::Postgres => {
            format!("jsonb_array_elements_text(cast({array} as jsonb)) as v (value)")
        }
    }
}

/// Returns the same for an array of arrays: a table `w`, whose column `value` is an array. Its members
/// are `w.value ->> 0`, `w.value ->> 1`, …, texts on PostgreSQL.
pub fn rows(dialect: Dialect, array: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("json_each({array}) as w"),
        Dialect::Postgres => format!("jsonb_array_elements(cast({array} as jsonb)) as w (value)"),
    }
}

/// Returns the same for an object whose values are integers ([`Pairs`]): a table `p` with the columns `name` and
/// `value`, both texts on PostgreSQL. Reading a pair takes a third of the time of an array of two.
pub fn pairs(dialect: Dialect, object: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("(select key as name, value from json_each({object})) as p"),
        // The type `json` keeps every pair of a repeated name, unlike `jsonb`.
        Dialect::Postgres => {
            format!("json_each_text(cast({object} as json)) as p (name, value)")
        }
    }
}

/// Returns a condition: the column has one of the texts of an array.
pub fn is_in(dialect: Dialect, column: &str, array: &str) -> String {
    let elements = elements(dialect, array);
    match dialect {
        Dialect::Sqlite => format!("{column} in (select v.value from {elements})"),
        // An array can be a condition of an index. For a subquery, the planner prefers joins.
        Dialect::Postgres => format!("{column} = any (array(select v.value from {elements}))"),
    }
}

/// Returns a condition: the column has one of the integers of an array.
pub fn is_among(dialect: Dialect, column: &str, array: &str) -> String {
    let elements = elements(dialect, array);
    match dialect {
        Dialect::Sqlite => format!("{column} in (select v.value from {elements})"),
        Dialect::Postgres => {
            format!("{column} = any (array(select cast(v.value as bigint) from {elements}))")
        }
    }
}

/// A JSON array under construction.
pub struct Array(String);

impl Array {
    /// Creates an empty array.
    pub fn new() -> Self {
        Self("[".to_owned())
    }

    /// Returns an array of texts.
    pub fn of_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut array = Self::new();
        texts.into_iter().for_each(|text| array.text(text));
        array
    }

    /// Returns an array of integers.
    pub fn of_integers(numbers: &[i64]) -> Self {
        let mut array = Self::new();
        numbers.iter().for_each(|number| array.integer(*number));
        array
    }

    /// Appends a text.
    pub fn text(&mut self, text: &str) {
        self.separate();
        push_text(&mut self.0, text);
    }

    /// Appends an integer.
    pub fn integer(&mut self, number: i64) {
        self.separate();
        self.0.push_str(&number.to_string());
    }

    /// Appends an array.
    pub fn array(&mut self, array: Array) {
        self.separate();
        self.0.push_str(&array.0);
        self.0.push(']');
    }

    /// Returns the array as a parameter.
    pub fn into_value(mut self) -> Value {
        self.0.push(']');
        Value::Text(self.0)
    }

    fn separate(&mut self) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
    }
}

/// A JSON object. A name can occur more than once.
pub struct Pairs(String);

impl Pairs {
    /// Returns an object with these pairs.
    pub fn of(pairs: &[(impl AsRef<str>, i64)]) -> Self {
        let mut object = "{".to_owned();
        for (name, number) in pairs {
            if object.len() > 1 {
                object.push(',');
            }
            push_text(&mut object, name.as_ref());
            // Writing to a string cannot fail.
            let _ = write!(object, ":{number}");
        }
        Self(object)
    }

    /// Returns the object as a parameter.
    pub fn into_value(mut self) -> Value {
        self.0.push('}');
        Value::Text(self.0)
    }
}

/// Appends a text as JSON.
fn push_text(json: &mut String, text: &str) {
    json.reserve(text.len() + 3);
    json.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
        let (plain, special) = rest.split_at(at);
        json.push_str(plain);
        // The special characters have one byte.
        let byte = special.as_bytes()[0];
        if byte < b' ' {
            json.push_str("\\u00");
            json.push(char::from(b'0' + (byte >> 4)));
            json.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
        } else {
            json.push('\\');
            json.push(char::from(byte));
        }
        rest = &special[1..];
    }
    json.push_str(rest);
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_json() {
        let array = Array::of_texts(["a\"b\\c", "\u{1}\u{1f}\n", "ü🦀\u{7f}", ""]);
        let expected = "[\"a\\\"b\\\\c\",\"\\u0001\\u001f\\u000a\",\"ü🦀\u{7f}\",\"\"]";
        assert_eq!(array.into_value(), Value::Text(expected.to_owned()));
    }

    #[test]
    fn arrays_hold_integers_and_arrays() {
        let mut array = Array::of_integers(&[1, -2]);
        array.array(Array::of_texts(["a"]));
        array.array(Array::new());
        assert_eq!(
            array.into_value(),
            Value::Text("[1,-2,[\"a\"],[]]".to_owned())
        );
        assert_eq!(Array::new().into_value(), Value::Text("[]".to_owned()));
    }

    #[test]
    fn an_object_keeps_every_pair_of_a_repeated_name() {
        let pairs = Pairs::of(&[("a", 1), ("a", -2), ("\"", i64::MIN)]);
        let expected = r#"{"a":1,"a":-2,"\"":-9223372036854775808}"#;
        assert_eq!(pairs.into_value(), Value::Text(expected.to_owned()));
        let none: [(&str, i64); 0] = [];
        assert_eq!(Pairs::of(&none).into_value(), Value::Text("{}".to_owned()));
    }
}
