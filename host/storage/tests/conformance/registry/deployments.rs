//! Deployments: one runs at a time, and the registry records what was ordered and how it ended.

use super::*;

conformance! {
    a_deployment_is_recorded_from_its_beginning_to_its_end,
    while_one_deployment_runs_no_other_begins,
    of_many_deployments_that_begin_at_once_one_runs,
    a_deployment_that_is_not_running_does_not_change,
    an_attempt_that_never_ran_is_recorded_while_another_deployment_runs,
    the_newest_deployments_are_listed_first,
}

async fn a_deployment_is_recorded_from_its_beginning_to_its_end(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    assert_eq!(registry.running_deployment().await, Ok(None));
    let id = begin(registry, "a").await;
    let begun = row(registry, id).await;
    assert!(begun.began_at > 1_577_836_800_000_000);
    let expected = DeploymentRow {
        id,
        new: new("a"),
        stage: Progress::Begun.into(),
        end: None,
        report: "[]".into(),
        began_at: begun.began_at,
        ended_at: None,
        coordinator: database.replicas().map(|replicas| replicas.id().to_owned()),
    };
    assert_eq!(begun, expected);
    assert_eq!(registry.running_deployment().await, Ok(Some(begun.clone())));

    let advanced = registry
        .advance_deployment(id, Stage::Compile.into(), "[1]")
        .await;
    assert_eq!(advanced, Ok(()));
    let expected = DeploymentRow {
        stage: Progress::At(Stage::Compile).into(),
        report: "[1]".into(),
        ..begun
    };
    assert_eq!(row(registry, id).await, expected);

    let ended = finish(registry, id, "rejected", None).await;
    assert_eq!(ended, Ok(()));
    let ended = row(registry, id).await;
    assert!(ended.ended_at >= Some(ended.began_at));
    let expected = DeploymentRow {
        end: Some(end("rejected")),
        report: end("rejected").report,
        ended_at: ended.ended_at,
        ..expected
    };
    assert_eq!(ended, expected);
    assert_eq!(registry.running_deployment().await, Ok(None));
}

async fn while_one_deployment_runs_no_other_begins(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    let first = begin(registry, "a").await;
    for digest in ["b", "a"] {
        let refused = registry.begin_deployment(&new(digest)).await;
        assert_eq!(refused, Ok(Err(first)));
    }
    assert_eq!(ids(registry).await, [first]);
    finish(registry, first, "aborted", None).await.unwrap();
    assert!(begin(registry, "b").await > first);
}

async fn of_many_deployments_that_begin_at_once_one_runs(engine: Engine) {
    let database = fresh(engine).await;
    let contenders: Vec<_> = (0..8)
        .map(|number| {
            let database = database.clone();
            tokio::spawn(async move {
                let new = new(&number.to_string());
                database.registry().begin_deployment(&new).await.unwrap()
            })
        })
        .collect();
    let mut begun = vec![];
    let mut refused = vec![];
    for contender in contenders {
        match contender.await.unwrap() {
            Ok(id) => begun.push(id),
            Err(running) => refused.push(running),
        }
    }
    assert_eq!(begun.len(), 1);
    assert_eq!(refused, [begun[0]; 7]);
    assert_eq!(ids(database.registry()).await, begun);
}

async fn a_deployment_that_is_not_running_does_not_change(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    let ended = deploy(registry, "a").await;
    let absent = ended + 1;
    let before = row(registry, ended).await;
    for id in [ended, absent] {
        let advanced = registry.advance_deployment(id, Stage::Compile.into(), "[1]");
        assert_eq!(advanced.await, Err(Error::Conflict));
        let activated = registry.activate(id, "a", Stage::Switch.into());
        assert_eq!(activated.await, Err(Error::Conflict));
        let again = finish(registry, id, "rolled-back", Some("a")).await;
        assert_eq!(again, Err(Error::Conflict));
    }
    assert_eq!(row(registry, ended).await, before);
    assert_eq!(registry.deployment(absent).await, Ok(None));
}

async fn an_attempt_that_never_ran_is_recorded_while_another_deployment_runs(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    let running = begin(registry, "a").await;
    let upload = NewDeployment {
        from: None,
        ..new("")
    };
    let id = registry.record_attempt(&upload, &end("rejected")).await;
    let attempt = row(registry, id.unwrap()).await;
    let expected = DeploymentRow {
        id: running + 1,
        new: upload,
        stage: Progress::Begun.into(),
        end: Some(end("rejected")),
        report: end("rejected").report,
        began_at: attempt.began_at,
        ended_at: Some(attempt.began_at),
        coordinator: None,
    };
    assert_eq!(attempt, expected);
    let still = registry.running_deployment().await.unwrap();
    assert_eq!(still.map(|row| row.id), Some(running));
}

async fn the_newest_deployments_are_listed_first(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    assert_eq!(registry.deployments(10).await, Ok(vec![]));
    for digest in ["a", "b"] {
        reject(registry, digest).await;
    }
    begin(registry, "c").await;
    for (limit, expected) in [(0, &[][..]), (2, &["c", "b"]), (10, &["c", "b", "a"])] {
        let rows = registry.deployments(limit).await.unwrap();
        let digests: Vec<_> = rows.iter().map(|row| &*row.new.digest).collect();
        assert_eq!(digests, expected);
    }
}
