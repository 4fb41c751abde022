//! Reads the results of the `service` functions from dynamic values, by member name.
//!
//! A missing member gets its default, and an unknown member is ignored, so that components of every
//! 1.x contract can be read.

use wasmtime::component::Val;

use contract::text::escaped;
use contract::{Access, Asset, Bounds, Constraint, Description, Method, Migration, Route};

/// How a value breaks the contract, as a sentence. It may quote the component.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", escaped(.0))]
pub struct ContractViolation(String);

/// Maximum number of violations that are reported together.
const MAX_VIOLATIONS: usize = 50;

impl ContractViolation {
    /// One violation that says all of these; `None` if there are none.
    fn of_all(violations: Vec<ContractViolation>) -> Option<Self> {
        let all = violations.into_iter().take(MAX_VIOLATIONS);
        let texts: Vec<String> = all.map(|violation| violation.0).collect();
        (!texts.is_empty()).then(|| ContractViolation(texts.join("; ")))
    }
}

/// Reads the result of `service.describe`.
pub(super) fn description(value: &Val) -> Result<Description, ContractViolation> {
    let record = Record::of(value, "the description")?;
    let (name, version) = (record.string("name"), record.string("version"));
    let routes = record.list("routes", route);
    let migrations = record.list("migrations", migration);
    let constraints = record.list("constraints", constraint);
    match (name, version, routes, migrations, constraints) {
        (Ok(name), Ok(version), Ok(routes), Ok(migrations), Ok(constraints)) => Ok(Description {
            name,
            version,
            routes,
            migrations,
            constraints,
        }),
        (name, version, routes, migrations, constraints) => {
            let violations = [
                name.err(),
                version.err(),
                routes.err(),
                migrations.err(),
                constraints.err(),
            ];
            let all = ContractViolation::of_all(violations.into_iter().flatten().collect());
            Err(all.unwrap_or_else(|| unreachable!("one of them is an error")))
        }
    }
}

/// Reads the result of `service.assets`.
pub(super) fn assets(value: &Val) -> Result<Vec<Asset>, ContractViolation> {
    list(value, "assets", asset)
}

/// Reads the result of `service.check`.
pub(super) fn checked(value: &Val) -> Result<Result<(), String>, ContractViolation> {
    match value {
        Val::Result(Ok(_)) => Ok(Ok(())),
        Val::Result(Err(reason)) => Ok(Err(text(reason.as_deref()))),
        _ => Err(ContractViolation("check does not return a result".into())),
    }
}

/// Reads the result of `service.health`.
pub(super) fn figures(
    value: &Val,
) -> Result<Result<Vec<(String, i64)>, String>, ContractViolation> {
    match value {
        Val::Result(Ok(Some(figures))) => list(figures, "health", figure).map(Ok),
        Val::Result(Err(reason)) => Ok(Err(text(reason.as_deref()))),
        _ => Err(ContractViolation(
            "health does not return a result with a list".into(),
        )),
    }
}

fn figure(value: &Val) -> Result<(String, i64), ContractViolation> {
    match value {
        Val::Tuple(pair) => match pair.as_slice() {
            [Val::String(name), Val::S64(figure)] => Ok((name.replace('-', "_"), *figure)),
            _ => Err(ContractViolation(
                "a health figure is not (string, s64)".into(),
            )),
        },
        _ => Err(ContractViolation("a health figure is not a tuple".into())),
    }
}

/// A reason that the component states. It goes to logs, to the history and to operators' terminals, so
/// it is one line without control characters.
fn text(value: Option<&Val>) -> String {
    match value {
        Some(Val::String(text)) => escaped(text).into_owned(),
        _ => "the component gave no reason".into(),
    }
}

fn route(value: &Val) -> Result<Route, ContractViolation> {
    let record = Record::of(value, "a route")?;
    let path = record.string("path")?;
    Ok(Route {
        method: match record.case("method")?.unwrap_or("get") {
            "get" => Method::Get,
            "post" => Method::Post,
            "put" => Method::Put,
            "patch" => Method::Patch,
            "delete" => Method::Delete,
            other => {
                return Err(ContractViolation(format!("{path}: unknown method {other}")));
            }
        },
        operation: record.string("operation")?,
        access: match record.case("access")?.unwrap_or("write") {
            "read" => Access::Read,
            "write" => Access::Write,
            other => {
                return Err(ContractViolation(format!("{path}: unknown access {other}")));
            }
        },
        success: match record.get("success") {
            Some(Val::U16(status)) => *status,
            _ => 200,
        },
        location: record.optional_string("location")?,
        body: record.optional_string("body")?,
        etag: record.optional_string("etag")?,
        next: record.optional_string("next")?,
        path,
    })
}

