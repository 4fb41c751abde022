//! If the host trusts keys, only components that one of them signed become active: by deployment,
//! by rollback and at the first start.

use std::path::Path;

use tempfile::TempDir;

use super::{
    Built, begin, built, command, deploy, deploy_successfully, latest, numbered, other, revision,
    run_successfully, short_probation,
};
use crate::harness::{run, task_host};
use crate::hostile::probe::Probe;

/// A key pair in a directory.
struct Keys(TempDir);

impl Keys {
    fn new() -> Self {
        let keys = Keys(TempDir::new().expect("a directory"));
        let mut keygen = task_host();
        keygen.args(["keygen", "--out", &keys.private()]);
        assert_eq!(run(keygen).code, Some(0));
        keys
    }

    fn private(&self) -> String {
        self.0.path().join("key").display().to_string()
    }

    fn public(&self) -> String {
        format!("{}.pub", self.private())
    }

    /// Writes the signature to the file next to the component.
    fn sign(&self, component: &Path) {
        let mut sign = task_host();
        sign.arg("sign")
            .arg(component)
            .args(["--key", &self.private()]);
        assert_eq!(run(sign).code, Some(0));
    }
}

#[test]
fn with_a_trusted_key_only_signed_components_become_active() {
    let (keys, others) = (Keys::new(), Keys::new());
    let setup = short_probation();
    drop(setup.start());
    let host = setup.clone().flag("--trusted-key", keys.public()).start();
    let before = revision(&host);
    deploy(&host, &built(&other()), &[]).says(1, &["not signed"]);
    assert_eq!(latest(&host)["code"], "not-signed");
    let foreign = built(&numbered(1));
    others.sign(&foreign.path);
    deploy(&host, &foreign, &[]).says(1, &["not one that a trusted key made"]);
    assert_eq!(latest(&host)["code"], "wrong-signature");
    assert_eq!(revision(&host), before);
    let component = built(&other());
    keys.sign(&component.path);
    deploy_successfully(&host, &component, &[]);
    // A rollback to an unsigned component is rejected.
    run(command(&host, &["rollback"])).says(1, &["not-signed"]);
    assert_eq!(latest(&host)["code"], "not-signed");
    assert!(component.digest().starts_with(&revision(&host)));
}

#[test]
fn with_a_trusted_key_the_bundled_component_must_be_signed() {
    let keys = Keys::new();
    let setup = Probe::good().setup().flag("--trusted-key", keys.public());
    let bundled = setup.component_path().to_owned();
    setup.refused().says(1, &["not-signed"]);
    let signature = bundled.with_extension("wasm.sig");
    std::fs::write(&signature, "no signature").expect("written");
    setup.refused().says(2, &["--component", "probe.wasm.sig"]);
    Keys::new().sign(&bundled);
    setup.refused().says(1, &["wrong-signature"]);
    // A database keeps the signature that it has, so this needs a new one.
    let setup = Probe::good().setup().flag("--trusted-key", keys.public());
    keys.sign(setup.component_path());
    let host = setup.start();
    host.get("/things/1").expect(200);
    let components = host.admin("GET", "/admin/components").send().expect(200);
    assert_eq!(components.json()[0]["signed"], true);
}

/// A rollback in probation is not a new activation, so the earlier component needs no signature.
#[test]
fn a_rollback_in_probation_needs_no_signature() {
    let keys = Keys::new();
    let setup = Probe::good().setup().flag("--probation", "60s");
    drop(setup.start());
    let host = setup.flag("--trusted-key", keys.public()).start();
    let before = revision(&host);
    let component: Built = built(&other());
    keys.sign(&component.path);
    begin(&host, &["deploy", component.path()], "probation");
    run_successfully(&host, &["rollback"]);
    assert_eq!(revision(&host), before);
}
