//! Who the host is to a registry, from the file that `docker login` and its kin write.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, bail};
use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::secrets::RegistryAuth;

use super::Args;

/// The credentials for a registry; nobody's where the file has none, or where none was named and
/// the user has no such file.
pub(super) fn find(args: &Args, registry: &str) -> anyhow::Result<RegistryAuth> {
    let found = match &args.registry_auth_file {
        Some(path) => in_file(path, registry)?,
        None => docker_credential::get_credential(registry),
    };
    match found {
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            Ok(RegistryAuth::Basic(user, password))
        }
        Ok(DockerCredential::IdentityToken(_)) => {
            bail!("the credentials for {registry} are an identity token; give user and password")
        }
        Err(
            CredentialRetrievalError::NoCredentialConfigured
            | CredentialRetrievalError::ConfigNotFound
            | CredentialRetrievalError::ConfigReadError,
        ) => Ok(RegistryAuth::Anonymous),
        Err(error) => Err(error).with_context(|| format!("the credentials for {registry}")),
    }
}

fn in_file(
    path: &Path,
    registry: &str,
) -> anyhow::Result<Result<DockerCredential, CredentialRetrievalError>> {
    let file = File::open(path)
        .with_context(|| format!("--registry-auth-file: cannot read {}", path.display()))?;
    Ok(docker_credential::get_credential_from_reader(
        file, registry,
    ))
}
