//! Signatures over components: who may bring logic into a host.
//!
//! A signature is ed25519 (RFC 8032) over 55 bytes: the text `task-host component v1`, a zero
//! byte, and the 32 bytes of the component's SHA-256 digest. The text keeps a signature made
//! here from meaning anything elsewhere, and the other way round. The digest, not the content,
//! is signed, so that whoever knows a component only by its digest can check it too.
//!
//! Keys are PEM files as `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write
//! them (RFC 8410): PKCS#8 for the private key, SubjectPublicKeyInfo for the public one.

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

/// What comes before the digest in the signed message, with the zero byte that ends it.
const DOMAIN: &[u8; 23] = b"task-host component v1\0";
/// The length of a digest, in bytes.
const DIGEST_LENGTH: usize = 32;

/// The public keys whose signatures a host accepts. Empty: it asks for no signature.
#[derive(Debug, Clone, Default)]
pub struct TrustedKeys {
    keys: Vec<(KeyId, VerifyingKey)>,
}

/// Names a key: the first 16 hex digits of SHA-256 over the public key's 32 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyId(String);

/// Why a component counts as not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is none.
    #[error("the component is not signed, and this host takes only signed ones")]
    Missing,
    /// It is not 64 bytes.
    #[error("the signature has {0} bytes; an ed25519 signature has 64")]
    Malformed(usize),
    /// No trusted key made it for this component.
    #[error("the signature is not one that a trusted key made for this component")]
    Untrusted,
    /// What is signed is no SHA-256 digest in hex.
    #[error("{0:?} is no SHA-256 digest")]
    NotADigest(String),
}

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It holds something else.
    #[error("{} holds no {expected} in PEM", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// The operating system gave no random bytes.
    #[error("cannot make a key: {0}")]
    Random(String),
}

impl TrustedKeys {
    /// Reads public keys, one a file. The same key twice counts once.
    ///
    /// # Errors
    /// [`KeyError`] names the first file that cannot be used.
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

    /// Whether no key is trusted, which means that components need no signature.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Checks a signature over a component's digest (64 hex digits), and says whose it is. An
    /// empty signature counts as none.
    ///
    /// # Errors
    /// [`SignatureError`]; without trusted keys always.
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

/// A private key. Its bytes are wiped when it is dropped.
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// Makes a key of the operating system's random bytes.
    ///
    /// # Errors
    /// [`KeyError::Random`].
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
    /// [`KeyError`] names the file.
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
    /// [`SignatureError::NotADigest`].
    pub fn sign(&self, digest: &str) -> Result<[u8; Signature::BYTE_SIZE], SignatureError> {
        Ok(self.0.sign(&message(digest)?).to_bytes())
    }

    /// The key's name, the same as its public half's.
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.0.verifying_key())
    }

    /// The key as a file holds it.
    pub fn to_pem(&self) -> String {
        let pair = KeypairBytes {
            secret_key: self.0.to_bytes(),
            // Version 1 of PKCS#8, as openssl writes it: not every reader knows version 2.
            public_key: None,
        };
        pair.to_pkcs8_pem(LineEnding::LF)
            .expect("32 bytes fit into PKCS#8")
            .to_string()
    }

    /// The public half as a file holds it.
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
        KeyId(hash[..8].iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is signed.
fn message(digest: &str) -> Result<[u8; DOMAIN.len() + DIGEST_LENGTH], SignatureError> {
    let mut message = [0; DOMAIN.len() + DIGEST_LENGTH];
    message[..DOMAIN.len()].copy_from_slice(DOMAIN);
    let not_a_digest = || SignatureError::NotADigest(digest.to_owned());
    let digits = digest.as_bytes();
    if digits.len() != 2 * DIGEST_LENGTH {
        return Err(not_a_digest());
    }
    for (byte, pair) in message[DOMAIN.len()..].iter_mut().zip(digits.chunks(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        let (high, low) = digit(pair[0])
            .zip(digit(pair[1]))
            .ok_or_else(not_a_digest)?;
        *byte = (high << 4 | low) as u8;
    }
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
