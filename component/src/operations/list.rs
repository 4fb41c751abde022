//! Lists tasks: filters, search, order and pages.

use crate::contract::tasks::{Direction, SortKey, Status, TaskCount, TaskFilter, TaskPage};
use crate::domain::validation::Validator;
use crate::domain::{names, terms, text, timestamp};
use crate::error::Error;
use crate::operations::cursor;
use crate::operations::page::{self, Bounds, Page};
use crate::platform::Platform;
use crate::store;
use crate::store::figures::Source;
use crate::store::list::{Filters, Order, Position, Search, Terms};

/// Number of tasks on a page if the request does not set a limit.
const DEFAULT_LIMIT: i64 = 100;
/// Maximum number of tasks on a page.
pub const MAX_LIMIT: i64 = 1_000;
/// Maximum number of tags in a filter.
const MAX_TAGS: usize = 50;
/// Maximum number of words in a search. Each word is a separate lookup in the database.
const MAX_WORDS: usize = 20;

/// Lists tasks. Empty texts are ignored, because forms send them for fields that were not filled in.
///
/// Every page except the last has a cursor for the next page, including pages that were requested
/// with an offset. A page can have fewer tasks than the limit: it ends before
/// [`PAGE_BYTES`](page::PAGE_BYTES).
///
/// # Errors
/// Returns [`Error::Invalid`] if a parameter breaks the rules.
pub fn list(platform: &mut impl Platform, filter: TaskFilter) -> Result<TaskPage, Error> {
    let order = order(&filter);
    let mut validator = Validator::in_query();
    let (offset, limit) = numbers(&filter, &mut validator);
    check(&filter, &mut validator);
    let start = start(&filter, order, &mut validator);
    validator.finish()?;

    let filters = filters(platform, filter)?;
    let bounds = Bounds {
        start,
        offset,
        limit,
    };
    let Page { tasks, next } = page::read(platform, &filters, order, bounds, page::size)?;
    Ok(TaskPage {
        tasks,
        next: next.map(|position| cursor::write(position, order)),
    })
}

/// Counts the tasks that a filter matches, by status. Its order and its page are checked, but do not matter.
/// Filters by status, priority and category read sums; others read every task that matches.
///
/// # Errors
/// Returns [`Error::Invalid`] if a parameter breaks the rules.
pub fn count(platform: &mut impl Platform, filter: TaskFilter) -> Result<TaskCount, Error> {
    let mut validator = Validator::in_query();
    numbers(&filter, &mut validator);
    check(&filter, &mut validator);
    start(&filter, order(&filter), &mut validator);
    validator.finish()?;
    let filters = filters(platform, filter)?;
    let of_groups = filters.are_of_groups() && Source::of_all(platform)? == Source::Sums;
    let counts = match of_groups {
        true => filters.count_in(&Source::Sums.groups(platform)?),
        false => store::list::count(platform, &filters)?,
    };
    Ok(TaskCount {
        total: counts.iter().sum(),
        by_status: names::STATUSES
            .iter()
            .zip(counts)
            .map(|((_, name), count)| ((*name).to_owned(), count))
            .collect(),
    })
}

fn order(filter: &TaskFilter) -> Order {
    Order {
        key: filter.sort_by.unwrap_or(SortKey::CreatedAt),
        direction: filter.order.unwrap_or(Direction::Desc),
    }
}

/// Checks the offset and the limit of a page, and returns them.
fn numbers(filter: &TaskFilter, validator: &mut Validator) -> (i64, usize) {
    let limit = filter.limit.unwrap_or(DEFAULT_LIMIT);
    let offset = filter.offset.unwrap_or(0);
    if !(1..=MAX_LIMIT).contains(&limit) {
        validator.add(
            "limit",
            format!("The limit must be between 1 and {MAX_LIMIT}."),
        );
    }
    if offset < 0 {
        validator.add("offset", "The offset must not be negative.");
    }
    (offset, limit as usize)
}

/// Checks the parts of a filter that choose tasks.
fn check(filter: &TaskFilter, validator: &mut Validator) {
    if filter.status.as_ref().is_some_and(Vec::is_empty) {
        validator.add("status", "A status is missing.");
    }
    if tags(filter).count() > MAX_TAGS {
        validator.add(
            "tags",
            format!("A filter can have at most {MAX_TAGS} tags."),
        );
    }
    if words(filter, false).len() > MAX_WORDS {
        validator.add("q", format!("A search can have at most {MAX_WORDS} words."));
    }
    if let Some(before) = filter.due_before {
        validator.timestamp("due_before", before);
    }
    if let Some(after) = filter.due_after {
        validator.timestamp("due_after", after);
    }
}

