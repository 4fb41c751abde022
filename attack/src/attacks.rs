//! The list of attacks. docs/SECURITY.md names each of them, with its result.

mod answers;
mod deployments;
mod http1;
mod http2;
mod killing;
mod logic;
mod operators;
mod sql;

use anyhow::Result;
use testkit::Settings;

use crate::campaign::Campaign;
use crate::target::Target;

/// The logic that the attacked host serves.
#[derive(Clone, Copy)]
pub enum Logic {
    /// The task service, with a thousand large tasks.
    Tasks,
    /// The counter service of the tests, which misbehaves on request.
    Counter,
    /// A component that was made for the attack. It also serves `GET /light/{id}`.
    Crafted(fn() -> Result<Vec<u8>>),
}

impl Logic {
    /// Whether the light load has writes, too.
    pub const fn has_writes(self) -> bool {
        !matches!(self, Logic::Crafted(_))
    }
}

/// How an attack runs. It returns what came back, or an error if a bound of its own is broken.
#[derive(Clone, Copy)]
pub enum Run {
    /// Beside a light load and operators, while the host's memory is watched.
    Beside(fn(&Target) -> Result<String>),
    /// With hosts that it starts by itself.
    Alone(fn(&Campaign) -> Result<String>),
}

/// One attack.
pub struct Attack {
    /// The name, for the command line and the documents.
    pub name: &'static str,
    /// What is sent.
    pub sends: &'static str,
    /// What bounds its effect.
    pub bound: &'static str,
    /// What the host serves.
    pub logic: Logic,
    /// Settings beside those of the manifest.
    pub settings: fn(Settings) -> Settings,
    /// How many times the usual duration it lasts.
    pub times: u32,
    /// Whether it holds the writer for as long as it may, so that other writes wait.
    pub holds_writer: bool,
    /// Whether its memory is bounded only where the host finds a control group.
    pub needs_pod: bool,
    /// The attack itself.
    pub run: Run,
}

impl Attack {
    const fn new(
        name: &'static str,
        sends: &'static str,
        bound: &'static str,
        logic: Logic,
        run: fn(&Target) -> Result<String>,
    ) -> Self {
        Self {
            name,
            sends,
            bound,
            logic,
            settings: |settings| settings,
            times: 1,
            holds_writer: false,
            needs_pod: false,
            run: Run::Beside(run),
        }
    }

    const fn with(mut self, settings: fn(Settings) -> Settings) -> Self {
        self.settings = settings;
        self
    }

    const fn lasting(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    const fn holding_the_writer(mut self) -> Self {
        self.holds_writer = true;
        self
    }

    const fn in_a_pod(mut self) -> Self {
        self.needs_pod = true;
        self
    }
}

/// Returns every attack.
pub fn all() -> Vec<Attack> {
    let kinds = [
        sql::attacks(),
        http1::attacks(),
        http2::attacks(),
        answers::attacks(),
        logic::attacks(),
        operators::attacks(),
        deployments::attacks(),
        killing::attacks(),
    ];
    kinds.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_attack_has_a_name_of_its_own() {
        let all = all();
        let names: BTreeSet<_> = all.iter().map(|attack| attack.name).collect();
        assert_eq!(names.len(), all.len());
    }

    #[test]
    fn the_security_document_names_exactly_these_attacks() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/SECURITY.md");
        let document = std::fs::read_to_string(path).unwrap();
        let section = document
            .split("\n## ")
            .find(|part| part.starts_with("Attacks\n"));
        let section = section.expect("docs/SECURITY.md has a section `Attacks`");
        let listed: BTreeSet<_> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
            .map(|(name, _)| name)
            .collect();
        let known: BTreeSet<_> = all().iter().map(|attack| attack.name).collect();
        assert_eq!(listed, known);
    }

    #[test]
    fn every_crafted_component_is_valid() {
        for attack in all() {
            if let Logic::Crafted(build) = attack.logic {
                let bytes = build().unwrap_or_else(|error| panic!("{}: {error:#}", attack.name));
                assert_eq!(bytes[..8], *b"\0asm\x0d\0\x01\0", "{}", attack.name);
            }
        }
    }
}
