//! A host connects to PostgreSQL with the system's root certificates.

use rcgen::{CertifiedKey, generate_simple_self_signed};

use crate::harness::Setup;
use crate::postgres::encrypted_server;

#[test]
fn a_host_trusts_the_systems_root_certificates() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let Some(server) = encrypted_server(&cert.pem(), &signing_key.serialize_pem()) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let authority = directory.path().join("authority.pem");
    std::fs::write(&authority, cert.pem()).unwrap();
    let url = server.url_by_port("localhost", &server.database(), "sslrootcert=system");
    let setup = Setup::tasks().database(&url);
    let file = authority.display().to_string();
    let host = setup.variable("SSL_CERT_FILE", file).start();
    host.get("/tasks").expect(200);
}
