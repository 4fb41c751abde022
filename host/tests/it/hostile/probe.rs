//! Builds the services of `wat/probe.wit` from the text in `wat/probe.wat`.
//!
//! A probe is built from the platform's own WIT with the encoder that real components use. It
//! therefore differs from a valid component only in what a test changed.

use std::path::PathBuf;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::harness::Setup;

/// A route as `describe` returns it.
#[derive(Clone)]
pub struct Route {
    pub method: u8,
    pub path: String,
    pub operation: String,
    pub success: u16,
    pub location: Option<String>,
    pub body: Option<String>,
    pub etag: Option<String>,
    pub next: Option<String>,
}

/// A service that is valid until a test changes something.
#[derive(Clone)]
pub struct Probe {
    world: &'static str,
    thing: String,
    /// The text of the platform's `service` interface in another version than today's.
    service: Option<&'static str>,
    /// The initial memory of an instance, in pages of 64 KiB.
    pages: u32,
    /// WebAssembly text by the marker that it replaces.
    markers: Vec<(&'static str, String)>,
    /// The routes that `describe` returns.
    pub routes: Vec<Route>,
    /// The names and SQL of the migrations that `describe` returns.
    pub migrations: Vec<(String, String)>,
}

/// Address of the description's routes.
const ROUTES: usize = 1024;
/// Address of the description's migrations.
const MIGRATIONS: usize = 3072;
/// Address of the first text.
const TEXTS: usize = 4096;

/// A route for `GET path` that calls `test:probe/api#get`.
pub fn get(path: &str) -> Route {
    Route {
        method: 0,
        path: path.into(),
        operation: "test:probe/api#get".into(),
        success: 200,
        location: None,
        body: None,
        etag: None,
        next: None,
    }
}

impl Probe {
    /// A valid service with one route, `GET /things/{id}`, that returns "a thing".
    pub fn good() -> Self {
        Self {
            world: "probe",
            thing: "a thing".into(),
            service: None,
            pages: 1,
            markers: Vec::new(),
            routes: vec![get("/things/{id}")],
            migrations: Vec::new(),
        }
    }

