//! The facts about one component.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use contract::Description;
use contract::digest;
use deployment::{Rejection, check_description};
use runtime::{ClearMemory, Compiler, Limits, Lines, Runtime};
use transcode::{Interface, Operation};

/// Time limit for the component's description of itself.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What a component is, and whether a host would accept it.
pub(super) struct Inspection {
    size_bytes: usize,
    pub(super) digest: String,
    interface: Interface,
    pub(super) description: Description,
    /// The operations, or the reason why no host would accept the component.
    pub(super) operations: Result<Vec<Operation>, Rejection>,
}

impl Inspection {
    /// Compiles a component and lets it describe itself.
    ///
    /// # Errors
    /// The component cannot be compiled, loaded or decoded, or does not describe itself.
    pub(super) async fn of(component: &[u8], compiler: &Compiler) -> anyhow::Result<Self> {
        let code = compiler.compile(component).await?;
        let interface = Interface::decode(component)?;
        let limits = Limits {
            instances: 1,
            ..Limits::default()
        };
        let runtime = Runtime::new(limits, ClearMemory::Auto)?;
        let program = runtime.load(&code)?;
        let deadline = Instant::now() + TIMEOUT;
        let lines = Lines::default();
        let description = runtime.describe(&program, deadline, &lines).await?;
        let assets = runtime.assets(&program, deadline, &lines).await?;
        let operations = check_description(&interface, &description, &assets);
        Ok(Inspection {
            size_bytes: component.len(),
            digest: digest::sha256(component),
            interface,
            description,
            operations,
        })
    }

    /// Returns the facts as the JSON that `--json` prints.
    pub(super) fn to_json(&self) -> Value {
        let (interface, description) = (&self.interface, &self.description);
        let operations: Vec<String> = interface
            .functions()
            .iter()
            .filter(|function| function.signature.is_ok())
            .map(|function| format!("{}#{}", function.interface.unversioned(), function.name))
            .collect();
        let routes: Vec<Value> = description
            .routes
            .iter()
            .map(|route| {
                json!({
                    "method": route.method.as_str(),
                    "path": route.path,
                    "operation": route.operation,
                    "access": match route.access {
                        contract::Access::Read => "read",
                        contract::Access::Write => "write",
                    },
                    "success": route.success,
                })
            })
            .collect();
        let migrations: Vec<&str> = description
            .migrations
            .iter()
            .map(|migration| migration.name.as_str())
            .collect();
        json!({
            "name": description.name,
            "version": description.version,
            "digest": format!("sha256:{}", self.digest),
            "size_bytes": self.size_bytes,
            "imports": interface.imports(),
            "exports": interface.exports(),
            "operations": operations,
            "routes": routes,
            "migrations": migrations,
        })
    }
}

/// Returns the JSON of a component as lines of text for people.
pub(super) fn to_lines(report: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut lines = vec![
        format!("{} {}", text(&report["name"]), text(&report["version"])),
        format!("digest      {}", text(&report["digest"])),
        format!("size        {} bytes", report["size_bytes"]),
    ];
    for list in ["imports", "exports", "operations", "migrations"] {
        lines.extend([String::new(), list.to_owned()]);
        for item in report[list].as_array().into_iter().flatten() {
            lines.push(format!("  {}", text(item)));
        }
    }
    lines.extend([String::new(), "routes".to_owned()]);
    for route in report["routes"].as_array().into_iter().flatten() {
        lines.push(format!(
            "  {:<6} {:<32} {:<5} {}",
            text(&route["method"]),
            text(&route["path"]),
            text(&route["access"]),
            text(&route["operation"]),
        ));
    }
    lines
}
