//! Attaches the constraints that a component states to the types of its interface.
//!
//! Types are immutable and shared, so attaching makes new ones. Each definition is visited once.

mod place;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use self::place::Place;
use super::{Function, Param, Signature};
use crate::constraint::{Constraint, Constraints, Format, Part, Pattern, Range, number};
use crate::types::{Case, Definition, Field, Record, ResultType, Type, Variant, snake_case};
use contract::Bounds;

/// Maximum number of constraints of a component.
const MAX_CONSTRAINTS: usize = 1000;
/// Maximum number of constraints with a pattern.
const MAX_PATTERNS: usize = 100;
/// Maximum size of all compiled patterns together, in bytes.
const MAX_AUTOMATA: usize = 16 << 20;
/// Maximum size of a constraint's message, in bytes.
const MAX_MESSAGE: usize = 500;
/// Maximum number of errors in one message.
const MAX_LISTED: usize = 20;

/// Why a component's constraints cannot be enforced: one error for each constraint, at least one.
/// The message is a list of sentences for the component's author.
#[derive(Debug, Clone, PartialEq)]
pub struct ConstraintErrors(pub Vec<ConstraintError>);

impl std::error::Error for ConstraintErrors {}

impl fmt::Display for ConstraintErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().take(MAX_LISTED).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{error}")?;
        }
        match self.0.len().saturating_sub(MAX_LISTED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// Why a constraint cannot be enforced.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the constraint of {place}: {fault}")]
pub struct ConstraintError {
    /// The place that the constraint names.
    pub place: String,
    /// What is wrong with it.
    pub fault: ConstraintFault,
}

/// What is wrong with a constraint.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConstraintFault {
    /// The component has too many constraints.
    #[error(
        "a component can have {MAX_CONSTRAINTS} constraints, {MAX_PATTERNS} of them with a pattern"
    )]
    TooMany,
    /// The place is not written as one.
    #[error(
        "a place is an interface without a version, # and a path, such as \
         tasks:api/tasks#draft.title or tasks:api/tasks#draft.tags[]"
    )]
    Place,
    /// No operation or type of the API has the name.
    #[error("{interface} has no record, variant or function {item}{hint}")]
    UnknownItem {
        /// The interface.
        interface: String,
        /// The name.
        item: String,
        /// Where there is one, as the end of the sentence.
        hint: String,
    },
    /// The item has no member of that name.
    #[error("{item} has no field, case or parameter {member}")]
    UnknownMember {
        /// The record, the variant or the function.
        item: String,
        /// The name.
        member: String,
    },
    /// The path goes into a type that has no part of that kind.
    #[error("{ty} has no part {part}")]
    UnknownPart {
        /// The part as it is written.
        part: String,
        /// The type.
        ty: &'static str,
    },
    /// An earlier constraint names the same place.
    #[error("another constraint names the same place; combine them")]
    Repeated,
    /// No bound is set.
    #[error("it has no bound")]
    NoBound,
    /// A bound does not apply to the type.
    #[error("{bound} does not apply to {ty}")]
    Misfit {
        /// The bound.
        bound: &'static str,
        /// The type.
        ty: &'static str,
    },
    /// A bound is not a number that the type can hold.
    #[error("{bound} must be {expected}")]
    Number {
        /// The bound.
        bound: &'static str,
        /// What it must be.
        expected: String,
    },
    /// No value is within the bounds.
    #[error("no value is within its bounds: {0}")]
    Empty(String),
    /// The pattern cannot be used. The text ends a sentence about the pattern.
    #[error("the pattern {0}")]
    Pattern(String),
    /// The host does not know the format.
    #[error("the format {0} is unknown; the formats are {names}", names = format_names())]
    UnknownFormat(String),
    /// The message cannot be sent.
    #[error("the message must have 1 to {MAX_MESSAGE} bytes")]
    Message,
}

impl ConstraintFault {
    fn of(self, constraint: &contract::Constraint) -> ConstraintError {
        // The place can be as long as the component chooses.
        ConstraintError {
            place: start_of(&constraint.place),
            fault: self,
        }
    }
}

fn start_of(text: &str) -> String {
    text.chars().take(200).collect()
}

fn format_names() -> String {
    Format::ALL.map(|(_, name, _)| name).join(", ")
}