    /// A service whose GET runs a loop as many times as its id says: slow without a clock.
    pub fn slow() -> Self {
        Self::good().at(
            "get",
            "(block $done (loop $turn
                (br_if $done (i64.le_s (local.get 0) (i64.const 0)))
                (local.set 0 (i64.sub (local.get 0) (i64.const 1)))
                (br $turn)))",
        )
    }

    /// Returns `thing` instead of "a thing".
    pub fn returning(mut self, thing: &str) -> Self {
        self.thing = thing.into();
        self
    }

    /// Uses another world of `probe.wit` for the same core module.
    pub fn world(mut self, world: &'static str) -> Self {
        self.world = world;
        self
    }

    /// Compiles it against the platform 1.0 as it was before `describe` could state constraints.
    pub fn before_constraints(mut self) -> Self {
        self.service = Some(include_str!("../../wat/service-before-constraints.wit"));
        self
    }

    /// Sets the initial memory, in pages of 64 KiB.
    pub fn pages(mut self, pages: u32) -> Self {
        self.pages = pages;
        self
    }

    /// Replaces the routes.
    pub fn routes(mut self, routes: impl IntoIterator<Item = Route>) -> Self {
        self.routes = routes.into_iter().collect();
        self
    }

    /// Adds a migration.
    pub fn migration(mut self, name: &str, sql: &str) -> Self {
        self.migrations.push((name.into(), sql.into()));
        self
    }

    /// Inserts WebAssembly text at a marker of `probe.wat`.
    pub fn at(mut self, marker: &'static str, text: &str) -> Self {
        self.markers.push((marker, text.into()));
        self
    }

    /// Returns the component's bytes.
    pub fn build(&self) -> Vec<u8> {
        let mut text = include_str!("../../wat/probe.wat").to_owned();
        let memory = ("memory", escape(&self.memory()));
        let pages = ("pages", self.pages.to_string());
        for (marker, with) in self.markers.iter().chain([&memory, &pages]) {
            let marker = format!("(;{marker};)");
            assert!(text.contains(&marker), "{marker}");
            text = text.replace(&marker, with);
        }
        let mut module = wat::parse_str(text).expect("the text is WebAssembly");
        let mut resolve = Resolve::default();
        let wit = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../wit/platform");
        match self.service {
            None => resolve.push_dir(wit).expect("the platform's WIT"),
            Some(service) => {
                let other = tempfile::tempdir().expect("a temporary directory");
                for file in std::fs::read_dir(wit).expect("the folder").flatten() {
                    let copy = other.path().join(file.file_name());
                    std::fs::copy(file.path(), copy).expect("a copy");
                }
                std::fs::write(other.path().join("service.wit"), service).expect("written");
                resolve.push_dir(other.path()).expect("the platform's WIT")
            }
        };
        let package = resolve
            .push_str("probe.wit", include_str!("../../wat/probe.wit"))
            .expect("the probe's WIT");
        let world = resolve
            .select_world(&[package], Some(self.world))
            .expect("a world of probe.wit");
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
            .expect("the metadata fits");
        ComponentEncoder::default()
            .validate(true)
            .module(&module)
            .and_then(|mut encoder| encoder.encode())
            .expect("the core module fits the world")
    }

    /// Returns the setup of a host that serves this component.
    pub fn setup(&self) -> Setup {
        file(&self.build())
    }

    /// The data at address 0, with records in the layout of the canonical ABI.
    fn memory(&self) -> Vec<u8> {
        let mut memory = Memory(vec![0; TEXTS]);
        memory.text(64, "Probe");
        memory.text(72, "1.0.0");
        memory.list(80, ROUTES, self.routes.len());
        memory.list(88, MIGRATIONS, self.migrations.len());
        memory.text(196, &self.thing);
        for (n, route) in self.routes.iter().enumerate() {
            let at = ROUTES + n * 72;
            memory.0[at] = route.method;
            memory.text(at + 4, &route.path);
            memory.text(at + 12, &route.operation);
            memory.0[at + 22..at + 24].copy_from_slice(&route.success.to_le_bytes());
            let members = [&route.location, &route.body, &route.etag, &route.next];
            for (member, text) in members.into_iter().enumerate() {
                if let Some(text) = text {
                    memory.0[at + 24 + member * 12] = 1;
                    memory.text(at + 28 + member * 12, text);
                }
            }
        }
        for (n, (name, sql)) in self.migrations.iter().enumerate() {
            let at = MIGRATIONS + n * 24;
            memory.text(at, name);
            memory.text(at + 8, sql);
            memory.text(at + 16, sql);
        }
        memory.0
    }
}

/// Returns the setup of a host that serves [`Probe::slow`] with limits that no slow request reaches.
pub fn slow_setup() -> Setup {
    Probe::slow()
        .setup()
        // Equal requests all run.
        .flag("--answer-cache", "0")
        .flag("--request-timeout", "60s")
        .flag("--cpu-limit", "60s")
}

/// Returns the setup of a host whose component file contains `bytes`.
pub fn file(bytes: &[u8]) -> Setup {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("probe.wasm");
    std::fs::write(&path, bytes).expect("written");
    Setup::component(path).keep(directory)
}

struct Memory(Vec<u8>);

impl Memory {
    fn list(&mut self, at: usize, start: usize, length: usize) {
        for (at, value) in [(at, start), (at + 4, length)] {
            let value = u32::try_from(value).expect("addresses fit 32 bits");
            self.0[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
    }

    fn text(&mut self, at: usize, text: &str) {
        let start = self.0.len();
        self.0.extend(text.bytes());
        self.list(at, start, text.len());
    }
}

fn escape(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

#[test]
fn every_world_of_the_probe_builds_a_component() {
    let import = r#"(import "wasi:keyvalue/store@0.2.0" "names"
        (func (param i32)))"#;
    for probe in [
        Probe::good(),
        Probe::slow(),
        Probe::good().world("reaching-out").at("imports", import),
        Probe::good().world("resourceful"),
        Probe::good().world("records"),
        Probe::good().world("later-service"),
        Probe::good().world("talkative"),
        Probe::good().world("without-service"),
    ] {
        // The encoder validates the component, so its header is enough here.
        assert_eq!(probe.build()[..8], *b"\0asm\x0d\0\x01\0", "{}", probe.world);
    }
}
