//! The statements that a connection has prepared, by text.
//!
//! If the logic makes a new text for each request, statements would pile up here and in the server.
//! So when there are too many, the one that was not used for the longest time is removed. A long text
//! is not kept, so the number bounds the memory.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::Statement;
use tokio_postgres::types::Type;

use super::policy::{self, Shape};
use super::value;
use crate::stop::Stop;
use crate::{Value, rules};

/// Maximum number of the logic's statements that a connection keeps.
const CAPACITY: usize = 256;

/// The statements of one connection.
#[derive(Default)]
pub(super) struct Statements {
    logic: HashMap<Box<str>, Entry>,
    host: HashMap<&'static str, Statement>,
    /// Counts uses, to find the statement that was not used for the longest time.
    uses: u64,
}

struct Entry {
    prepared: Arc<Prepared>,
    used: u64,
}

/// A statement of the logic that is ready to run.
pub(super) struct Prepared {
    pub(super) statement: Statement,
    pub(super) shape: Shape,
}

/// How a statement must be prepared.
pub(super) struct Wanted {
    /// The type of each parameter. The server infers unknown ones.
    pub(super) types: Vec<Type>,
    shape: Shape,
}

impl Statements {
    /// Finds a statement that accepts these parameters, or returns how it must be prepared.
    ///
    /// # Errors
    /// Returns the logic's fault if the statement or a parameter is not allowed.
    pub(super) fn find(
        &mut self,
        text: &str,
        params: &[Value],
    ) -> Result<Result<Arc<Prepared>, Wanted>, Stop> {
        self.uses += 1;
        let known = self.logic.get_mut(text);
        let shape = match &known {
            Some(entry) => entry.prepared.shape.clone(),
            None => {
                rules::length(text)?;
                policy::statement(text).map_err(Stop::refused)?
            }
        };
        for number in &shape.parameters {
            rules::value(params, *number)?;
        }
        let Some(entry) = known else {
            let types = types(&shape, params, &[]);
            return Ok(Err(Wanted { types, shape }));
        };
        let expected = entry.prepared.statement.params();
        let fit = |number: &u16| {
            let index = usize::from(*number) - 1;
            value::fits(&params[index], &expected[index])
        };
        if shape.parameters.iter().all(fit) {
            entry.used = self.uses;
            return Ok(Ok(entry.prepared.clone()));
        }
        let types = types(&shape, params, expected);
        Ok(Err(Wanted { types, shape }))
    }

    /// Returns the type of each parameter of a statement, see [`Statements::find`].
    pub(super) fn types_of(&mut self, text: &str, params: &[Value]) -> Result<Vec<Type>, Stop> {
        if let Some(entry) = self.logic.get(text) {
            return Ok(entry.prepared.statement.params().to_vec());
        }
        rules::length(text)?;
        let shape = policy::statement(text).map_err(Stop::refused)?;
        let count = shape.parameters.last().copied().map_or(0, usize::from);
        let nulls = vec![Value::Null; count.saturating_sub(params.len())];
        Ok(types(&shape, &[params, &nulls].concat(), &[]))
    }

    /// Adds a statement that was prepared as wanted, unless its text is too long to be cached.
    pub(super) fn insert(
        &mut self,
        text: &str,
        wanted: Wanted,
        statement: Statement,
    ) -> Arc<Prepared> {
        let prepared = Arc::new(Prepared {
            statement,
            shape: wanted.shape,
        });
        if text.len() > rules::MAX_CACHED_LENGTH {
            return prepared;
        }
        if self.logic.len() >= CAPACITY && !self.logic.contains_key(text) {
            let oldest = self.logic.iter().min_by_key(|(_, entry)| entry.used);
            if let Some(oldest) = oldest.map(|(text, _)| text.clone()) {
                self.logic.remove(&oldest);
            }
        }
        let entry = Entry {
            prepared: prepared.clone(),
            used: self.uses,
        };
        self.logic.insert(text.into(), entry);
        prepared
    }

    /// Returns the names of the columns of one of the logic's statements. Empty if it is not kept.
    pub(super) fn columns(&self, text: &str) -> Vec<String> {
        let entry = self.logic.get(text).or_else(|| self.logic.get(text.trim()));
        let columns = entry.map(|entry| entry.prepared.statement.columns());
        let names = columns.unwrap_or_default().iter();
        names.map(|column| column.name().to_owned()).collect()
    }

    /// Returns one of the host's own statements.
    pub(super) fn own(&self, text: &'static str) -> Option<Statement> {
        self.host.get(text).cloned()
    }

    /// Adds one of the host's own statements.
    pub(super) fn insert_own(&mut self, text: &'static str, statement: Statement) {
        self.host.insert(text, statement);
    }

    /// Removes the logic's statements, because the schema has changed.
    pub(super) fn clear(&mut self) {
        self.logic.clear();
    }
}

/// Returns the types of the parameters. A parameter that is null now keeps the type that it had
/// before. So a statement is prepared again at most once for each parameter, and not for each
/// combination of nulls.
fn types(shape: &Shape, params: &[Value], before: &[Type]) -> Vec<Type> {
    let count = shape.parameters.last().copied().map_or(0, usize::from);
    let of = |index: usize| {
        let number = u16::try_from(index + 1).unwrap_or(u16::MAX);
        if shape.parameters.binary_search(&number).is_err() {
            // The statement does not use it, but PostgreSQL needs its type anyway.
            return Type::TEXT;
        }
        let own = value::type_of(&params[index]);
        own.or_else(|| before.get(index).cloned())
            .unwrap_or(Type::UNKNOWN)
    };
    (0..count).map(of).collect()
}