fn constraint(value: &Val) -> Result<Constraint, ContractViolation> {
    let record = Record::of(value, "a constraint")?;
    let place = record.string("place")?;
    let record = Record {
        what: &format!("the constraint of {place}"),
        ..record
    };
    // A bound of a later version would be silently dropped.
    let known = |name: &str| CONSTRAINT_MEMBERS.contains(&name);
    let mut set = record.members.iter();
    if let Some((unknown, _)) =
        set.find(|(name, value)| !known(name) && !matches!(value, Val::Option(None)))
    {
        return Err(ContractViolation(format!(
            "{} has {unknown}, which a newer host knows",
            record.what
        )));
    }
    let count = |name| match record.optional(name)? {
        None => Ok(None),
        Some(Val::U32(count)) => Ok(Some(*count)),
        Some(_) => Err(record.mistyped(name, "a u32")),
    };
    let number = |name| match record.optional(name)? {
        None => Ok(None),
        Some(Val::Float64(number)) => Ok(Some(*number)),
        Some(_) => Err(record.mistyped(name, "an f64")),
    };
    let flag = |name| match record.optional(name)? {
        None => Ok(None),
        Some(Val::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(record.mistyped(name, "a bool")),
    };
    let bounds = Bounds {
        min_length: count("min-length")?,
        max_length: count("max-length")?,
        pattern: record.optional_string("pattern")?,
        format: record.optional_string("format")?,
        minimum: number("minimum")?,
        maximum: number("maximum")?,
        exclusive_minimum: number("exclusive-minimum")?,
        exclusive_maximum: number("exclusive-maximum")?,
        min_items: count("min-items")?,
        max_items: count("max-items")?,
        unique_items: flag("unique-items")?.unwrap_or(false),
    };
    Ok(Constraint {
        bounds,
        message: record.optional_string("message")?,
        enforced: flag("enforced")?.unwrap_or(true),
        place,
    })
}

/// The members of a constraint that this host knows.
const CONSTRAINT_MEMBERS: [&str; 14] = [
    "place",
    "min-length",
    "max-length",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "exclusive-minimum",
    "exclusive-maximum",
    "min-items",
    "max-items",
    "unique-items",
    "message",
    "enforced",
];

fn migration(value: &Val) -> Result<Migration, ContractViolation> {
    let record = Record::of(value, "a migration")?;
    Ok(Migration {
        name: record.string("name")?,
        sqlite: record.string("sqlite")?,
        postgres: record.string("postgres")?,
    })
}

fn asset(value: &Val) -> Result<Asset, ContractViolation> {
    let record = Record::of(value, "an asset")?;
    let path = record.string("path")?;
    let content = match record.get("content") {
        Some(Val::List(bytes)) => bytes
            .iter()
            .map(|byte| match byte {
                Val::U8(byte) => Ok(*byte),
                _ => Err(ContractViolation(format!(
                    "asset {path}: content is not list<u8>"
                ))),
            })
            .collect::<Result<_, _>>()?,
        _ => return Err(ContractViolation(format!("asset {path} has no content"))),
    };
    Ok(Asset {
        media_type: record.string("media-type")?,
        content,
        path,
    })
}

/// Reads each item of a list. The violations of all items are reported together.
fn list<T>(
    value: &Val,
    what: &str,
    read: impl Fn(&Val) -> Result<T, ContractViolation>,
) -> Result<Vec<T>, ContractViolation> {
    let Val::List(values) = value else {
        return Err(ContractViolation(format!("{what} is not a list")));
    };
    let (mut items, mut violations) = (Vec::new(), Vec::new());
    for value in values.iter() {
        match read(value) {
            Ok(item) => items.push(item),
            Err(violation) => violations.push(violation),
        }
    }
    match ContractViolation::of_all(violations) {
        None => Ok(items),
        Some(all) => Err(all),
    }
}

/// A record whose members are looked up by name.
struct Record<'a> {
    what: &'a str,
    members: &'a [(String, Val)],
}

impl<'a> Record<'a> {
    fn of(value: &'a Val, what: &'a str) -> Result<Self, ContractViolation> {
        match value {
            Val::Record(members) => Ok(Record { what, members }),
            _ => Err(ContractViolation(format!("{what} is not a record"))),
        }
    }

