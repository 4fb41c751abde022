//! Copies of PostgreSQL's data: [`export`] reads a database that hosts may use, [`import`] fills
//! an empty one. Here is what they share: the tables, their columns and their sequences.
//!
//! Both work as the logic's login, which owns its tables; the host's own login may not read them.

pub(super) mod export;
pub(super) mod import;
mod line;

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::failure::message;
use crate::transfer::TransferError;

/// Settings of a transaction that may take its time, and in which texts are written in one way.
const AT_LEISURE: &str = "SET LOCAL statement_timeout = 0; \
     SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = '10s'; \
     SET LOCAL DateStyle = 'ISO'; SET LOCAL IntervalStyle = 'iso_8601'; \
     SET LOCAL extra_float_digits = 1";

/// A table of the logic's.
#[derive(Debug)]
struct Table {
    name: String,
    /// The columns that hold values; generated ones are made anew.
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    name: String,
    kind: Kind,
    /// The type as PostgreSQL writes it.
    type_name: String,
}

/// What a column holds, as far as a copy has to tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Boolean,
    Integer,
    Real,
    /// `numeric`, which no other value holds exactly: copied as text.
    Decimal,
    Text,
    Blob,
    /// A date or a time: copied as text in the form of ISO 8601, with the offset from UTC where
    /// the type has one.
    Moment,
    /// Any other type: copied as PostgreSQL writes it.
    Other,
}

impl Kind {
    fn of(oid: u32) -> Kind {
        match Type::from_oid(oid) {
            Some(Type::BOOL) => Kind::Boolean,
            Some(Type::INT2 | Type::INT4 | Type::INT8) => Kind::Integer,
            Some(Type::FLOAT4 | Type::FLOAT8) => Kind::Real,
            Some(Type::NUMERIC) => Kind::Decimal,
            Some(Type::TEXT | Type::VARCHAR | Type::BPCHAR) => Kind::Text,
            Some(Type::BYTEA) => Kind::Blob,
            Some(Type::DATE | Type::TIMESTAMP | Type::TIMESTAMPTZ) => Kind::Moment,
            _ => Kind::Other,
        }
    }
}

/// A sequence that counts for a column.
#[derive(Debug)]
struct Sequence {
    /// Its name, ready for a statement.
    name: String,
    table: String,
    column: String,
    /// The last number that it has given, if it has.
    last: Option<i64>,
}

/// The logic's tables in the order of their names. Partitions belong to their table.
async fn tables(client: &Client) -> Result<Vec<Table>, TransferError> {
    const COLUMNS: &str = "
        SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod),
            CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
        FROM pg_class c
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
            AND NOT a.attisdropped AND a.attgenerated = ''
        LEFT JOIN pg_type t ON t.oid = a.atttypid
        WHERE c.relnamespace = 'logic'::regnamespace AND c.relkind IN ('r', 'p')
            AND NOT c.relispartition
        ORDER BY c.relname, a.attnum";
    let mut tables: Vec<Table> = Vec::new();
    for row in client.query(COLUMNS, &[]).await.map_err(failed)? {
        let name: String = row.get(0);
        if tables.last().is_none_or(|table| table.name != name) {
            let columns = Vec::new();
            tables.push(Table { name, columns });
        }
        if let (Some(name), Some(table)) = (row.get(1), tables.last_mut()) {
            table.columns.push(Column {
                name,
                type_name: row.get(2),
                kind: Kind::of(row.get(3)),
            });
        }
    }
    Ok(tables)
}

/// The sequences of the logic's tables, as they stand now: a transaction's snapshot does not
/// hold them.
///
/// # Errors
/// [`TransferError::Sequence`] where one counts for no column.
async fn sequences(client: &Client) -> Result<Vec<Sequence>, TransferError> {
    const SEQUENCES: &str = "
        SELECT format('logic.%I', s.relname), c.relname::text, a.attname::text,
            q.seqstart, q.seqincrement
        FROM pg_class s
        JOIN pg_sequence q ON q.seqrelid = s.oid
        LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid
            AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
        LEFT JOIN pg_class c ON c.oid = d.refobjid
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
        WHERE s.relnamespace = 'logic'::regnamespace
        ORDER BY s.relname";
    let mut sequences = Vec::new();
    for row in client.query(SEQUENCES, &[]).await.map_err(failed)? {
        let name: String = row.get(0);
        let (Some(table), Some(column)) = (row.get(1), row.get(2)) else {
            return Err(TransferError::Sequence(name));
        };
        let (start, step): (i64, i64) = (row.get(3), row.get(4));
        let ask = format!("SELECT last_value, is_called FROM {name}");
        let stands = client.query_one(&ask, &[]).await.map_err(failed)?;
        let last = match stands.get(1) {
            true => stands.get::<_, i64>(0),
            false => stands.get::<_, i64>(0).saturating_sub(step),
        };
        sequences.push(Sequence {
            name,
            table,
            column,
            last: Some(last).filter(|last| *last >= start),
        });
    }
    Ok(sequences)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table's name, ready for a statement.
fn qualified(table: &str) -> String {
    format!("logic.{}", quoted(table))
}

/// Names, ready for a statement.
fn list<'a>(names: impl Iterator<Item = &'a str>, form: fn(&str) -> String) -> String {
    names.map(form).collect::<Vec<_>>().join(", ")
}

fn failed(error: tokio_postgres::Error) -> TransferError {
    TransferError::Failed(message(&error))
}
