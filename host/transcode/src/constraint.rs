//! Constraints on the values of requests, as a component states them in its description.
//!
//! When a component is checked, [`Interface::constrained`](crate::Interface::constrained) attaches
//! each constraint to the field, case or parameter that it names, compiled. Values are then checked
//! while they are read ([`read`](crate::read)), so a place without a constraint costs one comparison
//! with `None`. The OpenAPI document and the comparison of two APIs read the same tree.

mod format;
mod pattern;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use wasmtime::component::Val;

pub(super) use self::format::Format;
pub(super) use self::pattern::Pattern;
use contract::Bounds;

/// The constraints of a value and of its parts. Options have no part in it.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct Constraints {
    /// The constraint of the value itself.
    pub(super) own: Option<Constraint>,
    /// The constraints of its parts.
    pub(super) parts: Vec<(Part, Constraints)>,
}

/// A part of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Each item of a list, or each value of a map.
    Each,
    /// One item of a tuple.
    Item(usize),
}

impl Constraints {
    /// Returns the constraint of the value itself.
    pub(super) fn own(&self) -> Option<&Constraint> {
        self.own.as_ref()
    }

    /// Returns the constraints of a part.
    pub(super) fn part(&self, wanted: Part) -> Option<&Constraints> {
        let (_, found) = self.parts.iter().find(|(part, _)| *part == wanted)?;
        Some(found)
    }

    /// Returns the constraints of a part, which has none at first.
    pub(super) fn part_mut(&mut self, wanted: Part) -> &mut Constraints {
        let found = self.parts.iter().position(|(part, _)| *part == wanted);
        let index = found.unwrap_or_else(|| {
            self.parts.push((wanted, Constraints::default()));
            self.parts.len() - 1
        });
        &mut self.parts[index].1
    }
}

/// What a value must be like, compiled for its type.
pub(super) struct Constraint {
    /// The bounds as the component states them. At least one is set.
    pub(super) bounds: Bounds,
    /// What to tell the client in place of the host's own words.
    pub(super) message: Option<String>,
    /// Whether the host refuses values outside of the bounds.
    pub(super) enforced: bool,
    /// The numbers within the bounds. `None`: it is not the constraint of a number.
    pub(super) range: Option<Range>,
    pub(super) pattern: Option<Arc<Pattern>>,
    pub(super) format: Option<Format>,
}

/// The numbers that a constraint allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Range {
    /// From the first to the second, including both.
    Integer(i128, i128),
    /// From the first to the second, in the precision of the type. Each is excluded if its flag is set.
    Float((f64, bool), (f64, bool)),
}

impl Constraint {
    /// Checks the length of a list or a map. Reports each bound that it breaks.
    pub(super) fn check_count(&self, count: usize, report: impl FnMut(String)) {
        let Bounds {
            min_items,
            max_items,
            ..
        } = self.bounds;
        let mut report = self.reporter(report);
        if let Some(min) = min_items.filter(|min| count < *min as usize) {
            report(&|| format!("must have at least {}", counted(min, "item")));
        }
        if let Some(max) = max_items.filter(|max| count > *max as usize) {
            report(&|| format!("must have at most {}", counted(max, "item")));
        }
    }

    /// Returns the positions of items that are equal to an earlier one, if that is not allowed.
    pub(super) fn repeated(&self, items: &[Val]) -> Vec<usize> {
        if !self.enforced || !self.bounds.unique_items {
            return Vec::new();
        }
        let mut seen = HashSet::with_capacity(items.len());
        let repeated = items.iter().enumerate().filter(|(_, item)| {
            // Types without a key cannot have this constraint.
            Key::of(item).is_some_and(|key| !seen.insert(key))
        });
        repeated.map(|(index, _)| index).collect()
    }

    /// Returns what to tell the client about an item that occurs twice.
    pub(super) fn repetition(&self) -> String {
        let own = self.message.clone();
        own.unwrap_or_else(|| "must not be repeated".to_owned())
    }

    /// Checks a string or a number. Reports each bound that it breaks, as the end of a sentence about
    /// the value. If the constraint has a message, reports that, once.
    pub(super) fn check(&self, value: &Val, report: impl FnMut(String)) {
        match value {
            Val::String(text) => self.check_text(text, report),
            Val::U8(value) => self.check_integer((*value).into(), report),
            Val::U16(value) => self.check_integer((*value).into(), report),
            Val::U32(value) => self.check_integer((*value).into(), report),
            Val::U64(value) => self.check_integer((*value).into(), report),
            Val::S8(value) => self.check_integer((*value).into(), report),
            Val::S16(value) => self.check_integer((*value).into(), report),
            Val::S32(value) => self.check_integer((*value).into(), report),
            Val::S64(value) => self.check_integer((*value).into(), report),
            Val::Float32(value) => self.check_float((*value).into(), report),
            Val::Float64(value) => self.check_float(*value, report),
            _ => {}
        }
    }

    fn check_text(&self, text: &str, report: impl FnMut(String)) {
        let Bounds {
            min_length,
            max_length,
            ..
        } = self.bounds;
        let mut report = self.reporter(report);
        let mut fits = true;
        if min_length.is_some() || max_length.is_some() {
            let length = text.chars().count();
            if let Some(min) = min_length.filter(|min| length < *min as usize) {
                report(&|| format!("must have at least {}", counted(min, "character")));
                fits = false;
            }
            if let Some(max) = max_length.filter(|max| length > *max as usize) {
                report(&|| format!("must have at most {}", counted(max, "character")));
                fits = false;
            }
        }
        // A text of the wrong length is not searched: it can be as long as the body.
        if !fits {
            return;
        }
        if let Some(pattern) = &self.pattern
            && !pattern.matches(text)
        {
            let stated = self.bounds.pattern.as_deref().unwrap_or_default();
            report(&|| format!("must match the pattern {stated}"));
        }
        if let Some(format) = self.format
            && !format.matches(text)
        {
            report(&|| format!("must be {}", format.in_words()));
        }
    }

