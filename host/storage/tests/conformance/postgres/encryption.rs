//! Which server certificates are trusted.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use testkit::postgres::encrypted_server;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_needs_a_trusted_certificate_for_its_name() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let Some(server) = encrypted_server(&cert.pem(), &signing_key.serialize_pem()) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let authority = directory.path().join("authority.pem");
    std::fs::write(&authority, cert.pem()).unwrap();
    let name = server.database();
    let trusted = format!("sslrootcert={}", authority.display());

    let database = open(&server.url_by_port("localhost", &name, &trusted));
    database.ping().await.unwrap();
    let encrypted = "SELECT count(*) > 0 AND bool_and(ssl) \
                     FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'host'";
    assert_eq!(server.run(&name, encrypted), "t");
    drop(database);

    for (host, query, reason) in [
        // The system's root certificates, if it has any, do not include this one.
        ("localhost", "sslmode=require", "certificate"),
        ("127.0.0.1", trusted.as_str(), "not valid for name"),
    ] {
        let error = open_error(&server.url_by_port(host, &name, query)).to_string();
        assert!(error.contains(reason), "{error}");
    }
}
