//! The peers: what other servers take for the same requests.
//!
//! Their code is in `bench/`. They run as their documentation deploys them, with one worker for the
//! one core, and without a line of log for each request, which host and twin write.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use xtask::component::{self, Component};
use xtask::python::{Missing, Python};
use xtask::step;
use xtask::workspace::Workspace;

use crate::kind::Kind;
use crate::postgres;

/// The task rules as a component that speaks HTTP and JSON itself.
const WASI_HTTP: Component = Component {
    name: "wasi-http",
    wit: None,
    profile: "component",
    file: "wasi-http.wasm",
};

/// What the peers are started from.
pub struct Peers {
    /// FastAPI and Flask; none where their packages cannot be had.
    pub frameworks: Option<Frameworks>,
    component: PathBuf,
}

/// FastAPI and Flask.
pub struct Frameworks {
    python: Python,
    code: PathBuf,
}

impl Peers {
    /// Builds and installs. What cannot be had is left out, which is said.
    ///
    /// # Errors
    /// Where the component does not build.
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

    /// None of them.
    pub fn none() -> Self {
        Peers {
            frameworks: None,
            component: PathBuf::new(),
        }
    }

    /// A command that runs the component: a fresh instance for each request, which is its default,
    /// from a pool that is cleared in the cheapest way known, which is the host's.
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
    /// A command that serves a database.
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
            None => postgres::for_others(database),
        };
        command
            .current_dir(&self.code)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PEER_DATABASE", database);
        command
    }
}
