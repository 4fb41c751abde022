//! The steps of the schema, and the statements of each revision.
//!
//! | revision | step | reads | writes |
//! | --- | --- | --- | --- |
//! | 0 | creates the table | phone | phone |
//! | 1 | adds the column and a mark, not yet set | phone, or number after the mark is set | both |
//! | 2 | back-fills the column and sets the mark | number | number |
//! | 3 | drops the old column and the mark | number | number |
//!
//! Two consecutive revisions can serve at the same time: each reads what the other writes, and
//! neither uses a column that the other's step has dropped.

use task_host_sdk::sql;
use task_host_sdk::sql::Statement;

/// Each step: the revision that adds it, its name and its statements.
pub const STEPS: [(usize, &str, &str); 4] = [
    (
        0,
        "0001-contacts",
        // The default allows later revisions to leave the column out. SQLite cannot drop `not null`.
        "create table contacts (name text primary key, phone text not null default '')",
    ),
    (
        1,
        "0002-number",
        "alter table contacts add column number text;
         create table contacts_moved (yes integer not null)",
    ),
    (
        2,
        "0003-back-fill",
        // This includes rows that revision 0 wrote after the column was added.
        "update contacts set number = phone where number is null or number <> phone;
         insert into contacts_moved (yes) values (1)",
    ),
    (
        3,
        "0004-no-phone",
        "alter table contacts drop column phone; drop table contacts_moved",
    ),
];

/// Returns the statement that reads a contact's number.
pub fn phone_of(revision: usize, name: &str) -> Statement {
    match revision {
        0 => sql!("select phone from contacts where name = {name}"),
        1 => sql!(
            "select case when exists (select 1 from contacts_moved) then number else phone end
             from contacts where name = {name}"
        ),
        _ => sql!("select number from contacts where name = {name}"),
    }
}

/// Returns the statement that creates a contact or replaces the one with its name.
pub fn upsert(revision: usize, name: &str, phone: &str) -> Statement {
    match revision {
        0 => sql!(
            "insert into contacts (name, phone) values ({name}, {phone})
             on conflict (name) do update set phone = excluded.phone"
        ),
        1 => sql!(
            "insert into contacts (name, phone, number) values ({name}, {phone}, {phone})
             on conflict (name) do update set phone = excluded.phone, number = excluded.number"
        ),
        _ => sql!(
            "insert into contacts (name, number) values ({name}, {phone})
             on conflict (name) do update set number = excluded.number"
        ),
    }
}
