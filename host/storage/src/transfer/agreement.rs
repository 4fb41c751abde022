//! Checks that a copy fits a database, and puts its tables in order.

use super::{Applied, Manifest, Table, TransferError};
use crate::Dialect;

impl Manifest {
    /// Checks that a database has the same migrations as this copy. Between two dialects only their
    /// names are compared, because the texts differ.
    ///
    /// # Errors
    /// Returns [`TransferError`] with the first migration that differs.
    pub(crate) fn agrees(
        &self,
        dialect: Dialect,
        applied: &[Applied],
    ) -> Result<(), TransferError> {
        for (index, ours) in self.migrations.iter().enumerate() {
            match applied.get(index) {
                None => return Err(TransferError::MissingMigration(ours.name.clone())),
                Some(other) if other.name != ours.name => {
                    return Err(TransferError::ForeignMigration(other.name.clone()));
                }
                Some(other) if dialect == self.dialect && other.checksum != ours.checksum => {
                    return Err(TransferError::ChangedMigration(ours.name.clone()));
                }
                Some(_) => {}
            }
        }
        match applied.get(self.migrations.len()) {
            Some(more) => Err(TransferError::ForeignMigration(more.name.clone())),
            None => Ok(()),
        }
    }

    /// Checks that a database has the same tables as this copy, with the same columns that store
    /// values.
    ///
    /// # Errors
    /// Returns [`TransferError::Shape`] with the first table that differs.
    pub(crate) fn fits(&self, here: &[(String, Vec<String>)]) -> Result<(), TransferError> {
        let differs = |table: &str, reason: String| {
            let table = table.to_owned();
            Err(TransferError::Shape { table, reason })
        };
        for table in &self.tables {
            let found = here.iter().find(|(name, _)| *name == table.name);
            let Some((_, columns)) = found else {
                return differs(&table.name, "the database has no such table".into());
            };
            let (mut here, mut there) = (columns.clone(), table.columns.clone());
            here.sort();
            there.sort();
            if here != there {
                let (here, there) = (here.join(", "), there.join(", "));
                let reason = format!("its columns are {here}, but in the copy they are {there}");
                return differs(&table.name, reason);
            }
        }
        let copied = |name: &String| self.tables.iter().any(|table| table.name == *name);
        match here.iter().find(|(name, _)| !copied(name)) {
            Some((name, _)) => differs(name, "the copy has no such table".into()),
            None => Ok(()),
        }
    }
}

impl Table {
    /// Checks the number of rows that a copy had for this table.
    ///
    /// # Errors
    /// Returns [`TransferError::Incomplete`] if it is not the number in the manifest.
    pub(crate) fn check_rows(&self, found: u64) -> Result<(), TransferError> {
        match self.rows == found {
            true => Ok(()),
            false => Err(TransferError::Incomplete {
                table: self.name.clone(),
                expected: self.rows,
                found,
            }),
        }
    }
}

/// A row of the table refers to a row that is not in the copy.
pub(crate) fn dangling_reference(table: String) -> TransferError {
    let reason = "it refers to a row that does not exist".to_owned();
    TransferError::Row { table, reason }
}

/// Puts each table after those that it refers to, unless they form a circle. A reference is a pair
/// of names: the table that has it and the table that it refers to.
pub(crate) fn ordered(mut waiting: Vec<String>, references: &[(String, String)]) -> Vec<String> {
    let mut placed = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let is_free = |name: &String| {
            let mut parents = references
                .iter()
                .filter(|(from, to)| from == name && to != name);
            !parents.any(|(_, to)| waiting.contains(to))
        };
        // Tables that refer to each other in a circle have no order, so any of them may be next.
        let next = waiting.iter().position(is_free).unwrap_or(0);
        placed.push(waiting.remove(next));
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(names: &[&str]) -> Vec<Applied> {
        let applied = |name: &&str| Applied {
            name: (*name).to_owned(),
            checksum: [name.len() as u8; 32],
        };
        names.iter().map(applied).collect()
    }

    #[test]
    fn migrations_agree_when_they_are_the_same_in_the_same_order() {
        let copy = Manifest {
            dialect: Dialect::Sqlite,
            migrations: applied(&["a", "b"]),
            tables: Vec::new(),
        };
        let agrees = |names: &[&str]| copy.agrees(Dialect::Sqlite, &applied(names));
        assert_eq!(agrees(&["a", "b"]), Ok(()));
        assert_eq!(
            agrees(&["a"]),
            Err(TransferError::MissingMigration("b".into()))
        );
        assert_eq!(
            agrees(&["a", "c"]),
            Err(TransferError::ForeignMigration("c".into()))
        );
        assert_eq!(
            agrees(&["a", "b", "c"]),
            Err(TransferError::ForeignMigration("c".into()))
        );
        let mut changed = applied(&["a", "b"]);
        changed[1].checksum = [0; 32];
        assert_eq!(
            copy.agrees(Dialect::Sqlite, &changed),
            Err(TransferError::ChangedMigration("b".into()))
        );
        assert_eq!(copy.agrees(Dialect::Postgres, &changed), Ok(()));
    }

    #[test]
    fn tables_fit_when_they_are_the_same_with_the_same_columns() {
        let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let table = |name: &str, columns: &[&str]| (name.to_owned(), strings(columns));
        let copy = Manifest {
            dialect: Dialect::Sqlite,
            migrations: Vec::new(),
            tables: vec![Table {
                name: "a".into(),
                columns: strings(&["x", "y"]),
                rows: 0,
                last_id: None,
            }],
        };
        let refused = |here: &[(String, Vec<String>)]| copy.fits(here).unwrap_err().to_string();
        assert_eq!(copy.fits(&[table("a", &["y", "x"])]), Ok(()));
        assert_eq!(
            refused(&[]),
            "the table a differs: the database has no such table"
        );
        assert_eq!(
            refused(&[table("a", &["x"])]),
            "the table a differs: its columns are x, but in the copy they are x, y"
        );
        assert_eq!(
            refused(&[table("a", &["x", "y"]), table("b", &[])]),
            "the table b differs: the copy has no such table"
        );
    }

    #[test]
    fn a_table_comes_after_those_that_it_refers_to() {
        let order = |references: &[(&str, &str)]| {
            let owned = |(from, to): &(&str, &str)| ((*from).to_owned(), (*to).to_owned());
            let references: Vec<_> = references.iter().map(owned).collect();
            ordered(vec!["a".into(), "b".into(), "c".into()], &references).join("")
        };
        assert_eq!(order(&[]), "abc");
        assert_eq!(order(&[("a", "b"), ("b", "c"), ("a", "a")]), "cba");
        assert_eq!(order(&[("a", "b"), ("b", "a"), ("c", "elsewhere")]), "cab");
    }
}