/// Makes types with constraints out of types without.
pub(super) struct Attaching<'a> {
    stated: Vec<Stated<'a>>,
    /// The positions of the constraints, by the interface and the item that they name.
    by_item: HashMap<(String, String), Vec<usize>>,
    /// The definitions that were visited, with what they became. The interface keeps them alive, and
    /// so their identities.
    visited: HashMap<Definition, Type>,
    /// The interfaces of all items that were visited, by the items' names.
    known: HashMap<String, String>,
    errors: Vec<(usize, ConstraintError)>,
}

/// A constraint, with all that does not depend on a type.
struct Stated<'a> {
    constraint: &'a contract::Constraint,
    place: Place<'a>,
    pattern: Option<Arc<Pattern>>,
    format: Option<Format>,
    found: Found,
}

/// How much of a place was found in the interface.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Found {
    Nothing,
    Item,
    Member,
}

impl<'a> Attaching<'a> {
    /// Checks the constraints themselves.
    pub(super) fn new(stated: &'a [contract::Constraint]) -> Self {
        let mut attaching = Attaching {
            stated: Vec::with_capacity(stated.len()),
            by_item: HashMap::new(),
            visited: HashMap::new(),
            known: HashMap::new(),
            errors: Vec::new(),
        };
        let mut limits = Limits {
            patterns: MAX_PATTERNS,
            automata_bytes: MAX_AUTOMATA,
        };
        for (index, constraint) in stated.iter().enumerate() {
            if index == MAX_CONSTRAINTS {
                attaching
                    .errors
                    .push((index, ConstraintFault::TooMany.of(constraint)));
                break;
            }
            match Stated::new(constraint, &mut limits) {
                Ok(stated) => attaching.add(index, stated),
                Err(fault) => attaching.errors.push((index, fault.of(constraint))),
            }
        }
        attaching
    }

    fn add(&mut self, index: usize, stated: Stated<'a>) {
        let key = (stated.place.interface.to_owned(), stated.place.item.clone());
        let others = self.by_item.entry(key).or_default();
        // All of them have the same interface and item.
        let same = |other: &usize| {
            let other: &Stated<'_> = &self.stated[*other];
            other.place == stated.place
        };
        if others.iter().any(same) {
            let error = ConstraintFault::Repeated.of(stated.constraint);
            self.errors.push((index, error));
            return;
        }
        others.push(self.stated.len());
        self.stated.push(stated);
    }

    /// Returns a function with the constraints of its parameters and their types.
    pub(super) fn function(&mut self, function: &Function) -> Function {
        let interface = function.interface.unversioned().to_owned();
        let signature = function.signature.as_ref().map(|signature| {
            let item = snake_case(&function.name);
            let mut params = Vec::with_capacity(signature.params.len());
            for param in &signature.params {
                params.push(Param {
                    constraints: self.of((&interface, &item), &param.json_name, &param.ty),
                    ty: self.ty(&param.ty),
                    ..param.clone()
                });
            }
            self.visit(&interface, &item);
            Signature {
                params,
                ok: signature.ok.as_ref().map(|ty| self.ty(ty)),
                ..signature.clone()
            }
        });
        Function {
            signature: signature.map_err(Clone::clone),
            ..function.clone()
        }
    }

    /// Returns a type with the constraints of its parts.
    pub(super) fn ty(&mut self, ty: &Type) -> Type {
        let Some(definition) = ty.definition() else {
            return ty.clone();
        };
        if let Some(known) = self.visited.get(&definition) {
            return known.clone();
        }
        let attached = match ty {
            Type::Option(inner) => Type::Option(self.ty(inner).into()),
            Type::Clearable(inner) => Type::Clearable(self.ty(inner).into()),
            Type::List(item) => Type::List(self.ty(item).into()),
            Type::Map(item) => Type::Map(self.ty(item).into()),
            Type::Tuple(items) => Type::Tuple(items.iter().map(|item| self.ty(item)).collect()),
            Type::Record(record) => Type::Record(self.record(record).into()),
            Type::Variant(variant) => Type::Variant(self.variant(variant).into()),
            Type::Result(result) => Type::Result(
                ResultType {
                    ok: result.ok.as_ref().map(|ty| self.ty(ty)),
                    error: result.error.as_ref().map(|ty| self.ty(ty)),
                }
                .into(),
            ),
            ty => ty.clone(),
        };
        self.visited.insert(definition, attached.clone());
        attached
    }

