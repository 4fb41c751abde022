//! The key that authenticates compiled code.
//!
//! Compiled code is run without further checks. Anyone who can write to the place where code is
//! kept must therefore not be able to make code that a host would load.

use std::fs::Metadata;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::Context as _;
use hmac::{Hmac, Mac};
use rand::RngCore as _;
use sha2::{Digest as _, Sha256};

use super::compiler::CompiledCode;

const MAC_BYTES: usize = 32;

/// Minimum size of a key, in bytes.
const KEY_BYTES: u64 = 32;

/// A key that seals compiled code with an HMAC-SHA256, and opens code that was sealed with it.
pub struct CodeKey([u8; 32]);

impl CodeKey {
    /// Reads a key from a file of 32 bytes or more that only its owner and its group may read.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, is too short, belongs to another user than this
    /// process's user or root, or can be read or written by every user.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let mut text = Vec::new();
        open(path)?.take(1 << 16).read_to_end(&mut text)?;
        anyhow::ensure!(
            text.len() as u64 >= KEY_BYTES,
            "the key must have {KEY_BYTES} bytes or more"
        );
        Ok(CodeKey(Sha256::digest(&text).into()))
    }

    /// Reads the key of this machine, or creates it if it does not exist.
    ///
    /// # Errors
    /// Returns the errors of [`CodeKey::read`], or an error if the file cannot be created.
    pub(super) fn read_or_make(path: &Path) -> anyhow::Result<Self> {
        let mut key = [0; KEY_BYTES as usize];
        if !path.exists() {
            rand::rng().fill_bytes(&mut key);
            let parent = path.parent().unwrap_or(Path::new("."));
            let mut file = tempfile::NamedTempFile::new_in(parent)?;
            file.write_all(&key)?;
            file.as_file().sync_all()?;
            // If another process has created the file meanwhile, its key is used.
            match file.persist_noclobber(path) {
                Ok(_) => return Ok(CodeKey(key)),
                Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.error.into()),
            }
        }
        open(path)?
            .read_exact(&mut key)
            .context("the key must have 32 bytes")?;
        Ok(CodeKey(key))
    }

    /// Seals code: returns its HMAC followed by the code. The HMAC also covers the component's
    /// digest and the engine's fingerprint.
    pub fn seal(&self, digest: &str, fingerprint: &str, code: &CompiledCode) -> Vec<u8> {
        let mac = self.mac(digest, fingerprint, code.bytes()).finalize();
        [&mac.into_bytes(), code.bytes()].concat()
    }

    /// Opens sealed code. Returns `None` if it was not sealed with this key for this digest and
    /// this fingerprint.
    pub fn open(
        &self,
        digest: &str,
        fingerprint: &str,
        mut sealed: Vec<u8>,
    ) -> Option<CompiledCode> {
        let (mac, code) = sealed.split_at_checked(MAC_BYTES)?;
        let authentic = self.mac(digest, fingerprint, code).verify_slice(mac);
        if authentic.is_err() {
            tracing::warn!(
                component.digest = digest,
                "ignored compiled code that this host's key does not authenticate"
            );
            return None;
        }
        sealed.drain(..MAC_BYTES);
        Some(CompiledCode::vouched(sealed))
    }

    fn mac(&self, digest: &str, fingerprint: &str, code: &[u8]) -> Hmac<Sha256> {
        // Digest and fingerprint are authenticated too, so that the code of one component cannot
        // be put in the place of another's.
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.0)
            .expect("HMAC accepts keys of any length");
        for part in [digest.as_bytes(), fingerprint.as_bytes(), code] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac
    }
}

fn open(path: &Path) -> anyhow::Result<std::fs::File> {
    let file = std::fs::OpenOptions::new().read(true).open(path)?;
    check_permissions(&file.metadata()?)?;
    Ok(file)
}

/// Returns an error if another user may know the key, because anyone who knows it can make code
/// that the host runs. The group may read it, because volumes of a cluster belong to a group.
fn check_permissions(key: &Metadata) -> anyhow::Result<()> {
    let own = rustix::process::geteuid().as_raw();
    anyhow::ensure!(
        key.uid() == own || key.uid() == 0,
        "the file belongs to another user"
    );
    anyhow::ensure!(
        key.mode() & 0o007 == 0,
        "every user may read or write the file"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn key(bytes: &[u8], mode: u32) -> anyhow::Result<CodeKey> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("key");
        std::fs::write(&path, bytes)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
        CodeKey::read(&path)
    }

    #[test]
    fn sealed_code_opens_only_with_the_same_key_digest_and_fingerprint() {
        let (one, other) = (key(&[7; 40], 0o440).unwrap(), key(&[7; 40], 0o400).unwrap());
        let sealed = one.seal("a", "x86", &CompiledCode::vouched(vec![1, 2, 3]));
        let opened = other.open("a", "x86", sealed.clone()).unwrap();
        assert_eq!(opened.bytes(), [1, 2, 3]);
        assert!(other.open("b", "x86", sealed.clone()).is_none());
        assert!(other.open("a", "arm", sealed.clone()).is_none());
        assert!(
            key(&[8; 40], 0o400)
                .unwrap()
                .open("a", "x86", sealed.clone())
                .is_none()
        );
        let mut changed = sealed;
        *changed.last_mut().unwrap() ^= 1;
        assert!(other.open("a", "x86", changed).is_none());
        assert!(other.open("a", "x86", vec![0; 31]).is_none());
    }

    #[test]
    fn a_key_that_is_too_short_or_readable_by_everyone_is_refused() {
        let refused = |bytes: &[u8], mode| key(bytes, mode).err().unwrap().to_string();
        assert!(refused(&[7; 31], 0o400).contains("32 bytes"));
        assert!(refused(&[7; 32], 0o444).contains("every user"));
    }
}
