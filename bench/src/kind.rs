//! The servers that are compared.

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// task-host with the component.
    Host,
    /// task-host that does not wait for the disk.
    HostWithoutSync,
    /// The logic compiled in.
    Twin,
    /// FastAPI under uvicorn, over the same tables. It only reads.
    FastApi,
    /// Flask under gunicorn, the same.
    Flask,
    /// `wasmtime serve` with the rules as a `wasi:http` component. It has no database.
    WasmtimeServe,
}

impl Kind {
    /// The server's name in a log's file name and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Host => "host",
            Kind::HostWithoutSync => "host-without-sync",
            Kind::Twin => "twin",
            Kind::FastApi => "fastapi",
            Kind::Flask => "flask",
            Kind::WasmtimeServe => "wasmtime-serve",
        }
    }

    /// Its name for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Kind::Host => "host",
            Kind::HostWithoutSync => "host, syncs off",
            Kind::Twin => "native twin",
            Kind::FastApi => "FastAPI",
            Kind::Flask => "Flask",
            Kind::WasmtimeServe => "wasmtime serve",
        }
    }

    /// What the host is compared with, as the JSON names it.
    pub fn key(self) -> &'static str {
        match self {
            Kind::Host => "host",
            Kind::HostWithoutSync => "without_sync",
            Kind::Twin => "native",
            Kind::FastApi => "fastapi",
            Kind::Flask => "flask",
            Kind::WasmtimeServe => "wasmtime_serve",
        }
    }

    /// Whether it is this project's server, the twin included.
    pub fn is_own(self) -> bool {
        matches!(self, Kind::Host | Kind::HostWithoutSync | Kind::Twin)
    }
}