    fn record(&mut self, record: &Record) -> Record {
        let item = (&*record.name.interface, &*snake_case(&record.name.name));
        let mut fields = Vec::with_capacity(record.fields.len());
        for field in &record.fields {
            fields.push(Field {
                constraints: self.of(item, &field.json_name, &field.ty),
                ty: self.ty(&field.ty),
                ..field.clone()
            });
        }
        self.visit(item.0, item.1);
        Record {
            fields: fields.into_iter().collect(),
            ..record.clone()
        }
    }

    fn variant(&mut self, variant: &Variant) -> Variant {
        let item = (&*variant.name.interface, &*snake_case(&variant.name.name));
        let mut cases = Vec::with_capacity(variant.cases.len());
        for case in &variant.cases {
            cases.push(Case {
                constraints: case
                    .payload
                    .as_ref()
                    .and_then(|payload| self.of(item, &case.json_name, payload)),
                payload: case.payload.as_ref().map(|payload| self.ty(payload)),
                ..case.clone()
            });
        }
        self.visit(item.0, item.1);
        Variant {
            cases: cases.into_iter().collect(),
            ..variant.clone()
        }
    }

    /// Records that an item exists.
    fn visit(&mut self, interface: &str, item: &str) {
        let key = (interface.to_owned(), item.to_owned());
        for index in self.by_item.get(&key).into_iter().flatten() {
            let found = &mut self.stated[*index].found;
            if *found == Found::Nothing {
                *found = Found::Item;
            }
        }
        self.known.insert(key.1, key.0);
    }

    /// Returns the constraints of a member of an item, and of the member's parts.
    fn of(
        &mut self,
        (interface, item): (&str, &str),
        member: &str,
        ty: &Type,
    ) -> Option<Arc<Constraints>> {
        let key = (interface.to_owned(), item.to_owned());
        let mut constraints = Constraints::default();
        for index in self.by_item.get(&key)? {
            let stated = &mut self.stated[*index];
            if stated.place.member != member {
                continue;
            }
            stated.found = Found::Member;
            match stated.compile(ty) {
                Ok(compiled) => {
                    let parts = stated.place.parts.iter();
                    let place = parts.fold(&mut constraints, |parent, part| parent.part_mut(*part));
                    place.own = Some(compiled);
                }
                Err(fault) => self.errors.push((*index, fault.of(stated.constraint))),
            }
        }
        let is_empty = constraints == Constraints::default();
        (!is_empty).then(|| Arc::new(constraints))
    }

    /// Checks that every constraint was attached.
    ///
    /// # Errors
    /// Returns an error for each constraint that was not.
    pub(super) fn finish(mut self) -> Result<(), ConstraintErrors> {
        for (index, stated) in self.stated.iter().enumerate() {
            let Place {
                interface,
                item,
                member,
                ..
            } = &stated.place;
            let fault = match stated.found {
                Found::Member => continue,
                Found::Item => ConstraintFault::UnknownMember {
                    item: start_of(item),
                    member: start_of(member),
                },
                Found::Nothing => ConstraintFault::UnknownItem {
                    interface: start_of(interface),
                    item: start_of(item),
                    hint: match self.known.get(item) {
                        Some(other) => format!("; {other} has one"),
                        None => String::new(),
                    },
                },
            };
            self.errors.push((index, fault.of(stated.constraint)));
        }
        // Two versions of an interface can have the same fault.
        self.errors.sort_by_key(|(index, _)| *index);
        self.errors.dedup();
        match self.errors.is_empty() {
            true => Ok(()),
            false => Err(ConstraintErrors(
                self.errors.into_iter().map(|(_, error)| error).collect(),
            )),
        }
    }
}

/// What is left for the constraints that follow.
struct Limits {
    patterns: usize,
    automata_bytes: usize,
}

