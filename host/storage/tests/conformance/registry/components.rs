//! Components are stored as they were uploaded, each once.

use storage::Limit;

use super::*;

conformance! {
    a_component_is_returned_as_it_was_uploaded,
    the_first_upload_stays_and_a_signature_can_be_added_once,
    a_component_that_is_uploaded_again_is_the_latest_upload,
    components_are_listed_without_their_content_the_latest_upload_first,
    a_component_may_be_far_larger_than_the_logics_values,
}

async fn a_component_is_returned_as_it_was_uploaded(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    let component = StoredComponent {
        signature: Some(vec![1, 2, 3]),
        ..component("a")
    };
    assert_eq!(registry.put_component(&component).await, Ok(true));
    let kept = registry.component("a").await.unwrap().unwrap();
    // 2020-01-01, in microseconds.
    assert!(kept.uploaded_at > 1_577_836_800_000_000);
    let expected = StoredComponent {
        size_bytes: 14,
        uploaded_at: kept.uploaded_at,
        ..component
    };
    assert_eq!(kept, expected);
    assert_eq!(registry.component("b").await, Ok(None));
}

async fn the_first_upload_stays_and_a_signature_can_be_added_once(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    assert_eq!(registry.put_component(&component("a")).await, Ok(true));
    let first = registry.component("a").await.unwrap().unwrap();
    let again = |signature: Option<&[u8]>| StoredComponent {
        content: b"other".into(),
        actor: "eve".into(),
        signature: signature.map(<[u8]>::to_vec),
        ..component("a")
    };
    for (signature, kept) in [
        (None, None),
        (Some(&b"one"[..]), Some(b"one".to_vec())),
        (Some(&b"two"[..]), Some(b"one".to_vec())),
        (None, Some(b"one".to_vec())),
    ] {
        let again = again(signature);
        assert_eq!(registry.put_component(&again).await, Ok(false));
        let found = registry.component("a").await.unwrap().unwrap();
        let expected = StoredComponent {
            signature: kept,
            uploaded_at: found.uploaded_at,
            ..first.clone()
        };
        assert_eq!(found, expected);
    }
}

async fn a_component_that_is_uploaded_again_is_the_latest_upload(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    for digest in ["a", "b", "c", "a", "b", "b"] {
        put(registry, digest).await;
    }
    assert_eq!(digests(registry).await, ["b", "a", "c"]);
    let listed = registry.components().await.unwrap();
    assert!(listed.is_sorted_by(|later, earlier| later.uploaded_at > earlier.uploaded_at));
}

async fn components_are_listed_without_their_content_the_latest_upload_first(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    assert_eq!(registry.components().await, Ok(vec![]));
    for digest in ["b", "a", "c"] {
        put(registry, digest).await;
    }
    assert_eq!(digests(registry).await, ["c", "a", "b"]);
    for listed in registry.components().await.unwrap() {
        assert_eq!((listed.content.len(), listed.size_bytes), (0, 14));
    }
}

async fn a_component_may_be_far_larger_than_the_logics_values(engine: Engine) {
    let database = fresh(engine).await;
    let registry = database.registry();
    let mut seed = 1_u32;
    let mut noise = |_| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    let large = StoredComponent {
        content: (0..64 << 20).map(&mut noise).collect(),
        ..component("large")
    };
    // In addition to sizes at the ends of a part.
    let sizes = [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1];
    let others = sizes.map(|size| StoredComponent {
        content: (0..size).map(&mut noise).collect(),
        ..component(&size.to_string())
    });
    for component in others.iter().chain([&large]) {
        assert_eq!(registry.put_component(component).await, Ok(true));
    }
    for component in others.iter().chain([&large]) {
        let kept = registry.component(&component.digest).await;
        let kept = kept.unwrap().unwrap();
        assert!(kept.content == component.content, "{}", component.digest);
        assert_eq!(kept.size_bytes, component.content.len() as u64);
    }
    // The limit of the logic's values has not changed.
    let mut reading = reader(&*database).await;
    let (statement, limit) = match engine {
        Engine::Sqlite => (
            "SELECT zeroblob(9000000)",
            Ok(Err("string or blob too big".to_owned())),
        ),
        Engine::Postgres => (
            "SELECT repeat('x', 9000000)",
            Err(Error::Limit(Limit::Bytes)),
        ),
    };
    let long = reading.query(statement, &[]).await;
    let long = long.map(|rows| rows.map_err(|failure| failure.detail));
    assert_eq!(long, limit);
}
