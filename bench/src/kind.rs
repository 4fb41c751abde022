//! The servers that are compared.

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// task-host with the component.
    Host,
    /// task-host that does not wait for the disk.
    HostWithoutSync,
    /// task-host that neither records nor samples requests.
    HostWithoutRecordings,
    /// The native twin: the host with the logic compiled in.
    Twin,
    /// FastAPI under uvicorn, on the same tables. It only reads.
    FastApi,
    /// Flask under gunicorn, on the same tables. It only reads.
    Flask,
    /// `wasmtime serve` with the rules as a `wasi:http` component. It has no database.
    WasmtimeServe,
}

impl Kind {
    /// Returns the name in log file names and messages.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Host => "host",
            Kind::HostWithoutSync => "host-without-sync",
            Kind::HostWithoutRecordings => "host-without-recordings",
            Kind::Twin => "twin",
            Kind::FastApi => "fastapi",
            Kind::Flask => "flask",
            Kind::WasmtimeServe => "wasmtime-serve",
        }
    }

    /// Returns the name in tables.
    pub fn label(self) -> &'static str {
        match self {
            Kind::Host => "host",
            Kind::HostWithoutSync => "host, syncs off",
            Kind::HostWithoutRecordings => "host, recordings off",
            Kind::Twin => "native twin",
            Kind::FastApi => "FastAPI",
            Kind::Flask => "Flask",
            Kind::WasmtimeServe => "wasmtime serve",
        }
    }

    /// Returns the name in the JSON for the server that the host is compared with.
    pub fn key(self) -> &'static str {
        match self {
            Kind::Host => "host",
            Kind::HostWithoutSync => "without_sync",
            Kind::HostWithoutRecordings => "without_recordings",
            Kind::Twin => "native",
            Kind::FastApi => "fastapi",
            Kind::Flask => "flask",
            Kind::WasmtimeServe => "wasmtime_serve",
        }
    }

    /// Whether the server is part of this project: the host or the twin.
    pub fn is_own(self) -> bool {
        matches!(
            self,
            Kind::Host | Kind::HostWithoutSync | Kind::HostWithoutRecordings | Kind::Twin
        )
    }
}
