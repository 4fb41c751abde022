//! The tokens of commits are deleted after some time.

use super::*;

#[tokio::test]
async fn tokens_of_commits_are_deleted_after_an_hour_however_many_there_are() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    write(&*fixture.database, "INSERT INTO notes (title) VALUES ('a')").await;
    let fresh = fixture.administer("SELECT count(*) FROM task_host.commits");
    assert_ne!(fresh, "0");
    fixture.administer(
        "INSERT INTO task_host.commits SELECT gen_random_uuid(), \
         task_host.now_micros() - 3600000000 FROM generate_series(1, 200001)",
    );
    let hour = Duration::from_secs(3600);
    // Two hosts do it at the same time, as if they were started together.
    let other = fixture.another_host();
    let (one, two) = tokio::join!(
        fixture.database.forget_answers(hour),
        other.forget_answers(hour)
    );
    assert_eq!((one, two), (Ok(0), Ok(0)));
    let left = fixture.administer("SELECT count(*) FROM task_host.commits");
    assert_eq!(left, fresh);
}
