//! Builds the components of attacks from WebAssembly text, with the encoder that real components use.
//!
//! Each has an interface `attack:api/api` with `light`, which serves the light load beside the attack,
//! and what the attack adds.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Address of the result of an operation. It is zero, which is an empty success, until a function writes
/// to it.
pub const RESULT: usize = 192;
/// Address of the result of a statement.
const ROWS: usize = 512;
/// Address of the routes of the description.
const ROUTES: usize = 1024;
/// The sizes of a route and of a migration in the canonical ABI.
const ROUTE: usize = 72;
const MIGRATION: usize = 24;
/// The size of a parameter of a statement.
const PARAMETER: usize = 16;
const PAGE: usize = 1 << 16;

/// A component in the making.
#[derive(Default)]
pub struct Component {
    types: String,
    functions: String,
    routes: Vec<Route>,
    migrations: Vec<String>,
    statements: Vec<Statement>,
}

/// A route of a component.
struct Route {
    method: u8,
    writes: bool,
    path: String,
    function: String,
    success: u16,
}

/// A statement that a component runs. Between the two parts of its text stand 16 digits, which are the
/// parameter `id` of the operation.
pub struct Statement {
    /// The text before the digits.
    pub before: String,
    /// The text after the digits.
    pub after: String,
    /// The number of its parameters, which are all null.
    pub parameters: usize,
}

impl Component {
    /// A component that serves only the light load.
    pub fn new() -> Self {
        Self::default()
            .text("    light: func(id: s64) -> result<string, problem>;\n")
            .route("GET /light/{id}", "light", 200)
    }

    /// Adds WIT to the interface.
    #[must_use]
    pub fn text(mut self, wit: &str) -> Self {
        self.types.push_str(wit);
        self
    }

    /// Adds WebAssembly text to the module.
    #[must_use]
    pub fn code(mut self, text: &str) -> Self {
        self.functions.push_str(text);
        self
    }

    /// Adds a route: `GET` reads, and `POST` writes.
    #[must_use]
    pub fn route(mut self, route: &str, function: &str, success: u16) -> Self {
        let (method, path) = route.split_once(' ').unwrap_or(("GET", route));
        self.routes.push(Route {
            method: u8::from(method == "POST"),
            writes: method == "POST",
            path: path.to_owned(),
            function: format!("attack:api/api#{function}"),
            success,
        });
        self
    }

    /// Adds a migration.
    #[must_use]
    pub fn migration(mut self, sql: &str) -> Self {
        self.migrations.push(sql.to_owned());
        self
    }

