//! `task-host keygen`: makes a pair of keys to sign components with.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::failure::Failure;
use deployment::signature::PrivateKey;

/// Make a pair of keys to sign components with
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the private key goes; the public one goes to FILE.pub. Neither may exist
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
    let key = PrivateKey::generate().context("cannot make a key")?;
    create(&args.out, 0o600, &key.to_pem())?;
    if let Err(error) = create(&public, 0o644, &key.public_pem()) {
        // Half a pair is of no use, and would be in the way of the next attempt.
        let _ = fs::remove_file(&args.out);
        return Err(error.into());
    }
    println!("the key {}:", key.id());
    println!("  {}  signs; keep it secret", args.out.display());
    println!("  {}  for the hosts' --trusted-key", public.display());
    Ok(())
}

/// Writes a file that did not exist.
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
    anyhow::anyhow!("{} exists, and no key is overwritten", path.display())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn failure(args: &Args) -> String {
        match run(args) {
            Err(Failure::Other(error)) => error.to_string(),
            _ => panic!("no key should have been made"),
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
    fn neither_half_of_a_pair_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("key");
        let args = Args { out: out.clone() };
        for taken in ["key", "key.pub"] {
            let path = folder.path().join(taken);
            fs::write(&path, "mine").unwrap();
            let error = failure(&args);
            assert!(error.ends_with(&format!("{taken} exists, and no key is overwritten")));
            assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
            fs::remove_file(path).unwrap();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{taken}");
        }
    }
}