impl<'a> Stated<'a> {
    fn new(
        constraint: &'a contract::Constraint,
        limits: &mut Limits,
    ) -> Result<Self, ConstraintFault> {
        let place = Place::parse(&constraint.place).ok_or(ConstraintFault::Place)?;
        let bounds = &constraint.bounds;
        if *bounds == Bounds::default() {
            return Err(ConstraintFault::NoBound);
        }
        let is_sendable = |text: &String| (1..=MAX_MESSAGE).contains(&text.len());
        if !constraint.message.iter().all(is_sendable) {
            return Err(ConstraintFault::Message);
        }
        let format = bounds.format.as_deref().map(|name| {
            Format::named(name).ok_or_else(|| ConstraintFault::UnknownFormat(start_of(name)))
        });
        let pattern = bounds.pattern.as_deref().map(|text| {
            limits.patterns = limits
                .patterns
                .checked_sub(1)
                .ok_or(ConstraintFault::TooMany)?;
            let pattern = Pattern::compile(text).map_err(ConstraintFault::Pattern)?;
            let left = limits.automata_bytes.checked_sub(pattern.size_bytes());
            limits.automata_bytes = left.ok_or_else(|| {
                ConstraintFault::Pattern(format!(
                    "is too complex together with those before it: all of them may take {} MiB",
                    MAX_AUTOMATA >> 20
                ))
            })?;
            Ok(Arc::new(pattern))
        });
        Ok(Stated {
            constraint,
            place,
            pattern: pattern.transpose()?,
            format: format.transpose()?,
            found: Found::Nothing,
        })
    }

    /// Compiles the constraint for the type of the member that it names.
    fn compile(&self, member: &Type) -> Result<Constraint, ConstraintFault> {
        let mut ty = member.present();
        for part in &self.place.parts {
            let inner = match (part, ty) {
                (Part::Each, Type::List(item) | Type::Map(item)) => Some(&**item),
                (Part::Item(index), Type::Tuple(items)) => items.get(*index),
                _ => None,
            };
            ty = inner.ok_or_else(|| ConstraintFault::UnknownPart {
                part: match part {
                    Part::Each => "[]".to_owned(),
                    Part::Item(index) => format!("[{index}]"),
                },
                ty: in_words(ty),
            })?;
            ty = ty.present();
        }
        let bounds = &self.constraint.bounds;
        check_fit(bounds, ty)?;
        check_order(
            bounds.min_length,
            bounds.max_length,
            "min-length",
            "max-length",
        )?;
        check_order(bounds.min_items, bounds.max_items, "min-items", "max-items")?;
        Ok(Constraint {
            range: range(bounds, ty)?,
            bounds: bounds.clone(),
            message: self.constraint.message.clone(),
            enforced: self.constraint.enforced,
            pattern: self.pattern.clone(),
            format: self.format,
        })
    }
}

/// Checks that every bound applies to a type.
fn check_fit(bounds: &Bounds, ty: &Type) -> Result<(), ConstraintFault> {
    let is_number = ty.integer_range().is_some() || matches!(ty, Type::F32 | Type::F64);
    let is_text = *ty == Type::String;
    let has_items = matches!(ty, Type::List(_) | Type::Map(_));
    let can_be_unique = matches!(ty, Type::List(item) if has_identity(item));
    let fits = [
        ("min-length", bounds.min_length.is_some(), is_text),
        ("max-length", bounds.max_length.is_some(), is_text),
        ("pattern", bounds.pattern.is_some(), is_text),
        ("format", bounds.format.is_some(), is_text),
        ("minimum", bounds.minimum.is_some(), is_number),
        ("maximum", bounds.maximum.is_some(), is_number),
        (
            "exclusive-minimum",
            bounds.exclusive_minimum.is_some(),
            is_number,
        ),
        (
            "exclusive-maximum",
            bounds.exclusive_maximum.is_some(),
            is_number,
        ),
        ("min-items", bounds.min_items.is_some(), has_items),
        ("max-items", bounds.max_items.is_some(), has_items),
        ("unique-items", bounds.unique_items, can_be_unique),
    ];
    match fits.iter().find(|(_, is_set, fits)| *is_set && !fits) {
        None => Ok(()),
        Some((bound, ..)) => Err(ConstraintFault::Misfit {
            bound,
            ty: in_words(ty),
        }),
    }
}

