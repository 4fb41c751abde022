//! The key by which compiled code is known to be ours. Code runs unchecked: who can write where it
//! is kept must not be able to make some that a host would load.

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

/// The bytes of a key, at least.
const KEY_BYTES: u64 = 32;

/// A key that seals compiled code, and opens what was sealed with it.
pub struct CodeKey([u8; 32]);

impl CodeKey {
    /// Reads a key that is given: a file of 32 bytes or more, which nobody but this user and its
    /// group may read.
    ///
    /// # Errors
    /// Where it cannot be read, is too short, or others may know it.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let mut text = Vec::new();
        open(path)?.take(1 << 16).read_to_end(&mut text)?;
        anyhow::ensure!(
            text.len() as u64 >= KEY_BYTES,
            "the key must have {KEY_BYTES} bytes or more"
        );
        Ok(CodeKey(Sha256::digest(&text).into()))
    }

    /// Reads the key of this machine, and makes it where it is missing.
    ///
    /// # Errors
    /// As [`CodeKey::read`]; where it cannot be made.
    pub(super) fn read_or_make(path: &Path) -> anyhow::Result<Self> {
        let mut key = [0; KEY_BYTES as usize];
        if !path.exists() {
            rand::rng().fill_bytes(&mut key);
            let parent = path.parent().unwrap_or(Path::new("."));
            let mut file = tempfile::NamedTempFile::new_in(parent)?;
            file.write_all(&key)?;
            file.as_file().sync_all()?;
            // Another process may have been first: its key stands.
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

    /// The code, with the proof that it is that of a component in an engine.
    pub fn seal(&self, digest: &str, fingerprint: &str, code: &CompiledCode) -> Vec<u8> {
        let mac = self.mac(digest, fingerprint, code.bytes()).finalize();
        [&mac.into_bytes(), code.bytes()].concat()
    }

    /// The code of a component in an engine; none where it was not sealed as that with this key.
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
                "ignored compiled code that is not ours"
            );
            return None;
        }
        sealed.drain(..MAC_BYTES);
        Some(CompiledCode::vouched(sealed))
    }

    fn mac(&self, digest: &str, fingerprint: &str, code: &[u8]) -> Hmac<Sha256> {
        // The name is part of what is authenticated: code cannot be swapped.
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.0)
            .expect("HMAC takes keys of every length");
        for part in [digest.as_bytes(), fingerprint.as_bytes(), code] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac
    }
}

fn open(path: &Path) -> anyhow::Result<std::fs::File> {
    let file = std::fs::OpenOptions::new().read(true).open(path)?;
    refuse_foreign(&file.metadata()?)?;
    Ok(file)
}

/// Refuses a key that others may know: who knows it can make code that the host runs. A group
/// may, because volumes of a cluster belong to one.
fn refuse_foreign(key: &Metadata) -> anyhow::Result<()> {
    let own = rustix::process::geteuid().as_raw();
    anyhow::ensure!(
        key.uid() == own || key.uid() == 0,
        "it belongs to another user"
    );
    anyhow::ensure!(key.mode() & 0o007 == 0, "every user may read or write it");
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
    fn what_one_host_seals_another_opens_with_the_same_key_and_for_the_same_use() {
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
    fn a_key_that_is_short_or_known_to_everybody_is_refused() {
        let refused = |bytes: &[u8], mode| key(bytes, mode).err().unwrap().to_string();
        assert!(refused(&[7; 31], 0o400).contains("32 bytes"));
        assert!(refused(&[7; 32], 0o444).contains("every user"));
    }
}