fn tags(filter: &TaskFilter) -> impl Iterator<Item = &String> {
    let tags = filter.tags.iter().flatten();
    tags.filter(|tag| !tag.is_empty())
}

fn words(filter: &TaskFilter, is_mixed: bool) -> Vec<Vec<String>> {
    terms::prefixes(filter.q.as_deref().unwrap_or_default(), is_mixed)
}

/// Returns the search for the terms that a task must have.
fn search(platform: &mut impl Platform, filter: &TaskFilter) -> Result<Search, Error> {
    let tags: Vec<String> = tags(filter).flat_map(spellings).collect();
    if tags.is_empty() && words(filter, false).is_empty() {
        return Ok(Search::default());
    }
    let sets = |is_mixed| -> Vec<Terms> {
        let words = words(filter, is_mixed).into_iter();
        let tags = (!tags.is_empty()).then(|| Terms::Any(tags.clone()));
        tags.into_iter().chain(words.map(Terms::Prefixes)).collect()
    };
    let new = sets(false);
    let waiting = store::terms::waiting(platform, &store::list::needles(&new))?;
    if !waiting.is_mixed {
        return store::list::plan_search(platform, new, &waiting);
    }
    // Tasks with other terms than those may match, too.
    let waiting = store::terms::waiting(platform, &[])?;
    store::list::plan_search(platform, sets(true), &waiting)
}

/// Converts a filter that was checked.
fn filters(platform: &mut impl Platform, filter: TaskFilter) -> Result<Filters, Error> {
    let mut filters = Filters {
        search: search(platform, &filter)?,
        priority: filter.priority.map(|priority| priority as i64),
        category: filter.category.map(|category| category as i64),
        assignee: filter.assignee.filter(|name| !name.is_empty()).map(|name| {
            let normalized = text::normalized(name.clone());
            let other = (normalized != name).then_some(name);
            (normalized, other)
        }),
        unassigned: filter.unassigned == Some(true),
        depends_on: filter.depends_on,
        ..Filters::default()
    };
    let wanted = filter.status.unwrap_or_default();
    match wanted.as_slice() {
        [] => {}
        [first, rest @ ..] if rest.iter().all(|status| status == first) => {
            filters.status = Some(*first as i64);
        }
        wanted => {
            let all = names::STATUSES.iter().map(|(status, _)| status);
            let excluded = all.filter(|status| !wanted.contains(status));
            filters.excluded = excluded.map(|status| *status as i64).collect();
        }
    }
    let after = filter.due_after.map(timestamp::micros);
    let mut before = filter.due_before.map(timestamp::micros);
    if filter.overdue == Some(true) {
        let now = timestamp::micros(platform.now());
        before = Some(before.map_or(now, |before| before.min(now)));
        for closed in [Status::Completed, Status::Cancelled].map(|status| status as i64) {
            if !filters.excluded.contains(&closed) {
                filters.excluded.push(closed);
            }
        }
    }
    if after.is_some() || before.is_some() {
        filters.due = Some((after.unwrap_or(i64::MIN), before.unwrap_or(i64::MAX)));
    }
    Ok(filters)
}

/// Returns the terms of a tag: in normalisation form C, as it is stored, and as it was sent. Earlier
/// logic stored tags as they were sent.
fn spellings(tag: &String) -> Vec<String> {
    let normalized = text::normalized(tag.clone());
    let mut spellings = vec![terms::tag_term(&normalized)];
    if normalized != *tag {
        spellings.push(terms::tag_term(tag));
    }
    spellings
}

/// Returns the position that the page begins after, or `None` for the first page.
fn start(filter: &TaskFilter, order: Order, validator: &mut Validator) -> Option<Position> {
    let cursor = filter.cursor.as_deref()?;
    if filter.offset.is_some() {
        validator.add("cursor", "A cursor and an offset cannot be used together.");
        return None;
    }
    let position = cursor::read(cursor, order);
    if position.is_none() {
        validator.add(
            "cursor",
            "The cursor is not from a list with this `sort_by` and `order`.",
        );
    }
    position
}
