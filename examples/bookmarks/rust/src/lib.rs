//! A service of four routes.

use task_host_sdk::prelude::*;

/// Addresses worth keeping.
#[service(name = "Bookmarks", migrations = "migrations")]
mod bookmarks {
    /// A saved address.
    #[derive(Data, Row)]
    pub struct Bookmark {
        /// Assigned by the service.
        pub id: i64,
        /// The address.
        pub url: String,
    }

    /// A new bookmark.
    #[derive(Data)]
    pub struct Draft {
        /// The address.
        #[check(max_length = 2048, format = "uri")]
        pub url: String,
    }

    /// Saves an address.
    #[post("/bookmarks", location = "/bookmarks/{id}")]
    fn create(draft: Draft) -> Result<Bookmark> {
        let bookmark: Bookmark =
            sql!("insert into bookmarks (url) values ({draft.url}) returning id, url")
                .one()
                .on_unique(409, "already-saved", "This address is already saved")?;
        event!("bookmark.created", bookmark.id);
        Ok(bookmark)
    }

    /// Lists addresses that contain a text, oldest first.
    #[get("/bookmarks")]
    fn list(q: Option<String>, page: Cursor) -> Result<Page<Bookmark>> {
        let (after, count) = (page.after_id()?, page.limit() + 1);
        let found = sql!(
            "select id, url from bookmarks where id > {after} and url like '%' || {q.unwrap_or_default()} || '%'
             order by id limit {count}"
        );
        Ok(Page::new(found.all()?, &page, |bookmark: &Bookmark| {
            bookmark.id
        }))
    }

    /// Returns one bookmark.
    #[get("/bookmarks/{id}")]
    fn get(id: i64) -> Result<Bookmark> {
        sql!("select id, url from bookmarks where id = {id}")
            .one()
            .on_missing(404, "no-such-bookmark", "This bookmark does not exist")
    }

    /// Deletes a bookmark.
    #[delete("/bookmarks/{id}")]
    fn delete(id: i64) -> Result<()> {
        let _: Bookmark = get(id)?;
        sql!("delete from bookmarks where id = {id}").execute()?;
        event!("bookmark.deleted", id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use task_host_sdk::testing;

    use super::bookmarks::*;
    use super::*;

    fn draft(url: &str) -> Draft {
        Draft {
            url: url.to_owned(),
        }
    }

    #[task_host_sdk::test]
    fn an_address_is_saved_once() {
        let saved = create(draft("https://example.com/")).unwrap();
        assert_eq!(get(saved.id).unwrap(), saved);
        let error = create(draft("https://example.com/")).unwrap_err();
        assert_eq!(error.problem().unwrap().code, "already-saved");
        // Nothing of the failed request is left.
        let page = list(None, Cursor::default()).unwrap();
        assert_eq!(page.items, [saved]);
        assert_eq!(testing::events().len(), 1);
    }

    #[task_host_sdk::test]
    fn a_long_list_has_pages() {
        for number in 0..5 {
            create(draft(&format!("https://example.com/{number}"))).unwrap();
        }
        let first = list(
            Some("example".to_owned()),
            Cursor::new(None, Some(3)).unwrap(),
        )
        .unwrap();
        assert_eq!(first.items.len(), 3);
        let rest = list(None, Cursor::new(first.next, Some(3)).unwrap()).unwrap();
        assert_eq!((rest.items.len(), rest.next), (2, None));
    }

    #[task_host_sdk::test]
    fn a_deleted_bookmark_is_missing() {
        let saved = create(draft("https://example.com/")).unwrap();
        delete(saved.id).unwrap();
        for error in [get(saved.id).unwrap_err(), delete(saved.id).unwrap_err()] {
            assert_eq!(error.problem().unwrap().status, 404);
        }
    }
}
