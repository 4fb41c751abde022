//! Decides which migrations to apply, by comparing the logic's list with what a database has
//! applied.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

use crate::{Dialect, MigrationError};
use contract::Migration;

/// A migration as a database recorded it, or as the logic lists it for one dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) checksum: [u8; 32],
}

impl Step {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            checksum: Sha256::digest(text).into(),
        }
    }

    /// Returns the steps of the logic's list in one dialect.
    pub(crate) fn list(migrations: &[Migration], dialect: Dialect) -> Vec<Self> {
        let step = |migration: &Migration| Self::new(&migration.name, dialect.text_of(migration));
        migrations.iter().map(step).collect()
    }
}

/// Returns how many steps of `listed` are already applied. The rest must be applied in order. Both
/// lists are in the order of application.
///
/// # Errors
/// Returns a [`MigrationError`], any variant except `Failed` and `Blocked`, if the lists do not
/// agree as far as both reach. Applied steps beyond `listed` are accepted only if `rollback` is
/// true.
pub(crate) fn applied_steps(
    listed: &[Step],
    applied: &[Step],
    rollback: bool,
) -> Result<usize, MigrationError> {
    let mut names = HashSet::new();
    if let Some(again) = listed.iter().find(|step| !names.insert(&*step.name)) {
        return Err(MigrationError::Duplicate {
            name: again.name.clone(),
        });
    }
    for (step, done) in listed.iter().zip(applied) {
        if step.name != done.name {
            return Err(MigrationError::Reordered {
                name: step.name.clone(),
                applied: done.name.clone(),
            });
        }
        if step.checksum != done.checksum {
            return Err(MigrationError::Changed {
                name: step.name.clone(),
            });
        }
    }
    match applied.get(listed.len()) {
        Some(unknown) if !rollback => Err(MigrationError::Unknown {
            name: unknown.name.clone(),
        }),
        _ => Ok(applied.len().min(listed.len())),
    }
}

/// Checks that a database with the migrations `before` could apply `after`, on either engine.
///
/// # Errors
/// Returns the [`MigrationError`] that [`Transaction::migrate`](crate::Transaction::migrate) would
/// return without its `rollback`, except `Failed` and `Blocked`.
pub fn continues(before: &[Migration], after: &[Migration]) -> Result<(), MigrationError> {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let (before, after) = (Step::list(before, dialect), Step::list(after, dialect));
        applied_steps(&after, &before, false)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(texts: &[(&str, &str)]) -> Vec<Step> {
        texts
            .iter()
            .map(|(name, text)| Step::new(name, text))
            .collect()
    }

    #[test]
    fn only_the_steps_after_the_applied_ones_remain() {
        let listed = steps(&[("a", "1"), ("b", "2"), ("c", "3")]);
        assert_eq!(applied_steps(&listed, &[], false), Ok(0));
        assert_eq!(applied_steps(&listed, &listed[..2], false), Ok(2));
        assert_eq!(applied_steps(&listed, &listed, false), Ok(3));
    }

    #[test]
    fn applied_steps_beyond_the_list_are_accepted_only_in_a_rollback() {
        let applied = steps(&[("a", "1"), ("b", "2")]);
        assert_eq!(applied_steps(&applied[..1], &applied, true), Ok(1));
        assert_eq!(
            applied_steps(&applied[..1], &applied, false),
            Err(MigrationError::Unknown { name: "b".into() })
        );
    }

    #[test]
    fn a_rollback_does_not_accept_a_changed_step() {
        let applied = steps(&[("a", "1"), ("b", "2")]);
        assert_eq!(
            applied_steps(&steps(&[("a", "one")]), &applied, true),
            Err(MigrationError::Changed { name: "a".into() })
        );
        assert_eq!(
            applied_steps(&steps(&[("b", "2")]), &applied, true),
            Err(MigrationError::Reordered {
                name: "b".into(),
                applied: "a".into()
            })
        );
    }

    #[test]
    fn a_list_has_each_name_once() {
        assert_eq!(
            applied_steps(&steps(&[("a", "1"), ("a", "1")]), &[], false),
            Err(MigrationError::Duplicate { name: "a".into() })
        );
    }

    #[test]
    fn a_step_may_not_change_for_either_engine() {
        let step = |name: &str, sqlite: &str, postgres: &str| Migration {
            name: name.into(),
            sqlite: sqlite.into(),
            postgres: postgres.into(),
        };
        let before = [step("a", "1", "2")];
        let more = [step("a", "1", "2"), step("b", "3", "3")];
        assert_eq!(continues(&before, &more), Ok(()));
        assert_eq!(
            continues(&more, &before),
            Err(MigrationError::Unknown { name: "b".into() })
        );
        for changed in [step("a", "0", "2"), step("a", "1", "0")] {
            assert_eq!(
                continues(&before, &[changed]),
                Err(MigrationError::Changed { name: "a".into() })
            );
        }
    }
}
