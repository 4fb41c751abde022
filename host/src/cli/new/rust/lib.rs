//! The logic of __NAME__: typed functions that use SQL. The host does HTTP, JSON and transactions.

use task_host_sdk::prelude::*;

/// Short texts worth keeping.
#[service(name = "__NAME__", migrations = "migrations", assets = "web")]
mod notes {
    /// A text that was kept.
    #[derive(Data, Row)]
    pub struct Note {
        pub id: i64,
        pub text: String,
    }

    #[derive(Data)]
    pub struct Draft {
        /// Every note has another text.
        #[check(max_length = 1000, pattern = "\\S")]
        pub text: String,
    }

    /// Keeps a text.
    #[post("/notes", location = "/notes/{id}")]
    fn create(draft: Draft) -> Result<Note> {
        sql!("INSERT INTO notes (text) VALUES ({draft.text}) RETURNING id, text")
            .one()
            .on_unique(409, "already-noted", "There is a note with this text")
    }

    /// Returns the notes whose text contains `q`, oldest first.
    #[get("/notes")]
    fn list(q: Option<String>, page: Cursor) -> Result<Page<Note>> {
        let (q, after, count) = (q.unwrap_or_default(), page.after_id()?, page.limit() + 1);
        let found = sql!(
            "SELECT id, text FROM notes WHERE id > {after} AND text LIKE '%' || {q} || '%'
             ORDER BY id LIMIT {count}"
        );
        Ok(Page::new(found.all()?, &page, |note: &Note| note.id))
    }

    /// Returns one note.
    #[get("/notes/{id}")]
    fn get(id: i64) -> Result<Note> {
        sql!("SELECT id, text FROM notes WHERE id = {id}")
            .one()
            .on_missing(404, "no-such-note", "There is no such note")
    }

    /// Deletes a note.
    #[delete("/notes/{id}")]
    fn delete(id: i64) -> Result<()> {
        let note: Note = get(id)?;
        sql!("DELETE FROM notes WHERE id = {note.id}").execute()?;
        Ok(())
    }

    /// Runs before this version serves, and is rolled back. If it fails, no client sees this version.
    #[check]
    fn self_test() -> Result<()> {
        let text = "self-test".to_owned();
        delete(create(Draft { text })?.id)
    }

    /// Figures for `GET /health`.
    #[health]
    fn figures() -> Result<Vec<(String, i64)>> {
        let count = sql!("SELECT count(*) FROM notes").one()?;
        Ok(vec![("total_notes".to_owned(), count)])
    }
}

#[cfg(test)]
mod tests {
    use super::notes::*;

    #[task_host_sdk::test]
    fn a_text_is_kept_once() {
        let draft = || Draft {
            text: "Buy milk".to_owned(),
        };
        let note = create(draft()).unwrap();
        assert_eq!(get(note.id).unwrap(), note);
        let refused = create(draft()).unwrap_err();
        assert_eq!(refused.problem().unwrap().code, "already-noted");
    }

    #[task_host_sdk::test]
    fn a_deleted_note_is_missing() {
        let text = "Buy milk".to_owned();
        let note = create(Draft { text }).unwrap();
        delete(note.id).unwrap();
        assert_eq!(get(note.id).unwrap_err().problem().unwrap().status, 404);
    }
}
