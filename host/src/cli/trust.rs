//! The flag that says whose components a host takes.

use std::path::PathBuf;

use crate::deployment::signature::{KeyError, TrustedKeys};

/// Whose components a host takes
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Deployments")]
pub struct Args {
    /// A public key whose signature a component must have to become active; repeatable, one of
    /// them is enough. Without any, components need no signature
    #[arg(
        long,
        env = "TASK_HOST_TRUSTED_KEY",
        value_name = "FILE",
        value_delimiter = ','
    )]
    trusted_key: Vec<PathBuf>,
}

impl Args {
    /// Reads the keys.
    ///
    /// # Errors
    /// [`KeyError`] names the file that cannot be used; the flag is `--trusted-key`.
    pub fn load(&self) -> Result<TrustedKeys, KeyError> {
        TrustedKeys::load(&self.trusted_key)
    }
}
