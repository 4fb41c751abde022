//! Keys and signatures: round trips, what openssl makes of the same bytes, and every refusal.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::*;

/// SHA-256 of `logic`.
const DIGEST: &str = "08e4e1c34e288c718c5688a1ad59b4de4e4b92f94074e499d6960ddeba9c672d";
/// SHA-256 of nothing.
const OTHER: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// A key that openssl made for these tests, and its signature (`openssl pkeyutl -sign -rawin`)
// over the domain and DIGEST.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEID1lsQ4ZTaUDwxnVlalvQ0pQJ/VQVhBzIRBQAxJ/6SkU
-----END PRIVATE KEY-----
";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEApZKsOHrkelxYmWTl+oakjQFVJwa8aRLVjKV58yyVzsA=
-----END PUBLIC KEY-----
";
const SIGNATURE: &str =
    "ii427FsIM+FwfGSvboM5F4ETBpXSG10D/48uEI9M9hUv6SZGU0NMZYRMayus9K2CN7zNPNF8tOX4S42O2XOKCw==";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn trust(&self, key: &PrivateKey) -> TrustedKeys {
        let path = self.file(&key.id().to_string(), &key.public_pem());
        TrustedKeys::load(&[path]).unwrap()
    }
}

#[test]
fn a_signature_by_any_trusted_key_is_accepted_and_names_it() {
    let folder = Folder::new();
    let (first, second) = (
        PrivateKey::generate().unwrap(),
        PrivateKey::generate().unwrap(),
    );
    let paths = [
        folder.file("first", &first.public_pem()),
        folder.file("second", &second.public_pem()),
    ];
    let trusted = TrustedKeys::load(&paths).unwrap();
    for key in [&first, &second] {
        let signature = key.sign(DIGEST).unwrap();
        assert_eq!(trusted.verify(DIGEST, &signature), Ok(key.id()));
        assert_eq!(key.id().to_string().len(), 16);
    }
}

#[test]
fn openssl_makes_the_same_signature_with_the_same_key() {
    let folder = Folder::new();
    let key = PrivateKey::load(&folder.file("key", PRIVATE)).unwrap();
    let signature = key.sign(DIGEST).unwrap();
    assert_eq!(BASE64_STANDARD.encode(signature), SIGNATURE);
    assert_eq!(key.id().to_string(), "378fd4c3a63e0057");

    let trusted = TrustedKeys::load(&[folder.file("key.pub", PUBLIC)]).unwrap();
    assert_eq!(trusted.verify(DIGEST, &signature), Ok(key.id()));
}

#[test]
fn keys_are_written_as_openssl_writes_them() {
    let folder = Folder::new();
    let key = PrivateKey::load(&folder.file("key", PRIVATE)).unwrap();
    assert_eq!(key.to_pem(), PRIVATE);
    assert_eq!(key.public_pem(), PUBLIC);
    assert_eq!(format!("{key:?}"), "PrivateKey(378fd4c3a63e0057)");
}

#[test]
fn a_signature_over_another_component_or_by_another_key_is_not_trusted() {
    let (folder, key) = (Folder::new(), PrivateKey::generate().unwrap());
    let trusted = folder.trust(&key);
    let strange = PrivateKey::generate().unwrap().sign(DIGEST).unwrap();
    let other = key.sign(OTHER).unwrap();
    let mut flipped = key.sign(DIGEST).unwrap();
    flipped[7] ^= 1;
    // The same key over the bare digest, outside of the domain.
    let bare = key
        .0
        .sign(&message(DIGEST).unwrap()[DOMAIN.len()..])
        .to_bytes();
    for signature in [strange, other, flipped, bare] {
        let refused = trusted.verify(DIGEST, &signature);
        assert_eq!(refused, Err(SignatureError::Untrusted));
    }
}

#[test]
fn a_malformed_signature_differs_from_an_untrusted_one() {
    let (folder, key) = (Folder::new(), PrivateKey::generate().unwrap());
    let trusted = folder.trust(&key);
    assert_eq!(trusted.verify(DIGEST, &[]), Err(SignatureError::Missing));
    let short = trusted.verify(DIGEST, &[0; 63]);
    assert_eq!(short, Err(SignatureError::Malformed(63)));
    let signature = key.sign(DIGEST).unwrap();
    for digest in ["", "sha256:08e4", &DIGEST[1..], &DIGEST.replace('0', "g")] {
        let refused = trusted.verify(digest, &signature);
        assert_eq!(refused, Err(SignatureError::NotADigest(digest.to_owned())));
    }
}

#[test]
fn without_trusted_keys_nothing_is_trusted() {
    let signature = PrivateKey::generate().unwrap().sign(DIGEST).unwrap();
    let nobody = TrustedKeys::default();
    assert!(nobody.is_empty());
    assert_eq!(
        nobody.verify(DIGEST, &signature),
        Err(SignatureError::Untrusted)
    );
}

#[test]
fn a_file_with_something_else_is_named_with_what_it_should_contain() {
    let folder = Folder::new();
    let path = folder.file("key", PRIVATE);
    let error = TrustedKeys::load(&[&path]).unwrap_err().to_string();
    assert!(
        error.ends_with("key does not contain an ed25519 public key in PEM"),
        "{error}"
    );
    let path = folder.file("key.pub", PUBLIC);
    let error = PrivateKey::load(&path).unwrap_err().to_string();
    assert!(
        error.contains("key.pub does not contain an ed25519 private key"),
        "{error}"
    );
    let error = PrivateKey::load(&folder.0.path().join("none")).unwrap_err();
    assert!(matches!(error, KeyError::Read { .. }), "{error}");
}

#[test]
fn the_same_key_in_two_files_counts_once() {
    let folder = Folder::new();
    let paths = [folder.file("a", PUBLIC), folder.file("b", PUBLIC)];
    assert_eq!(TrustedKeys::load(&paths).unwrap().keys.len(), 1);
}