    fn check_integer(&self, value: i128, report: impl FnMut(String)) {
        let Some(Range::Integer(min, max)) = self.range else {
            return;
        };
        let mut report = self.reporter(report);
        if value < min {
            report(&|| self.lower_bound());
        }
        if value > max {
            report(&|| self.upper_bound());
        }
    }

    fn check_float(&self, value: f64, report: impl FnMut(String)) {
        let Some(Range::Float(min, max)) = self.range else {
            return;
        };
        let mut report = self.reporter(report);
        if value < min.0 || min.1 && value == min.0 {
            report(&|| self.lower_bound());
        }
        if value > max.0 || max.1 && value == max.0 {
            report(&|| self.upper_bound());
        }
    }

    fn lower_bound(&self) -> String {
        let bounds = &self.bounds;
        words(
            ("must be at least", bounds.minimum),
            ("must be greater than", bounds.exclusive_minimum),
        )
    }

    fn upper_bound(&self) -> String {
        let bounds = &self.bounds;
        words(
            ("must be at most", bounds.maximum),
            ("must be less than", bounds.exclusive_maximum),
        )
    }

    /// Returns a function that reports broken bounds: nothing if the logic enforces the constraint,
    /// and the component's own message at most once.
    fn reporter(&self, mut report: impl FnMut(String)) -> impl FnMut(&dyn Fn() -> String) {
        let mut is_reported = !self.enforced;
        move |words: &dyn Fn() -> String| match &self.message {
            _ if is_reported => {}
            Some(message) => {
                is_reported = true;
                report(message.clone());
            }
            None => report(words()),
        }
    }

    /// Adds the keywords of JSON Schema to the schema of the value.
    pub(super) fn describe(&self, schema: &mut Map<String, Value>) {
        let bounds = &self.bounds;
        let is_object = schema.get("type").is_some_and(|ty| ty == "object");
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                schema.insert(name.to_owned(), value);
            }
        };
        let [min_items, max_items] = match is_object {
            true => ["minProperties", "maxProperties"],
            false => ["minItems", "maxItems"],
        };
        set("minLength", bounds.min_length.map(Value::from));
        set("maxLength", bounds.max_length.map(Value::from));
        set("format", bounds.format.clone().map(Value::from));
        set("minimum", bounds.minimum.map(number));
        set("maximum", bounds.maximum.map(number));
        set("exclusiveMinimum", bounds.exclusive_minimum.map(number));
        set("exclusiveMaximum", bounds.exclusive_maximum.map(number));
        set(min_items, bounds.min_items.map(Value::from));
        set(max_items, bounds.max_items.map(Value::from));
        set("uniqueItems", bounds.unique_items.then(|| json!(true)));
        if let Some(pattern) = &bounds.pattern
            && let Some(host) = schema.insert("pattern".to_owned(), json!(pattern))
        {
            schema.insert("allOf".to_owned(), json!([{ "pattern": host }]));
        }
    }
}

impl PartialEq for Constraint {
    fn eq(&self, other: &Constraint) -> bool {
        // The rest follows from these and the type.
        let parts = |constraint: &Constraint| (constraint.message.clone(), constraint.enforced);
        self.bounds == other.bounds && self.range == other.range && parts(self) == parts(other)
    }
}

/// Bounds are finite numbers, which are equal to themselves.
impl Eq for Constraint {}

impl fmt::Debug for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bounds.fmt(f)
    }
}

/// Writes a number as it is written in JSON, without a fraction if it has none.
pub(super) fn number(value: f64) -> Value {
    // Exactly the integers that an i64 can hold.
    let is_integer = value.fract() == 0.0 && (-(2_f64.powi(63))..2_f64.powi(63)).contains(&value);
    match is_integer {
        true => json!(value as i64),
        false => json!(value),
    }
}

/// Describes the bounds that are set.
fn words(inclusive: (&str, Option<f64>), exclusive: (&str, Option<f64>)) -> String {
    let set = [inclusive, exclusive].into_iter();
    let set = set.filter_map(|(words, bound)| Some(format!("{words} {}", number(bound?))));
    set.collect::<Vec<_>>().join(" and ")
}

fn counted(count: u32, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A value that can be compared with others of its type.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Text(&'a str),
    Integer(i128),
    Bool(bool),
    Char(char),
}

impl Key<'_> {
    fn of(value: &Val) -> Option<Key<'_>> {
        Some(match value {
            Val::String(text) | Val::Enum(text) => Key::Text(text),
            Val::U8(value) => Key::Integer((*value).into()),
            Val::U16(value) => Key::Integer((*value).into()),
            Val::U32(value) => Key::Integer((*value).into()),
            Val::U64(value) => Key::Integer((*value).into()),
            Val::S8(value) => Key::Integer((*value).into()),
            Val::S16(value) => Key::Integer((*value).into()),
            Val::S32(value) => Key::Integer((*value).into()),
            Val::S64(value) => Key::Integer((*value).into()),
            Val::Bool(value) => Key::Bool(*value),
            Val::Char(value) => Key::Char(*value),
            _ => return None,
        })
    }
}
