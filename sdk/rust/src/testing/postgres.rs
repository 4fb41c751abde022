//! A PostgreSQL database that already exists.
//!
//! All of a test is one transaction, which is never committed: it creates a schema of its own, and the migrations
//! in it. Each operation is a savepoint.

use std::collections::hash_map::RandomState;
use std::error::Error as StdError;
use std::hash::{BuildHasher as _, Hasher as _};

use bytes::BytesMut;
use futures_util::TryStreamExt as _;
use tokio::runtime::Runtime;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};
use tokio_postgres::{Client, NoTls, Row, Statement};

use super::database::{DATABASE, Engine, READ_ONLY, refused};
use crate::bindings::exports::task_host::platform::service::Migration;
use crate::bindings::task_host::platform::sql::{Cause, Cell, Dialect, Failure, Rows, Span, Value};

/// A transaction of its own.
pub(super) struct Postgres {
    client: Client,
    /// Drives the connection while a statement runs.
    runtime: Runtime,
}

impl Postgres {
    /// Connects, and runs the migrations.
    ///
    /// # Errors
    /// Returns the name of a migration that fails, and the reason.
    ///
    /// # Panics
    /// If the database cannot be reached.
    pub(super) fn open(url: &str, migrations: &[Migration]) -> Result<Self, (String, String)> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime needs no more than memory");
        let connected = runtime.block_on(tokio_postgres::connect(url, NoTls));
        let (client, connection) = connected.unwrap_or_else(|error| {
            // The URL may have a password.
            panic!("cannot use the database of {DATABASE}: {}", chain(&error))
        });
        runtime.spawn(connection);
        let mut postgres = Postgres { client, runtime };
        let schema = format!(
            "task_host_test_{:016x}",
            RandomState::new().build_hasher().finish()
        );
        let begin = format!("begin; create schema {schema}; set local search_path to {schema}");
        if let Err(reason) = postgres.control(&begin) {
            panic!("cannot make a schema in the database of {DATABASE}: {reason}");
        }
        for Migration {
            name,
            postgres: text,
            ..
        } in migrations
        {
            if text.trim().is_empty() {
                let reason = "it has no statements for PostgreSQL".to_owned();
                return Err((name.clone(), reason));
            }
            postgres
                .control(text)
                .map_err(|reason| (name.clone(), reason))?;
        }
        Ok(postgres)
    }

    /// Runs a statement in a savepoint, so that the transaction goes on if it fails.
    fn run<T>(
        &mut self,
        text: &str,
        params: &[Value],
        read_only: bool,
        body: impl AsyncFnOnce(&Client, &Statement, Vec<Parameter<'_>>) -> Result<T, Stop>,
    ) -> Result<T, Failure> {
        let Postgres { client, runtime } = self;
        let result = runtime.block_on(async {
            client
                .batch_execute("savepoint task_host_statement")
                .await?;
            if read_only {
                // It ends with the savepoint.
                client.batch_execute("set transaction read only").await?;
            }
            let result = async {
                let types: Vec<Type> = params.iter().map(type_of).collect();
                let statement = client.prepare_typed(text, &types).await?;
                let used = statement.params().len();
                let Some(params) = params.get(..used) else {
                    return Err(Stop::refused(format!("the parameter ${used} has no value")));
                };
                if params.iter().any(has_nul) {
                    return Err(Stop::refused("a text must not contain U+0000".to_owned()));
                }
                body(client, &statement, params.iter().map(Parameter).collect()).await
            };
            let result = result.await;
            client
                .batch_execute(match result {
                    Ok(_) => "release savepoint task_host_statement",
                    Err(_) => {
                        "rollback to savepoint task_host_statement; \
                               release savepoint task_host_statement"
                    }
                })
                .await?;
            result
        });
        result.map_err(|stop| match stop {
            Stop::Logic(failure) => failure,
            Stop::Database(error) => failure(&error),
        })
    }
}

