//! Builds the services of `wat/probe.wit` from the text in `wat/probe.wat`.
//!
//! The component comes from the platform's own WIT and the encoder that real ones come from, so
//! that each differs from a good one in nothing but what a test made bad.

use std::path::PathBuf;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::harness::Setup;

/// A route as `describe` gives it.
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

/// A service, good until something is changed.
#[derive(Clone)]
pub struct Probe {
    world: &'static str,
    thing: String,
    /// How much memory an instance begins with, in pages of 64 KiB.
    pages: u32,
    markers: Vec<(&'static str, String)>,
    /// The routes of its description.
    pub routes: Vec<Route>,
    /// The names and SQL of its migrations.
    pub migrations: Vec<(String, String)>,
}

/// Where the routes of the description lie, and where texts begin.
const ROUTES: usize = 1024;
const MIGRATIONS: usize = 3072;
const TEXTS: usize = 4096;

/// GET on a path by `test:probe/api#get`.
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
    /// One route, `GET /things/{id}`, that answers "a thing".
    pub fn good() -> Self {
        Self {
            world: "probe",
            thing: "a thing".into(),
            pages: 1,
            markers: Vec::new(),
            routes: vec![get("/things/{id}")],
            migrations: Vec::new(),
        }
    }

    /// A GET that takes as many turns of a loop as its id says: slow, without a clock.
    pub fn slow() -> Self {
        Self::good().at(
            "get",
            "(block $done (loop $turn
                (br_if $done (i64.le_s (local.get 0) (i64.const 0)))
                (local.set 0 (i64.sub (local.get 0) (i64.const 1)))
                (br $turn)))",
        )
    }

    /// Another answer than "a thing".
    pub fn saying(mut self, thing: &str) -> Self {
        self.thing = thing.into();
        self
    }

    /// The same core in another world of `probe.wit`.
    pub fn world(mut self, world: &'static str) -> Self {
        self.world = world;
        self
    }

    /// More memory to begin with.
    pub fn pages(mut self, pages: u32) -> Self {
        self.pages = pages;
        self
    }

    /// Other routes.
    pub fn routes(mut self, routes: impl IntoIterator<Item = Route>) -> Self {
        self.routes = routes.into_iter().collect();
        self
    }

    /// A migration more.
    pub fn migration(mut self, name: &str, sql: &str) -> Self {
        self.migrations.push((name.into(), sql.into()));
        self
    }

    /// WebAssembly text at a marker of `probe.wat`.
    pub fn at(mut self, marker: &'static str, text: &str) -> Self {
        self.markers.push((marker, text.into()));
        self
    }

    /// The component's bytes.
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
        resolve.push_dir(wit).expect("the platform's WIT");
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
            .expect("the core fits the world")
    }

    /// A host that would run it.
    pub fn setup(&self) -> Setup {
        file(&self.build())
    }

    /// The data at address 0, after the canonical ABI's layout of the records.
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

/// A host that would run the bytes of any file.
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
fn every_world_of_the_probe_is_a_component() {
    let import = r#"(import "wasi:filesystem/preopens@0.2.0" "get-directories"
        (func (param i32)))"#;
    for probe in [
        Probe::good(),
        Probe::slow(),
        Probe::good().world("reaching-out").at("imports", import),
        Probe::good().world("resourceful"),
        Probe::good().world("records"),
        Probe::good().world("later-service"),
        Probe::good().world("without-service"),
    ] {
        // The encoder validates; the first eight bytes are those of a component.
        assert_eq!(probe.build()[..8], *b"\0asm\x0d\0\x01\0", "{}", probe.world);
    }
}
