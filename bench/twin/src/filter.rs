//! Reads the filter of a list from the query.

use std::borrow::Cow;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error, StrDeserializer};
use tasks::contract::tasks::{Direction, SortKey, TaskFilter};
use transcode::InputError;

use crate::timestamp::Timestamp;
use crate::values::{CategoryJson, PriorityJson, StatusJson, invalid};

/// Reads a query string without `?`. Unknown parameters are ignored.
///
/// # Errors
/// Returns [`InputError::Invalid`] with the first parameter that does not fit.
pub fn read(query: &str) -> Result<TaskFilter, InputError> {
    let mut filter = TaskFilter {
        status: None,
        priority: None,
        category: None,
        assignee: None,
        unassigned: None,
        depends_on: None,
        tags: None,
        due_before: None,
        due_after: None,
        overdue: None,
        q: None,
        sort_by: None,
        order: None,
        limit: None,
        offset: None,
        cursor: None,
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, raw) = pair.split_once('=').unwrap_or((pair, ""));
        let text = decode(name, raw)?;
        match name {
            "status" => {
                for status in text.split(',') {
                    let status = case::<StatusJson>(name, status)?.into();
                    filter.status.get_or_insert_default().push(status);
                }
            }
            "priority" => filter.priority = Some(case::<PriorityJson>(name, &text)?.into()),
            "category" => filter.category = Some(case::<CategoryJson>(name, &text)?.into()),
            "assignee" => filter.assignee = Some(text.into_owned()),
            "unassigned" => filter.unassigned = Some(parse(name, &text)?),
            "depends_on" => filter.depends_on = Some(parse(name, &text)?),
            "tags" => {
                // A list is split first and decoded then.
                for tag in raw.split(',') {
                    let tag = decode(name, tag)?.into_owned();
                    filter.tags.get_or_insert_default().push(tag);
                }
            }
            "due_before" => filter.due_before = Some(parse::<Timestamp>(name, &text)?.0),
            "due_after" => filter.due_after = Some(parse::<Timestamp>(name, &text)?.0),
            "overdue" => filter.overdue = Some(parse(name, &text)?),
            "q" => filter.q = Some(text.into_owned()),
            "sort_by" => {
                filter.sort_by = Some(match &*text {
                    "created_at" => SortKey::CreatedAt,
                    "updated_at" => SortKey::UpdatedAt,
                    "priority" => SortKey::Priority,
                    "status" => SortKey::Status,
                    "due_at" => SortKey::DueAt,
                    _ => return Err(unfit(name, "is not a sort key")),
                });
            }
            "order" => {
                filter.order = Some(match &*text {
                    "asc" => Direction::Asc,
                    "desc" => Direction::Desc,
                    _ => return Err(unfit(name, "is not a direction")),
                });
            }
            "limit" => filter.limit = Some(parse(name, &text)?),
            "offset" => filter.offset = Some(parse(name, &text)?),
            "cursor" => filter.cursor = Some(text.into_owned()),
            _ => {}
        }
    }
    Ok(filter)
}

fn decode<'a>(name: &str, raw: &'a str) -> Result<Cow<'a, str>, InputError> {
    let text = if raw.contains('+') {
        let spaced = raw.replace('+', " ");
        let decoded = percent_decode_str(&spaced).decode_utf8();
        decoded.map(|text| Cow::Owned(text.into_owned()))
    } else {
        percent_decode_str(raw).decode_utf8()
    };
    text.map_err(|_| unfit(name, "is not valid UTF-8"))
}

fn parse<T: FromStr>(name: &str, text: &str) -> Result<T, InputError> {
    text.parse().map_err(|_| unfit(name, "does not fit"))
}

fn case<'a, T: Deserialize<'a>>(name: &str, text: &'a str) -> Result<T, InputError> {
    let deserializer: StrDeserializer<'a, Error> = text.into_deserializer();
    T::deserialize(deserializer).map_err(|error| unfit(name, error))
}

fn unfit(name: &str, detail: impl ToString) -> InputError {
    invalid(&format!("#/query/{name}"), detail)
}

#[cfg(test)]
mod tests {
    use tasks::contract::tasks::Priority;

    use super::*;

    #[test]
    fn a_query_fills_the_filter() {
        let filter = read("priority=high&tags=a,b%20c&limit=5&assignee=a+b&unknown=1").unwrap();
        assert_eq!(filter.priority, Some(Priority::High));
        assert_eq!(filter.tags, Some(vec!["a".to_owned(), "b c".to_owned()]));
        assert_eq!(filter.limit, Some(5));
        assert_eq!(filter.assignee.as_deref(), Some("a b"));
    }

    #[test]
    fn a_value_that_does_not_fit_is_reported_at_its_location() {
        for (query, pointer) in [
            ("limit=many", "#/query/limit"),
            ("status=done", "#/query/status"),
            ("due_before=soon", "#/query/due_before"),
            ("q=%ff", "#/query/q"),
        ] {
            let Err(InputError::Invalid(errors)) = read(query) else {
                panic!("{query} was accepted");
            };
            assert_eq!(errors[0].pointer, pointer);
        }
    }
}