impl Engine for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn query(
        &mut self,
        text: &str,
        params: &[Value],
        read_only: bool,
    ) -> Result<(Vec<String>, Rows), Failure> {
        self.run(
            text,
            params,
            read_only,
            async |client, statement, params| {
                let columns = statement.columns().iter();
                let columns: Vec<_> = columns.map(|column| column.name().to_owned()).collect();
                let rows: Vec<Row> = client
                    .query_raw(statement, params)
                    .await?
                    .try_collect()
                    .await?;
                let mut read = Rows {
                    width: columns.len() as u32,
                    cells: Vec::new(),
                    heap: Vec::new(),
                };
                for row in &rows {
                    push(&mut read, row)?;
                }
                Ok((columns, read))
            },
        )
    }

    fn execute(&mut self, text: &str, params: &[Value], read_only: bool) -> Result<u64, Failure> {
        self.run(
            text,
            params,
            read_only,
            async |client, statement, params| Ok(client.execute_raw(statement, params).await?),
        )
    }

    fn prepare(&mut self, text: &str) -> Result<(), String> {
        self.control("savepoint task_host_statement")?;
        let prepared = self.runtime.block_on(self.client.prepare(text));
        self.control(
            "rollback to savepoint task_host_statement; release savepoint task_host_statement",
        )?;
        match prepared {
            Ok(_) => Ok(()),
            // Only a value tells the type of the parameter.
            Err(error) if error.code().is_some_and(needs_a_type) => Ok(()),
            Err(error) => Err(failure(&error).detail),
        }
    }

    fn control(&mut self, statements: &str) -> Result<(), String> {
        let result = self.runtime.block_on(self.client.batch_execute(statements));
        result.map_err(|error| chain(&error))
    }

    fn administer(&mut self, statements: &str) -> Result<(), String> {
        self.control(statements)
    }

    fn scanned(&self) -> u64 {
        0
    }
}

/// Why a statement gave no result.
enum Stop {
    Database(tokio_postgres::Error),
    Logic(Failure),
}

impl Stop {
    fn refused(detail: String) -> Self {
        Stop::Logic(refused(&detail))
    }
}

impl From<tokio_postgres::Error> for Stop {
    fn from(error: tokio_postgres::Error) -> Self {
        Stop::Database(error)
    }
}

fn needs_a_type(code: &SqlState) -> bool {
    [
        SqlState::INDETERMINATE_DATATYPE,
        SqlState::AMBIGUOUS_PARAMETER,
        SqlState::AMBIGUOUS_FUNCTION,
    ]
    .contains(code)
}

fn has_nul(value: &Value) -> bool {
    matches!(value, Value::Text(text) if text.contains('\0'))
}

/// The type of a parameter is that of its value. The server infers the type of a null.
fn type_of(value: &Value) -> Type {
    match value {
        Value::Null => Type::UNKNOWN,
        Value::Boolean(_) => Type::BOOL,
        Value::Integer(_) => Type::INT8,
        Value::Real(_) => Type::FLOAT8,
        Value::Text(_) => Type::TEXT,
        Value::Blob(_) => Type::BYTEA,
    }
}

#[derive(Debug)]
struct Parameter<'a>(&'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Boolean(value) => out.extend_from_slice(&[(*value).into()]),
            Value::Integer(value) => out.extend_from_slice(&value.to_be_bytes()),
            Value::Real(value) => out.extend_from_slice(&value.to_be_bytes()),
            Value::Text(text) => out.extend_from_slice(text.as_bytes()),
            Value::Blob(bytes) => out.extend_from_slice(bytes),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        // The statement was prepared with the types of its values.
        true
    }

    fn to_sql_checked(
        &self,
        expected: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        self.to_sql(expected, out)
    }
}

