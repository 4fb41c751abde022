//! Leases, epochs and the fence between hosts of one database.

use contract::deployment::Stage;
use storage::Replicas;
use storage::registry::{End, NewDeployment, StoredComponent};
use storage::replicas::{Heartbeat, Staged, State};

use super::*;

fn heartbeat(state: State, epoch: i64, lease: Duration) -> Heartbeat {
    Heartbeat {
        name: "a host".into(),
        host_version: "1.0.0".into(),
        state,
        epoch,
        digest: Some("a".into()),
        staged: Staged::default(),
        new: (7, 1),
        old: (70, 2),
        lease,
    }
}

const LONG: Duration = Duration::from_secs(60);

fn replicas(database: &Arc<dyn Database>) -> &dyn Replicas {
    database.replicas().expect("hosts can share it")
}

/// Makes a component active and returns the epoch.
async fn switch(database: &Arc<dyn Database>, digest: &str) -> i64 {
    let component = StoredComponent {
        digest: digest.into(),
        content: digest.into(),
        size_bytes: 1,
        signature: None,
        actor: "a person".into(),
        uploaded_at: 0,
    };
    let registry = database.registry();
    registry.put_component(&component).await.unwrap();
    let id = begin(database, digest).await;
    let epoch = registry
        .activate(id, digest, Stage::Probation.into())
        .await
        .unwrap();
    let end = End {
        outcome: "active".into(),
        code: None,
        reason: None,
        report: "[]".into(),
    };
    registry.end_deployment(id, &end, None).await.unwrap();
    epoch
}

async fn begin(database: &Arc<dyn Database>, digest: &str) -> i64 {
    let new = NewDeployment {
        digest: digest.into(),
        from: None,
        kind: "deploy".into(),
        actor: "a person".into(),
        order: "{}".into(),
    };
    let begun = database.registry().begin_deployment(&new).await;
    begun.unwrap().expect("no other deployment is running")
}

async fn add(database: &Arc<dyn Database>, title: &str) -> Result<(), Error> {
    let mut transaction = writer(&**database).await;
    let statement = format!("INSERT INTO notes (title) VALUES ('{title}')");
    execute(&mut *transaction, &statement).await.unwrap();
    transaction.commit().await
}

#[tokio::test]
async fn the_fence_is_raised_when_every_host_with_a_lease_has_confirmed_the_epoch() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let (one, other) = (fixture.database.clone(), fixture.another_host());
    let serving = |epoch| heartbeat(State::Serving, epoch, LONG);
    for host in [&one, &other] {
        replicas(host)
            .heartbeat(&heartbeat(State::Starting, 0, LONG))
            .await
            .unwrap();
    }
    let first = switch(&one, "a").await;
    // A host that is starting is not waited for.
    let view = replicas(&one).heartbeat(&serving(first)).await.unwrap();
    assert_eq!((view.fence, view.active.unwrap().epoch), (first, first));
    replicas(&other).heartbeat(&serving(first)).await.unwrap();

    let second = switch(&one, "b").await;
    let view = replicas(&one).heartbeat(&serving(second)).await.unwrap();
    assert_eq!(view.fence, first, "the other one has not confirmed yet");
    let seen: Vec<_> = view
        .replicas
        .iter()
        .map(|of| (of.has_lease, of.heartbeat.epoch))
        .collect();
    assert_eq!(seen, [(true, second), (true, first)]);
    assert_eq!(view.replicas[1].heartbeat, serving(first));
    let view = replicas(&other).heartbeat(&serving(second)).await.unwrap();
    assert_eq!(view.fence, second);

    // A host that cannot serve the component is not waited for, nor is one that has left.
    let third = switch(&other, "a").await;
    replicas(&one)
        .heartbeat(&heartbeat(State::Failed, second, LONG))
        .await
        .unwrap();
    let view = replicas(&other).heartbeat(&serving(third)).await.unwrap();
    assert_eq!(view.fence, third);
    replicas(&one).leave().await.unwrap();
    assert_eq!(replicas(&other).all().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_host_below_the_fence_cannot_commit_and_one_that_switches_late_loses_nothing() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let (one, late) = (fixture.database.clone(), fixture.another_host());
    let first = switch(&one, "a").await;
    for host in [&one, &late] {
        replicas(host).set_epoch(first);
        let short = heartbeat(State::Serving, first, Duration::from_millis(300));
        replicas(host).heartbeat(&short).await.unwrap();
    }
    let second = switch(&one, "b").await;
    replicas(&one).set_epoch(second);
    // While it has a lease, its writes are committed: it may not know of the switch yet.
    add(&late, "before").await.unwrap();
    let mut open = writer(&*late).await;
    execute(&mut *open, "INSERT INTO notes (title) VALUES ('between')")
        .await
        .unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    let serving = heartbeat(State::Serving, second, LONG);
    while replicas(&one).heartbeat(&serving).await.unwrap().fence < second {
        assert!(Instant::now() < until, "its lease never ends");
    }
    // This transaction began before the fence was raised.
    open.commit().await.unwrap();
    assert_eq!(add(&late, "after").await, Err(Error::Fenced));
    add(&one, "new").await.unwrap();
    replicas(&late).set_epoch(second);
    add(&late, "caught up").await.unwrap();
    assert_eq!(notes(&*one).await, 4);
}

#[tokio::test]
async fn a_deployment_belongs_to_the_host_that_began_it_while_that_host_has_a_lease() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let (one, other) = (fixture.database.clone(), fixture.another_host());
    switch(&one, "a").await;
    replicas(&one)
        .heartbeat(&heartbeat(State::Serving, 1, LONG))
        .await
        .unwrap();
    let id = begin(&one, "a").await;
    let registry = other.registry();
    assert_eq!(registry.take_over(id).await, Ok(false));
    let advanced = registry
        .advance_deployment(id, Stage::Check.into(), "[]")
        .await;
    assert_eq!(advanced, Err(Error::Conflict));
    assert_eq!(
        registry.activate(id, "a", Stage::Probation.into()).await,
        Err(Error::Conflict)
    );

    assert_eq!(replicas(&other).send_command(id, "\"end\"").await, Ok(true));
    let view = replicas(&one)
        .heartbeat(&heartbeat(State::Serving, 1, LONG))
        .await
        .unwrap();
    let running = view.running.unwrap();
    assert_eq!(
        (running.row.id, running.command.as_deref()),
        (id, Some("\"end\""))
    );
    assert_eq!(replicas(&other).is_command_handled(id).await, Ok(false));
    replicas(&one).clear_command(id).await.unwrap();
    assert_eq!(replicas(&other).is_command_handled(id).await, Ok(true));

    replicas(&one).leave().await.unwrap();
    assert_eq!(registry.take_over(id).await, Ok(true));
    let late = one
        .registry()
        .activate(id, "a", Stage::Probation.into())
        .await;
    assert_eq!(late, Err(Error::Conflict), "another host took it over");
    assert!(
        registry
            .activate(id, "a", Stage::Probation.into())
            .await
            .is_ok()
    );
    assert_eq!(one.registry().take_over(id + 1).await, Ok(false));
}

#[tokio::test]
async fn a_host_is_notified_when_another_one_changes_something() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let (one, other) = (fixture.database.clone(), fixture.another_host());
    let change = replicas(&other).wait_for_change();
    let changes = async {
        // The other host may begin to listen after the first changes.
        loop {
            switch(&one, "a").await;
        }
    };
    let notified = async {
        tokio::select! {
            () = change => {}
            () = changes => {}
        }
    };
    let notified = tokio::time::timeout(Duration::from_secs(20), notified).await;
    notified.expect("the other host was not notified");
}
