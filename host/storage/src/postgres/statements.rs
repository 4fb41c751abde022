//! The statements that a connection has prepared, by their text.
//!
//! A text made up anew for each request would pile up here and in the server, so the one that was
//! not used for the longest time goes when there are too many.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::Statement;
use tokio_postgres::types::Type;

use super::policy::{self, Shape};
use super::value;
use crate::Value;
use crate::stop::Stop;

/// Statements of the logic that a connection keeps.
const CAPACITY: usize = 256;

/// The statements of one connection.
#[derive(Default)]
pub(super) struct Statements {
    guest: HashMap<Box<str>, Entry>,
    host: HashMap<&'static str, Statement>,
    /// Counts uses, to tell which is the oldest.
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

/// How a statement is to be prepared.
pub(super) struct Wanted {
    /// Of each parameter; unknown ones are inferred.
    pub(super) types: Vec<Type>,
    shape: Shape,
}

impl Statements {
    /// Finds a statement that takes these parameters, or says how it has to be prepared.
    ///
    /// # Errors
    /// The statement or a parameter is nothing that the logic may use.
    pub(super) fn find(
        &mut self,
        text: &str,
        params: &[Value],
    ) -> Result<Result<Arc<Prepared>, Wanted>, Stop> {
        self.uses += 1;
        let known = self.guest.get_mut(text);
        let shape = match &known {
            Some(entry) => entry.prepared.shape.clone(),
            None => policy::statement(text).map_err(Stop::refused)?,
        };
        check(&shape, params)?;
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

    /// Keeps a statement that was prepared as wanted.
    pub(super) fn keep(
        &mut self,
        text: &str,
        wanted: Wanted,
        statement: Statement,
    ) -> Arc<Prepared> {
        if self.guest.len() >= CAPACITY && !self.guest.contains_key(text) {
            let oldest = self.guest.iter().min_by_key(|(_, entry)| entry.used);
            if let Some(oldest) = oldest.map(|(text, _)| text.clone()) {
                self.guest.remove(&oldest);
            }
        }
        let prepared = Arc::new(Prepared {
            statement,
            shape: wanted.shape,
        });
        let entry = Entry {
            prepared: prepared.clone(),
            used: self.uses,
        };
        self.guest.insert(text.into(), entry);
        prepared
    }

    /// One of the host's own.
    pub(super) fn own(&self, text: &'static str) -> Option<Statement> {
        self.host.get(text).cloned()
    }

    /// Keeps one of the host's own.
    pub(super) fn keep_own(&mut self, text: &'static str, statement: Statement) {
        self.host.insert(text, statement);
    }

    /// Forgets those of the logic: the schema has changed under them.
    pub(super) fn clear(&mut self) {
        self.guest.clear();
    }
}

fn check(shape: &Shape, params: &[Value]) -> Result<(), Stop> {
    for number in &shape.parameters {
        let Some(value) = params.get(usize::from(*number) - 1) else {
            return Err(Stop::refused(format!(
                "${number} stands in the statement, which has {} parameters",
                params.len()
            )));
        };
        if let Some(reason) = value::unfit(value) {
            return Err(Stop::refused(format!("${number} {reason}")));
        }
    }
    Ok(())
}

/// The types to ask for. What is null now keeps the type that it had: a statement is then
/// prepared again as often as it has parameters, and not for each pattern of nulls.
fn types(shape: &Shape, params: &[Value], before: &[Type]) -> Vec<Type> {
    let count = shape.parameters.last().copied().map_or(0, usize::from);
    let of = |index: usize| {
        let number = u16::try_from(index + 1).unwrap_or(u16::MAX);
        if shape.parameters.binary_search(&number).is_err() {
            // It stands nowhere, and PostgreSQL wants to know its type all the same.
            return Type::TEXT;
        }
        let own = value::type_of(&params[index]);
        own.or_else(|| before.get(index).cloned())
            .unwrap_or(Type::UNKNOWN)
    };
    (0..count).map(of).collect()
}