    fn get(&self, name: &str) -> Option<&'a Val> {
        self.members
            .iter()
            .find(|(member, _)| member == name)
            .map(|(_, value)| value)
    }

    fn string(&self, name: &str) -> Result<String, ContractViolation> {
        match self.get(name) {
            Some(Val::String(text)) => Ok(text.clone()),
            _ => Err(ContractViolation(format!(
                "{} has no string {name}",
                self.what
            ))),
        }
    }

    fn optional_string(&self, name: &str) -> Result<Option<String>, ContractViolation> {
        match self.optional(name)? {
            None => Ok(None),
            Some(Val::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.mistyped(name, "a string")),
        }
    }

    /// Returns the value of an optional member. `None` if the member is missing or has no value.
    fn optional(&self, name: &str) -> Result<Option<&'a Val>, ContractViolation> {
        match self.get(name) {
            None | Some(Val::Option(None)) => Ok(None),
            Some(Val::Option(Some(value))) => Ok(Some(value)),
            Some(_) => Err(self.mistyped(name, "an option")),
        }
    }

    fn mistyped(&self, name: &str, expected: &str) -> ContractViolation {
        ContractViolation(format!("{name} of {} is not {expected}", self.what))
    }

    fn case(&self, name: &str) -> Result<Option<&'a str>, ContractViolation> {
        match self.get(name) {
            None => Ok(None),
            Some(Val::Enum(case)) => Ok(Some(case)),
            Some(_) => Err(ContractViolation(format!(
                "{} of {} is not an enum",
                name, self.what
            ))),
        }
    }

    fn list<T>(
        &self,
        name: &str,
        read: impl Fn(&Val) -> Result<T, ContractViolation>,
    ) -> Result<Vec<T>, ContractViolation> {
        self.get(name)
            .map_or_else(|| Ok(Vec::new()), |value| list(value, name, read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(members: &[(&str, Val)]) -> Val {
        let member = |(name, value): &(&str, Val)| ((*name).to_owned(), value.clone());
        Val::Record(members.iter().map(member).collect())
    }

    fn some(value: Val) -> Val {
        Val::Option(Some(Box::new(value)))
    }

    fn described(constraints: Option<Vec<Val>>) -> Result<Vec<Constraint>, String> {
        let mut members = vec![
            ("name", Val::String("Things".to_owned())),
            ("version", Val::String("1".to_owned())),
        ];
        members.extend(constraints.map(|constraints| ("constraints", Val::List(constraints))));
        let description = description(&record(&members));
        description
            .map(|description| description.constraints)
            .map_err(|violation| violation.to_string())
    }

    #[test]
    fn a_component_that_was_built_without_constraints_has_none() {
        assert_eq!(described(None), Ok(Vec::new()));
    }

    #[test]
    fn a_constraint_is_read_by_the_names_of_its_members() {
        let stated = record(&[
            ("max-length", some(Val::U32(9))),
            ("place", Val::String("a:b/c#d.e".to_owned())),
            ("minimum", some(Val::Float64(0.5))),
            ("unique-items", some(Val::Bool(true))),
            ("pattern", Val::Option(None)),
            ("of-a-later-version", Val::Option(None)),
        ]);
        let expected = Constraint {
            place: "a:b/c#d.e".to_owned(),
            bounds: Bounds {
                max_length: Some(9),
                minimum: Some(0.5),
                unique_items: true,
                ..Bounds::default()
            },
            message: None,
            enforced: true,
        };
        assert_eq!(described(Some(vec![stated])), Ok(vec![expected]));
    }

    #[test]
    fn a_bound_that_this_host_does_not_know_is_refused_rather_than_dropped() {
        let place = || ("place", Val::String("a:b/c#d.e".to_owned()));
        let later = record(&[place(), ("multiple-of", some(Val::Float64(2.0)))]);
        assert_eq!(
            described(Some(vec![later.clone()])),
            Err("the constraint of a:b/c#d.e has multiple-of, which a newer host knows".to_owned())
        );
        let both = described(Some(vec![later.clone(), later.clone()]));
        let both = both.expect_err("accepted");
        assert_eq!(both.matches("multiple-of").count(), 2, "{both}");
        let mistyped = record(&[place(), ("max-length", some(Val::String("9".to_owned())))]);
        assert_eq!(
            described(Some(vec![mistyped])),
            Err("max-length of the constraint of a:b/c#d.e is not a u32".to_owned())
        );
    }
}
