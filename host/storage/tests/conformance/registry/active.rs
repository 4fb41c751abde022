//! Which component is active, and which ones were active before.

use storage::registry::Active;

use super::*;

conformance! {
    a_new_database_has_no_active_component,
    every_change_of_the_active_component_raises_the_epoch,
    a_deployment_that_ends_without_going_back_keeps_the_active_component,
    a_deployment_that_has_ended_activates_nothing,
    a_deployment_activates_only_its_own_component_and_only_if_it_is_stored,
    a_component_counts_as_active_after_a_switch_however_the_deployment_ended,
}

async fn a_new_database_has_no_active_component(engine: Engine) {
    let database = fresh(engine).await;
    assert_eq!(database.registry().active().await, Ok(None));
}

async fn every_change_of_the_active_component_raises_the_epoch(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    let first = deploy(registry, "a").await;
    let active = registry.active().await.unwrap().unwrap();
    let expected = Active {
        digest: "a".into(),
        epoch: 1,
        deployment: first,
        since: active.since,
    };
    assert_eq!(active, expected);
    assert!(active.since >= row(registry, first).await.began_at);

    put(registry, "b").await;
    let second = begin(registry, "b").await;
    assert_eq!(
        registry.activate(second, "b", Stage::Switch.into()).await,
        Ok(2)
    );
    assert_eq!(
        row(registry, second).await.stage,
        Progress::At(Stage::Switch)
    );
    let active = registry.active().await.unwrap().unwrap();
    assert_eq!((&*active.digest, active.deployment), ("b", second));

    let back = finish(registry, second, "rolled-back", Some("a")).await;
    assert_eq!(back, Ok(()));
    let active = registry.active().await.unwrap().unwrap();
    let expected = Active {
        digest: "a".into(),
        epoch: 3,
        deployment: second,
        since: active.since,
    };
    assert_eq!(active, expected);
}

async fn a_deployment_that_ends_without_going_back_keeps_the_active_component(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    deploy(registry, "a").await;
    let before = registry.active().await.unwrap();
    put(registry, "b").await;
    let id = begin(registry, "b").await;
    finish(registry, id, "rejected", None).await.unwrap();
    assert_eq!(registry.active().await.unwrap(), before);
}

async fn a_deployment_that_has_ended_activates_nothing(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    let first = deploy(registry, "a").await;
    deploy(registry, "b").await;
    let before = registry.active().await.unwrap();
    let late = registry.activate(first, "a", Stage::Switch.into()).await;
    assert_eq!(late, Err(Error::Conflict));
    let late = finish(registry, first, "rolled-back", Some("a")).await;
    assert_eq!(late, Err(Error::Conflict));
    assert_eq!(registry.active().await.unwrap(), before);
}

async fn a_deployment_activates_only_its_own_component_and_only_if_it_is_stored(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    deploy(registry, "a").await;
    let before = registry.active().await.unwrap();
    put(registry, "b").await;
    let id = begin(registry, "absent").await;
    let running = row(registry, id).await;
    for digest in ["b", "absent"] {
        let refused = registry.activate(id, digest, Stage::Switch.into()).await;
        assert_eq!(refused, Err(Error::Conflict), "{digest}");
    }
    let refused = finish(registry, id, "rolled-back", Some("absent")).await;
    assert_eq!(refused, Err(Error::Conflict));
    assert_eq!(registry.active().await.unwrap(), before);
    assert_eq!(row(registry, id).await, running);
    assert_eq!(registry.was_active("absent").await, Ok(false));
}

async fn a_component_counts_as_active_after_a_switch_however_the_deployment_ended(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    let was_active = |digest: &'static str| async move { registry.was_active(digest).await };

    // The component that a new database starts with.
    put(registry, "bundled").await;
    let bundled = NewDeployment {
        kind: "bundled".into(),
        from: None,
        ..new("bundled")
    };
    let id = registry.begin_deployment(&bundled).await.unwrap().unwrap();
    assert_eq!(was_active("bundled").await, Ok(false));
    registry
        .activate(id, "bundled", Stage::Switch.into())
        .await
        .unwrap();
    assert_eq!(was_active("bundled").await, Ok(true));
    finish(registry, id, "active", None).await.unwrap();

    // Rolled back after its switch.
    put(registry, "switched").await;
    let id = begin(registry, "switched").await;
    registry
        .activate(id, "switched", Stage::Switch.into())
        .await
        .unwrap();
    finish(registry, id, "rolled-back", Some("bundled"))
        .await
        .unwrap();
    assert_eq!(was_active("switched").await, Ok(true));
    assert_eq!(was_active("bundled").await, Ok(true));

    // Rolled back, rejected, checked and aborted before its switch.
    for outcome in ["rolled-back", "rejected", "checked", "aborted"] {
        put(registry, "tried").await;
        let id = begin(registry, "tried").await;
        finish(registry, id, outcome, None).await.unwrap();
        assert_eq!(was_active("tried").await, Ok(false), "{outcome}");
    }
    reject(registry, "rejected").await;
    assert_eq!(was_active("rejected").await, Ok(false));
    assert_eq!(was_active("unknown").await, Ok(false));
}
