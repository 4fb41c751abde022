//! What is forgotten, and what has to stay.

use super::*;

conformance! {
    components_that_nobody_needs_are_forgotten,
    what_is_uploaded_while_others_are_forgotten_stays,
    what_a_running_deployment_names_is_kept,
    deployments_beyond_the_latest_are_forgotten,
    what_was_active_or_rolled_back_is_not_forgotten,
}

async fn components_that_nobody_needs_are_forgotten(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    deploy(registry, "active").await;
    for digest in ["a", "b", "c"] {
        put(registry, digest).await;
    }
    let mut gone = registry.components().await.unwrap();
    gone.retain(|one| one.digest != "b");
    gone.push(component("unheard of"));
    assert_eq!(registry.forget_components(&gone).await, Ok(2));
    assert_eq!(digests(registry).await, ["b", "active"]);
    assert_eq!(registry.component("a").await, Ok(None));
    assert_eq!(registry.forget_components(&gone).await, Ok(0));
    assert_eq!(registry.forget_components(&[]).await, Ok(0));
    assert_eq!(forget_all(registry).await, Ok(1));
    assert_eq!(digests(registry).await, ["active"]);
    // One that was forgotten may come again, whole.
    assert_eq!(registry.put_component(&component("a")).await, Ok(true));
    let again = registry.component("a").await.unwrap().unwrap();
    assert_eq!(again.content, component("a").content);
}

async fn what_is_uploaded_while_others_are_forgotten_stays(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    for digest in ["a", "b"] {
        put(registry, digest).await;
    }
    let listed = registry.components().await.unwrap();
    // One that nobody had listed, and one that somebody is about to deploy after all.
    for digest in ["new", "a"] {
        put(registry, digest).await;
    }
    assert_eq!(registry.forget_components(&listed).await, Ok(1));
    assert_eq!(digests(registry).await, ["a", "new"]);
    assert_eq!(forget_all(registry).await, Ok(2));
}

/// Forgets what is listed, as far as nobody needs it.
async fn forget_all(registry: &dyn Registry) -> Result<u64, Error> {
    let listed = registry.components().await?;
    registry.forget_components(&listed).await
}

async fn what_a_running_deployment_names_is_kept(engine: Engine) {
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

async fn deployments_beyond_the_latest_are_forgotten(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    let mut recorded = vec![];
    for _ in 0..5 {
        recorded.insert(0, refuse(registry, "a").await);
    }
    assert_eq!(registry.forget_deployments(5).await, Ok(0));
    assert_eq!(registry.forget_deployments(3).await, Ok(2));
    assert_eq!(ids(registry).await, recorded[..3]);
    // A running one neither counts nor goes.
    let running = begin(registry, "a").await;
    assert_eq!(registry.forget_deployments(1).await, Ok(2));
    assert_eq!(ids(registry).await, [running, recorded[0]]);
    assert_eq!(registry.forget_deployments(0).await, Ok(1));
    assert_eq!(ids(registry).await, [running]);
    finish(registry, running, "aborted", None).await.unwrap();
    // No id is given twice.
    assert_eq!(registry.forget_deployments(0).await, Ok(0));
    assert_eq!(begin(registry, "a").await, running + 1);
}

async fn what_was_active_or_rolled_back_is_not_forgotten(engine: Engine) {
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
        last = refuse(registry, digest).await;
    }
    assert_eq!(registry.forget_deployments(0).await, Ok(3));
    assert_eq!(ids(registry).await, [last, canary, switched, second]);
    assert_eq!(registry.deployment(first).await, Ok(None));
    for (digest, was_active) in [("a", true), ("b", true), ("c", false)] {
        assert_eq!(registry.was_active(digest).await, Ok(was_active));
    }
    assert_eq!(active_digest(registry).await.as_deref(), Some("a"));
}
