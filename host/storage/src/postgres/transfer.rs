//! Copies of PostgreSQL's data: [`export`] reads a database that hosts may use, [`import`] fills
//! an empty one. This file has what they share: how to read the tables, their columns and their
//! sequences.
//!
//! Both use the logic's login, which owns the logic's tables. The host's own login may not read
//! them.

pub(super) mod export;
pub(super) mod import;
mod line;

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::failure::message;
use crate::dialect::quoted;
use crate::transfer::TransferError;

/// Settings of a transaction that may run for long, and in which each value has only one text form.
const LONG_TRANSACTION: &str = "SET LOCAL statement_timeout = 0; \
     SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = '10s'; \
     SET LOCAL DateStyle = 'ISO'; SET LOCAL IntervalStyle = 'iso_8601'; \
     SET LOCAL extra_float_digits = 1";

/// A table of the logic.
#[derive(Debug)]
struct Table {
    name: String,
    /// The columns that store values. Generated columns are computed again.
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    name: String,
    kind: Kind,
    /// The name of its type in PostgreSQL.
    type_name: String,
}

/// What a column contains, as far as a copy must distinguish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Boolean,
    Integer,
    Real,
    /// `numeric`. Copied as text, because no other value represents it exactly.
    Decimal,
    Text,
    Blob,
    /// A date, or a date and time. Copied as text in ISO 8601 format, with the offset from UTC if the
    /// type has one.
    DateTime,
    /// Any other type. Copied as text in PostgreSQL's format.
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
            Some(Type::DATE | Type::TIMESTAMP | Type::TIMESTAMPTZ) => Kind::DateTime,
            _ => Kind::Other,
        }
    }
}

/// A sequence that numbers a column.
#[derive(Debug)]
struct Sequence {
    /// Its name, quoted for a statement.
    name: String,
    table: String,
    column: String,
    /// The last number that it has assigned, if any.
    last: Option<i64>,
}

/// Returns the logic's tables, ordered by name. Partitions are part of their table.
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

/// Returns the sequences of the logic's tables in their present state: a transaction's snapshot does
/// not include them.
///
/// # Errors
/// Returns [`TransferError::Sequence`] if one does not number a column.
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

/// Returns a table's name, quoted for a statement.
fn qualified(table: &str) -> String {
    format!("logic.{}", quoted(table))
}

/// Returns the names of tables, quoted for a statement.
fn qualified_list(tables: &[Table]) -> String {
    let names: Vec<String> = tables.iter().map(|table| qualified(&table.name)).collect();
    names.join(", ")
}

fn failed(error: tokio_postgres::Error) -> TransferError {
    TransferError::Failed(message(&error))
}