/// Returns whether two values of a type are equal exactly if their JSON is.
fn has_identity(ty: &Type) -> bool {
    let is_integer = ty.integer_range().is_some();
    is_integer || matches!(ty, Type::String | Type::Bool | Type::Char | Type::Enum(_))
}

fn check_order(
    min: Option<u32>,
    max: Option<u32>,
    min_name: &str,
    max_name: &str,
) -> Result<(), ConstraintFault> {
    match (min, max) {
        (Some(min), Some(max)) if min > max => Err(ConstraintFault::Empty(format!(
            "{min_name} is {min} and {max_name} is {max}"
        ))),
        _ => Ok(()),
    }
}

/// Returns the numbers within the bounds of a number.
fn range(bounds: &Bounds, ty: &Type) -> Result<Option<Range>, ConstraintFault> {
    let lower = [
        ("minimum", bounds.minimum, false),
        ("exclusive-minimum", bounds.exclusive_minimum, true),
    ];
    let upper = [
        ("maximum", bounds.maximum, false),
        ("exclusive-maximum", bounds.exclusive_maximum, true),
    ];
    let set = |bounds: [(&'static str, Option<f64>, bool); 2]| {
        let set = bounds.into_iter();
        set.filter_map(|(name, bound, excluded)| Some((name, bound?, excluded)))
    };
    let empty = || {
        let stated: Vec<String> = set(lower)
            .chain(set(upper))
            .map(|(name, bound, _)| format!("{name} is {}", number(bound)))
            .collect();
        Err(ConstraintFault::Empty(stated.join(" and ")))
    };
    if let Some(range) = ty.integer_range() {
        let (mut min, mut max) = (*range.start(), *range.end());
        let integer = |bound, value: f64| {
            let truncated = value as i128;
            let is_held = value.fract() == 0.0 && range.contains(&truncated);
            is_held
                .then_some(truncated)
                .ok_or_else(|| ConstraintFault::Number {
                    bound,
                    expected: format!("an integer from {} to {}", range.start(), range.end()),
                })
        };
        for (name, bound, excluded) in set(lower) {
            min = min.max(integer(name, bound)? + i128::from(excluded));
        }
        for (name, bound, excluded) in set(upper) {
            max = max.min(integer(name, bound)? - i128::from(excluded));
        }
        return match min <= max {
            true => Ok(Some(Range::Integer(min, max))),
            false => empty(),
        };
    }
    if !matches!(ty, Type::F32 | Type::F64) {
        return Ok(None);
    }
    let (mut min, mut max) = ((f64::NEG_INFINITY, false), (f64::INFINITY, false));
    for (name, bound, excluded) in set(lower).chain(set(upper)) {
        let is_held = bound.is_finite() && (*ty == Type::F64 || (bound as f32).is_finite());
        if !is_held {
            return Err(ConstraintFault::Number {
                bound: name,
                expected: "a finite number that the type can hold".to_owned(),
            });
        }
        // The logic sees the value in this precision.
        let bound = match ty {
            Type::F32 => f64::from(bound as f32),
            _ => bound,
        };
        if name.ends_with("minimum") {
            if bound > min.0 || bound == min.0 && excluded {
                min = (bound, excluded);
            }
        } else if bound < max.0 || bound == max.0 && excluded {
            max = (bound, excluded);
        }
    }
    match min.0 < max.0 || min.0 == max.0 && !min.1 && !max.1 {
        true => Ok(Some(Range::Float(min, max))),
        false => empty(),
    }
}

/// Describes a type of WIT.
fn in_words(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "a bool",
        Type::F32 | Type::F64 => "a float",
        Type::Char => "a char",
        Type::String => "a string",
        Type::Bytes => "a list<u8>",
        Type::Datetime(_) => "a timestamp",
        Type::Option(inner) | Type::Clearable(inner) => in_words(inner),
        Type::List(item) if has_identity(item) => "a list",
        Type::List(_) => "a list of items that cannot be compared",
        Type::Map(_) => "a list<tuple<string, _>>",
        Type::Tuple(_) => "a tuple",
        Type::Record(_) => "a record, whose fields have constraints of their own",
        Type::Enum(_) => "an enum",
        Type::Variant(_) => "a variant, whose cases have constraints of their own",
        Type::Flags(_) => "flags",
        Type::Result(_) => "a result",
        _ => "an integer",
    }
}
