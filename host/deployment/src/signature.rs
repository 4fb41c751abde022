//! Signatures of components: they decide whose logic a host accepts.
//!
//! A signature is ed25519 (RFC 8032) over 55 bytes: the text `task-host component v1`, a zero
//! byte, and the 32 bytes of the component's SHA-256 digest. Because of the text, a signature made
//! here is not valid for any other purpose, and no other signature is valid here. The digest is
//! signed, not the content, so that a signature can be checked with the digest alone.
//!
//! Keys are PEM files as `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write
//! them (RFC 8410): PKCS#8 for the private key, SubjectPublicKeyInfo for the public key.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
    KeypairBytes,
};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use sha2::{Digest as _, Sha256};

/// The beginning of the signed message, before the digest. The zero byte ends the text.
const DOMAIN: &[u8; 23] = b"task-host component v1\0";
/// The length of a digest, in bytes.
const DIGEST_LENGTH: usize = 32;

/// The public keys whose signatures a host accepts. Empty: the host requires no signature.
#[derive(Debug, Clone, Default)]
pub struct TrustedKeys {
    keys: Vec<(KeyId, VerifyingKey)>,
}

/// The name of a key: the first 16 hex digits of the SHA-256 of the public key's 32 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyId(String);

/// Why a signature is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The component has no signature.
    #[error("the component is not signed, and this host takes only signed ones")]
    Missing,
    /// The signature does not have 64 bytes.
    #[error("the signature has {0} bytes; an ed25519 signature has 64")]
    Malformed(usize),
    /// No trusted key made it for this component.
    #[error("the signature is not one that a trusted key made for this component")]
    Untrusted,
    /// The text to sign is not a SHA-256 digest in hex.
    #[error("{0:?} is not a SHA-256 digest")]
    NotADigest(String),
}

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file contains something else.
    #[error("{} does not contain an {expected} in PEM", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What the file should contain.
        expected: &'static str,
    },
    /// The operating system returned no random bytes.
    #[error("cannot make a key: {0}")]
    Random(String),
}

impl TrustedKeys {
    /// Reads public keys, one from each file. A repeated key counts once.
    ///
    /// # Errors
    /// Returns a [`KeyError`] that names the first file that cannot be used.
    pub fn load<P: AsRef<Path>>(paths: &[P]) -> Result<Self, KeyError> {
        let mut keys: Vec<(KeyId, VerifyingKey)> = Vec::new();
        for path in paths {
            let path = path.as_ref();
            let key =
                VerifyingKey::from_public_key_pem(&read(path)?).map_err(|_| KeyError::Content {
                    path: path.to_owned(),
                    expected: "ed25519 public key",
                })?;
            if !keys.iter().any(|(_, known)| *known == key) {
                keys.push((KeyId::of(&key), key));
            }
        }
        Ok(TrustedKeys { keys })
    }

    /// Returns whether no key is trusted, which means that components need no signature.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Checks a signature of a component's digest (64 hex digits), and returns the key that made it.
    /// An empty signature counts as missing.
    ///
    /// # Errors
    /// Returns a [`SignatureError`]. Without trusted keys no signature is accepted.
    pub fn verify(&self, digest: &str, signature: &[u8]) -> Result<KeyId, SignatureError> {
        if signature.is_empty() {
            return Err(SignatureError::Missing);
        }
        let signature = Signature::from_slice(signature)
            .map_err(|_| SignatureError::Malformed(signature.len()))?;
        let message = message(digest)?;
        self.keys
            .iter()
            // Strict: a weak key would make one signature fit many messages.
            .find(|(_, key)| key.verify_strict(&message, &signature).is_ok())
            .map(|(id, _)| id.clone())
            .ok_or(SignatureError::Untrusted)
    }
}

/// A private key. Its bytes are erased when it is dropped.
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// Generates a key from the operating system's random bytes.
    ///
    /// # Errors
    /// Returns [`KeyError::Random`].
    pub fn generate() -> Result<Self, KeyError> {
        let mut secret = [0; ed25519_dalek::SECRET_KEY_LENGTH];
        OsRng
            .try_fill_bytes(&mut secret)
            .map_err(|error| KeyError::Random(error.to_string()))?;
        Ok(PrivateKey(SigningKey::from_bytes(&secret)))
    }

    /// Reads a key from its file.
    ///
    /// # Errors
    /// Returns a [`KeyError`] that names the file.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_pem(&read(path)?)
            .map(PrivateKey)
            .map_err(|_| KeyError::Content {
                path: path.to_owned(),
                expected: "ed25519 private key (PKCS#8, not encrypted)",
            })
    }

    /// Signs a component's digest, 64 hex digits. The same key and digest always give the same
    /// signature.
    ///
    /// # Errors
    /// Returns [`SignatureError::NotADigest`].
    pub fn sign(&self, digest: &str) -> Result<[u8; Signature::BYTE_SIZE], SignatureError> {
        Ok(self.0.sign(&message(digest)?).to_bytes())
    }

    /// Returns the key's name, which is also that of its public key.
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.0.verifying_key())
    }

    /// Returns the key in the format of its file.
    pub fn to_pem(&self) -> String {
        let pair = KeypairBytes {
            secret_key: self.0.to_bytes(),
            // Version 1 of PKCS#8, as openssl writes it: not every program reads version 2.
            public_key: None,
        };
        pair.to_pkcs8_pem(LineEnding::LF)
            .expect("32 bytes fit into PKCS#8")
            .to_string()
    }

    /// Returns the public key in the format of its file.
    pub fn public_pem(&self) -> String {
        self.0
            .verifying_key()
            .to_public_key_pem(LineEnding::LF)
            .expect("32 bytes fit into a SubjectPublicKeyInfo")
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.id())
    }
}

impl KeyId {
    fn of(key: &VerifyingKey) -> Self {
        let hash = Sha256::digest(key.as_bytes());
        KeyId(hex::encode(&hash[..8]))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the signed message.
fn message(digest: &str) -> Result<[u8; DOMAIN.len() + DIGEST_LENGTH], SignatureError> {
    let mut message = [0; DOMAIN.len() + DIGEST_LENGTH];
    message[..DOMAIN.len()].copy_from_slice(DOMAIN);
    hex::decode_to_slice(digest, &mut message[DOMAIN.len()..])
        .map_err(|_| SignatureError::NotADigest(digest.to_owned()))?;
    Ok(message)
}

fn read(path: &Path) -> Result<String, KeyError> {
    fs::read_to_string(path).map_err(|source| KeyError::Read {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests;
