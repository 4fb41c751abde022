//! The steps of the schema, and what each revision reads and writes.
//!
//! | revision | its step | reads | writes |
//! | --- | --- | --- | --- |
//! | 0 | the table | phone | phone |
//! | 1 | adds the column, and a mark that is not set | phone, or number once the mark is set | both |
//! | 2 | back-fills it and sets the mark | number | number |
//! | 3 | drops the old column and the mark | number | number |
//!
//! Two neighbours may serve side by side: each reads what the other writes, and neither names what
//! the other's step has dropped.

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
        "alter table contacts add column number text;
         create table contacts_moved (yes integer not null)",
    ),
    (
        2,
        "0003-back-fill",
        // Also rows that were written since the column came, by revision 0 in its last moments.
        "update contacts set number = phone where number is null or number <> phone;
         insert into contacts_moved (yes) values (1)",
    ),
    (
        3,
        "0004-no-phone",
        "alter table contacts drop column phone; drop table contacts_moved",
    ),
];

/// The statement that reads a contact.
pub fn reading(revision: usize) -> &'static str {
    match revision {
        0 => "select phone from contacts where name = $1",
        1 => {
            "select case when exists (select 1 from contacts_moved) then number else phone end
             from contacts where name = $1"
        }
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
        1 => {
            "insert into contacts (name, phone, number) values ($1, $2, $2)
             on conflict (name) do update set phone = excluded.phone, number = excluded.number"
        }
        _ => {
            "insert into contacts (name, number) values ($1, $2)
             on conflict (name) do update set number = excluded.number"
        }
    }
}
