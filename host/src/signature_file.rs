//! The file that holds a component's signature: beside the component, named `FILE.sig`, in base64.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Bytes of an ed25519 signature.
const SIGNATURE_BYTES: usize = 64;

/// Returns the path of a component's signature: the component's path with `.sig` appended.
pub(crate) fn path(component: &Path) -> PathBuf {
    let mut name = component.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// Returns the text of a signature file.
pub(crate) fn encode(signature: &[u8]) -> String {
    format!("{}\n", BASE64_STANDARD.encode(signature))
}

/// Reads a signature from `file`. If no file is named, reads the one beside the component;
/// `None` if there is no such file.
///
/// # Errors
/// The file cannot be read, or does not hold a signature.
pub(crate) fn read(component: &Path, file: Option<&Path>) -> Result<Option<Vec<u8>>, String> {
    let beside = path(component);
    let Some(file) = file.or_else(|| beside.exists().then_some(beside.as_path())) else {
        return Ok(None);
    };
    let text = fs::read_to_string(file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    match decode(&text) {
        Some(signature) => Ok(Some(signature)),
        None => Err(format!(
            "{} does not contain a signature in the format of `task-host sign`",
            file.display()
        )),
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64_STANDARD.decode(text.trim()).ok()?;
    (bytes.len() == SIGNATURE_BYTES).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_file_is_base64_of_64_bytes() {
        let text = encode(&[7; SIGNATURE_BYTES]);
        assert_eq!(decode(&text), Some(vec![7; SIGNATURE_BYTES]));
        assert_eq!(decode(&text[1..]), None);
        assert_eq!(decode(&BASE64_STANDARD.encode([7; 63])), None);
    }
}
