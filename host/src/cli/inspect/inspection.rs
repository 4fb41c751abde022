//! The facts about one component.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use contract::digest;
use contract::{Asset, Constraint, Description};
use deployment::{Rejection, check_description};
use runtime::{ClearMemory, Compiler, Limits, Lines, Runtime};
use transcode::{Interface, Operation};

/// Time limit for the component's description of itself.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What a component is, and whether a host would accept it.
pub(in crate::cli) struct Inspection {
    size_bytes: usize,
    pub(super) digest: String,
    interface: Interface,
    pub(in crate::cli) description: Description,
    assets: Vec<Asset>,
    /// What the component logged while it described itself.
    log: Vec<String>,
    /// The operations, or the reason why no host would accept the component.
    pub(super) operations: Result<Vec<Operation>, Rejection>,
}

impl Inspection {
    /// Compiles a component and lets it describe itself.
    ///
    /// # Errors
    /// The component cannot be compiled, loaded or decoded, or does not describe itself.
    pub(in crate::cli) async fn of(component: &[u8], compiler: &Compiler) -> anyhow::Result<Self> {
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
            assets,
            log: lines.take(),
            operations,
        })
    }

    /// Returns the operations of the routes.
    ///
    /// # Errors
    /// No host would accept the component. The message has every reason.
    pub(in crate::cli) fn accepted(&self) -> anyhow::Result<&[Operation]> {
        self.operations.as_deref().map_err(|refused| {
            let reasons = refused.all().iter();
            let reasons = reasons.map(|reason| format!("({}): {reason}", reason.code()));
            let reasons = reasons.collect::<Vec<_>>().join("\nand ");
            anyhow::anyhow!("no host would accept it {reasons}")
        })
    }

    /// Returns the facts as the JSON that `--json` prints. `limits` are flags and values.
    pub(super) fn to_json(&self, limits: Vec<(String, String)>) -> Value {
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
        let constraints: Vec<Value> = description.constraints.iter().map(constraint).collect();
        let imported: Vec<Value> = interface
            .imported_functions()
            .map(|(name, functions)| json!({"interface": name, "functions": functions}))
            .collect();
        let assets: Vec<Value> = self
            .assets
            .iter()
            .map(|asset| {
                json!({
                    "path": asset.path,
                    "media_type": asset.media_type,
                    "size_bytes": asset.content.len(),
                })
            })
            .collect();
        let limits: serde_json::Map<String, Value> = limits
            .into_iter()
            .map(|(flag, value)| (flag, value.into()))
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
            "constraints": constraints,
            "imported_functions": imported,
            "assets": assets,
            "limits": limits,
            "log": self.log,
        })
    }
}

/// Returns a constraint as JSON: its place, the bounds that are set, and who enforces it.
fn constraint(constraint: &Constraint) -> Value {
    let bounds = &constraint.bounds;
    let set = [
        ("min_length", bounds.min_length.map(Value::from)),
        ("max_length", bounds.max_length.map(Value::from)),
        ("pattern", bounds.pattern.clone().map(Value::from)),
        ("format", bounds.format.clone().map(Value::from)),
        ("minimum", bounds.minimum.map(Value::from)),
        ("maximum", bounds.maximum.map(Value::from)),
        (
            "exclusive_minimum",
            bounds.exclusive_minimum.map(Value::from),
        ),
        (
            "exclusive_maximum",
            bounds.exclusive_maximum.map(Value::from),
        ),
        ("min_items", bounds.min_items.map(Value::from)),
        ("max_items", bounds.max_items.map(Value::from)),
        (
            "unique_items",
            bounds.unique_items.then_some(Value::from(true)),
        ),
        ("message", constraint.message.clone().map(Value::from)),
    ];
    let mut object = json!({ "place": constraint.place });
    for (name, value) in set {
        if let Some(value) = value {
            object[name] = value;
        }
    }
    object["enforced"] = constraint.enforced.into();
    object
}

/// Returns the JSON of a component as lines of text for people.
pub(super) fn to_lines(report: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut lines = vec![
        format!("{} {}", text(&report["name"]), text(&report["version"])),
        format!("digest      {}", text(&report["digest"])),
        format!("size        {} bytes", report["size_bytes"]),
    ];
    lines.extend([String::new(), "imports".to_owned()]);
    for import in report["imported_functions"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let functions = import["functions"].as_array().into_iter().flatten();
        let functions: Vec<String> = functions.map(text).collect();
        let line = format!(
            "  {:<38} {}",
            text(&import["interface"]),
            functions.join(" ")
        );
        lines.push(line.trim_end().to_owned());
    }
    for list in ["exports", "operations", "migrations", "log"] {
        if list == "log" && report[list] == json!([]) {
            continue;
        }
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
    lines.extend([String::new(), "constraints".to_owned()]);
    for constraint in report["constraints"].as_array().into_iter().flatten() {
        let members = constraint.as_object().into_iter().flatten();
        let bounds = members.filter(|(name, _)| !matches!(name.as_str(), "place" | "enforced"));
        let bounds: Vec<String> = bounds
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        let by = match constraint["enforced"] == true {
            true => "",
            false => " (by the logic)",
        };
        lines.push(format!(
            "  {:<48} {}{by}",
            text(&constraint["place"]),
            bounds.join(", "),
        ));
    }
    lines.extend([String::new(), "assets".to_owned()]);
    for asset in report["assets"].as_array().into_iter().flatten() {
        lines.push(format!(
            "  {:<39} {:<26} {:>8} bytes",
            text(&asset["path"]),
            text(&asset["media_type"]),
            asset["size_bytes"],
        ));
    }
    let title = "limits, as `task-host serve` has them in this environment".to_owned();
    lines.extend([String::new(), title]);
    for (flag, value) in report["limits"].as_object().into_iter().flatten() {
        lines.push(format!("  {flag:<18} {}", text(value)));
    }
    lines
}
