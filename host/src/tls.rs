//! TLS for the clients in this binary: rustls with ring, and the system's trusted certificates.

use reqwest::{Client, ClientBuilder, Url};

/// Returns a builder of a client for this address. For plain HTTP the system's certificates are not
/// loaded, so that a health check works in an image without certificates.
pub(crate) fn client_builder(url: &Url) -> ClientBuilder {
    install_provider();
    match url.scheme() {
        "https" => Client::builder(),
        _ => Client::builder().tls_certs_only([]),
    }
}

/// Selects the cryptography that rustls uses. Must be called before a client is created. Further
/// calls have no effect.
pub(crate) fn install_provider() {
    // This fails only if a provider is already installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
