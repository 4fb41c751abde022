//! Whether a copy fits a database, and in which order its tables go.

use super::{Applied, Manifest, TransferError};
use crate::Dialect;

impl Manifest {
    /// Checks that the migrations of a database are those of this copy. Between two engines
    /// their texts differ, so only the names are compared.
    ///
    /// # Errors
    /// [`TransferError`] names the first that differs.
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
    /// Checks that the tables of a database, with the columns that hold values, are those of this
    /// copy.
    ///
    /// # Errors
    /// [`TransferError::Shape`] names the first that differs.
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
                let reason = format!("its columns are {here}, and in the copy {there}");
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

/// Puts each table after those that it refers to, where that can be. A reference is the name of
/// the table that has it, and of the one that it leads to.
pub(crate) fn ordered(mut waiting: Vec<String>, references: &[(String, String)]) -> Vec<String> {
    let mut placed = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let is_free = |name: &String| {
            let mut parents = references
                .iter()
                .filter(|(from, to)| from == name && to != name);
            !parents.any(|(_, to)| waiting.contains(to))
        };
        // Tables that refer to each other in a circle have no order: any will do.
        let next = waiting.iter().position(is_free).unwrap_or(0);
        placed.push(waiting.remove(next));
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::Table;

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
            "the table a differs: its columns are x, and in the copy x, y"
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
