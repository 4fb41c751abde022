//! Whose certificates are believed.

use rcgen::{CertifiedKey, generate_simple_self_signed};

use super::setup::refusal;
use super::*;
use crate::harness::Setup;
use crate::postgres::encrypted_server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_believed_for_its_authority_and_its_name() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let Some(server) = encrypted_server(&cert.pem(), &signing_key.serialize_pem()) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let authority = directory.path().join("authority.pem");
    std::fs::write(&authority, cert.pem()).unwrap();
    let authority = authority.display().to_string();
    let name = server.database();
    let ours = format!("sslrootcert={authority}");

    let database = open(&server.url_by_port("localhost", &name, &ours));
    database.ping().await.unwrap();
    let encrypted = "SELECT count(*) > 0 AND bool_and(ssl) \
                     FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'host'";
    assert_eq!(server.run(&name, encrypted), "t");
    drop(database);

    for (host, query, reason) in [
        // The system's authorities, where it has any, do not know this one.
        ("localhost", "sslmode=require", "certificate"),
        ("127.0.0.1", ours.as_str(), "not valid for name"),
    ] {
        let error = refusal(&server.url_by_port(host, &name, query)).to_string();
        assert!(error.contains(reason), "{error}");
    }

    let url = server.url_by_port("localhost", &name, "sslrootcert=system");
    let setup = Setup::tasks().database(&url);
    let host = setup.variable("SSL_CERT_FILE", authority).start();
    host.get("/tasks").expect(200);
}
