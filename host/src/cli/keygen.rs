//! `task-host keygen`: creates a pair of keys for signing components.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::failure::Failure;
use crate::stdout::print;
use deployment::signature::PrivateKey;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file for the private key. The public key is written to FILE.pub. Neither file may exist
    #[arg(long, value_name = "FILE")]
    pub(super) out: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let mut public = OsString::from(&args.out);
    public.push(".pub");
    let public = PathBuf::from(public);
    if public.exists() {
        return Err(exists(&public).into());
    }
    let key = PrivateKey::generate().context("cannot generate a key")?;
    create(&args.out, 0o600, &key.to_pem())?;
    if let Err(error) = create(&public, 0o644, &key.public_pem()) {
        // A private key without its public key is useless and would make the next attempt fail.
        let _ = fs::remove_file(&args.out);
        return Err(error.into());
    }
    let (private, public) = (args.out.display(), public.display());
    let printed = print([
        format!("key {}:", key.id()),
        format!("  {private}  private, for `task-host sign`; keep it secret"),
        format!("  {public}  public, for --trusted-key of the hosts"),
    ]);
    Ok(printed.with_context(|| format!("created {private} and {public}"))?)
}

/// Creates a file with this content. Fails if the file exists.
fn create(path: &Path, mode: u32, content: &str) -> anyhow::Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path);
    let mut file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(exists(path));
        }
        Err(error) => bail!("cannot write {}: {error}", path.display()),
    };
    file.write_all(content.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))
}

fn exists(path: &Path) -> anyhow::Error {
    anyhow::anyhow!(
        "{} already exists; keys are not overwritten",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn failure(args: &Args) -> String {
        match run(args) {
            Err(Failure::Other(error)) => error.to_string(),
            _ => panic!("no key should have been created"),
        }
    }

    #[test]
    fn only_the_owner_can_read_the_private_key() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("key");
        run(&Args { out: out.clone() }).ok().unwrap();
        let mode = fs::metadata(&out).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let public = fs::read_to_string(folder.path().join("key.pub")).unwrap();
        assert!(
            public.starts_with("-----BEGIN PUBLIC KEY-----\n"),
            "{public}"
        );
    }

    #[test]
    fn neither_key_file_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("key");
        let args = Args { out: out.clone() };
        for taken in ["key", "key.pub"] {
            let path = folder.path().join(taken);
            fs::write(&path, "mine").unwrap();
            let error = failure(&args);
            assert!(error.ends_with(&format!("{taken} already exists; keys are not overwritten")));
            assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
            fs::remove_file(path).unwrap();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{taken}");
        }
    }
}
