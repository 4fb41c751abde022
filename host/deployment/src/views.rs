//! What operators see of revisions and components.

use std::time::{Duration, SystemTime};

use super::admin::AdminError;
use super::history;
use super::host::Host;
use super::model::{
    ComponentDetails, ComponentInterface, ComponentSummary, MemoryClearing, RevisionStatus,
    ShadowReport, ShadowSample, Status, timestamp,
};
use contract::deployment::Kind;
use request::shadow::Report;
use request::{Revision, Trial};
use runtime::Clearing;
use storage::registry::StoredComponent;
use transcode::Interface;

/// Returns the current state of a host.
pub(crate) async fn status(host: &Host) -> Result<Status, AdminError> {
    let active = host.revisions.active();
    let candidate = host.revisions.candidate();
    let registry = host.registry();
    let running = registry.running_deployment().await?;
    let registered = registry.active().await?;
    let replicas = host.cluster.replicas().await?;
    let warning = match &registered {
        Some(active) => fallback_reason(host, active.deployment).await?,
        None => None,
    };
    Ok(Status {
        active: revision(&active),
        deployment: running.map(history::deployment),
        verdict: host.verdict.lock().clone(),
        candidate: candidate
            .as_ref()
            .map(|candidate| revision(&candidate.revision)),
        candidate_percent: candidate.as_ref().map(|candidate| match &candidate.trial {
            Trial::Canary(share) => share.percent(),
            Trial::Shadow(_) => 0.0,
        }),
        shadow: candidate.and_then(|candidate| match candidate.trial {
            Trial::Canary(_) => None,
            Trial::Shadow(shadow) => Some(shadow_report(shadow.report())),
        }),
        kept: host
            .revisions
            .kept()
            .iter()
            .map(|kept| revision(kept))
            .collect(),
        warning,
        replicas,
        epoch: registered.map_or(0, |active| active.epoch),
        host_version: env!("CARGO_PKG_VERSION").to_owned(),
        memory_clearing: Some(memory_clearing(host.gate.runtime.clearing())),
    })
}

/// Returns why the host fell back to the active component, if it did. `deployment`: the one that
/// made the component active.
async fn fallback_reason(host: &Host, deployment: i64) -> Result<Option<String>, AdminError> {
    let row = host.registry().deployment(deployment).await?;
    Ok(row
        .filter(|row| row.new.kind == Kind::Fallback)
        .and_then(|row| row.end?.reason))
}

/// Converts a component to what a list shows.
pub(crate) fn component(host: &Host, component: &StoredComponent) -> ComponentSummary {
    let micros = Duration::from_micros(component.uploaded_at.unsigned_abs());
    let signed = |signature: &[u8]| {
        let keys = &host.gate.keys;
        keys.verify(&component.digest, signature).is_ok()
    };
    ComponentSummary {
        digest: component.digest.clone(),
        size_bytes: component.size_bytes,
        actor: component.actor.clone(),
        uploaded_at: timestamp(SystemTime::UNIX_EPOCH + micros),
        signed: component.signature.as_deref().is_some_and(signed),
        active: host.revisions.active().digest == component.digest,
    }
}

/// Converts a component with its content to what operators see of it.
pub(crate) fn details(host: &Host, stored: &StoredComponent) -> ComponentDetails {
    let interface = match Interface::decode(&stored.content) {
        Ok(interface) => ComponentInterface::Readable {
            imports: interface.imports().to_vec(),
            exports: interface.exports().to_vec(),
        },
        Err(error) => ComponentInterface::Unreadable {
            unreadable: error.to_string(),
        },
    };
    ComponentDetails {
        summary: component(host, stored),
        interface,
    }
}

fn memory_clearing(clearing: Clearing) -> MemoryClearing {
    MemoryClearing {
        mode: clearing.mode.as_str().to_owned(),
        reason: clearing.reason,
        risk: clearing.risk,
    }
}

fn shadow_report(report: Report) -> ShadowReport {
    let samples = report.samples.into_iter();
    ShadowReport {
        compared: report.compared,
        different: report.different,
        skipped: report.skipped,
        samples: samples
            .map(|sample| ShadowSample {
                route: sample.route,
                pointer: sample.pointer,
                detail: sample.detail,
                count: sample.count,
                request_id: sample.request_id,
            })
            .collect(),
    }
}

fn revision(revision: &Revision) -> RevisionStatus {
    let counts = revision.stats.counts();
    RevisionStatus {
        digest: revision.digest.clone(),
        name: revision.description.name.clone(),
        version: revision.description.version.clone(),
        requests: counts.requests,
        failures: counts.failures,
        in_flight: counts.in_flight,
    }
}
