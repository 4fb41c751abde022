//! Long lists in pages.

use crate::bindings::task_host::platform::types::Problem;
use crate::error::{Error, Result};

/// The number of items on a page if the client states none.
const DEFAULT_LIMIT: u32 = 100;
/// Maximum number of items on a page.
const MAX_LIMIT: u32 = 1000;

/// Where a page of a list begins, and how long it is: the query parameters `cursor` and `limit`.
///
/// A cursor is the position of the last item of the page before, such as its id. Read one item more than the page
/// has, and [`Page::new`] knows whether another page follows.
///
/// ```
/// use task_host_sdk::prelude::*;
/// # use task_host_sdk::rows::{Mismatch, Reader};
/// # #[derive(Row)]
/// # struct Bookmark { id: i64, url: String }
///
/// fn list(page: Cursor) -> Result<Page<Bookmark>> {
///     let (after, count) = (page.after_id()?, page.limit() + 1);
///     let rows = sql!("select id, url from bookmarks where id > {after} order by id limit {count}").all()?;
///     Ok(Page::new(rows, &page, |bookmark| bookmark.id))
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cursor {
    after: Option<String>,
    limit: Option<u32>,
}

impl Cursor {
    /// Creates a cursor from the query parameters.
    ///
    /// # Errors
    /// Returns a problem with status 422 if the limit is not 1 to 1000.
    pub fn new(after: Option<String>, limit: Option<u32>) -> Result<Self> {
        match limit {
            Some(limit) if !(1..=MAX_LIMIT).contains(&limit) => {
                Err(invalid("#/query/limit", "The limit must be 1 to 1000."))
            }
            _ => Ok(Self { after, limit }),
        }
    }

    /// Returns the maximum number of items on the page. Default: 100.
    pub fn limit(&self) -> i64 {
        self.limit.unwrap_or(DEFAULT_LIMIT).into()
    }

    /// Returns the position after which the page begins. `None` for the first page.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Returns the id after which the page begins. [`i64::MIN`] for the first page.
    ///
    /// # Errors
    /// Returns a problem with status 422 if the cursor is not an integer.
    pub fn after_id(&self) -> Result<i64> {
        match self.after() {
            None => Ok(i64::MIN),
            Some(text) => text
                .parse()
                .map_err(|_| invalid("#/query/cursor", "This is not the cursor of a page.")),
        }
    }
}

fn invalid(pointer: &str, detail: &str) -> Error {
    Problem::new(422, "invalid-page", "The page is not valid")
        .with_error(pointer, detail)
        .into()
}

/// One page of a list. The items are the body; the `Link` header has the address of the next page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// The cursor of the next page. `None` on the last page.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of items of which at least one more than [`Cursor::limit`] was read, if it exists. `position`
    /// returns the position of an item.
    pub fn new<P: ToString>(
        mut items: Vec<T>,
        cursor: &Cursor,
        position: impl FnOnce(&T) -> P,
    ) -> Self {
        let limit = cursor.limit() as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more);
        let next = last.map(|item| position(item).to_string());
        Self { items, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_cursor_only_if_another_follows() {
        let cursor = Cursor::new(None, Some(2)).unwrap();
        let page = Page::new(vec![1, 2, 3], &cursor, |n| *n);
        assert_eq!(
            page,
            Page {
                items: vec![1, 2],
                next: Some("2".to_owned())
            }
        );
        let page = Page::new(vec![1, 2], &cursor, |n| *n);
        assert_eq!(page.next, None);
    }

    #[test]
    fn limits_and_cursors_that_are_not_valid_are_named() {
        let pointer = |error: Error| error.problem().unwrap().errors[0].pointer.clone();
        for limit in [0, 1001] {
            let error = Cursor::new(None, Some(limit)).unwrap_err();
            assert_eq!(pointer(error), "#/query/limit");
        }
        let cursor = Cursor::new(Some("x".to_owned()), None).unwrap();
        assert_eq!(pointer(cursor.after_id().unwrap_err()), "#/query/cursor");
    }
}
