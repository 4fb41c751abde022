//! The peers: what other frameworks' servers take for the same reads of the same tables.
//!
//! Their code is in `bench/peers`. They run as their documentation deploys them, with one worker for
//! the one core, and without a line of log for each request, which host and twin write.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::server::Kind;
use crate::python::{Missing, Python};
use crate::step;
use crate::workspace::Workspace;

/// What the peers are started from.
pub struct Peers {
    python: Python,
    code: PathBuf,
}

impl Peers {
    /// FastAPI and Flask; none where their packages cannot be had, which is said.
    pub fn prepare(workspace: &Workspace) -> Option<Self> {
        let python = Python::prepare_with(workspace, "bench/peers/requirements.txt", "peers-venv");
        match python {
            Ok(python) => Some(Peers {
                python,
                code: workspace.root.join("bench/peers"),
            }),
            Err(Missing { why, remedy }) => {
                step::note(&format!("without FastAPI and Flask: {why}; {remedy}"));
                None
            }
        }
    }

    /// A command that serves a database.
    pub fn command(&self, kind: Kind, api: SocketAddr, database: &Path) -> Command {
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
        command
            .current_dir(&self.code)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PEER_DATABASE", database);
        command
    }
}
