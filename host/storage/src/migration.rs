//! Which migrations to apply: the comparison of the logic's list with what a database has.

use sha2::{Digest, Sha256};

use super::{Dialect, MigrationError};
use contract::Migration;

/// A step as a database recorded it, or as the logic lists it for one engine.
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
}

/// Returns how many steps of `listed` are applied already; the rest is to be applied in order.
/// Both lists are in order of application.
///
/// # Errors
/// Every [`MigrationError`] but `Failed`: the lists must agree as far as both reach, and
/// applied steps beyond `listed` are accepted only where `rollback` is true.
pub(crate) fn applied_steps(
    listed: &[Step],
    applied: &[Step],
    rollback: bool,
) -> Result<usize, MigrationError> {
    for (index, step) in listed.iter().enumerate() {
        if listed[..index]
            .iter()
            .any(|before| before.name == step.name)
        {
            return Err(MigrationError::Duplicate {
                name: step.name.clone(),
            });
        }
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

/// Whether a database that `before`'s steps were applied to would take `after`'s, on either engine.
///
/// # Errors
/// As `applied_steps` has them, where `after` is no way back.
pub fn continues(before: &[Migration], after: &[Migration]) -> Result<(), MigrationError> {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let steps = |migrations: &[Migration]| -> Vec<Step> {
            let text = |migration: &Migration| match dialect {
                Dialect::Sqlite => Step::new(&migration.name, &migration.sqlite),
                Dialect::Postgres => Step::new(&migration.name, &migration.postgres),
            };
            migrations.iter().map(text).collect()
        };
        applied_steps(&steps(after), &steps(before), false)?;
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
    fn applied_steps_beyond_the_list_are_for_rollbacks_only() {
        let applied = steps(&[("a", "1"), ("b", "2")]);
        assert_eq!(applied_steps(&applied[..1], &applied, true), Ok(1));
        assert_eq!(
            applied_steps(&applied[..1], &applied, false),
            Err(MigrationError::Unknown { name: "b".into() })
        );
    }

    #[test]
    fn a_rollback_forgives_no_changed_step() {
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
    fn a_name_stands_once_in_a_list() {
        assert_eq!(
            applied_steps(&steps(&[("a", "1"), ("a", "1")]), &[], false),
            Err(MigrationError::Duplicate { name: "a".into() })
        );
    }

    #[test]
    fn a_step_may_change_for_neither_engine() {
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
