//! Answers under idempotency keys are committed with the request.

use std::time::Duration;

use storage::RecordedAnswer;

use super::*;

conformance! {
    an_answer_is_recalled_after_it_was_committed,
    a_key_has_one_answer,
    answers_are_not_charged,
    old_answers_are_deleted_in_batches,
}

fn answer(body: &str) -> RecordedAnswer {
    RecordedAnswer {
        fingerprint: [9; 32],
        status: 201,
        headers: vec![
            ("location".into(), "/notes/1".into()),
            ("etag".into(), "\"x\"".into()),
        ],
        body: body.into(),
    }
}

async fn an_answer_is_recalled_after_it_was_committed(engine: Engine) {
    let database = fresh(engine).await;
    let mut dropped = writer(&*database).await;
    dropped.record("a", &answer("lost")).await.unwrap();
    assert_eq!(dropped.recall("a").await, Ok(Some(answer("lost"))));
    drop(dropped);
    let mut kept = writer(&*database).await;
    assert_eq!(kept.recall("a").await, Ok(None));
    kept.record("a", &answer("kept")).await.unwrap();
    kept.commit().await.unwrap();
    assert_eq!(
        reader(&*database).await.recall("a").await,
        Ok(Some(answer("kept")))
    );
    assert_eq!(reader(&*database).await.recall("b").await, Ok(None));
}

async fn a_key_has_one_answer(engine: Engine) {
    let database = fresh(engine).await;
    let mut twice = writer(&*database).await;
    twice.record("a", &answer("1")).await.unwrap();
    assert_eq!(twice.record("a", &answer("2")).await, Err(Error::Conflict));
    assert!(twice.spent());
}

async fn answers_are_not_charged(engine: Engine) {
    let database = fresh(engine).await;
    let nothing = Budget {
        statements: 0,
        rows: 0,
        bytes: 0,
        ..generous()
    };
    let mut free = database.begin(Access::Write, nothing).await.unwrap();
    free.record("a", &answer("x")).await.unwrap();
    assert_eq!(free.recall("a").await, Ok(Some(answer("x"))));
    assert_eq!(free.usage(), Default::default());
    assert_eq!(free.commit().await, Ok(()));
}

async fn old_answers_are_deleted_in_batches(engine: Engine) {
    let database = fresh(engine).await;
    let mut many = writer(&*database).await;
    for number in 0..1201 {
        many.record(&number.to_string(), &answer("x"))
            .await
            .unwrap();
    }
    many.commit().await.unwrap();
    assert_eq!(
        database.forget_answers(Duration::from_secs(3600)).await,
        Ok(0)
    );
    // An answer is older than zero only one millisecond after it was recorded.
    let begun = Instant::now();
    let mut forgotten = 0;
    while forgotten < 1201 && begun.elapsed() < Duration::from_secs(10) {
        forgotten += database.forget_answers(Duration::ZERO).await.unwrap();
    }
    assert_eq!(forgotten, 1201);
    assert_eq!(writer(&*database).await.recall("7").await, Ok(None));
}