    /// Adds an operation of that name, whose result is empty, and the statement that it runs.
    #[must_use]
    pub fn operation(mut self, name: &str, statement: Statement) -> Self {
        let number = self.statements.len();
        self.statements.push(statement);
        let writes = self.statements[number].before.starts_with("delete");
        let import = if writes { "execute" } else { "query" };
        self.text(&format!(
            "    {name}: func(id: s64) -> result<_, problem>;\n"
        ))
        .code(&format!(
            "(func (export \"attack:api/api#{name}\") (param i64) (result i32)
                    (call $digits (i32.const (;digits-{number};)) (local.get 0))
                    (call ${import} (;statement-{number};) (i32.const {ROWS}))
                    (i32.const {RESULT}))\n"
        ))
    }

    /// Returns the component's bytes.
    ///
    /// # Errors
    /// If the WIT or the text is not valid.
    pub fn build(&self) -> Result<Vec<u8>> {
        let mut memory = Memory::new(self);
        let mut functions = self.functions.clone();
        for (number, statement) in self.statements.iter().enumerate() {
            let Statement {
                before,
                after,
                parameters,
            } = statement;
            let text = format!("{before}{:016}{after}", 0);
            let start = memory.append(text.as_bytes());
            let digits = start + before.len();
            let values = memory.reserve(parameters * PARAMETER);
            let call = [start, text.len(), values, *parameters];
            let call = call.map(|value| format!("(i32.const {value})")).join(" ");
            functions = functions
                .replace(&format!("(;digits-{number};)"), &digits.to_string())
                .replace(&format!("(;statement-{number};)"), &call);
        }
        let light = memory.append(b"light");
        let select = memory.append(b"select 1");
        let heap = memory.bytes.len().next_multiple_of(PAGE);
        let text = format!(
            r#"(module
  (import "task-host:platform/sql@1.0.0" "query" (func $query (param i32 i32 i32 i32 i32)))
  (import "task-host:platform/sql@1.0.0" "execute" (func $execute (param i32 i32 i32 i32 i32)))
  (memory (export "memory") {pages})
  (data (i32.const 0) "{data}")
  (global $heap (mut i32) (i32.const {heap}))
  (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $start i32)
    (local.set $start (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (global.set $heap (i32.add (local.get $start) (local.get 3)))
    (if (i32.gt_u (global.get $heap) (i32.shl (memory.size) (i32.const 16))) (then
      (drop (memory.grow (i32.add (i32.shr_u (local.get 3) (i32.const 16)) (i32.const 1))))))
    (local.get $start))
  (func $digits (param $at i32) (param $number i64)
    (local $left i32) (local $digit i32)
    (local.set $left (i32.const 16))
    (loop $next
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (local.set $digit (i32.wrap_i64 (i64.and (local.get $number) (i64.const 15))))
      (i32.store8 (i32.add (local.get $at) (local.get $left))
        (i32.add (local.get $digit)
          (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get $digit) (i32.const 10)))))
      (local.set $number (i64.shr_u (local.get $number) (i64.const 4)))
      (br_if $next (local.get $left))))
  (func (export "task-host:platform/service@1.0.0#describe") (result i32) (i32.const 64))
  (func (export "task-host:platform/service@1.0.0#assets") (result i32) (i32.const 128))
  (func (export "task-host:platform/service@1.0.0#check") (result i32) (i32.const 144))
  (func (export "task-host:platform/service@1.0.0#health") (result i32) (i32.const 160))
  (func (export "attack:api/api#light") (param i64) (result i32)
    (call $query (i32.const {select}) (i32.const 8) (i32.const 0) (i32.const 0) (i32.const {ROWS}))
    (i32.store (i32.const {text}) (i32.const {light}))
    (i32.store (i32.const {length}) (i32.const 5))
    (i32.const {RESULT}))
  {functions})"#,
            pages = heap / PAGE + 2,
            data = escape(&memory.bytes),
            text = RESULT + 4,
            length = RESULT + 8,
        );
        let mut module = wat::parse_str(&text).context("the text is not WebAssembly")?;
        let mut resolve = Resolve::default();
        resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/platform"))?;
        let wit = format!(
            "package attack:api;\n
             interface api {{\n    use task-host:platform/types@1.0.0.{{problem}};\n{}}}\n
             world attacked {{\n    import task-host:platform/sql@1.0.0;\n    \
                 export task-host:platform/service@1.0.0;\n    export api;\n}}\n",
            self.types
        );
        let package = resolve.push_str("attack.wit", &wit)?;
        let world = resolve.select_world(&[package], Some("attacked"))?;
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
        let bytes = ComponentEncoder::default().module(&module)?.encode()?;
        ensure!(!bytes.is_empty(), "an empty component");
        Ok(bytes)
    }
}

/// The memory of an instance from address 0, with records in the layout of the canonical ABI.
struct Memory {
    bytes: Vec<u8>,
}

impl Memory {
    fn new(component: &Component) -> Self {
        let Component {
            routes, migrations, ..
        } = component;
        let first_migration = ROUTES + routes.len() * ROUTE;
        let end = first_migration + migrations.len() * MIGRATION;
        let mut memory = Self {
            bytes: vec![0; end],
        };
        memory.text(64, "Attacked");
        memory.text(72, "1.0.0");
        memory.list(80, ROUTES, routes.len());
        memory.list(88, first_migration, migrations.len());
        for (number, route) in routes.iter().enumerate() {
            let at = ROUTES + number * ROUTE;
            memory.bytes[at] = route.method;
            memory.text(at + 4, &route.path);
            memory.text(at + 12, &route.function);
            memory.bytes[at + 20] = route.writes.into();
            memory.bytes[at + 22..at + 24].copy_from_slice(&route.success.to_le_bytes());
        }
        for (number, sql) in migrations.iter().enumerate() {
            let at = first_migration + number * MIGRATION;
            memory.text(at, &format!("{:04}-step", number + 1));
            memory.text(at + 8, sql);
            memory.text(at + 16, sql);
        }
        memory
    }

    fn list(&mut self, at: usize, start: usize, length: usize) {
        for (at, value) in [(at, start), (at + 4, length)] {
            let value = u32::try_from(value).expect("addresses fit 32 bits");
            self.bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
    }

    fn text(&mut self, at: usize, text: &str) {
        let start = self.append(text.as_bytes());
        self.list(at, start, text.len());
    }

    /// Appends bytes and returns their address.
    fn append(&mut self, bytes: &[u8]) -> usize {
        let start = self.bytes.len();
        self.bytes.extend(bytes);
        start
    }

    /// Appends zeros and returns their address, which is a multiple of eight.
    fn reserve(&mut self, length: usize) -> usize {
        let start = self.bytes.len().next_multiple_of(8);
        self.bytes.resize(start + length, 0);
        start
    }
}

fn escape(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    let mut text = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        let _ = write!(text, "\\{byte:02x}");
    }
    text
}
