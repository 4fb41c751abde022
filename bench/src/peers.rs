//! The peers: other servers that answer the same requests.
//!
//! Their code is in `bench/peers` and `bench/wasi-http`. They run as their documentation recommends,
//! with one worker for the one core. Unlike host and twin, they log no line for each request.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use xtask::component::{self, Component};
use xtask::python::{Missing, Python};
use xtask::step;
use xtask::toolchain::WASM_TARGET;
use xtask::workspace::Workspace;

use crate::kind::Kind;
use crate::postgres;

/// The task rules as a component that handles HTTP and JSON itself.
const WASI_HTTP: Component = Component {
    name: "wasi-http",
    wit: None,
    target: WASM_TARGET,
    profile: "component",
    file: "wasi-http.wasm",
};

/// What the peers are started from.
pub struct Peers {
    /// FastAPI and Flask. `None` if their packages cannot be installed.
    pub frameworks: Option<Frameworks>,
    component: PathBuf,
}

/// FastAPI and Flask.
pub struct Frameworks {
    python: Python,
    code: PathBuf,
}

impl Peers {
    /// Builds the component and installs the packages. If the packages cannot be installed, it prints a
    /// note and leaves FastAPI and Flask out.
    ///
    /// # Errors
    /// If the component does not build.
    pub fn prepare(workspace: &Workspace) -> Result<Self> {
        let component = component::build(workspace, WASI_HTTP)?;
        let python = Python::prepare_with(workspace, "bench/peers/requirements.txt", "peers-venv");
        let frameworks = match python {
            Ok(python) => Some(Frameworks {
                python,
                code: workspace.root.join("bench/peers"),
            }),
            Err(Missing { why, remedy }) => {
                step::note(&format!("without FastAPI and Flask: {why}; {remedy}"));
                None
            }
        };
        Ok(Peers {
            frameworks,
            component,
        })
    }

    /// Returns no peers.
    pub fn none() -> Self {
        Peers {
            frameworks: None,
            component: PathBuf::new(),
        }
    }

    /// Returns a command that serves the component: with a fresh instance for each request, which is the
    /// default, from a pool that is cleared in the cheapest known way, as the host's is.
    pub fn wasmtime_serve(&self, wasmtime: &Path, api: SocketAddr) -> Command {
        let mut command = Command::new(wasmtime);
        command
            .args(["serve", "-O", "pooling-allocator"])
            .args(["-O", "pooling-pagemap-scan=auto"])
            .args(["-O", "pooling-memory-keep-resident=1048576"])
            .args(["--addr", &api.to_string()])
            .arg(&self.component);
        command
    }
}

impl Frameworks {
    /// Returns a command that serves a database.
    pub fn command(&self, kind: Kind, api: SocketAddr, database: &str) -> Command {
        let mut command = if kind == Kind::FastApi {
            let mut uvicorn = self.python.program("uvicorn");
            uvicorn.args(["fastapi_app:app", "--workers", "1", "--no-access-log"]);
            uvicorn.args(["--host", "127.0.0.1", "--port", &api.port().to_string()]);
            uvicorn
        } else {
            let mut gunicorn = self.python.program("gunicorn");
            gunicorn.args(["flask_app:app", "--workers", "1", "--threads", "4"]);
            gunicorn.args(["--bind", &api.to_string()]);
            gunicorn
        };
        let database = match database.strip_prefix("sqlite:") {
            Some(file) => file.to_owned(),
            None => postgres::url_for_peers(database),
        };
        command
            .current_dir(&self.code)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PEER_DATABASE", database);
        command
    }
}