/// The bytes of a cell. `None` if it is null.
struct Raw<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Raw(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Raw(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Appends a row to a result.
fn push(rows: &mut Rows, row: &Row) -> Result<(), Stop> {
    for (index, column) in row.columns().iter().enumerate() {
        let Raw(raw) = row.try_get(index)?;
        let cell = match raw {
            None => Some(Cell::Null),
            Some(bytes) => cell(column.type_(), bytes, &mut rows.heap),
        };
        rows.cells.push(cell.ok_or_else(|| {
            let (name, of) = (column.name(), column.type_().name());
            Stop::refused(format!(
                "column {name} is a {of}; cast it, because a result may only contain integers, reals, texts, \
                 booleans and blobs"
            ))
        })?);
    }
    Ok(())
}

/// Reads a cell. `None` if no value corresponds to its type.
fn cell(kind: &Type, bytes: &[u8], heap: &mut Vec<u8>) -> Option<Cell> {
    let mut add = |bytes: &[u8]| {
        let start = heap.len() as u32;
        heap.extend_from_slice(bytes);
        Span {
            start,
            len: bytes.len() as u32,
        }
    };
    Some(match *kind {
        Type::BOOL => Cell::Boolean(bytes != [0]),
        Type::INT2 => Cell::Integer(i16::from_be_bytes(bytes.try_into().ok()?).into()),
        Type::INT4 => Cell::Integer(i32::from_be_bytes(bytes.try_into().ok()?).into()),
        Type::INT8 => Cell::Integer(i64::from_be_bytes(bytes.try_into().ok()?)),
        Type::FLOAT4 => Cell::Real(f32::from_be_bytes(bytes.try_into().ok()?).into()),
        Type::FLOAT8 => Cell::Real(f64::from_be_bytes(bytes.try_into().ok()?)),
        Type::NUMERIC => numeric(bytes)?,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON => {
            Cell::Text(add(bytes))
        }
        Type::BYTEA => Cell::Blob(add(bytes)),
        _ => return None,
    })
}

/// Reads a `numeric`, the type of sums and averages: an integer without decimal places, or a real. The format has
/// words of 16 bits: the number of digits in base 10,000, the power of the first digit, the sign, the number of
/// decimal places, and the digits. `None` if no value corresponds to it.
fn numeric(bytes: &[u8]) -> Option<Cell> {
    let words = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let words: Vec<u16> = words.collect();
    let [count, weight, sign, places, digits @ ..] = words.as_slice() else {
        return None;
    };
    let mut text = match sign {
        0x0000 => String::from("0"),
        0x4000 => String::from("-0"),
        // Infinite, or not a number.
        _ => return None,
    };
    for digit in digits {
        text.push_str(&format!("{digit:04}"));
    }
    // Digits behind the last one that is not zero are left out.
    let exponent = (i32::from(weight.cast_signed()) + 1 - i32::from(*count)) * 4;
    if *places > 0 {
        return format!("{text}e{exponent}").parse().ok().map(Cell::Real);
    }
    text.push_str(&"0".repeat(usize::try_from(exponent).unwrap_or(0)));
    text.parse().ok().map(Cell::Integer)
}

/// Returns the failure that the host returns for an error of PostgreSQL.
fn failure(error: &tokio_postgres::Error) -> Failure {
    let Some(stated) = error.as_db_error() else {
        return refused(&chain(error));
    };
    let cause = match stated.code().code() {
        "25006" => return refused(READ_ONLY),
        "23502" => Cause::NotNull,
        "23503" => Cause::ForeignKey,
        "23505" => Cause::Unique,
        "23514" => Cause::Check,
        _ => Cause::Other,
    };
    // A NOT NULL constraint is reported without a name, so the column names it.
    let column = || Some(format!("{}.{}", stated.table()?, stated.column()?));
    let constraint = match cause {
        Cause::Other => None,
        Cause::NotNull => column(),
        _ => stated.constraint().map(str::to_owned),
    };
    Failure {
        cause,
        constraint,
        detail: stated.message().to_owned(),
    }
}

/// An error with its causes.
fn chain(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
