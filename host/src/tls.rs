//! TLS for the clients in this binary: rustls with ring, and the certificates that the system
//! trusts.

use reqwest::{Client, ClientBuilder, Url};

/// What a client of that address begins with. Plain HTTP asks the system for no certificates: an
/// image may have none, and its health check needs none.
pub(crate) fn client(to: &Url) -> ClientBuilder {
    prepare();
    match to.scheme() {
        "https" => Client::builder(),
        _ => Client::builder().tls_certs_only([]),
    }
}

/// Says which cryptography rustls uses. To be called before a client is made; again is harmless.
pub(crate) fn prepare() {
    // An error says that it was said before.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
