//! What is deleted and what must stay.

use super::*;

conformance! {
    components_that_are_not_needed_are_deleted,
    a_component_that_is_uploaded_during_a_deletion_stays,
    components_of_a_running_deployment_stay,
    deployments_beyond_the_newest_are_deleted,
    deployments_that_were_active_or_rolled_back_stay,
}

async fn components_that_are_not_needed_are_deleted(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    deploy(registry, "active").await;
    for digest in ["a", "b", "c"] {
        put(registry, digest).await;
    }
    let mut gone = registry.components().await.unwrap();
    gone.retain(|one| one.digest != "b");
    gone.push(component("unknown"));
    assert_eq!(registry.forget_components(&gone).await, Ok(2));
    assert_eq!(digests(registry).await, ["b", "active"]);
    assert_eq!(registry.component("a").await, Ok(None));
    assert_eq!(registry.forget_components(&gone).await, Ok(0));
    assert_eq!(registry.forget_components(&[]).await, Ok(0));
    assert_eq!(forget_all(registry).await, Ok(1));
    assert_eq!(digests(registry).await, ["active"]);
    // A deleted component may be uploaded again.
    assert_eq!(registry.put_component(&component("a")).await, Ok(true));
    let again = registry.component("a").await.unwrap().unwrap();
    assert_eq!(again.content, component("a").content);
}

async fn a_component_that_is_uploaded_during_a_deletion_stays(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    for digest in ["a", "b"] {
        put(registry, digest).await;
    }
    let listed = registry.components().await.unwrap();
    // A component that was not listed, and one that somebody uploads again to deploy it.
    for digest in ["new", "a"] {
        put(registry, digest).await;
    }
    assert_eq!(registry.forget_components(&listed).await, Ok(1));
    assert_eq!(digests(registry).await, ["a", "new"]);
    assert_eq!(forget_all(registry).await, Ok(2));
}

/// Deletes all listed components that are not needed.
async fn forget_all(registry: &dyn Registry) -> Result<u64, Error> {
    let listed = registry.components().await?;
    registry.forget_components(&listed).await
}

async fn components_of_a_running_deployment_stay(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    for digest in ["before", "a", "b"] {
        put(registry, digest).await;
    }
    let id = begin(registry, "a").await;
    assert_eq!(forget_all(registry).await, Ok(1));
    assert_eq!(digests(registry).await, ["a", "before"]);
    registry
        .activate(id, "a", Stage::Switch.into())
        .await
        .unwrap();
    assert_eq!(forget_all(registry).await, Ok(0));
    finish(registry, id, "active", None).await.unwrap();
    assert_eq!(forget_all(registry).await, Ok(1));
    assert_eq!(digests(registry).await, ["a"]);
}

async fn deployments_beyond_the_newest_are_deleted(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    let mut recorded = vec![];
    for _ in 0..5 {
        recorded.insert(0, reject(registry, "a").await);
    }
    assert_eq!(registry.forget_deployments(5).await, Ok(0));
    assert_eq!(registry.forget_deployments(3).await, Ok(2));
    assert_eq!(ids(registry).await, recorded[..3]);
    // A running deployment is not counted and not deleted.
    let running = begin(registry, "a").await;
    assert_eq!(registry.forget_deployments(1).await, Ok(2));
    assert_eq!(ids(registry).await, [running, recorded[0]]);
    assert_eq!(registry.forget_deployments(0).await, Ok(1));
    assert_eq!(ids(registry).await, [running]);
    finish(registry, running, "aborted", None).await.unwrap();
    // No id is used twice.
    assert_eq!(registry.forget_deployments(0).await, Ok(0));
    assert_eq!(begin(registry, "a").await, running + 1);
}

async fn deployments_that_were_active_or_rolled_back_stay(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    let first = deploy(registry, "a").await;
    let second = deploy(registry, "a").await;
    put(registry, "b").await;
    let switched = begin(registry, "b").await;
    registry
        .activate(switched, "b", Stage::Switch.into())
        .await
        .unwrap();
    finish(registry, switched, "rolled-back", Some("a"))
        .await
        .unwrap();
    let canary = begin(registry, "c").await;
    finish(registry, canary, "rolled-back", None).await.unwrap();
    let mut last = 0;
    for digest in ["a", "b", "c"] {
        last = reject(registry, digest).await;
    }
    assert_eq!(registry.forget_deployments(0).await, Ok(3));
    assert_eq!(ids(registry).await, [last, canary, switched, second]);
    assert_eq!(registry.deployment(first).await, Ok(None));
    for (digest, was_active) in [("a", true), ("b", true), ("c", false)] {
        assert_eq!(registry.was_active(digest).await, Ok(was_active));
    }
    assert_eq!(active_digest(registry).await.as_deref(), Some("a"));
}
