//! Reads one page of a list: at most a number of tasks, and at most a number of bytes.
//!
//! Tasks are read in batches, because one statement that returned a thousand of the largest tasks would
//! exceed the host's limits on results.

use crate::contract::tasks::Task;
use crate::error::Error;
use crate::platform::Platform;
use crate::store::list::{self, Filters, Order, Position};

/// Maximum size of a page as JSON. A page has at least one task, whatever its size.
pub const PAGE_BYTES: usize = 4 << 20;

/// Number of tasks in the first batch. It fills a page of the default limit, and shows whether there
/// is a next one.
const FIRST_BATCH: usize = 101;
/// Number of tasks in every later batch. This many of the largest tasks have 28 MB, which is within the
/// host's limit on results even after a full page. The component cannot free memory.
const LATER_BATCH: usize = 900;

/// Where a page begins and how long it may be.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The position after which the page begins. `None`: at the first task.
    pub start: Option<Position>,
    /// The number of tasks to skip.
    pub offset: i64,
    /// Maximum number of tasks.
    pub limit: usize,
}

/// A page of a list.
#[derive(Debug)]
pub struct Page {
    /// Its tasks, in order.
    pub tasks: Vec<Task>,
    /// The position after the page, if there are more tasks.
    pub next: Option<Position>,
}

/// Reads one page. `size` returns an upper bound for the size of a task as JSON, given one for its
/// texts.
///
/// # Errors
/// Returns [`Error::Database`] if a statement fails, and [`Error::Corrupt`] if a row is not a task.
pub fn read(
    platform: &mut impl Platform,
    filters: &Filters,
    order: Order,
    bounds: Bounds,
    size: impl Fn(&Task, TextSize) -> usize,
) -> Result<Page, Error> {
    let Bounds { limit, .. } = bounds;
    let mut start = bounds.start.unwrap_or(Position::start(order.direction));
    let mut offset = bounds.offset;
    let mut batch = FIRST_BATCH.min(limit + 1);
    let mut tasks: Vec<Task> = Vec::new();
    let mut room = PAGE_BYTES;
    let more = loop {
        // One task more than fits shows whether there is a next page.
        let found = list::read(platform, filters, order, start, offset, batch)?;
        let is_last = found.len() < batch;
        let at_most = limit - tasks.len();
        let largest = || found.iter().map(|task| size(task, largest_text_size));
        let fitting = if limit < FIRST_BATCH && largest().sum::<usize>() <= PAGE_BYTES {
            // The usual page needs no look at each character.
            at_most.min(found.len())
        } else {
            let is_first = tasks.is_empty();
            let fits = |(index, task): &(usize, &Task)| {
                let size = size(task, text_size);
                let fits = size <= room || is_first && *index == 0;
                room = room.saturating_sub(size);
                fits
            };
            found
                .iter()
                .enumerate()
                .take(at_most)
                .take_while(fits)
                .count()
        };
        let is_full = fitting < found.len();
        if tasks.is_empty() {
            tasks = found;
            tasks.truncate(fitting);
        } else {
            // Reserved exactly: the component's allocator does not reuse memory.
            tasks.reserve_exact(fitting);
            tasks.extend(found.into_iter().take(fitting));
        }
        if is_full || is_last {
            break is_full;
        }
        if let Some(last) = tasks.last() {
            start = Position::of(last, order.key);
        }
        offset = 0;
        batch = LATER_BATCH.min(limit + 1 - tasks.len());
    };
    let next = tasks
        .last()
        .filter(|_| more)
        .map(|last| Position::of(last, order.key));
    Ok(Page { tasks, next })
}

/// Returns an upper bound for the size of a text in JSON, without its quotes.
pub type TextSize = fn(&str) -> usize;

/// Returns an upper bound for the size of a task of contract 2 as JSON.
pub fn size(task: &Task, text_size: TextSize) -> usize {
    // Names, punctuation, numbers, times and the checksum.
    const REST: usize = 640;
    // The digits of an id, and a comma.
    const ID: usize = 20;
    let mut texts = text_size(&task.title);
    texts += task.description.as_deref().map_or(0, text_size);
    texts += task.assignee.as_deref().map_or(0, text_size);
    texts += task
        .tags
        .iter()
        .map(|tag| text_size(tag) + 3)
        .sum::<usize>();
    REST + texts + task.dependencies.len() * ID
}

/// Returns the size of a text in JSON, without its quotes, or more.
fn text_size(text: &str) -> usize {
    text.bytes()
        .map(|byte| match byte {
            0..b' ' => 6,
            b'"' | b'\\' => 2,
            _ => 1,
        })
        .sum()
}

/// Returns the size of the text of this length that is largest in JSON.
fn largest_text_size(text: &str) -> usize {
    text.len() * 6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_text_counts_its_escapes() {
        assert_eq!(text_size(&"x".repeat(100)), 100);
        assert_eq!(text_size(&"\u{1}\"ü".repeat(100)), 1_000);
        assert_eq!(largest_text_size("\u{1}"), text_size("\u{1}"));
    }
}
