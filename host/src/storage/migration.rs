//! Which migrations to apply: the comparison of the logic's list with what a database has.

use sha2::{Digest, Sha256};

use super::MigrationError;

/// A step as a database recorded it, or as the logic lists it for one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::storage) struct Step {
    pub(in crate::storage) name: String,
    pub(in crate::storage) checksum: [u8; 32],
}

impl Step {
    pub(in crate::storage) fn new(name: &str, text: &str) -> Self {
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
pub(in crate::storage) fn applied_steps(
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
}
