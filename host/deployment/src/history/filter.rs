//! Which deployments a list of the history has.

use crate::model::Deployment;
use contract::Word;
use contract::deployment::{Kind, Outcome};

/// Which deployments a list of the history has. The default is the latest ones, whatever they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// At most this many.
    pub limit: u32,
    /// Only those with a smaller id: the next page after a page whose last deployment has this id.
    pub before: Option<i64>,
    /// Only those of this kind.
    pub kind: Option<Kind>,
    /// Only those that ended like this, or run.
    pub outcome: Option<Outcome>,
    /// Only those with this text, in either case, in the id (`#7`), the digest, the message, the Git
    /// revision, the actor, or the reason and its code.
    pub search: Option<String>,
}

impl Filter {
    /// The latest deployments.
    pub fn latest(limit: u32) -> Self {
        Filter {
            limit,
            before: None,
            kind: None,
            outcome: None,
            search: None,
        }
    }

    /// How many rows have to be read to find that many deployments.
    pub(crate) fn rows(&self) -> u32 {
        match *self == Filter::latest(self.limit) {
            true => self.limit,
            // The history is bounded (`--keep-history`), and a person waits for one page.
            false => u32::MAX,
        }
    }

    /// Returns whether a list has a deployment.
    pub(crate) fn has(&self, deployment: &Deployment) -> bool {
        let is = |word: &str, wanted: Option<&str>| wanted.is_none_or(|wanted| word == wanted);
        self.before.is_none_or(|before| deployment.id < before)
            && is(
                deployment.kind.as_str(),
                self.kind.map(|kind| kind.as_str()),
            )
            && is(
                deployment.outcome.as_str(),
                self.outcome.map(|outcome| outcome.as_str()),
            )
            && self
                .search
                .as_deref()
                .is_none_or(|text| mentions(deployment, text))
    }
}

fn mentions(deployment: &Deployment, text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let id = format!("#{}", deployment.id);
    let texts = [
        Some(deployment.digest.as_str()),
        deployment.message.as_deref(),
        deployment.git_revision.as_deref(),
        Some(deployment.actor.as_str()),
        deployment.code.as_ref().map(Word::as_str),
        deployment.reason.as_deref(),
    ];
    id == text
        || texts
            .into_iter()
            .flatten()
            .any(|of| of.to_lowercase().contains(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::deployment;
    use storage::registry::{DeploymentRow, End, NewDeployment};

    fn found(filter: &Filter) -> bool {
        filter.has(&deployment(DeploymentRow {
            id: 7,
            new: NewDeployment {
                digest: "a6bffc98".to_owned(),
                from: None,
                kind: Kind::Deploy.into(),
                actor: "Maria (token)".to_owned(),
                order: r#"{"digest": "", "message": "Sort by urgency"}"#.to_owned(),
            },
            stage: "".into(),
            end: Some(End {
                outcome: Outcome::Rejected.into(),
                code: Some("check-failed".into()),
                reason: Some("no table".to_owned()),
                report: "[]".to_owned(),
            }),
            report: "[]".to_owned(),
            began_at: 0,
            ended_at: Some(1),
            coordinator: None,
        }))
    }

    #[test]
    fn every_condition_must_hold() {
        let all = Filter::latest(20);
        assert!(found(&all));
        for (filter, expected) in [
            (
                Filter {
                    before: Some(8),
                    ..all.clone()
                },
                true,
            ),
            (
                Filter {
                    before: Some(7),
                    ..all.clone()
                },
                false,
            ),
            (
                Filter {
                    kind: Some(Kind::Deploy),
                    ..all.clone()
                },
                true,
            ),
            (
                Filter {
                    kind: Some(Kind::Rollback),
                    ..all.clone()
                },
                false,
            ),
            (
                Filter {
                    outcome: Some(Outcome::Rejected),
                    ..all.clone()
                },
                true,
            ),
            (
                Filter {
                    outcome: Some(Outcome::Running),
                    ..all.clone()
                },
                false,
            ),
        ] {
            assert_eq!(found(&filter), expected, "{filter:?}");
            assert_eq!(filter.rows(), u32::MAX);
        }
        assert_eq!(all.rows(), 20);
    }

    #[test]
    fn a_search_looks_at_the_texts_that_people_see() {
        for (text, expected) in [
            ("#7", true),
            ("#", false),
            ("7", false),
            ("a6bf", true),
            ("URGENCY", true),
            (" maria ", true),
            ("check-failed", true),
            ("no table", true),
            ("another", false),
        ] {
            let filter = Filter {
                search: Some(text.to_owned()),
                ..Filter::latest(1)
            };
            assert_eq!(found(&filter), expected, "{text}");
        }
    }
}
