//! The limits of the `dev` environment, read from its manifests: what the host of an attack is given.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// Settings that name something of the cluster, or differ because the data is in a SQLite file.
const OF_THE_CLUSTER: [&str; 9] = [
    "_ADDR",
    "_FILE",
    "_CACHE_DIR",
    "_LOG_FORMAT",
    "_DATABASE",
    "_DATABASE_CONNECTIONS",
    "_DATABASE_WAIT",
    "_REPLICAS",
    "_DRAIN_DELAY",
];

/// What a pod of `dev` is given.
pub struct Manifest {
    /// The memory limit of its container.
    pub memory_bytes: u64,
    /// The settings of the host, as environment variables.
    pub variables: Vec<(String, String)>,
}

impl Manifest {
    /// Reads `k8s/overlays/dev` and its base. `dev` uses PostgreSQL, and the attacked host SQLite, so what the
    /// chart sets for SQLite in a pod of the same size is added.
    ///
    /// # Errors
    /// If a file is missing, or the container has no memory limit.
    pub fn read(root: &Path) -> Result<Self> {
        let read = |path: &str| {
            let path = root.join("k8s").join(path);
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let overlay = read("overlays/dev/kustomization.yaml")?;
        let mut variables = variables(&read("base/task-host.env")?, &overlay);
        variables.extend(of_sqlite(&read("helm/task-api/templates/_settings.tpl")?));
        let limit = memory_limit(&overlay)
            .map_or_else(|| memory_limit(&read("base/deployment.yaml").ok()?), Some);
        Ok(Self {
            memory_bytes: limit.context("the container of dev has no memory limit")?,
            variables,
        })
    }
}

/// The settings of the base, then those that the overlay adds or replaces.
fn variables(base: &str, overlay: &str) -> Vec<(String, String)> {
    let lines = base.lines().chain(overlay.lines());
    lines
        .filter_map(|line| line.trim().trim_start_matches("- ").split_once('='))
        .filter(|(name, _)| name.starts_with("TASK_HOST_"))
        .filter(|(name, _)| !OF_THE_CLUSTER.iter().any(|end| name.ends_with(end)))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// What the chart sets if the database is SQLite: `set $settings "NAME" "VALUE"`.
fn of_sqlite(settings: &str) -> Vec<(String, String)> {
    let block = settings
        .lines()
        .skip_while(|line| !line.contains("database.kind \"sqlite\""))
        .take_while(|line| line.trim() != "{{- end }}");
    let pair = |line: &str| {
        let mut quoted = line.split('"').skip(1).step_by(2);
        Some((quoted.next()?.to_owned(), quoted.next()?.to_owned()))
    };
    block
        .filter_map(pair)
        .filter(|(name, _)| name.starts_with("TASK_HOST_"))
        .filter(|(name, _)| !OF_THE_CLUSTER.iter().any(|end| name.ends_with(end)))
        .collect()
}

/// The first `memory` below `limits`.
fn memory_limit(yaml: &str) -> Option<u64> {
    let limits = yaml.lines().skip_while(|line| line.trim() != "limits:");
    let memory = limits
        .into_iter()
        .find_map(|line| line.trim().strip_prefix("memory:"))?;
    bytes(memory.trim()).ok()
}

fn bytes(quantity: &str) -> Result<u64> {
    let (number, unit) = match (quantity.strip_suffix("Mi"), quantity.strip_suffix("Gi")) {
        (Some(number), _) => (number, 1 << 20),
        (_, Some(number)) => (number, 1 << 30),
        _ => bail!("{quantity} has no unit of Mi or Gi"),
    };
    Ok(number.parse::<u64>()? * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_of_dev_are_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let manifest = Manifest::read(&root).unwrap();
        assert!(manifest.memory_bytes >= 128 << 20);
        let names: Vec<_> = manifest
            .variables
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert!(names.contains(&"TASK_HOST_MEMORY_LIMIT"), "{names:?}");
        assert!(names.contains(&"TASK_HOST_PROBATION"), "{names:?}");
        assert!(names.contains(&"TASK_HOST_SQLITE_MEMORY"), "{names:?}");
        assert!(
            !names.iter().any(|name| name.contains("DATABASE")),
            "{names:?}"
        );
    }

    #[test]
    fn the_memory_limit_is_the_one_below_limits() {
        let yaml = "requests:\n  memory: 1Mi\nlimits:\n  memory: 2Gi\n";
        assert_eq!(memory_limit(yaml), Some(2 << 30));
        assert_eq!(memory_limit("requests:\n  memory: 1Mi\n"), None);
    }
}
