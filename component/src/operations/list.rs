//! Lists tasks: filters, search, order and pages.

use crate::contract::sql::Value;
use crate::contract::tasks::{Direction, SortKey, Status, TaskFilter, TaskPage};
use crate::domain::validation::Validator;
use crate::domain::{terms, timestamp};
use crate::error::Error;
use crate::operations::cursor;
use crate::platform::Platform;
use crate::store;
use crate::store::list::{Position, Query, Terms};

/// Number of tasks on a page if the request does not set a limit.
const DEFAULT_LIMIT: i64 = 100;
/// Maximum number of tasks on a page.
const MAX_LIMIT: i64 = 1_000;
/// Maximum number of tags in a filter.
const MAX_TAGS: usize = 50;
/// Maximum number of words in a search. Each word is a separate lookup in the database.
const MAX_WORDS: usize = 20;

/// Lists tasks. Empty texts are ignored, because forms send them for fields that were not filled in.
///
/// Every page except the last has a cursor for the next page, including pages that were requested
/// with an offset.
///
/// # Errors
/// Returns [`Error::Invalid`] if a parameter breaks the rules.
pub fn list(platform: &mut impl Platform, filter: TaskFilter) -> Result<TaskPage, Error> {
    let key = filter.sort_by.unwrap_or(SortKey::CreatedAt);
    let direction = filter.order.unwrap_or(Direction::Desc);
    let limit = filter.limit.unwrap_or(DEFAULT_LIMIT);
    let offset = filter.offset.unwrap_or(0);
    let tags: Vec<String> = filter
        .tags
        .iter()
        .flatten()
        .filter(|tag| !tag.is_empty())
        .map(|tag| terms::tag_term(tag))
        .collect();
    let words = terms::prefixes(filter.q.as_deref().unwrap_or_default());

    let mut validator = Validator::in_query();
    if !(1..=MAX_LIMIT).contains(&limit) {
        validator.add(
            "limit",
            format!("The limit must be between 1 and {MAX_LIMIT}."),
        );
    }
    if offset < 0 {
        validator.add("offset", "The offset must not be negative.");
    }
    if tags.len() > MAX_TAGS {
        validator.add(
            "tags",
            format!("A filter can have at most {MAX_TAGS} tags."),
        );
    }
    if words.len() > MAX_WORDS {
        validator.add("q", format!("A search can have at most {MAX_WORDS} words."));
    }
    if let Some(before) = filter.due_before {
        validator.timestamp("due_before", before);
    }
    if let Some(after) = filter.due_after {
        validator.timestamp("due_after", after);
    }
    let start = start(&filter, key, direction, &mut validator);
    validator.finish()?;

    let mut query = Query::new();
    if let Some(status) = filter.status {
        query.compare("status = ", Value::Integer(status as i64));
    }
    if let Some(priority) = filter.priority {
        query.compare("priority = ", Value::Integer(priority as i64));
    }
    if let Some(category) = filter.category {
        query.compare("category = ", Value::Integer(category as i64));
    }
    if let Some(assignee) = filter.assignee.filter(|name| !name.is_empty()) {
        query.compare("assignee = ", Value::Text(assignee));
    }
    if let Some(before) = filter.due_before {
        query.compare("due_at < ", Value::Integer(timestamp::micros(before)));
    }
    if let Some(after) = filter.due_after {
        query.compare("due_at > ", Value::Integer(timestamp::micros(after)));
    }
    if filter.overdue == Some(true) {
        query.compare(
            "due_at < ",
            Value::Integer(timestamp::micros(platform.now())),
        );
        query.compare("status <> ", Value::Integer(Status::Completed as i64));
        query.compare("status <> ", Value::Integer(Status::Cancelled as i64));
    }
    for (terms, common) in search(platform, tags, words)? {
        query.terms(&terms, common);
    }
    if let Some(position) = start {
        query.after(position, key, direction);
    }

    // One task more than requested shows whether there is a next page.
    let mut tasks = query.run(platform, key, direction, limit + 1, offset)?;
    let more = tasks.len() as i64 > limit;
    if more {
        tasks.pop();
    }
    let next = tasks
        .last()
        .filter(|_| more)
        .map(|last| cursor::write(Position::of(last, key), key, direction));
    Ok(TaskPage { tasks, next })
}

/// Returns the terms that the tasks of the list must have, each with whether many tasks have it.
fn search(
    platform: &mut impl Platform,
    tags: Vec<String>,
    words: Vec<String>,
) -> Result<Vec<(Terms, bool)>, Error> {
    let mut all = Vec::with_capacity(words.len() + 1);
    if !tags.is_empty() {
        all.push(Terms::Any(tags));
    }
    all.extend(words.into_iter().map(|word| {
        let end = terms::range_end(&word);
        Terms::Between(word, end)
    }));
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let common = store::list::are_common(platform, &all)?;
    all.into_iter()
        .zip(common)
        .map(|(terms, common)| match common {
            true => Ok((store::list::expand(platform, terms)?, true)),
            false => Ok((terms, false)),
        })
        .collect()
}

/// Returns the position that the page begins after, or `None` for the first page.
fn start(
    filter: &TaskFilter,
    key: SortKey,
    direction: Direction,
    validator: &mut Validator,
) -> Option<Position> {
    let cursor = filter.cursor.as_deref()?;
    if filter.offset.is_some() {
        validator.add("cursor", "A cursor and an offset cannot be used together.");
        return None;
    }
    let position = cursor::read(cursor, key, direction);
    if position.is_none() {
        validator.add(
            "cursor",
            "The cursor is not from a list with this `sort_by` and `order`.",
        );
    }
    position
}
