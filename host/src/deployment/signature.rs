//! Stub.
#[derive(Debug, Clone, Default)]
pub struct TrustedKeys;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct SignatureError;
impl TrustedKeys {
    pub fn is_empty(&self) -> bool {
        true
    }
    pub fn verify(&self, _d: &str, _s: &[u8]) -> Result<(), SignatureError> {
        Ok(())
    }
}
