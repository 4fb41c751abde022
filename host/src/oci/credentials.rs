//! Credentials for registries, from the file that `docker login` and similar tools write.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, bail};
use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::secrets::RegistryAuth;

use super::Args;

/// Returns the credentials for a registry. Anonymous if the file has none for it, or if no file was
/// given and the user has no such file.
///
/// # Errors
/// The file cannot be read, or has an identity token instead of a user and password.
pub(super) fn find(args: &Args, registry: &str) -> anyhow::Result<RegistryAuth> {
    let found = match &args.registry_auth_file {
        Some(path) => from_file(path, registry)?,
        None => docker_credential::get_credential(registry),
    };
    match found {
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            Ok(RegistryAuth::Basic(user, password))
        }
        Ok(DockerCredential::IdentityToken(_)) => {
            bail!(
                "the credentials for {registry} are an identity token, which is not supported; give a user and \
                 password"
            )
        }
        Err(
            CredentialRetrievalError::NoCredentialConfigured
            | CredentialRetrievalError::ConfigNotFound
            | CredentialRetrievalError::ConfigReadError,
        ) => Ok(RegistryAuth::Anonymous),
        Err(error) => {
            Err(error).with_context(|| format!("cannot read the credentials for {registry}"))
        }
    }
}

fn from_file(
    path: &Path,
    registry: &str,
) -> anyhow::Result<Result<DockerCredential, CredentialRetrievalError>> {
    let file = File::open(path)
        .with_context(|| format!("--registry-auth-file: cannot read {}", path.display()))?;
    Ok(docker_credential::get_credential_from_reader(
        file, registry,
    ))
}
