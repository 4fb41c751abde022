//! `task-host sign`: signs a component for hosts that trust the public key.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::failure::Failure;
use crate::signature_file;
use crate::stdout::print;
use contract::digest;
use deployment::signature::PrivateKey;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The component. The signature is written to FILE.sig
    file: PathBuf,
    /// The private key, as `task-host keygen` or openssl writes it
    #[arg(long, env = "TASK_HOST_SIGNING_KEY", value_name = "FILE")]
    key: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let key = PrivateKey::load(&args.key).map_err(|error| Failure::setting("--key", error))?;
    let component =
        fs::read(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    let digest = digest::sha256(&component);
    let signature = key.sign(&digest).context("cannot sign")?;
    let path = signature_file::path(&args.file);
    fs::write(&path, signature_file::encode(&signature))
        .with_context(|| format!("cannot write {}", path.display()))?;
    let (path, id) = (path.display(), key.id());
    let done = format!("{path} is the signature of sha256:{digest} by key {id}");
    Ok(print([&done]).context(done)?)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    use super::*;
    use crate::cli::keygen;
    use deployment::signature::TrustedKeys;

    #[test]
    fn a_signature_by_a_generated_key_is_trusted_with_its_public_key() {
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
    fn signing_with_a_public_key_is_an_error_that_names_the_flag() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("key");
        keygen::run(&keygen::Args { out }).ok().unwrap();
        let args = Args {
            file: folder.path().join("key"),
            key: folder.path().join("key.pub"),
        };
        let Err(Failure::Setting(error)) = run(&args) else {
            panic!("signed with a public key")
        };
        assert!(error.to_string().starts_with("--key: "), "{error}");
    }
}
