//! `task-host sign`: signs a component, so that hosts with the public key take it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{Failure, setting};
use contract::digest;
use deployment::signature::PrivateKey;

/// Bytes of an ed25519 signature.
const SIGNATURE_BYTES: usize = 64;

/// Sign a component; the signature goes to FILE.sig, where `deploy` finds it
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The component
    file: PathBuf,
    /// The private key, as `task-host keygen` or openssl makes it
    #[arg(long, env = "TASK_HOST_SIGNING_KEY", value_name = "FILE")]
    key: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let key = PrivateKey::load(&args.key).map_err(|error| setting("--key", error))?;
    let component =
        fs::read(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    let digest = digest::sha256(&component);
    let signature = key.sign(&digest).context("cannot sign")?;
    let path = signature_file(&args.file);
    fs::write(&path, format!("{}\n", BASE64_STANDARD.encode(signature)))
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!(
        "{} signs sha256:{digest} by the key {}",
        path.display(),
        key.id()
    );
    Ok(())
}

/// Where the signature of a component lies: beside it, with `.sig` after its name.
pub(super) fn signature_file(component: &Path) -> PathBuf {
    let mut name = component.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// The signature in `file` or, unless one is named, in the file beside the component where there
/// is one.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn read_signature(
    component: &Path,
    file: Option<&Path>,
) -> Result<Option<Vec<u8>>, String> {
    let beside = signature_file(component);
    let Some(file) = file.or_else(|| beside.exists().then_some(beside.as_path())) else {
        return Ok(None);
    };
    let text = fs::read_to_string(file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    match decoded(&text) {
        Some(signature) => Ok(Some(signature)),
        None => Err(format!(
            "{} holds no signature as `task-host sign` writes it",
            file.display()
        )),
    }
}

/// The signature in a file's text.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64_STANDARD.decode(text.trim()).ok()?;
    (bytes.len() == SIGNATURE_BYTES).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::keygen;
    use deployment::signature::TrustedKeys;

    #[test]
    fn what_is_signed_by_a_generated_key_is_trusted_with_its_public_half() {
        let folder = tempfile::tempdir().unwrap();
        let (key, file) = (folder.path().join("key"), folder.path().join("logic.wasm"));
        keygen::run(&keygen::Args { out: key.clone() })
            .ok()
            .unwrap();
        fs::write(&file, "logic").unwrap();
        let args = Args {
            file: file.clone(),
            key,
        };
        run(&args).ok().unwrap();

        let text = fs::read_to_string(folder.path().join("logic.wasm.sig")).unwrap();
        let signature = BASE64_STANDARD.decode(text.trim()).unwrap();
        let trusted = TrustedKeys::load(&[folder.path().join("key.pub")]).unwrap();
        let signer = PrivateKey::load(&args.key).unwrap().id();
        assert_eq!(
            trusted.verify(&digest::sha256(b"logic"), &signature),
            Ok(signer)
        );
    }

    #[test]
    fn a_public_key_cannot_sign_and_the_flag_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("key");
        keygen::run(&keygen::Args { out }).ok().unwrap();
        let args = Args {
            file: folder.path().join("key"),
            key: folder.path().join("key.pub"),
        };
        let Err(Failure::Setting(error)) = run(&args) else {
            panic!("signed by a public key")
        };
        assert!(error.to_string().starts_with("--key: "), "{error}");
    }

    #[test]
    fn a_signature_file_is_base64_of_64_bytes() {
        let text = BASE64_STANDARD.encode([7; SIGNATURE_BYTES]);
        assert_eq!(
            decoded(&format!("{text}\n")),
            Some(vec![7; SIGNATURE_BYTES])
        );
        assert_eq!(decoded(&text[1..]), None);
        assert_eq!(decoded(&BASE64_STANDARD.encode([7; 63])), None);
    }
}
