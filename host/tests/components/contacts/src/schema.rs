//! The steps of the schema, and what each revision reads and writes.
//!
//! | revision | its step | reads | writes |
//! | --- | --- | --- | --- |
//! | 0 | the table | phone | phone |
//! | 1 | adds the column | phone | both |
//! | 2 | back-fills it | number | both |
//! | 3 | none | number | number |
//! | 4 | drops the old column | number | number |
//!
//! Two neighbours may serve side by side: each reads what the other writes, and neither names a
//! column that the other's step has dropped.

/// Each step, and the revision that brings it.
pub const STEPS: [(usize, &str, &str); 4] = [
    (
        0,
        "0001-contacts",
        // With a default, so that it can be left out later: SQLite takes no constraint back.
        "create table contacts (name text primary key, phone text not null default '')",
    ),
    (
        1,
        "0002-number",
        "alter table contacts add column number text",
    ),
    (
        2,
        "0003-back-fill",
        // Also rows that were written since the column came, by revision 0 in its last moments.
        "update contacts set number = phone where number is null or number <> phone",
    ),
    (4, "0004-no-phone", "alter table contacts drop column phone"),
];

/// The statement that reads a contact.
pub fn reading(revision: usize) -> &'static str {
    match revision {
        0 | 1 => "select phone from contacts where name = $1",
        _ => "select number from contacts where name = $1",
    }
}

/// The statement that writes a contact, over one of its name.
pub fn writing(revision: usize) -> &'static str {
    match revision {
        0 => {
            "insert into contacts (name, phone) values ($1, $2)
             on conflict (name) do update set phone = excluded.phone"
        }
        1 | 2 => {
            "insert into contacts (name, phone, number) values ($1, $2, $2)
             on conflict (name) do update set phone = excluded.phone, number = excluded.number"
        }
        _ => {
            "insert into contacts (name, number) values ($1, $2)
             on conflict (name) do update set number = excluded.number"
        }
    }
}
