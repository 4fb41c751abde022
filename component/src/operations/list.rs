//! Listing tasks: filters, search, order and pages.

use crate::contract::sql::Value;
use crate::contract::tasks::{Direction, SortKey, Status, TaskFilter, TaskPage};
use crate::domain::validation::Faults;
use crate::domain::{moment, terms};
use crate::operations::cursor;
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::store;
use crate::store::list::{Position, Query, Terms};

/// Tasks of a page where the client does not say.
const DEFAULT_LIMIT: i64 = 100;
/// Tasks of a page, at most.
const MAX_LIMIT: i64 = 1_000;
/// Labels of a filter, at most.
const MAX_TAGS: usize = 50;
/// Words of a search, at most: each is a search of its own in the database.
const MAX_WORDS: usize = 20;

/// Lists tasks. Empty texts filter nothing, as forms send them for fields left alone.
///
/// Every page but the last names the position where the next one begins, also where this one
/// was reached by an offset.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn list(platform: &mut impl Platform, filter: TaskFilter) -> Result<TaskPage, Refusal> {
    let key = filter.sort_by.unwrap_or(SortKey::CreatedAt);
    let direction = filter.order.unwrap_or(Direction::Desc);
    let limit = filter.limit.unwrap_or(DEFAULT_LIMIT);
    let offset = filter.offset.unwrap_or(0);
    let tags: Vec<String> = filter
        .tags
        .iter()
        .flatten()
        .filter(|tag| !tag.is_empty())
        .map(|tag| terms::label(tag))
        .collect();
    let words = terms::prefixes(filter.q.as_deref().unwrap_or_default());

    let mut faults = Faults::in_query();
    if !(1..=MAX_LIMIT).contains(&limit) {
        faults.add("limit", format!("The limit is between 1 and {MAX_LIMIT}."));
    }
    if offset < 0 {
        faults.add("offset", "The offset is not negative.");
    }
    if tags.len() > MAX_TAGS {
        faults.add("tags", format!("A filter has at most {MAX_TAGS} tags."));
    }
    if words.len() > MAX_WORDS {
        faults.add("q", format!("A search has at most {MAX_WORDS} words."));
    }
    if let Some(before) = filter.due_before {
        faults.moment("due_before", before);
    }
    if let Some(after) = filter.due_after {
        faults.moment("due_after", after);
    }
    let start = start(&filter, key, direction, &mut faults);
    faults.into_result()?;

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
        query.compare("due_at < ", Value::Integer(moment::micros(before)));
    }
    if let Some(after) = filter.due_after {
        query.compare("due_at > ", Value::Integer(moment::micros(after)));
    }
    if filter.overdue == Some(true) {
        query.compare("due_at < ", Value::Integer(moment::micros(platform.now())));
        query.compare("status <> ", Value::Integer(Status::Completed as i64));
        query.compare("status <> ", Value::Integer(Status::Cancelled as i64));
    }
    for (terms, common) in search(platform, tags, words)? {
        query.terms(&terms, common);
    }
    if let Some(position) = start {
        query.after(position, key, direction);
    }

    // One more than asked for tells whether there is a next page.
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

/// What the tasks of the list have to be found by, and whether many tasks are.
fn search(
    platform: &mut impl Platform,
    tags: Vec<String>,
    words: Vec<String>,
) -> Result<Vec<(Terms, bool)>, Refusal> {
    let mut all = Vec::with_capacity(words.len() + 1);
    if !tags.is_empty() {
        all.push(Terms::Any(tags));
    }
    all.extend(words.into_iter().map(|word| {
        let end = terms::after(&word);
        Terms::Between(word, end)
    }));
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let common = store::list::common(platform, &all)?;
    all.into_iter()
        .zip(common)
        .map(|(terms, common)| match common {
            true => Ok((store::list::spelled(platform, terms)?, true)),
            false => Ok((terms, false)),
        })
        .collect()
}

/// The position that the page begins after; none for the first one.
fn start(
    filter: &TaskFilter,
    key: SortKey,
    direction: Direction,
    faults: &mut Faults,
) -> Option<Position> {
    let cursor = filter.cursor.as_deref()?;
    if filter.offset.is_some() {
        faults.add("cursor", "A cursor and an offset do not go together.");
        return None;
    }
    let position = cursor::read(cursor, key, direction);
    if position.is_none() {
        faults.add("cursor", "The cursor is not from a list in this order.");
    }
    position
}
