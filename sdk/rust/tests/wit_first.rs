//! A service whose interface is written in WIT has what a service in code has: rows as its records, problems,
//! transactions and checked statements in tests.

use bindings::exports::library::shelf::shelf::{Book, Draft, Guest, State};
use bindings::exports::task_host::platform::service::Guest as _;
use task_host_sdk::prelude::*;
use task_host_sdk::service::{Description, Migration, Route};
use task_host_sdk::testing;

mod bindings {
    task_host_sdk::bindings!({
        path: ["wit/clocks", "wit/random", "wit/platform"],
        world: "library:shelf/service",
        inline: "
            package library:shelf;

            interface shelf {
                use task-host:platform/types@1.0.0.{problem};
                enum state { free, lent-out }
                record book { id: s64, title: string, state: state }
                record draft { title: string }
                add: func(draft: draft) -> result<book, problem>;
                get: func(id: s64) -> result<book, problem>;
                lend-all: func() -> result<u64, problem>;
                peek: func() -> result<u64, problem>;
            }

            world service {
                include task-host:platform/task-service@1.0.0;
                export shelf;
            }
        ",
        additional_derives: [PartialEq],
    });
}

struct Shelf;

task_host_sdk::row!(Book { id, title, state });
task_host_sdk::cases!(State { Free = "free", LentOut = "lent-out" });

#[task_host_sdk::operations]
impl Guest for Shelf {
    fn add(draft: Draft) -> Result<Book, Problem> {
        let free = State::Free;
        let book: Book =
            sql!("insert into books (title, state) values ({draft.title}, {free}) returning id, title, state")
                .one()
                .on_unique(409, "known", "The shelf has this book")?;
        event!("book.added", book.id);
        Ok(book)
    }

    fn get(id: i64) -> Result<Book, Problem> {
        let book = sql!("select id, title, state from books where id = {id}")
            .one()
            .on_missing(404, "no-such-book", "There is no such book")?;
        Ok(book)
    }

    fn lend_all() -> Result<u64, Problem> {
        let lent = State::LentOut;
        let count = sql!("update books set state = {lent}").execute()?;
        if count > 1 {
            return Err(Problem::new(409, "too-many", "Nobody reads so much"));
        }
        Ok(count)
    }

    fn peek() -> Result<u64, Problem> {
        // The route only reads.
        Ok(sql!("delete from books").execute()?)
    }
}

task_host_sdk::component!(Shelf in crate::bindings, {
    describe: describe,
    check: check,
    health: health,
});

fn describe() -> Description {
    Description {
        name: "Shelf".to_owned(),
        version: "1.0.0".to_owned(),
        routes: vec![
            Route::post("/books", "library:shelf/shelf#add").created("/books/{id}"),
            Route::get("/books/{id}", "library:shelf/shelf#get"),
            Route::post("/loans", "library:shelf/shelf#lend-all"),
            Route::get("/loans", "library:shelf/shelf#peek"),
        ],
        migrations: vec![Migration {
            name: "0001-books".to_owned(),
            sqlite: "create table books (id integer primary key, title text not null unique, state text not null)"
                .to_owned(),
            postgres: String::new(),
        }],
        constraints: Vec::new(),
    }
}

fn check() -> Result<()> {
    Shelf::add(draft("Emma")).map(drop).map_err(Error::from)
}

fn health() -> Result<Vec<(String, i64)>> {
    let count = sql!("select count(*) from books").one()?;
    Ok(vec![("books".to_owned(), count)])
}

fn draft(title: &str) -> Draft {
    Draft {
        title: title.to_owned(),
    }
}

#[task_host_sdk::test]
fn rows_are_records_of_the_wit() {
    let emma = Shelf::add(draft("Emma")).unwrap();
    assert_eq!((emma.title.as_str(), emma.state), ("Emma", State::Free));
    assert_eq!(Shelf::lend_all().unwrap(), 1);
    let state = State::LentOut;
    assert_eq!(Shelf::get(emma.id).unwrap(), Book { state, ..emma });
    assert_eq!(testing::events()[0].kind, "book.added");
}

#[task_host_sdk::test]
fn a_problem_undoes_the_operation() {
    assert_eq!(Shelf::get(7).unwrap_err().code, "no-such-book");
    let books = [
        Shelf::add(draft("Emma")).unwrap(),
        Shelf::add(draft("Persuasion")).unwrap(),
    ];
    assert_eq!(Shelf::add(draft("Emma")).unwrap_err().code, "known");
    assert_eq!(Shelf::lend_all().unwrap_err().code, "too-many");
    for book in books {
        assert_eq!(Shelf::get(book.id).unwrap(), book);
    }
}

#[task_host_sdk::test]
fn a_defect_is_logged_and_hidden() {
    Shelf::add(draft("Emma")).unwrap();
    let problem = Shelf::peek().unwrap_err();
    assert_eq!(
        (problem.status, problem.code.as_str()),
        (500, "service-failed")
    );
    assert_eq!(problem.detail, None);
    let lines = testing::log_lines().join("\n");
    assert!(lines.contains("a GET only reads"), "{lines}");
    assert!(lines.contains("delete from books"), "{lines}");
    assert_eq!(Shelf::health().unwrap(), [("books".to_owned(), 1)]);
}

#[task_host_sdk::test]
fn the_platform_gets_what_the_service_states() {
    assert_eq!(Shelf::describe().routes.len(), 4);
    assert!(Shelf::assets().is_empty());
    assert_eq!(Shelf::check(), Ok(()));
    let error = Shelf::check().unwrap_err();
    assert_eq!(error, "409 known: The shelf has this book");
}
