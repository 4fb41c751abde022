//! TLS for the clients in this binary: rustls with ring, and the certificates that the system
//! trusts.

/// What every HTTP client of this binary begins with.
pub(super) fn client() -> reqwest::ClientBuilder {
    prepare();
    reqwest::Client::builder()
}

/// Says which cryptography rustls uses. To be called before a client is made; again is harmless.
pub(super) fn prepare() {
    // An error says that it was said before.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
